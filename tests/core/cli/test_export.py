"""``personalab export`` and ``personalab provenance``, as a person types them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from personalab_core.cli.entry import app

runner = CliRunner()


def run(*arguments: str, folder: Path, code: int = 0) -> str:
    result = runner.invoke(app, ["--workspace", str(folder), *arguments])
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One persona with an anchor and at least one accepted picture, made by the commands themselves."""
    folder = tmp_path_factory.mktemp("workspace")
    run("persona", "add", "--name", "Mara Lind", "--id", "mara", folder=folder)
    run("anchors", "generate", "mara", "--candidates", "2", folder=folder)
    made = runner.invoke(app, ["-w", str(folder), "generate", "image", "mara", "--scenario", "cafe_selfie", "-n", "2"])
    assert made.exit_code in {0, 1}, made.output
    return folder


def test_accepted_assets_leave_as_a_zip_whose_files_say_what_they_are(workspace: Path, tmp_path: Path) -> None:
    out = tmp_path / "week.zip"
    run("export", "mara", "--channel", "instagram_square", "--look", "phone", "--out", str(out), folder=workspace)
    with zipfile.ZipFile(out) as packed:
        packed.extractall(tmp_path)
    [picture, *_] = sorted(tmp_path.rglob("*.jpg"))
    assert "Marked as AI-generated" in run("provenance", "show", str(picture), folder=workspace)
    [report] = json.loads(run("provenance", "show", "--json", str(picture), folder=workspace))
    assert report["digital_source"].endswith("trainedAlgorithmicMedia")
    assert report["disclosure"]["persona"] == "mara"
    assert report["disclosure"]["edits"][-1] == "realism phone"


def test_export_as_json_says_what_the_look_cost(workspace: Path) -> None:
    document = json.loads(run("export", "mara", "--look", "phone", "--json", folder=workspace))
    identity = document["records"][0]["identity"]
    assert identity["status"] == "measured"
    assert abs(identity["similarity_before"] - identity["similarity_after"]) < 0.15


def test_an_unmarked_file_gives_exit_code_1(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "holiday.jpg"), np.full((64, 64, 3), 90, np.uint8))
    assert "Not marked" in run("provenance", "show", str(tmp_path / "holiday.jpg"), folder=tmp_path, code=1)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--channel", "instagram_potrait"), "Did you mean 'instagram_portrait'?"),
        (("--look", "fone"), "There are: night, phone, social"),
        (("--asset", "nope"), "no accepted asset 'nope'"),
    ],
)
def test_mistakes_end_in_one_sentence(workspace: Path, arguments: tuple[str, ...], why: str) -> None:
    output = run("export", "mara", *arguments, folder=workspace, code=2)
    assert why in " ".join(output.split())


def test_channels_are_listed(workspace: Path) -> None:
    assert "1080x1350" in run("export", "mara", "--list-channels", folder=workspace)

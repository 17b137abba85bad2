"""``personalab export`` and ``personalab provenance``, as a person types them."""

from __future__ import annotations

import csv
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from personalab_core.cli.entry import app
from personalab_core.config import Config, load_config
from personalab_core.generation import PlanStore
from personalab_core.observability import GenerationMetricsLogger
from personalab_core.orchestration import RegistryWriter
from personalab_core.publishing.crop import Box
from personalab_core.publishing.video_finishing import faces_of_report

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


def test_a_planned_assets_caption_comes_from_its_plan(workspace: Path) -> None:
    config = load_config(workspace=workspace, environ={}, profile="simulated")
    first, *others = [record.asset_id for record in RegistryWriter(config.paths.output).read("mara")]
    store = PlanStore(config.paths.output)
    run("plan", "new", "mara", "-n", "1", folder=workspace)
    item = store.change_item(
        "mara", "item-1", lambda i: i.model_copy(update={"assets": (first,), "hashtags": ("sun",)})
    )
    document = json.loads(run("export", "mara", "--caption", "For the rest", "--json", folder=workspace))
    said = {record["asset_id"]: record["caption"] for record in document["records"]}
    assert said == {first: f"{item.caption}\n\n#sun", **dict.fromkeys(others, "For the rest")}


def test_what_the_quality_check_says_is_printed_and_done_only_on_request(workspace: Path) -> None:
    soft = workspace / "soft.yml"
    soft.write_text("evaluation: {quality: {sharpness: {min_ratio: 9.0}}}\n")
    plain = run("--config", str(soft), "--profile", "simulated", "export", "mara", folder=workspace)
    assert "Same person, but soft. Sharpening and super-resolution are safe to try." in " ".join(plain.split())
    assert "sharpen" not in plain.splitlines()[2]
    document = json.loads(
        run(
            "--config",
            str(soft),
            "--profile",
            "simulated",
            "export",
            "mara",
            "--sharpen-as-advised",
            "--json",
            folder=workspace,
        )
    )
    assert {tuple(record["edits"]) for record in document["records"]} == {("sharpen 0.5",)}


def faces_of_asset(config: Config, attempt_id: str) -> Box:
    """The box around the face in every measured frame of an accepted video."""
    attempt = next(
        r for r in GenerationMetricsLogger(config.paths.output).read_log("mara") if r.attempt_id == attempt_id
    )
    assert attempt.video is not None
    assert attempt.video.report_path is not None
    found = faces_of_report(config.paths.output / attempt.video.report_path)
    assert found is not None
    return found


def contains(outer: Sequence[float], inner: Sequence[float]) -> bool:
    return outer[0] <= inner[0] and outer[1] <= inner[1] and outer[2] >= inner[2] and outer[3] >= inner[3]


@pytest.mark.slow
def test_a_video_leaves_untouched_or_in_a_channels_shape_and_says_what_it_is(workspace: Path, tmp_path: Path) -> None:
    """Generated, measured and accepted by the commands themselves; then exported, and read with ``provenance``."""
    film = workspace / "film.yml"
    film.write_text("evaluation: {scoring: {accept_threshold: 0.05, retry_threshold: 0.01}}\n")
    made = ("generate", "video", "mara", "--action", "waving", "--duration", "2", "--json")
    run("--config", str(film), "--profile", "simulated", *made, folder=workspace)
    config = load_config(workspace=workspace, environ={}, profile="simulated")
    asset = next(r for r in RegistryWriter(config.paths.output).read("mara") if r.asset_type == "video")
    for channel, shape in (("original", None), ("instagram_square", (1080, 1080))):
        out = tmp_path / f"{channel}.zip"
        arguments = ("--asset", asset.asset_id, "--channel", channel, "--look", "phone", "--out", str(out), "--json")
        (record,) = json.loads(run("export", "mara", *arguments, folder=workspace))["records"]
        assert (record["width_px"], record["height_px"]) == (shape or (None, None))
        assert (record["identity"] is None) == (shape is None)  # measured again only where frames were changed
        if shape:
            assert contains(record["crop"], faces_of_asset(config, asset.attempt_id))
        with zipfile.ZipFile(out) as packed:
            packed.extractall(tmp_path / channel)
        (file,) = (tmp_path / channel).rglob("*.mp4")
        (row,) = csv.DictReader(next((tmp_path / channel).rglob("manifest.csv")).read_text("utf-8-sig").splitlines())
        assert (row["file"], row["edits"]) == (file.name, "; ".join(record["edits"]))
        (report,) = json.loads(run("provenance", "show", "--json", str(file), folder=workspace))
        assert (report["marked"], report["in_xmp"], report["c2pa"]) == (True, True, "development")
        assert report["disclosure"]["asset_id"] == asset.asset_id


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

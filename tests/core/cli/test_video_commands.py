"""Videos by commands alone: measured beside an anchor, and generated as a job."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from personalab_core.cli import app
from personalab_core.jobs import JobStore
from personalab_core.jobs.params import BatchParams
from tests.support.clips import clip, sound_only
from tests.support.faces import portrait_png

pytest.importorskip("av")


def run(folder: Path, *arguments: object) -> Result:
    return CliRunner().invoke(app, [*(str(a) for a in arguments), "--workspace", str(folder), "--profile", "simulated"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An anchor, a video that shows its person, and one that shows somebody else."""
    import cv2
    import numpy as np

    folder = tmp_path_factory.mktemp("videos")
    for name, person in (("her", 11), ("other", 12)):
        picture = cv2.imdecode(np.frombuffer(portrait_png(person), np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None
        (folder / f"{name}.mp4").write_bytes(clip([np.asarray(picture, np.uint8)] * 6, fps=10))
    (folder / "anchor.png").write_bytes(portrait_png(11))
    (folder / "sound.mp4").write_bytes(sound_only())
    return folder


def test_a_video_is_measured_frame_by_frame(folder: Path) -> None:
    result = run(folder, "evaluate", "--anchor", folder / "anchor.png", "--video", folder / "her.mp4", "--json")
    assert result.exit_code == 0, result.output
    (video,) = json.loads(result.stdout)["videos"]
    assert video["decision"] == "accept"
    assert video["identity"]["coverage"] == 1.0
    assert [f["frame"]["time_s"] for f in video["identity"]["frames"]] == pytest.approx([0.0, 0.2, 0.4])
    assert video["quality"]["n_duplicate_frames"] == 2


def test_one_that_is_not_accepted_ends_with_code_1_and_says_what_it_could_have_missed(folder: Path) -> None:
    videos = ("--video", folder / "her.mp4", "--video", folder / "other.mp4")
    result = run(folder, "evaluate", "--anchor", folder / "anchor.png", *videos)
    assert result.exit_code == 1
    assert "1 of 2 accepted" in result.output
    assert "could have missed events up to" in result.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Give either pictures"),
        (("pictures/", "--video", "her.mp4"), "Give either pictures"),
        (("--video", "her.mp4", "--csv", "x.csv"), "--csv are for pictures"),
    ],
)
def test_what_does_not_go_together_is_refused(folder: Path, arguments: tuple[str, ...], said: str) -> None:
    result = run(folder, "evaluate", "--anchor", folder / "anchor.png", *arguments)
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())


def test_what_is_no_video_is_named(folder: Path) -> None:
    result = run(folder, "evaluate", "--anchor", folder / "anchor.png", "--video", folder / "sound.mp4")
    assert result.exit_code == 2
    assert "sound.mp4 has no picture track" in " ".join(result.output.split())


def test_generating_in_the_background_is_a_batch_of_videos(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    submitted: list[BatchParams] = []

    def submit(_store: JobStore, kind: str, params: BatchParams) -> str:
        assert kind == "batch"
        submitted.append(params)
        return "0123456789ab"

    monkeypatch.setattr(JobStore, "submit", submit)
    added = run(folder, "persona", "add", "--name", "Mara Lind", "--id", "mara")
    assert added.exit_code == 0, added.output
    arguments = ("--scenario", "cafe_talk", "-n", 2, "--max-attempts", 1, "--background")
    result = run(folder, "generate", "video", "mara", *arguments)
    assert result.exit_code == 0, result.output
    (params,) = submitted
    (item,) = params.items
    assert (item.asset_type, item.scenario, item.n, params.title) == ("video", "cafe_talk", 2, "2 videos of mara")
    assert params.workspace.load(params.overrides).evaluation.retry.max_attempts == 1


def test_a_video_needs_a_scene(folder: Path) -> None:
    run(folder, "persona", "add", "--name", "Ada Ro", "--id", "ada")
    result = run(folder, "generate", "video", "ada")
    assert result.exit_code == 2

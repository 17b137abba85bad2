"""Videos from elsewhere: taken in byte for byte, measured by a job, found again by their id only."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from personalab_core.errors import AnchorMissingError, InputError
from personalab_core.identity import ArcFaceEvaluator
from personalab_core.jobs import EvaluateVideoParams, WorkspaceRef
from personalab_core.jobs.studio import Studio
from personalab_core.jobs.videos import bring_video, brought_videos, check_video, read_brought, read_measured
from personalab_core.schemas import Decision
from tests.support.clips import clip, level_clip, sound_only
from tests.support.faces import portrait_png, shared_runtime

pytest.importorskip("av")


class Heard:
    """Keeps what is reported."""

    def __init__(self) -> None:
        self.said: list[tuple[int, str]] = []

    def report(self, done: int, message: str) -> None:
        self.said.append((done, message))

    def should_stop(self) -> bool:
        return False


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    config = WorkspaceRef(folder=str(tmp_path), profile="simulated").load()
    return Studio(config, evaluator=ArcFaceEvaluator(shared_runtime()))


def params(studio: Studio, check: str) -> EvaluateVideoParams:
    workspace = WorkspaceRef(folder=str(studio.config.paths.output.parent), profile="simulated")
    return EvaluateVideoParams(workspace=workspace, check=check, persona="mara", name="clip.mp4")


def portrait_clip(person: int) -> bytes:
    import cv2
    import numpy as np

    picture = cv2.imdecode(np.frombuffer(portrait_png(person), np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return clip([np.asarray(picture, np.uint8)] * 4, fps=5)


def with_anchor(studio: Studio) -> None:
    path = studio.config.paths.references / "mara" / "anchors" / "mara_anchor_frontal_neutral.png"
    path.parent.mkdir(parents=True)
    path.write_bytes(portrait_png(11))


def test_a_video_is_kept_as_it_came_and_measured_by_a_job(studio: Studio) -> None:
    with_anchor(studio)
    data = portrait_clip(11)
    brought = bring_video(studio, "mara", data, name="..\\..\\holiday clip.mp4")
    assert brought.name == "holiday clip.mp4"
    stored = studio.config.paths.output / brought.video_path
    assert stored.read_bytes() == data
    assert brought.video_sha256 == hashlib.sha256(data).hexdigest()
    assert read_measured(studio.config.paths.output, brought.id) is None
    heard = Heard()
    check_video(studio, params(studio, brought.id), heard)
    found = read_measured(studio.config.paths.output, brought.id)
    assert found is not None
    assert (found.decision, found.complete, len(found.report.identity.frames)) == (Decision.ACCEPT, True, 4)
    assert found.report.identity.video_path == brought.video_path
    assert [done for done, _ in heard.said] == [0, 1]
    assert [b.id for b in brought_videos(studio.config.paths.output)] == [brought.id]


@pytest.mark.parametrize("data", [b"", b"no video", sound_only()])
def test_what_is_no_video_is_not_taken_in(studio: Studio, data: bytes) -> None:
    with pytest.raises(InputError):
        bring_video(studio, "mara", data, name="x.mp4")
    assert list(brought_videos(studio.config.paths.output)) == []


def test_without_an_anchor_the_job_says_so(studio: Studio) -> None:
    brought = bring_video(studio, "mara", level_clip([60] * 4), name="x.mp4")
    with pytest.raises(AnchorMissingError):
        check_video(studio, params(studio, brought.id), Heard())


@pytest.mark.parametrize("check", ["../../../etc", "0" * 11, "zzzzzzzzzzzz", "0123456789ab"])
def test_an_id_that_names_no_check_finds_nothing(studio: Studio, check: str) -> None:
    assert read_brought(studio.config.paths.output, check) is None

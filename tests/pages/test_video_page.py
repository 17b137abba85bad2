"""Video: a video from elsewhere is taken in, measured by a job and shown; without one the page says how to get one."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from pages.components.server import routes
from personalab_core.identity import ArcFaceEvaluator
from personalab_core.jobs import EvaluateVideoParams, JobStore, WorkspaceRef
from personalab_core.jobs.studio import Studio
from personalab_core.jobs.videos import BroughtVideo, bring_video, check_video
from personalab_core.views.frames import frame_address, video_address
from tests.core.jobs.test_videos import Heard, portrait_clip
from tests.pages.conftest import OpenPage, answer_of, words_of
from tests.support.faces import portrait_png, shared_runtime
from tests.support.workspace_builder import WorkspaceBuilder

pytest.importorskip("av")


def measured(builder: WorkspaceBuilder, person: int) -> BroughtVideo:
    """A video of a person, measured against an anchor that shows person 11."""
    anchor = builder.config.paths.references / "mara" / "anchors" / "mara_anchor_frontal_neutral.png"
    anchor.write_bytes(portrait_png(11))
    studio = Studio(builder.config, evaluator=ArcFaceEvaluator(shared_runtime()))
    brought = bring_video(studio, "mara", portrait_clip(person), name="harbour.mp4")
    workspace = WorkspaceRef(folder=str(builder.config.paths.output.parent), profile="simulated")
    params = EvaluateVideoParams(workspace=workspace, check=brought.id, persona="mara", name="harbour.mp4")
    check_video(studio, params, Heard())
    return brought


def test_without_a_video_the_page_says_how_to_get_one(
    mara: WorkspaceBuilder, jobs: JobStore, open_page: OpenPage
) -> None:
    at = open_page("video", mara.root, persona="mara")
    assert answer_of(at) == "No video of Mara yet."
    at.button(key="video.generate").click().run()
    (job,) = jobs.list(limit=5)
    assert (job.kind, job.persona) == ("batch", "mara")
    assert '"asset_type":"video"' in job.params_json


def test_a_measured_video_is_shown_with_everything_found(mara: WorkspaceBuilder, open_page: OpenPage) -> None:
    brought = measured(mara, 11)
    at = open_page("video", mara.root, clip=brought.id)
    assert answer_of(at) == "It is Mara in every moment that was seen."
    said = words_of(at)
    for part in ("harbour.mp4", "Lowest 5 %", "Worst frame", "Face measured", "4 of 4 frames", "Sharpness", "Advice."):
        assert part in said, part


def test_a_video_of_somebody_else_says_so(mara: WorkspaceBuilder, open_page: OpenPage) -> None:
    at = open_page("video", mara.root, clip=measured(mara, 12).id)
    assert answer_of(at) in {"This is not Mara.", "Not sure it is Mara."}


def test_a_check_that_is_not_there_leads_to_the_persona(mara: WorkspaceBuilder, open_page: OpenPage) -> None:
    at = open_page("video", mara.root, persona="mara", clip="../../secrets")
    assert answer_of(at) == "No video of Mara yet."


def test_videos_are_served_in_parts_and_frames_as_pictures(
    mara: WorkspaceBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    brought = measured(mara, 11)
    monkeypatch.setenv("PERSONALAB_WORKSPACE", str(mara.root))
    monkeypatch.setenv("PERSONALAB_PROFILE", "simulated")
    client = TestClient(Starlette(routes=routes()), base_url="http://127.0.0.1")
    address = video_address(brought.video_path, brought.video_sha256)
    part = client.get(address, headers={"Range": "bytes=10-29"})
    data = Path(mara.config.paths.output / brought.video_path).read_bytes()
    assert (part.status_code, part.content, part.headers["content-type"]) == (206, data[10:30], "video/mp4")
    frame = client.get(frame_address(brought.video_path, brought.video_sha256, 1))
    assert (frame.status_code, frame.headers["content-type"]) == (200, "image/jpeg")
    assert client.get(frame_address(brought.video_path, brought.video_sha256, 99)).status_code == 404
    assert client.get(video_address(brought.video_path, "0" * 64)).status_code == 404

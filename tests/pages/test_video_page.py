"""Video: a video from elsewhere is taken in, measured by a job and shown; without one the page says how to get one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from pages.components.server import routes
from personalab_core.generation import VideoGenerator
from personalab_core.identity import ArcFaceEvaluator, IdentityPolicy
from personalab_core.identity.video_evaluator import VideoIdentityEvaluator
from personalab_core.jobs import EvaluateVideoParams, JobStore, WorkspaceRef
from personalab_core.jobs.studio import Studio
from personalab_core.jobs.videos import BroughtVideo, bring_video, check_video
from personalab_core.observability import GenerationMetricsLogger
from personalab_core.orchestration import VideoOrchestrator, VideoResult
from personalab_core.quality import PostProcessingGate, VideoQualityEvaluator
from personalab_core.schemas import VideoPrompt
from personalab_core.views.frames import frame_address, video_address
from personalab_core.views.permissions import Person
from tests.core.jobs.test_videos import Heard, portrait_clip
from tests.pages.conftest import OpenPage, answer_of, words_of
from tests.support.clips import FakeVideoClient, level_clip
from tests.support.dashboard import DashboardServer
from tests.support.faces import portrait_png, shared_runtime
from tests.support.journeys import heading, open_settled
from tests.support.loop_fakes import PATCHES
from tests.support.workspace_builder import WorkspaceBuilder

if TYPE_CHECKING:
    from playwright.sync_api import Page

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


def filmed_twice(builder: WorkspaceBuilder) -> VideoResult:
    """A first attempt that shows no face, and a second one that shows the persona."""
    anchor = builder.config.paths.references / "mara" / "anchors" / "mara_anchor_frontal_neutral.png"
    anchor.write_bytes(portrait_png(11))
    client = FakeVideoClient(videos=(level_clip([60] * 12), portrait_clip(11)))
    evaluator = ArcFaceEvaluator(shared_runtime())
    output = builder.config.paths.output
    orchestrator = VideoOrchestrator(
        VideoGenerator(client, "film-1", "720p", "9:16"),
        VideoIdentityEvaluator(evaluator),
        IdentityPolicy(),
        output_dir=output,
        references_root=builder.config.paths.references,
        quality_evaluator=VideoQualityEvaluator(),
        post_processing_gate=PostProcessingGate(),
        metrics_logger=GenerationMetricsLogger(output),
        patches=PATCHES,
    )
    prompt = VideoPrompt(subject_description="a woman of 23", framing="headshot", duration_s=1)
    return orchestrator.run("mara", None, prompt, seed=1, asset_id="walk")


def test_attempts_at_one_video_are_compared(mara: WorkspaceBuilder, open_page: OpenPage) -> None:
    first = filmed_twice(mara).attempts[0].record
    at = open_page("video", mara.root, persona="mara")
    assert "All attempts at this video" in words_of(at)
    assert answer_of(at) == "It is Mara in every moment that was seen.", "the newest attempt is shown"
    at = open_page("video", mara.root, persona="mara", attempt=first.attempt_id)
    assert answer_of(at) == "Not measurable: too little of a face is seen."
    assert "All attempts at this video" in words_of(at)


def test_a_viewer_makes_and_brings_no_video(
    mara: WorkspaceBuilder, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pages.components.access.current", lambda: Person("ann", "viewer"))
    at = open_page("video", mara.root, persona="mara")
    assert at.button(key="video.generate").disabled
    assert at.button(key="video.measure").disabled


@pytest.mark.browser
@pytest.mark.slow
def test_a_frame_that_is_clicked_stands_beside_the_anchor_and_an_attempt_is_opened(
    page: Page, serve: Callable[..., DashboardServer], mara: WorkspaceBuilder
) -> None:
    filmed_twice(mara)
    server = serve(mara.root)
    open_settled(page, f"{server.address}/video?persona=mara")
    heading(page, "It is Mara in every moment that was seen.")
    frames = page.get_by_role("radiogroup", name="Frames of the video").get_by_role("radio")
    assert frames.count() == 4
    beside = page.get_by_text("0.6\u00a0s", exact=True)
    frames.nth(3).click()
    beside.wait_for()
    assert frames.nth(3).get_attribute("aria-checked") == "true"
    landmarks = page.get_by_role("button", name="Landmarks")
    assert landmarks.get_attribute("aria-pressed") == "true"
    page.get_by_role("button", name="Attempt 1").click()
    heading(page, "Not measurable: too little of a face is seen.")

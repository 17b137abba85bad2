"""The video loop over known clips: one pass over the frames, one complete record per attempt."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from personalab_core.errors import CapabilityError
from personalab_core.generation import RetryPolicy, VideoGenerator
from personalab_core.identity import DriftTracker, IdentityPolicy, StubEvaluator
from personalab_core.identity.arcface import embedding_score
from personalab_core.identity.composite import CompositeScorer
from personalab_core.identity.frame_extractor import FrameExtractor
from personalab_core.identity.matching import FaceMatcher
from personalab_core.identity.video_evaluator import VideoIdentityEvaluator
from personalab_core.llm import LLMVideoResponse
from personalab_core.observability import GenerationMetricsLogger
from personalab_core.orchestration import PictureStored, RegistryWriter, VideoOrchestrator, VideoResult, read_report
from personalab_core.quality import PostProcessingGate, VideoQualityEvaluator
from personalab_core.schemas import AssetOutcome, Decision, EvaluatorInfo, MeasurementStatus, Reason, VideoPrompt
from tests.support.clips import FakeVideoClient, NearestAnalyser, clip, faststart, level_clip, level_frame
from tests.support.faces import make_face, unit
from tests.support.loop_fakes import PATCHES, PERSONA, TickingClock, counted_chance

pytest.importorskip("av")

PROMPT = VideoPrompt(subject_description="a woman of 23", framing="headshot", duration_s=2)
INFO = EvaluatorInfo(name="fake", version="1", pack="fake", pack_hash="0" * 16, metric="cosine_similarity")
ANCHOR, SAME, OTHER, AWAY, CROWD = 200, 160, 120, 80, 40
BOX, BESIDE = (20, 20, 100, 110), (105, 30, 155, 90)
FACES = {
    ANCHOR: [make_face(box=BOX, embedding=unit(1, 0, 0))],
    SAME: [make_face(box=BOX, embedding=unit(4, 3, 0))],
    OTHER: [make_face(box=BOX, embedding=unit(1, 9, 0))],
    AWAY: [make_face(box=BOX, yaw_deg=80)],
    CROWD: [make_face(box=BOX, embedding=unit(4, 3, 0)), make_face(box=BESIDE, embedding=unit(0, 0, 1))],
}
STEADY = [SAME] * 20


@dataclass
class FakeEvaluator:
    """Looks at frames through ``NearestAnalyser``; cosine .8 for SAME, .11 for OTHER."""

    matcher: FaceMatcher = field(
        default_factory=lambda: FaceMatcher(
            analyser=NearestAnalyser(FACES),
            compare=partial(embedding_score, threshold=0.5),
            composite=CompositeScorer(),
            geometric=None,
        )
    )
    info: EvaluatorInfo = INFO


@dataclass
class Bench:
    folder: Path
    evaluator: Any = field(default_factory=FakeEvaluator)
    events: list[Any] = field(default_factory=list)

    def run(self, *videos: Any, prompt: VideoPrompt = PROMPT, **options: Any) -> VideoResult:
        anchor = self.folder / "references" / PERSONA / "anchors" / f"{PERSONA}_anchor_frontal_neutral.png"
        anchor.parent.mkdir(parents=True, exist_ok=True)
        anchor.write_bytes(cv2.imencode(".png", level_frame(ANCHOR))[1].tobytes())
        self.client = FakeVideoClient(videos=videos)
        orchestrator = VideoOrchestrator(
            video_generator=VideoGenerator(
                client=self.client,
                model_name="film-1",
                resolution="720p",
                aspect_ratio="9:16",
                transport_retry=RetryPolicy(1, sleeper=lambda s: None),
            ),
            video_evaluator=VideoIdentityEvaluator(self.evaluator, FrameExtractor()),
            policy=IdentityPolicy(),
            frame_extractor=FrameExtractor(),
            quality_evaluator=VideoQualityEvaluator(),
            post_processing_gate=PostProcessingGate(),
            drift_tracker=self.timeline,
            metrics_logger=self.log,
            output_dir=self.output,
            references_root=self.folder / "references",
            patches=PATCHES,
            clock=TickingClock(),
            chance=counted_chance(),
            on_event=self.events.append,
        )
        return orchestrator.run(persona=PERSONA, scenario_template=None, video_prompt=prompt, **{"seed": 7, **options})

    @property
    def output(self) -> Path:
        return self.folder / "generated_content"

    @property
    def log(self) -> GenerationMetricsLogger:
        return GenerationMetricsLogger(self.output)

    @property
    def timeline(self) -> DriftTracker:
        return DriftTracker(self.output / "drift")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_an_accepted_video_is_stored_as_it_came_and_recorded_in_full(bench: Bench) -> None:
    data = level_clip(STEADY)
    result = bench.run(data, asset_id="walk", scenario="market")
    assert (result.accepted, result.final_attempt) == (True, 1)
    assert result.video_path is not None
    assert result.video_path.read_bytes() == data
    (record,) = bench.log.read_log(PERSONA)
    assert record.record_hash == result.attempts[0].record.record_hash
    assert (record.asset_type, record.context.resolution, record.context.model) == ("video", "720p", "film-1")
    assert record.image_path == f"{PERSONA}/videos/walk-t0-a1.jpg"
    assert (bench.output / record.image_path).is_file()
    assert (bench.output / str(record.thumbnail_path)).is_file()
    assert record.video is not None
    assert record.video.video_path == f"{PERSONA}/videos/walk-t0-a1.mp4"
    assert record.video.video_sha256 == hashlib.sha256(data).hexdigest()
    assert (record.video.width_px, record.video.height_px, record.video.complete) == (160, 200, True)
    assert record.video.duration_s == pytest.approx(2.0)
    assert record.video.identity is not None
    assert record.video.identity.coverage == 1.0
    assert record.scores.composite == pytest.approx(0.8, abs=1e-6)
    assert record.embedding_row == 0
    (registered,) = RegistryWriter(bench.output).read(PERSONA)
    assert (registered.asset_type, registered.video_path) == ("video", record.video.video_path)
    (drift,) = bench.timeline.read(PERSONA)
    assert (drift.asset_type, drift.composite_score) == ("video", record.scores.composite)
    assert [e.image_path for e in bench.events if isinstance(e, PictureStored)] == [record.image_path]


def test_each_frame_is_looked_at_once_for_both_axes(bench: Bench) -> None:
    result = bench.run(level_clip(STEADY))
    attempt = result.attempts[0]
    assert attempt.eval_result is not None
    assert attempt.quality_result is not None
    assert len(attempt.eval_result.frames) == len(attempt.quality_result.frames) == 10
    assert bench.evaluator.matcher.analyser.looks == 10 + 1  # and the anchor
    assert attempt.eval_result.embedding_stats is not None
    assert attempt.eval_result.embedding_stats.mean_cosine == pytest.approx(0.8, abs=1e-6)
    assert attempt.post_processing_advice is not None
    assert attempt.post_processing_advice.identity_stable


def test_the_report_beside_the_video_has_every_frame(bench: Bench) -> None:
    result = bench.run(level_clip(STEADY))
    video = result.attempts[0].record.video
    assert video is not None
    report = read_report(bench.output / str(video.report_path))
    assert report.identity.video_path == video.video_path
    assert [f.frame for f in report.identity.frames] == [f.frame for f in result.attempts[0].eval_result.frames]  # type: ignore[union-attr]
    assert report.quality == result.attempts[0].quality_result
    assert str(bench.folder) not in (bench.output / str(video.report_path)).read_text()


def test_the_anchor_and_the_length_go_with_the_request(bench: Bench) -> None:
    bench.run(level_clip(STEADY))
    (request,) = bench.client.video_requests
    assert [p.role for p in request.pictures] == ["identity_reference"]
    assert (request.resolution, request.aspect_ratio) == ("720p", "9:16")
    assert "2 seconds" in request.text
    assert request.seed == bench.log.read_log(PERSONA)[0].context.seed


def test_a_swap_is_said_with_its_time_and_the_mean_decides(bench: Bench) -> None:
    """Cosine .8 but for 0.8 to 1.2 s, .11: two of ten sampled frames."""
    result = bench.run(level_clip([SAME] * 8 + [OTHER] * 4 + [SAME] * 8))
    record = result.attempts[0].record
    assert record.decision is Decision.ACCEPT
    assert record.scores.composite == pytest.approx((8 * 0.8 + 2 * 0.1104) / 10, abs=1e-3)
    assert record.video is not None
    assert record.video.identity is not None
    (swap,) = record.video.identity.swaps
    assert swap.start_s == pytest.approx(0.7)
    assert swap.end_s == pytest.approx(1.1)
    assert record.video.identity.longest_below_threshold_s == pytest.approx(0.4)
    assert record.video.identity.worst_frame is not None
    assert record.video.identity.worst_frame.time_s == pytest.approx(0.8)
    assert not result.attempts[0].post_processing_advice.identity_stable  # type: ignore[union-attr]


def test_frames_without_a_usable_face_lower_coverage_and_not_the_score(bench: Bench) -> None:
    result = bench.run(level_clip([SAME] * 10 + [AWAY] * 10))
    record = result.attempts[0].record
    assert record.scores.composite == pytest.approx(0.8, abs=1e-6)
    assert record.video is not None
    assert record.video.identity is not None
    assert record.video.identity.coverage == 0.5
    assert record.video.identity.longest_below_threshold_s == 0.0


def test_below_a_quarter_of_usable_frames_a_video_is_not_measurable(bench: Bench) -> None:
    """Two of ten sampled frames show the face: retried with the reason, then accepted."""
    result = bench.run(level_clip([SAME] * 4 + [AWAY] * 16), level_clip(STEADY))
    first, second = (a.record for a in result.attempts)
    assert (first.status, first.reason, first.decision) == (
        MeasurementStatus.TURNED_AWAY,
        Reason.TURNED_AWAY,
        Decision.RETRY,
    )
    assert first.scores.composite is None
    assert "20%" in str(first.measurement and first.measurement.reason)
    assert second.decision is Decision.ACCEPT
    assert len(bench.timeline.read(PERSONA)) == 1


def test_a_second_person_is_not_measured_for_the_persona_but_retried(bench: Bench) -> None:
    result = bench.run(level_clip([CROWD] * 20), level_clip(STEADY))
    first = result.attempts[0].record
    assert first.reason is Reason.SEVERAL_FACES
    assert first.scores.composite == pytest.approx(0.8, abs=1e-6)
    together = VideoPrompt(subject_description="a woman of 23", other_people=True)
    assert bench.run(level_clip([CROWD] * 20), prompt=together).accepted


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (LLMVideoResponse(block_reason="SAFETY"), Reason.BLOCKED),
        (LLMVideoResponse(), Reason.EMPTY_ANSWER),
        (b"not a video", Reason.UNREADABLE),
        (level_clip(STEADY)[:200], Reason.UNREADABLE),
    ],
    ids=["blocked", "empty", "no video", "cut off"],
)
def test_an_answer_without_a_video_is_retried_and_recorded(
    bench: Bench, answer: bytes | LLMVideoResponse, reason: Reason
) -> None:
    result = bench.run(answer, level_clip(STEADY))
    first = result.attempts[0]
    assert result.accepted
    assert (first.record.reason, first.record.video, first.eval_result) == (reason, None, None)
    assert len(list((bench.output / PERSONA / "videos").glob("*.mp4"))) == 1


def test_a_broken_off_video_is_measured_as_far_as_it_goes_and_says_so(bench: Bench) -> None:
    rng = np.random.default_rng(0)
    frames = [level_frame(SAME) for _ in range(60)]
    for frame in frames:
        frame[100:] = rng.integers(0, 255, frame[100:].shape, dtype=np.uint8)
    whole = faststart(clip(frames))
    video = bench.run(whole[: len(whole) * 2 // 3]).attempts[0].record.video
    assert video is not None
    assert not video.complete
    assert video.duration_s is not None
    assert 1 < video.duration_s < 5


def test_a_provider_without_video_fails_the_asset_with_a_record(bench: Bench) -> None:
    result = bench.run(CapabilityError("no video here", provider="fake"))
    assert result.outcome is AssetOutcome.FAILED
    assert (result.final_score, result.video_path) == (None, None)
    assert bench.log.read_log(PERSONA)[0].reason is Reason.PROVIDER_ERROR


def test_without_a_recogniser_nothing_is_measured_and_quality_still_is(bench: Bench) -> None:
    bench.evaluator = StubEvaluator()
    result = bench.run(level_clip(STEADY))
    attempt = result.attempts[0]
    assert (result.outcome, attempt.record.status) == (AssetOutcome.UNMEASURED, MeasurementStatus.NOT_MEASURED)
    assert attempt.quality_result is not None
    assert attempt.eval_result is not None
    assert attempt.eval_result.coverage == 0.0


def test_a_measurement_that_breaks_leaves_a_record_with_the_video(bench: Bench) -> None:
    def broken(image: Any) -> Any:
        raise RuntimeError("the recogniser broke")

    bench.evaluator.matcher.analyser.analyse = broken
    assert bench.run(level_clip(STEADY)).outcome is AssetOutcome.UNMEASURED
    (record,) = bench.log.read_log(PERSONA)
    assert (record.status, record.final) == (MeasurementStatus.NOT_MEASURED, True)
    assert record.video is not None
    assert (bench.output / record.video.video_path).is_file()

"""The orchestrator over fakes: one complete record per attempt, however it ended."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from personalab_core.errors import (
    AnchorMissingError,
    AuthenticationError,
    InputError,
    LLMError,
    MissingKeyError,
    ProviderServerError,
    ProviderTimeoutError,
    RateLimitError,
    WorkspaceError,
)
from personalab_core.identity import IdentityPolicy, StubEvaluator
from personalab_core.llm import LLMImageResponse
from personalab_core.orchestration import (
    AssetFinished,
    AttemptFinished,
    AttemptStarted,
    GenerationResult,
    PictureStored,
    TransportRetried,
)
from personalab_core.schemas import AssetOutcome, Cost, Decision, ImagePrompt, MeasurementStatus, Reason
from tests.support.fakes import FakeLLMClient, tiny_png
from tests.support.loop_fakes import PERSONA, FakeEvaluator, LoopBench, MemoryLog, stop_after

PROMPT = ImagePrompt(subject_description="a woman of 23", framing="half_body")
PNG = tiny_png()
BUSY = ProviderServerError("busy", provider="fake", status_code=503, request_id="r-1")


@pytest.fixture
def bench(tmp_path: Path) -> LoopBench:
    """A workspace with a selected anchor."""
    bench = LoopBench(tmp_path)
    bench.write_anchor()
    return bench


def run(bench: LoopBench, **options: object) -> GenerationResult:
    return bench.orchestrator().run(PERSONA, None, PROMPT, **{"seed": 7, **options})  # type: ignore[arg-type]


def test_an_accepted_picture_is_stored_as_it_came_and_recorded_in_full(bench: LoopBench) -> None:
    result = run(bench, asset_id="shot", scenario="cafe_selfie")
    (record,) = result.attempts
    assert result.accepted
    assert (result.final_score, result.final_attempt) == (0.8, 1)
    assert result.image_path is not None
    assert result.image_path.read_bytes() == PNG
    assert (bench.output_dir / str(record.thumbnail_path)).is_file()
    assert record.image_sha256 == hashlib.sha256(PNG).hexdigest()
    assert (record.image_path, record.attempt_id) == (f"{PERSONA}/images/shot-t0-a1.png", "shot-t0-a1")
    assert (record.asset_seed, record.final, record.outcome) == (7, True, AssetOutcome.ACCEPTED)
    assert record.prompt == bench.client.requests[0].text
    assert record.context.seed == bench.client.requests[0].seed
    assert (record.context.provider, record.context.model, record.context.aspect_ratio) == ("fake", "fake-model", "4:5")
    assert (record.requested_framing, record.scenario) == ("half_body", "cafe_selfie")
    assert record.anchor_path == f"{PERSONA}/anchors/{PERSONA}_anchor_frontal_neutral.png"
    assert record.anchor_sha256 == hashlib.sha256(tiny_png(200)).hexdigest()
    assert record.evaluator == bench.evaluator.info
    assert (record.accept_threshold, record.retry_threshold, record.policy_mode) == (0.55, 0.35, "composite_only")
    assert record.scores.cosine_similarity == 0.8
    assert record.scores.geometric_error is None
    assert None not in (record.timings.generate_s, record.timings.store_s, record.timings.measure_s)
    assert bench.log.embeddings == [(1.0, 0.0)]
    assert bench.log.registered == bench.log.timeline == [record]


def test_the_anchor_goes_with_every_request(bench: LoopBench) -> None:
    bench.evaluator = FakeEvaluator((0.4, 0.8))
    run(bench)
    pictures = [request.parts[1] for request in bench.client.requests]
    assert [p.data for p in pictures] == [tiny_png(200)] * 2  # type: ignore[union-attr]
    assert {p.role for p in pictures} == {"identity_reference"}  # type: ignore[union-attr]


def test_a_retry_carries_the_patch_of_its_reason(bench: LoopBench) -> None:
    bench.evaluator = FakeEvaluator((MeasurementStatus.NO_FACE, 0.4, 0.8))
    result = run(bench)
    assert [a.reason for a in result.attempts] == [Reason.NO_FACE, Reason.IDENTITY_LOW, Reason.NONE]
    assert [[p.text for p in a.patches] for a in result.attempts] == [
        [],
        ["Show the face."],
        ["Show the face.", "Keep the face."],
    ]
    assert [a.final for a in result.attempts] == [False, False, True]
    assert result.attempts[0].scores.composite is None
    assert [len(bench.log.timeline), len(bench.log.registered)] == [2, 1]


def test_the_score_is_that_of_the_best_measured_attempt(bench: LoopBench) -> None:
    bench.evaluator = FakeEvaluator((0.5, MeasurementStatus.NO_FACE, 0.4))
    result = run(bench)
    assert (result.outcome, result.final_score) == (AssetOutcome.EXHAUSTED, 0.5)
    assert result.best_attempt == result.attempts[0]


def test_another_person_is_rejected_at_once(bench: LoopBench) -> None:
    bench.evaluator = FakeEvaluator((0.1,))
    result = run(bench)
    assert (result.outcome, len(result.attempts)) == (AssetOutcome.REJECTED, 1)
    assert "Rejected at attempt 1 of 3" in result.sentence


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (LLMImageResponse(block_reason="SAFETY", request_id="r-9"), Reason.BLOCKED),
        (LLMImageResponse(finish_reason="NO_IMAGE", request_id="r-9"), Reason.EMPTY_ANSWER),
        (LLMImageResponse(images=(b"not a picture",), request_id="r-9"), Reason.UNREADABLE),
        (LLMImageResponse(images=(PNG[:40],), request_id="r-9"), Reason.UNREADABLE),
    ],
)
def test_an_answer_without_a_picture_is_retried_and_recorded(
    bench: LoopBench, answer: LLMImageResponse, reason: Reason
) -> None:
    bench.client = FakeLLMClient(images=[answer, PNG])
    result = run(bench)
    first = result.attempts[0]
    assert result.accepted
    assert (first.reason, first.decision, first.image_path) == (reason, Decision.RETRY, None)
    assert first.request_id == "r-9"
    assert (first.image_sha256 is None) == (not answer.images)
    assert len(bench.evaluator.calls) == 1
    assert len(list((bench.output_dir / PERSONA / "images").glob("*.*"))) == 1


def test_a_provider_that_stays_down_fails_the_asset_with_a_record(bench: LoopBench) -> None:
    bench.client = FakeLLMClient(images=[BUSY])
    result = run(bench)
    (record,) = result.attempts
    assert result.outcome is record.outcome is AssetOutcome.FAILED
    assert (record.decision, record.reason) == (Decision.UNMEASURED, Reason.PROVIDER_ERROR)
    assert record.error == "ProviderServerError: fake (HTTP 503): busy"
    assert (record.transport_tries, record.timings.transport_wait_s, record.request_id) == (3, 3.0, "r-1")
    assert bench.waits == [pytest.approx(0.5)] * 6
    assert not record.cost.possibly_paid


def test_a_passing_failure_is_retried_within_the_attempt(bench: LoopBench) -> None:
    slow_down = RateLimitError("slow down", provider="fake", status_code=429, retry_after_s=2)
    bench.client = FakeLLMClient(images=[slow_down, PNG])
    (record,) = run(bench).attempts
    assert (record.attempt, record.transport_tries, record.timings.transport_wait_s) == (1, 2, 2.0)
    retried = [event for event in bench.events if isinstance(event, TransportRetried)]
    assert [(event.try_number, event.wait_s) for event in retried] == [(1, 2)]


def test_a_call_without_an_answer_is_possibly_paid_and_not_repeated(bench: LoopBench) -> None:
    bench.client = FakeLLMClient(images=[ProviderTimeoutError("no answer in 60 s", provider="fake")])
    (record,) = run(bench).attempts
    assert (record.outcome, record.transport_tries) == (AssetOutcome.FAILED, 1)
    assert (record.cost.possibly_paid, record.cost.amount_usd) == (True, None)


def test_a_refused_key_fails_the_asset_without_retries(bench: LoopBench) -> None:
    bench.client = FakeLLMClient(images=[AuthenticationError("wrong key", provider="fake", status_code=401)])
    result = run(bench)
    assert (result.outcome, len(result.attempts), bench.waits) == (AssetOutcome.FAILED, 1, [])


def test_a_missing_key_is_the_callers_to_fix_and_no_attempt(bench: LoopBench) -> None:
    bench.client = FakeLLMClient(images=[MissingKeyError("GOOGLE_API_KEY is not set.")])
    with pytest.raises(MissingKeyError):
        run(bench)
    assert bench.log.records == []


def test_the_price_and_the_model_version_are_kept(bench: LoopBench) -> None:
    answer = LLMImageResponse(images=(PNG,), model_version="m-2", cost=Cost(amount_usd=0.04, source="table"))
    bench.client = FakeLLMClient(images=[answer])
    (record,) = run(bench).attempts
    assert record.cost == Cost(amount_usd=0.04, source="table")
    assert record.context.model_version == "m-2"


def test_without_an_evaluator_there_is_one_unmeasured_attempt(bench: LoopBench) -> None:
    bench.evaluator = StubEvaluator()
    result = run(bench)
    (record,) = result.attempts
    assert (result.outcome, result.final_score, record.decision) == (
        AssetOutcome.UNMEASURED,
        None,
        Decision.UNMEASURED,
    )
    assert result.image_path is not None
    assert bench.log.timeline == bench.log.registered == []


def test_a_missing_anchor_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(AnchorMissingError, match="anchors"):
        run(LoopBench(tmp_path))


@pytest.mark.parametrize("persona", ["../x", "", "Dani"])
def test_a_persona_id_never_becomes_a_path(bench: LoopBench, persona: str) -> None:
    with pytest.raises(InputError):
        bench.orchestrator().run(persona, {}, PROMPT)


def test_an_asset_id_never_becomes_a_path(bench: LoopBench) -> None:
    with pytest.raises(InputError, match="asset id"):
        run(bench, asset_id="../x")


def test_a_stop_before_the_start_leaves_nothing(bench: LoopBench) -> None:
    result = run(bench, should_stop=lambda: True)
    assert (result.outcome, result.attempts, bench.client.requests) == (AssetOutcome.CANCELLED, (), [])


def test_a_stop_finishes_the_attempt_under_way_and_records_it(bench: LoopBench) -> None:
    bench.evaluator = FakeEvaluator((0.4,))
    result = run(bench, should_stop=stop_after(1))
    (record,) = result.attempts
    assert result.outcome is record.outcome is AssetOutcome.CANCELLED
    assert (record.final, record.decision, record.scores.composite) == (True, Decision.RETRY, 0.4)


def test_a_stop_during_the_waiting_is_recorded_as_cancelled(bench: LoopBench) -> None:
    bench.client = FakeLLMClient(images=[BUSY])
    result = run(bench, should_stop=lambda: sum(bench.waits) >= 0.5)
    (record,) = result.attempts
    assert (result.outcome, record.reason) == (AssetOutcome.CANCELLED, Reason.CANCELLED)


def test_an_interrupt_during_the_call_is_recorded_as_possibly_paid(bench: LoopBench) -> None:
    class Interrupted(FakeLLMClient):
        def generate_image(self, **request: object) -> LLMImageResponse:
            raise KeyboardInterrupt

    bench.client = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        run(bench)
    (record,) = bench.log.records
    assert (record.reason, record.outcome) == (Reason.CANCELLED, AssetOutcome.CANCELLED)
    assert record.cost.possibly_paid


def test_a_broken_evaluator_leaves_a_record_with_the_picture(bench: LoopBench) -> None:
    bench.evaluator = FakeEvaluator((ValueError("secret prompt text"),))
    assert run(bench).outcome is AssetOutcome.UNMEASURED
    (record,) = bench.log.records
    assert (record.reason, record.error, record.scores.composite) == (Reason.NO_EVALUATOR, None, None)
    assert "the evaluator failed on this file (ValueError)" in record.sentence
    assert "secret" not in record.sentence
    assert record.image_path is not None


def test_an_anchor_that_cannot_be_used_is_for_the_caller_to_mend(bench: LoopBench) -> None:
    bench.evaluator = FakeEvaluator((InputError("the anchor has no measurable face"),))
    with pytest.raises(InputError, match="no measurable face"):
        run(bench)
    (record,) = bench.log.records
    assert (record.reason, record.outcome) == (Reason.LOCAL_ERROR, AssetOutcome.FAILED)
    assert record.image_path is not None


def test_a_full_disk_for_the_picture_is_raised_after_a_record(bench: LoopBench) -> None:
    generator = bench.generator()

    def full(data: bytes, *, folder: Path, name: str) -> None:
        raise WorkspaceError(f"Cannot write {folder / name}: the disk is full; free some space.")

    generator.store = full  # type: ignore[method-assign, assignment]
    with pytest.raises(WorkspaceError, match="disk is full"):
        bench.orchestrator(image_generator=generator).run(PERSONA, None, PROMPT)
    (record,) = bench.log.records
    assert (record.reason, record.outcome, record.image_path) == (Reason.LOCAL_ERROR, AssetOutcome.FAILED, None)


def test_a_full_disk_for_the_record_is_raised_and_the_picture_stays(bench: LoopBench) -> None:
    bench.log = MemoryLog(failure=WorkspaceError("Cannot write metrics.jsonl: the disk is full."))
    with pytest.raises(WorkspaceError, match="disk is full"):
        run(bench)
    assert len(list((bench.output_dir / PERSONA / "images").glob("*.png"))) == 1


def test_an_unwritable_record_of_a_failure_is_noted_on_the_failure(bench: LoopBench) -> None:
    bench.evaluator = FakeEvaluator((InputError("the anchor has no measurable face"),))
    bench.log = MemoryLog(failure=WorkspaceError("the disk is full"))
    with pytest.raises(InputError) as caught:
        run(bench)
    assert "could not be recorded" in caught.value.__notes__[0]


def test_it_works_without_logs(bench: LoopBench) -> None:
    orchestrator = bench.orchestrator(metrics_logger=None, drift_tracker=None)
    assert orchestrator.run(PERSONA, {}, PROMPT).accepted


def test_two_runs_of_one_seed_decide_the_same(bench: LoopBench) -> None:
    bench.evaluator = FakeEvaluator((0.4, 0.8, 0.4, 0.8))
    first, second = run(bench, asset_id="shot"), run(bench, asset_id="shot")

    def essence(result: GenerationResult) -> list[tuple[object, ...]]:
        return [(a.decision, a.reason, a.prompt, a.context.seed, a.scores) for a in result.attempts]

    assert essence(first) == essence(second)
    assert not {a.image_path for a in first.attempts} & {a.image_path for a in second.attempts}


def test_an_undemanded_seed_is_drawn_and_recorded(bench: LoopBench) -> None:
    assert run(bench, seed=None).attempts[0].asset_seed == 1000


def test_events_tell_the_story_in_order(bench: LoopBench) -> None:
    bench.evaluator = FakeEvaluator((0.4, 0.8))
    result = run(bench)
    kinds = [type(event) for event in bench.events]
    assert kinds == [*[AttemptStarted, PictureStored, AttemptFinished] * 2, AssetFinished]
    finished = [event.record for event in bench.events if isinstance(event, AttemptFinished)]
    assert tuple(finished) == result.attempts


def test_a_strict_policy_names_itself_in_the_record(bench: LoopBench) -> None:
    bench.policy = IdentityPolicy(mode="strict", max_attempts=1)
    assert run(bench).attempts[0].policy_mode == "strict"


@pytest.mark.parametrize("error", [LLMError("odd", provider="fake")])
def test_every_provider_error_is_a_result(bench: LoopBench, error: LLMError) -> None:
    bench.client = FakeLLMClient(images=[error])
    assert run(bench).outcome is AssetOutcome.FAILED

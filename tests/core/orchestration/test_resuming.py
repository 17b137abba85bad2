"""A job that is asked for again goes on where its records say it stopped; money is spent once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from personalab_core.errors import (
    BudgetReachedError,
    LLMError,
    OutputLostError,
    ProviderConnectionError,
    ProviderServerError,
    ProviderTimeoutError,
    UnknownOperationError,
    WorkspaceError,
)
from personalab_core.generation import RetryPolicy
from personalab_core.identity import DriftTracker, StubEvaluator
from personalab_core.llm import LLMImageResponse, Part
from personalab_core.observability import GenerationMetricsLogger
from personalab_core.observability.budget import Budget
from personalab_core.observability.ledger import SUBMISSIONS_FILE, SubmissionLedger
from personalab_core.orchestration import AssetRequest, GenerationResult, RegistryWriter
from personalab_core.schemas import AssetOutcome, Cost, ImagePrompt, Reason
from tests.support.fakes import FakeLLMClient, tiny_png
from tests.support.loop_fakes import PERSONA, FakeEvaluator, LoopBench

PROMPT = ImagePrompt(subject_description="a woman of 23")
PNG = tiny_png()


class KilledError(BaseException):
    """Stands for ``kill -9``: nothing of ours runs after it."""


@dataclass
class JobVendor(FakeLLMClient):
    """Works in operations; ``lost`` are errors of collecting, in order."""

    submitted: list[str] = field(default_factory=list)
    lost: list[Exception] = field(default_factory=list)

    def with_seed(self, seed: int) -> JobVendor:
        return self

    def submit_image(self, *, parts: Sequence[Part], aspect_ratio: str, model_name: str) -> str:
        self.submitted.append(f"op-{len(self.submitted)}")
        return self.submitted[-1]

    def collect_image(self, operation_id: str) -> LLMImageResponse:
        if self.lost:
            raise self.lost.pop(0)
        return LLMImageResponse(images=(PNG,), request_id=operation_id, cost=Cost(amount_usd=0.04, source="answer"))

    async def submit_image_async(self, **request: Any) -> str:
        return self.submit_image(**request)

    async def collect_image_async(self, operation_id: str) -> LLMImageResponse:
        return self.collect_image(operation_id)


@dataclass
class FindableVendor(JobVendor):
    """Loses answers to requests for an operation; can be asked which it has started."""

    cut_off: list[bool] = field(default_factory=list)  # whether it had started the operation by then
    asked_for: list[frozenset[str]] = field(default_factory=list)
    mute: int = 0

    def submit_image(self, *, parts: Sequence[Part], aspect_ratio: str, model_name: str) -> str:
        if not self.cut_off:
            return super().submit_image(parts=parts, aspect_ratio=aspect_ratio, model_name=model_name)
        if self.cut_off.pop(0):
            self.submitted.append(f"op-{len(self.submitted)}")
        raise ProviderTimeoutError("no answer", provider="fake")

    def find_image(self, *, since: datetime, others: frozenset[str], **_: Any) -> str | None:
        assert since.tzinfo is not None
        self.asked_for.append(others)
        if self.mute:
            self.mute -= 1
            raise ProviderConnectionError("no network", provider="fake")
        unknown = [operation for operation in self.submitted if operation not in others]
        return unknown[0] if len(unknown) == 1 else None

    async def find_image_async(self, **request: Any) -> str | None:
        return self.find_image(**request)


@pytest.fixture
def bench(tmp_path: Path) -> LoopBench:
    bench = LoopBench(tmp_path, max_retries=0)
    bench.write_anchor()
    return bench


def ledger(bench: LoopBench, **options: Any) -> SubmissionLedger:
    return SubmissionLedger(bench.output_dir / SUBMISSIONS_FILE, **options)


def run(bench: LoopBench, seed: int = 7, **changes: Any) -> GenerationResult:
    """Ask for the asset in a process of its own: everything is built anew but the disk, and what the fakes count."""
    orchestrator = bench.orchestrator(
        **{
            "metrics_logger": GenerationMetricsLogger(bench.output_dir),
            "drift_tracker": DriftTracker(bench.output_dir / "drift"),
            "registry": RegistryWriter(bench.output_dir),
            "ledger": ledger(bench),
            **changes,
        }
    )
    request = AssetRequest(persona=PERSONA, image_prompt=PROMPT, seed=seed, asset_id="shot", job_id="job")
    return orchestrator.run_request(request)


def events(bench: LoopBench) -> list[str]:
    return [line.split('"event":"')[1].split('"')[0] for line in ledger(bench).path.read_text().splitlines()]


def test_a_finished_asset_is_not_made_again(bench: LoopBench) -> None:
    bench.evaluator = FakeEvaluator((0.4, 0.8))
    first = run(bench)
    again = run(bench)
    assert again.outcome is first.outcome is AssetOutcome.ACCEPTED
    assert [a.record_hash for a in again.attempts] == [a.record_hash for a in first.attempts]
    assert (again.image_path, again.final_score) == (first.image_path, 0.8)
    assert (len(bench.client.requests), len(bench.evaluator.calls)) == (2, 2)
    assert events(bench) == ["submitted", "answered"] * 2


def test_another_seed_under_the_same_name_is_another_asset(bench: LoopBench) -> None:
    run(bench)
    run(bench, seed=8)
    assert len(bench.client.requests) == 2


def test_an_asset_goes_on_after_the_attempts_on_record(bench: LoopBench) -> None:
    """The retry was decided before the crash: its patch and seed come again, and only it is asked for."""
    bench.evaluator = FakeEvaluator((0.4, 0.8))
    whole = run(bench)
    other = LoopBench(bench.folder / "other", evaluator=FakeEvaluator((0.4, KilledError(), 0.8)))
    other.write_anchor()
    with pytest.raises(KilledError):
        run(other)
    resumed = run(other)
    assert [a.prompt for a in resumed.attempts] == [a.prompt for a in whole.attempts]
    assert [a.context.seed for a in resumed.attempts] == [a.context.seed for a in whole.attempts]
    assert len(other.client.requests) == 2, "the picture that was stored is measured, not made again"


def test_an_answer_that_is_stored_is_used_without_asking_again(bench: LoopBench) -> None:
    bench.evaluator = FakeEvaluator((KilledError(), 0.8))
    with pytest.raises(KilledError):
        run(bench)
    result = run(bench)
    assert result.accepted
    assert len(bench.client.requests) == 1
    assert result.attempts[-1].image_sha256 is not None


def test_a_picture_without_its_line_is_found(bench: LoopBench) -> None:
    """Killed after the picture was renamed into place, before the ledger said so."""
    orchestrator_log = ledger(bench)
    bench.evaluator = FakeEvaluator((KilledError(), 0.8))
    with pytest.raises(KilledError):
        run(bench)
    (bench.output_dir / PERSONA / "metrics.jsonl").unlink()
    lines = orchestrator_log.path.read_bytes().splitlines(keepends=True)
    assert len(lines) == 2
    orchestrator_log.path.write_bytes(lines[0])
    result = run(bench)
    assert result.accepted
    assert len(bench.client.requests) == 1
    assert len(list((bench.output_dir / PERSONA / "images").glob("*.png"))) == 1, "under its own name again"


def test_a_call_that_was_cut_off_is_unknown_possibly_paid_and_not_repeated(bench: LoopBench) -> None:
    bench.client = FakeLLMClient(images=[ProviderTimeoutError("no answer", provider="fake"), PNG])
    first = run(bench)
    assert first.outcome is AssetOutcome.FAILED
    cost = first.attempts[-1].cost
    assert (cost.amount_usd, cost.possibly_paid, cost.worst_case_usd) == (None, True, 1.0)
    for _ in range(2):
        again = run(bench)
        assert again.outcome is AssetOutcome.FAILED
        assert "may have been paid" in again.sentence
    assert len(bench.client.requests) == 1
    assert len(GenerationMetricsLogger(bench.output_dir).read_log(PERSONA)) == 1, "it is on record once"
    assert ledger(bench).spent().by_persona[PERSONA] == 1.0


def test_a_process_that_was_killed_while_waiting_leaves_the_same_doubt(bench: LoopBench) -> None:
    bench.client = FakeLLMClient(images=[PNG])
    run(bench)
    lines = ledger(bench).path.read_bytes().splitlines(keepends=True)
    ledger(bench).path.write_bytes(lines[0])
    (bench.output_dir / PERSONA / "metrics.jsonl").unlink()
    for picture in (bench.output_dir / PERSONA / "images").glob("*.png"):
        picture.unlink()
    result = run(bench)
    (record,) = result.attempts
    assert (result.outcome, record.reason) == (AssetOutcome.FAILED, Reason.PROVIDER_ERROR)
    assert record.error is not None
    assert record.error.startswith("PossiblyPaidError: fake: unknown, possibly paid")
    assert record.cost.possibly_paid
    assert len(bench.client.requests) == 1


def test_an_operation_whose_id_never_arrived_is_asked_for_and_collected(bench: LoopBench) -> None:
    bench.client = vendor = FindableVendor(cut_off=[True])
    assert run(bench).accepted
    assert events(bench) == ["submitted", "unanswered", "accepted", "answered"]
    assert vendor.submitted == ["op-0"]
    assert ledger(bench).spent().by_persona[PERSONA] == pytest.approx(0.04), "its price is known"
    assert run(bench, seed=8).accepted
    assert vendor.asked_for == [frozenset()]


def test_an_operation_of_another_call_is_not_taken_for_this_one(bench: LoopBench) -> None:
    bench.client = vendor = FindableVendor(cut_off=[])
    assert run(bench).accepted
    vendor.cut_off = [False]
    assert run(bench, seed=8).outcome is AssetOutcome.FAILED
    assert vendor.asked_for == [frozenset({"op-0"})]
    assert len(ledger(bench).possibly_paid()) == 1, "that nothing is found says nothing about money"


def test_a_killed_process_asks_before_it_calls_anything_doubtful(bench: LoopBench) -> None:
    """Killed between the request and its answer: the vendor knows the operation, the ledger does not."""
    bench.client = vendor = FindableVendor(cut_off=[True], mute=1)
    assert run(bench).outcome is AssetOutcome.FAILED
    lines = ledger(bench).path.read_bytes().splitlines(keepends=True)
    ledger(bench).path.write_bytes(lines[0])
    (bench.output_dir / PERSONA / "metrics.jsonl").unlink()
    assert run(bench).accepted
    assert vendor.submitted == ["op-0"]
    assert events(bench) == ["submitted", "accepted", "answered"]


@pytest.mark.parametrize("leave", ["person", "configuration"])
def test_leave_lets_a_doubtful_call_be_repeated(bench: LoopBench, leave: str) -> None:
    bench.client = FakeLLMClient(images=[ProviderTimeoutError("no answer", provider="fake"), PNG])
    run(bench)
    book = ledger(bench, repeat_unanswered=leave == "configuration")
    if leave == "person":
        book.release(book.possibly_paid())
    assert run(bench, ledger=book).accepted
    assert len(bench.client.requests) == 2
    assert ledger(bench).spent().by_persona[PERSONA] == 2.0, "the doubtful one still counts"


def test_a_retry_policy_with_leave_repeats_within_the_run(bench: LoopBench) -> None:
    bench.client = FakeLLMClient(images=[ProviderTimeoutError("no answer", provider="fake"), PNG])
    retry = RetryPolicy(1, retry_ambiguous=True, sleeper=lambda _: None)
    assert run(bench, transport_retry=retry).accepted
    assert events(bench) == ["submitted", "unanswered", "submitted", "answered"]


def test_a_refused_call_costs_nothing_and_is_made_again(bench: LoopBench) -> None:
    bench.client = FakeLLMClient(images=[ProviderServerError("busy", provider="fake"), PNG])
    assert run(bench).outcome is AssetOutcome.FAILED
    assert ledger(bench).spent().by_persona[PERSONA] == 0.0
    assert run(bench).accepted
    assert len(bench.client.requests) == 2


def test_a_running_operation_is_collected_by_its_id(bench: LoopBench) -> None:
    vendor = JobVendor(lost=[OutputLostError("not just now", provider="fake")])
    bench.client = vendor
    assert run(bench).outcome is AssetOutcome.FAILED
    assert run(bench).accepted
    assert vendor.submitted == ["op-0"]
    assert events(bench) == ["submitted", "accepted", "answered"]
    assert ledger(bench).spent().by_persona[PERSONA] == pytest.approx(0.04)


@pytest.mark.parametrize(
    ("error", "n_submitted"),
    [
        (ProviderServerError("it failed", provider="fake"), 2),
        (UnknownOperationError("gone", provider="fake"), 1),
    ],
)
def test_an_operation_that_failed_is_started_anew_and_one_that_is_gone_is_not(
    bench: LoopBench, error: LLMError, n_submitted: int
) -> None:
    vendor = JobVendor(lost=[error])
    bench.client = vendor
    run(bench)
    run(bench)
    assert len(vendor.submitted) == n_submitted


def test_what_a_crash_kept_from_the_registry_and_the_timeline_is_added(bench: LoopBench) -> None:
    run(bench)
    (bench.output_dir / PERSONA / "registry.jsonl").unlink()
    (bench.output_dir / "drift" / f"{PERSONA}_drift.jsonl").unlink()
    for _ in range(2):
        run(bench)
        assert len(RegistryWriter(bench.output_dir).read(PERSONA)) == 1
        assert len(DriftTracker(bench.output_dir / "drift").read(PERSONA)) == 1
    assert len(bench.client.requests) == 1


def test_a_budget_that_is_reached_sends_nothing_records_nothing_and_goes_on_with_more(bench: LoopBench) -> None:
    bench.evaluator = FakeEvaluator((0.4, 0.8))
    with pytest.raises(BudgetReachedError, match=r"Raise budget\.per_run"):
        run(bench, ledger=ledger(bench, budget=Budget(per_run=1.5), run_id="r"))
    assert len(bench.client.requests) == 1
    assert len(GenerationMetricsLogger(bench.output_dir).read_log(PERSONA)) == 1, "the first attempt stays"
    result = run(bench, ledger=ledger(bench, budget=Budget(per_run=2.0), run_id="r"))
    assert result.accepted
    assert (result.final_attempt, len(bench.client.requests)) == (2, 2)


def test_a_ledger_that_cannot_be_written_lets_nothing_be_sent(bench: LoopBench) -> None:
    (bench.output_dir / SUBMISSIONS_FILE).mkdir(parents=True)
    with pytest.raises(WorkspaceError):
        run(bench)
    assert bench.client.requests == []


def test_an_evaluator_that_breaks_costs_one_picture_and_no_second_payment(bench: LoopBench) -> None:
    bench.evaluator = FakeEvaluator((ZeroDivisionError(), ZeroDivisionError(), 0.8))
    assert [run(bench).outcome for _ in range(2)] == [AssetOutcome.UNMEASURED] * 2
    assert run(bench).accepted
    assert run(bench).accepted
    assert len(bench.client.requests) == 1
    records = GenerationMetricsLogger(bench.output_dir).read_log(PERSONA)
    assert len({record.attempt_id for record in records}) == len(records) == 3


def test_what_nothing_here_can_measure_is_done(bench: LoopBench) -> None:
    bench.evaluator = StubEvaluator()
    for _ in range(2):
        assert run(bench).outcome is AssetOutcome.UNMEASURED
    assert len(GenerationMetricsLogger(bench.output_dir).read_log(PERSONA)) == 1


def test_without_a_log_that_can_be_read_nothing_is_resumed(bench: LoopBench) -> None:
    for _ in range(2):
        run(bench, metrics_logger=bench.log, ledger=None)
    assert len(bench.client.requests) == 2
    assert not (bench.output_dir / SUBMISSIONS_FILE).exists()

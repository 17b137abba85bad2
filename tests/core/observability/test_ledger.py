"""The account book of provider calls: what is reserved, what is settled, and what nobody knows."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from personalab_core.errors import BudgetReachedError, WorkspaceError
from personalab_core.observability.budget import Budget
from personalab_core.observability.ledger import SubmissionLedger
from personalab_core.observability.submission import Call
from personalab_core.schemas import Cost, SubmissionAnswer
from tests.support.disks import nearly_full_disk

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "out" / "submissions.jsonl"


def call(attempt_id: str = "shot-a1", **changes: Any) -> Call:
    fields: dict[str, Any] = {
        "persona": "mara",
        "asset_id": "shot",
        "attempt_id": attempt_id,
        "provider": "acme",
        "model": "m1",
        "simulated": False,
        "seed": 7,
        "prompt_hash": "p" * 64,
        "anchor_sha256": "a" * 64,
    }
    return Call(**{**fields, **changes})


def answer(amount_usd: float | None) -> SubmissionAnswer:
    return SubmissionAnswer(sha256="s" * 64, cost=Cost(amount_usd=amount_usd))


def test_a_submission_is_on_disk_before_anybody_hears_of_it(path: Path) -> None:
    SubmissionLedger(path).submit(call(), bound_usd=0.1)
    known = SubmissionLedger(path).last(call("another-run-a1"))
    assert known is not None
    assert (known.event, known.worst_case_usd, known.possibly_paid) == ("submitted", 0.1, True)
    assert SubmissionLedger(path).last(call(seed=8)) is None, "another seed is another call"


def test_each_event_moves_a_submission_on(path: Path) -> None:
    ledger, other = SubmissionLedger(path), SubmissionLedger(path)
    submission_id = ledger.submit(call(), bound_usd=0.1)
    other.note(submission_id, call(), "accepted", operation_id="op-1")
    known = ledger.last(call())
    assert known is not None
    assert (known.event, known.operation_id, known.possibly_paid) == ("accepted", "op-1", False)
    other.note(submission_id, call(), "answered", answer=answer(0.04))
    known = ledger.last(call())
    assert known is not None
    assert (known.event, known.counts_usd) == ("answered", 0.04)


@pytest.mark.parametrize(
    ("event", "amount_usd", "expected"),
    [
        ("submitted", None, 0.1),
        ("answered", 0.04, 0.04),
        ("answered", None, 0.1),
        ("refused", None, 0.0),
        ("failed", None, 0.1),
        ("unanswered", None, 0.1),
    ],
)
def test_what_a_submission_counts_as(path: Path, event: Any, amount_usd: float | None, expected: float) -> None:
    ledger = SubmissionLedger(path, run_id="run")
    submission_id = ledger.submit(call(), bound_usd=0.1)
    if event != "submitted":
        given = answer(amount_usd) if event == "answered" else None
        ledger.note(submission_id, call(), event, answer=given)
    spent = SubmissionLedger(path).spent()
    assert spent.by_run["run"] == spent.by_persona["mara"] == pytest.approx(expected)
    assert sum(spent.by_day.values()) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("budget", "other"),
    [
        (Budget(per_run=0.25), {"run_id": "other"}),
        (Budget(per_persona=0.25), {"persona": "ingrid"}),
    ],
)
def test_a_limit_is_checked_with_the_worst_case(path: Path, budget: Budget, other: dict[str, str]) -> None:
    ledger = SubmissionLedger(path, budget=budget, run_id="run")
    for number in range(2):
        ledger.submit(call(f"shot-a{number}"), bound_usd=0.1)
    with pytest.raises(BudgetReachedError, match=r"0\.2 USD are spent.*can cost 0\.1 USD.*is 0\.25 USD"):
        ledger.submit(call("shot-a2"), bound_usd=0.1)
    assert ledger.submit(call("else-a1", **other), bound_usd=0.1), "another run or persona has its own limit"


def test_a_budget_that_fits_exactly_is_not_exceeded_by_rounding(path: Path) -> None:
    ledger = SubmissionLedger(path, budget=Budget(per_run=1.0))
    for number in range(10):
        ledger.submit(call(f"shot-a{number}"), bound_usd=0.1)
    with pytest.raises(BudgetReachedError):
        ledger.submit(call("shot-a11"), bound_usd=0.1)


def test_an_unknown_price_counts_as_configured_and_a_simulated_call_as_nothing(path: Path) -> None:
    ledger = SubmissionLedger(path, budget=Budget(per_run=2.0, unknown_price_counts_as=1.5))
    ledger.submit(call(), bound_usd=None)
    with pytest.raises(BudgetReachedError):
        ledger.submit(call("shot-a2"), bound_usd=None)
    for number in range(5):
        ledger.submit(call(f"sim-a{number}", simulated=True), bound_usd=None)


def test_what_a_known_price_leaves_over_can_be_spent(path: Path) -> None:
    ledger = SubmissionLedger(path, budget=Budget(per_run=0.15))
    submission_id = ledger.submit(call(), bound_usd=0.1)
    with pytest.raises(BudgetReachedError):
        ledger.submit(call("shot-a2"), bound_usd=0.1)
    ledger.note(submission_id, call(), "answered", answer=answer(0.04))
    assert ledger.submit(call("shot-a2"), bound_usd=0.1)


def test_a_new_day_has_a_new_budget_and_a_clock_that_goes_back_has_not(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    ledger = SubmissionLedger(path, budget=Budget(per_day=0.1), clock=clock)
    ledger.submit(call(), bound_usd=0.1)
    clock.now = NOON - timedelta(days=1)
    with pytest.raises(BudgetReachedError, match="2026-11-22"):
        ledger.submit(call("shot-a2"), bound_usd=0.1)
    assert "The clock is 86400 s behind" in caplog.text
    clock.now = NOON + timedelta(days=1)
    assert ledger.submit(call("shot-a3"), bound_usd=0.1)
    clock.now = NOON - timedelta(days=30)
    with pytest.raises(BudgetReachedError, match="2026-11-23"):
        SubmissionLedger(path, budget=Budget(per_day=0.1), clock=clock).submit(call("shot-a4"), bound_usd=0.1)


def test_jobs_at_the_same_time_do_not_overspend_together(path: Path) -> None:
    """Forty calls of 0.1 want 1.0: exactly ten get it, whoever asks first."""
    n_refused = []

    def spend(name: str) -> None:
        ledger = SubmissionLedger(path, budget=Budget(per_persona=1.0), run_id=name)
        for number in range(10):
            try:
                ledger.submit(call(f"{name}-a{number}", asset_id=name), bound_usd=0.1)
            except BudgetReachedError:
                n_refused.append(name)

    threads = [threading.Thread(target=spend, args=(f"job{i}",)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(n_refused) == 30
    assert SubmissionLedger(path).spent().by_persona["mara"] == pytest.approx(1.0)


def test_leave_is_written_down_and_lifts_the_doubt(path: Path) -> None:
    ledger = SubmissionLedger(path, run_id="job")
    ledger.submit(call(), bound_usd=0.1)
    ledger.submit(call("other-a1", asset_id="other", run_id="another"), bound_usd=0.1)
    doubtful = ledger.possibly_paid(run_id="job")
    assert [submission.call.attempt_id for submission in doubtful] == ["shot-a1"]
    ledger.release(doubtful)
    assert ledger.possibly_paid(run_id="job") == ()
    assert SubmissionLedger(path).spent().by_run["job"] == pytest.approx(0.1), "leave does not give the money back"


def test_on_a_full_disk_nothing_is_submitted(path: Path) -> None:
    ledger = SubmissionLedger(path)
    ledger.submit(call(), bound_usd=0.1)
    with nearly_full_disk(max_file_bytes=path.stat().st_size + 20), pytest.raises(WorkspaceError, match="Cannot write"):
        ledger.submit(call("shot-a2"), bound_usd=0.1)
    known = ledger.of_asset("mara", "shot")
    assert [submission.call.attempt_id for submission in known] == ["shot-a1"]


def test_a_damaged_line_is_passed_over(path: Path) -> None:
    SubmissionLedger(path).submit(call(), bound_usd=0.1)
    with path.open("ab") as file:
        file.write(b"not json\n")
    assert len(SubmissionLedger(path).of_asset("mara", "shot")) == 1

"""Sums of cost: per persona, provider and accepted asset, with the unknown kept apart."""

from __future__ import annotations

from typing import Any

import pytest

from personalab_core.observability.spending import spending, total
from personalab_core.schemas import AssetOutcome, AttemptRecord, Cost
from tests.support.records import make_attempt


def attempt(
    amount_usd: float | None, *, provider: str = "acme", accepted: bool = False, **changes: Any
) -> AttemptRecord:
    record = make_attempt(**{"outcome": AssetOutcome.ACCEPTED if accepted else None, **changes})
    context = record.context.model_copy(update={"provider": provider, "model": "m"})
    return record.model_copy(update={"context": context, "cost": Cost(amount_usd=amount_usd)})


def test_an_accepted_asset_pays_for_its_refused_attempts() -> None:
    sums = total([attempt(0.25), attempt(0.25), attempt(0.5, accepted=True), attempt(0.5, accepted=True)])
    assert (sums.attempts, sums.accepted, sums.known_usd) == (4, 2, 1.5)
    assert sums.per_accepted_usd == 0.75
    assert sums.is_complete


def test_an_unknown_price_is_counted_and_not_taken_for_nothing() -> None:
    sums = total([attempt(None), attempt(0.5, accepted=True)])
    assert (sums.known_usd, sums.n_unknown, sums.is_complete) == (0.5, 1, False)
    nothing_known = total([attempt(None, accepted=True)])
    assert (nothing_known.known_usd, nothing_known.per_accepted_usd) == (None, None)


def test_what_was_really_free_is_nothing() -> None:
    assert total([attempt(0.0, accepted=True)]).per_accepted_usd == 0.0


def test_a_call_that_was_never_answered_leaves_the_sum_in_doubt() -> None:
    doubtful = attempt(0.5).model_copy(update={"cost": Cost(amount_usd=0.5, possibly_paid=True)})
    assert (total([doubtful]).n_possibly_paid, total([doubtful]).is_complete) == (1, False)


def test_without_an_accepted_asset_there_is_no_price_of_one() -> None:
    assert total([attempt(0.5)]).per_accepted_usd is None
    assert total([]).known_usd is None


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("persona", [("ana", 0.75), ("ben", 1.0)]),
        ("provider", [("acme", 0.25), ("other", 1.5)]),
        ("model", [("acme m", 0.25), ("other m", 1.5)]),
    ],
)
def test_groups_add_up(by: Any, expected: list[tuple[str, float]]) -> None:
    attempts = [
        attempt(0.25, persona="ana"),
        attempt(0.5, persona="ana", provider="other"),
        attempt(1.0, persona="ben", provider="other"),
    ]
    assert [(group.name, group.known_usd) for group in spending(attempts, by=by)] == expected

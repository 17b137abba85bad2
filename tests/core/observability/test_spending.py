"""Sums of cost: per persona, provider and accepted asset, with the unknown kept apart."""

from __future__ import annotations

from typing import Any

import pytest

from personalab_core.observability.spending import anchors_usd, spending, total
from personalab_core.observability.submission import Call, Submission
from personalab_core.schemas import AnchorRecord, AssetOutcome, AttemptRecord, Cost, SubmissionAnswer, SubmissionEvent
from tests.support.records import NOON, make_attempt


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


def anchor(cost: Cost | None, *fruitless: Cost, **changes: Any) -> AnchorRecord:
    """A reference picture of persona ``daniperez`` that model ``acme m`` was asked for."""
    context = make_attempt().context.model_copy(update={"provider": "acme", "model": "m"})
    fields: dict[str, Any] = {
        "kind": "anchor_candidate",
        "timestamp": NOON,
        "persona": "daniperez",
        "anchor_kind": "frontal",
        "path": "daniperez/anchors/candidates/a.png",
        "image_sha256": "0" * 64,
        "context": context,
        "cost": cost,
        "fruitless_calls": fruitless,
    }
    return AnchorRecord(**{**fields, **changes})


def test_an_accepted_asset_pays_for_the_anchors_it_rests_on() -> None:
    sums = total([attempt(0.5, accepted=True)], anchors=[anchor(Cost(amount_usd=0.25)), anchor(Cost(amount_usd=0.25))])
    assert (sums.attempts, sums.anchor_calls, sums.known_usd, sums.anchors_usd) == (1, 2, 1.0, 0.5)
    assert sums.per_accepted_usd == 1.0
    assert sums.is_complete


def test_anchor_calls_that_gave_no_picture_are_counted() -> None:
    sums = total([], anchors=[anchor(Cost(amount_usd=0.25), Cost(possibly_paid=True), Cost(amount_usd=0.125))])
    assert (sums.anchor_calls, sums.known_usd, sums.n_unknown, sums.n_possibly_paid) == (3, 0.375, 1, 1)


def test_what_asked_nothing_of_a_provider_costs_nothing() -> None:
    uploaded = [anchor(None, context=None), anchor(None, kind="anchor_selected")]
    assert (total([], anchors=uploaded).anchor_calls, anchors_usd(uploaded), anchors_usd([])) == (0, 0.0, 0.0)


def test_an_anchor_recorded_before_prices_were_is_unknown() -> None:
    assert (total([], anchors=[anchor(None)]).n_unknown, anchors_usd([anchor(None)])) == (1, None)


def test_anchors_are_grouped_with_the_attempts() -> None:
    groups = spending([attempt(0.5)], by="model", anchors=[anchor(Cost(amount_usd=0.25))])
    assert [(group.name, group.known_usd) for group in groups] == [("acme m", 0.75)]


def test_what_an_unknown_price_can_have_been_is_summed_apart() -> None:
    doubtful = attempt(None).model_copy(update={"cost": Cost(possibly_paid=True, worst_case_usd=0.2)})
    sums = total([doubtful, attempt(0.5)])
    assert (sums.known_usd, sums.worst_case_usd) == (0.5, 0.2)


def text(event: SubmissionEvent, amount_usd: float | None = None, *, persona: str = "mara") -> Submission:
    call = Call(persona, "r-plan", "r-plan", "wordy", "t1", False, None, "p" * 16, None, asset_type="text")
    answer = SubmissionAnswer(cost=Cost(amount_usd=amount_usd)) if event == "answered" else None
    return Submission("r-plan-s1", call, event, NOON.date(), 1.0, NOON, answer=answer)


def test_plans_and_prompts_are_in_the_sums() -> None:
    texts = [text("answered", 0.25), text("answered"), text("unanswered"), text("refused")]
    sums = total([attempt(0.5, accepted=True)], texts=texts)
    assert (sums.attempts, sums.text_calls, sums.known_usd) == (1, 3, 0.75), "what was refused was not carried out"
    assert (sums.n_unknown, sums.n_possibly_paid, sums.worst_case_usd) == (2, 1, 2.0)
    assert sums.per_accepted_usd == 0.75
    assert [group.name for group in spending([], by="provider", texts=texts)] == ["wordy"]


def test_calls_after_a_session_s_last_picture_are_in_the_sums() -> None:
    left = AnchorRecord(
        kind="anchor_calls",
        timestamp=NOON,
        persona="mara",
        anchor_kind="smile",
        path="",
        image_sha256="",
        context=make_attempt().context,
        fruitless_calls=(Cost(amount_usd=0.25), Cost()),
    )
    sums = total([], anchors=[left])
    assert (sums.anchor_calls, sums.anchors_usd, sums.n_unknown) == (2, 0.25, 1)

"""What generation has cost, summed from records. An unknown price stays unknown in every sum.

Three kinds of record tell of calls that were paid: attempts, the reference pictures
(anchors) that a persona needs before its first attempt, and, of calls for text (plans, prompts), the
account book. What an accepted asset has cost includes all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from personalab_core.observability.submission import Submission
from personalab_core.schemas import AnchorRecord, AssetOutcome, AttemptRecord, Cost

GroupBy = Literal["persona", "provider", "model"]


@dataclass(frozen=True, slots=True)
class Spending:
    """The cost of a group of calls.

    Attributes:
        name: Persona, provider or model; ``all`` for the sum of everything.
        attempts: Attempts, refused and failed ones included.
        anchor_calls: Calls for reference pictures.
        text_calls: Calls for plans and prompts.
        accepted: Assets that were accepted.
        known_usd: Sum of the known prices; ``None`` if not one is known.
        anchors_usd: The part of it that reference pictures cost; ``None`` if none of theirs is known.
        n_unknown: Calls whose price is not known.
        n_possibly_paid: Calls that were never answered and may have been charged.
        worst_case_usd: What the calls of unknown price can have cost at most, as far as that is known.
    """

    name: str
    attempts: int
    anchor_calls: int
    text_calls: int
    accepted: int
    known_usd: float | None
    anchors_usd: float | None
    n_unknown: int
    n_possibly_paid: int
    worst_case_usd: float

    @property
    def is_complete(self) -> bool:
        """Whether every call's price is known and none is in doubt."""
        return self.n_unknown == 0 and self.n_possibly_paid == 0

    @property
    def per_accepted_usd(self) -> float | None:
        """Known cost of one accepted asset, its refused attempts and its share of the anchors included.

        ``None`` if nothing was accepted or nothing is known. Where the sum is not
        complete this is a lower bound.
        """
        if self.known_usd is None or not self.accepted:
            return None
        return self.known_usd / self.accepted


@dataclass(frozen=True, slots=True)
class _Call:
    """One call, whichever record tells of it."""

    persona: str
    provider: str
    model: str
    cost: Cost
    kind: Literal["attempt", "anchor", "text"]
    is_accepted: bool = False

    def group(self, by: GroupBy) -> str:
        names = {"persona": self.persona, "provider": self.provider, "model": f"{self.provider} {self.model}"}
        return names[by]


def spending(
    attempts: Iterable[AttemptRecord],
    *,
    by: GroupBy,
    anchors: Iterable[AnchorRecord] = (),
    texts: Iterable[Submission] = (),
) -> list[Spending]:
    """Return the cost per persona, provider or model, in alphabetical order."""
    groups: dict[str, list[_Call]] = {}
    for call in _calls(attempts, anchors, texts):
        groups.setdefault(call.group(by), []).append(call)
    return [_sum(groups[name], name) for name in sorted(groups)]


def total(
    attempts: Iterable[AttemptRecord],
    *,
    anchors: Iterable[AnchorRecord] = (),
    texts: Iterable[Submission] = (),
    name: str = "all",
) -> Spending:
    """Return the cost of everything together."""
    return _sum(list(_calls(attempts, anchors, texts)), name)


def anchors_usd(anchors: Iterable[AnchorRecord]) -> float | None:
    """Return what reference pictures have cost; 0 if no call was made, ``None`` if no price is known."""
    costs = [call.cost for call in _calls((), anchors, ())]
    return _known(costs) if costs else 0.0


def _calls(
    attempts: Iterable[AttemptRecord], anchors: Iterable[AnchorRecord], texts: Iterable[Submission]
) -> Iterator[_Call]:
    for attempt in attempts:
        context, accepted = attempt.context, attempt.outcome is AssetOutcome.ACCEPTED
        yield _Call(attempt.persona, context.provider, context.model, attempt.cost, "attempt", is_accepted=accepted)
    for anchor in anchors:
        if anchor.kind == "anchor_selected" or anchor.context is None:
            continue  # chosen or uploaded, so nothing was asked of a provider
        own = [anchor.cost or Cost()] if anchor.kind == "anchor_candidate" else []
        for cost in (*anchor.fruitless_calls, *own):
            yield _Call(anchor.persona, anchor.context.provider, anchor.context.model, cost, "anchor")
    for text in texts:
        if text.event != "refused":
            yield _Call(text.call.persona, text.call.provider, text.call.model, _cost_of(text), "text")


def _cost_of(submission: Submission) -> Cost:
    if submission.answer is not None and submission.answer.cost.amount_usd is not None:
        return submission.answer.cost
    return Cost(possibly_paid=submission.possibly_paid, worst_case_usd=submission.counts_usd)


def _sum(calls: list[_Call], name: str) -> Spending:
    unknown = [call.cost for call in calls if call.cost.amount_usd is None]
    return Spending(
        name=name,
        attempts=sum(call.kind == "attempt" for call in calls),
        anchor_calls=sum(call.kind == "anchor" for call in calls),
        text_calls=sum(call.kind == "text" for call in calls),
        accepted=sum(call.is_accepted for call in calls),
        known_usd=_known([call.cost for call in calls]),
        anchors_usd=_known([call.cost for call in calls if call.kind == "anchor"]),
        n_unknown=len(unknown),
        n_possibly_paid=sum(call.cost.possibly_paid for call in calls),
        worst_case_usd=sum(cost.worst_case_usd or 0.0 for cost in unknown),
    )


def _known(costs: Iterable[Cost]) -> float | None:
    known = [cost.amount_usd for cost in costs if cost.amount_usd is not None]
    return sum(known) if known else None

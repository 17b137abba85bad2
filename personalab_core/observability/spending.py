"""What generation has cost, summed from attempt records. An unknown price stays unknown in every sum."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from personalab_core.schemas import AssetOutcome, AttemptRecord

GroupBy = Literal["persona", "provider", "model"]

_KEYS: dict[GroupBy, Callable[[AttemptRecord], str]] = {
    "persona": lambda attempt: attempt.persona,
    "provider": lambda attempt: attempt.context.provider,
    "model": lambda attempt: f"{attempt.context.provider} {attempt.context.model}",
}


@dataclass(frozen=True, slots=True)
class Spending:
    """The cost of a group of attempts.

    Attributes:
        name: Persona, provider or model; ``all`` for the sum of everything.
        attempts: Provider calls, refused and failed ones included.
        accepted: Assets that were accepted.
        known_usd: Sum of the known prices; ``None`` if not one is known.
        n_unknown: Attempts whose price is not known.
        n_possibly_paid: Attempts that were never answered and may have been charged.
    """

    name: str
    attempts: int
    accepted: int
    known_usd: float | None
    n_unknown: int
    n_possibly_paid: int

    @property
    def is_complete(self) -> bool:
        """Whether every attempt's price is known and none is in doubt."""
        return self.n_unknown == 0 and self.n_possibly_paid == 0

    @property
    def per_accepted_usd(self) -> float | None:
        """Known cost of one accepted asset, its refused attempts included.

        ``None`` if nothing was accepted or nothing is known. Where the sum is not
        complete this is a lower bound.
        """
        if self.known_usd is None or not self.accepted:
            return None
        return self.known_usd / self.accepted


def spending(attempts: Iterable[AttemptRecord], *, by: GroupBy) -> list[Spending]:
    """Return the cost per persona, provider or model, in alphabetical order."""
    groups: dict[str, list[AttemptRecord]] = {}
    for attempt in attempts:
        groups.setdefault(_KEYS[by](attempt), []).append(attempt)
    return [total(groups[name], name=name) for name in sorted(groups)]


def total(attempts: Iterable[AttemptRecord], *, name: str = "all") -> Spending:
    """Return the cost of all the attempts together."""
    attempts = list(attempts)
    known = [attempt.cost.amount_usd for attempt in attempts if attempt.cost.amount_usd is not None]
    return Spending(
        name=name,
        attempts=len(attempts),
        accepted=sum(attempt.outcome is AssetOutcome.ACCEPTED for attempt in attempts),
        known_usd=sum(known) if known else None,
        n_unknown=len(attempts) - len(known),
        n_possibly_paid=sum(attempt.cost.possibly_paid for attempt in attempts),
    )

"""What generation has cost: per persona and per provider, and what an accepted asset came to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from personalab_core.observability.spending import spending
from personalab_core.schemas import AssetOutcome
from personalab_core.views import numbers
from personalab_core.views.history import PersonaHistory

HEADINGS = ("", "Calls", "Accepted", "Spent", "Per accepted", "Price unknown")


@dataclass(frozen=True, slots=True)
class CostsView:
    """The two tables, in the order of :data:`HEADINGS`, and what they come to in a sentence."""

    answer: str
    personas: tuple[tuple[str, ...], ...]
    providers: tuple[tuple[str, ...], ...]


@dataclass(slots=True)
class _Group:
    n: int = 0
    n_accepted: int = 0
    known_usd: float = 0.0
    n_unknown: int = 0

    def add(self, cost_usd: float | None, *, accepted: bool = False) -> None:
        self.n += 1
        self.n_accepted += accepted
        self.known_usd += cost_usd or 0.0
        self.n_unknown += cost_usd is None

    def row(self, name: str) -> tuple[str, ...]:
        at_least = "≥ " if self.n_unknown else ""
        nothing_known = self.n_unknown == self.n
        spent = "unknown" if nothing_known else f"{at_least}{numbers.money(self.known_usd)}"
        each = (
            "–"
            if nothing_known or not self.n_accepted
            else f"{at_least}{numbers.money(self.known_usd / self.n_accepted, digits=3)}"
        )
        return name, f"{self.n:,}", f"{self.n_accepted:,}", spent, each, f"{self.n_unknown:,}"


def build_costs(histories: Sequence[PersonaHistory]) -> CostsView:
    """Return what every attempt and every reference picture has cost, read from the index."""
    personas: dict[str, _Group] = {}
    providers: dict[str, _Group] = {}
    for history in histories:
        for provider, cost_usd, accepted in _calls(history):
            for groups, name in ((personas, history.name), (providers, provider)):
                groups.setdefault(name, _Group()).add(cost_usd, accepted=accepted)
    return CostsView(_answer(personas.values()), _rows(personas), _rows(providers))


def _calls(history: PersonaHistory) -> Iterable[tuple[str, float | None, bool]]:
    for provider, cost_usd, outcome in history.attempts.columns("provider", "cost_usd", "outcome"):
        yield provider, cost_usd, outcome == AssetOutcome.ACCEPTED
    for provider in spending((), by="provider", anchors=history.anchors):
        known = provider.anchor_calls - provider.n_unknown
        for n in range(provider.anchor_calls):
            # Of reference pictures the sum is known, not each price: the first of the known ones carries it.
            cost_usd = (provider.known_usd or 0.0) if n == 0 else 0.0
            yield provider.name, cost_usd if n < known else None, False


def _rows(groups: dict[str, _Group]) -> tuple[tuple[str, ...], ...]:
    return tuple(groups[name].row(name) for name in sorted(groups))


def _answer(groups: Iterable[_Group]) -> str:
    found = list(groups)
    if not found:
        return "Nothing has been asked of a provider yet."
    n_unknown = sum(group.n_unknown for group in found)
    known = numbers.money(sum(group.known_usd for group in found))
    if n_unknown:
        return f"At least {known}: the price of {numbers.plural(n_unknown, 'call')} is not known."
    return f"{known} in all, reference pictures included."

"""What generation has cost: per persona and per provider, and what an accepted asset came to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from personalab_core.observability.spending import Spending, spending
from personalab_core.observability.submission import Submission
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

    def add_calls(self, n: int, spent: Spending) -> None:
        """Add calls of which the sum is known, not each price."""
        self.n += n
        self.known_usd += spent.known_usd or 0.0
        self.n_unknown += spent.n_unknown

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


def build_costs(histories: Sequence[PersonaHistory], texts: Sequence[Submission] = ()) -> CostsView:
    """Return what every attempt, every reference picture and every call for text has cost.

    Args:
        histories: The personas; attempts are counted from the index.
        texts: The account book's calls for text, of which no other record tells.
    """
    personas: dict[str, _Group] = defaultdict(_Group)
    providers: dict[str, _Group] = defaultdict(_Group)
    for history in histories:
        for provider, cost_usd, outcome in history.attempts.columns("provider", "cost_usd", "outcome"):
            for group in (personas[history.name], providers[provider]):
                group.add(cost_usd, accepted=outcome == AssetOutcome.ACCEPTED)
        for spent in spending((), by="provider", anchors=history.anchors):
            for group in (personas[history.name], providers[spent.name]):
                group.add_calls(spent.anchor_calls, spent)
    names = {history.id: history.name for history in histories}
    for spent in spending((), by="persona", texts=texts):
        personas[names.get(spent.name, spent.name)].add_calls(spent.text_calls, spent)
    for spent in spending((), by="provider", texts=texts):
        providers[spent.name].add_calls(spent.text_calls, spent)
    return CostsView(_answer(personas.values()), _rows(personas), _rows(providers))


def _rows(groups: Mapping[str, _Group]) -> tuple[tuple[str, ...], ...]:
    return tuple(groups[name].row(name) for name in sorted(groups))


def _answer(groups: Iterable[_Group]) -> str:
    found = list(groups)
    if not found:
        return "Nothing has been asked of a provider yet."
    n_unknown = sum(group.n_unknown for group in found)
    known = numbers.money(sum(group.known_usd for group in found))
    if n_unknown:
        return f"At least {known}: the price of {numbers.plural(n_unknown, 'call')} is not known."
    return f"{known} in all, reference pictures and texts included."

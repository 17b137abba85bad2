"""What generation may cost, and what it has cost or may have cost so far."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date

from personalab_core.errors import BudgetReachedError

_TOLERANCE_USD = 1e-9
"""Sums of binary fractions: ten calls of 0.1 fit a budget of 1.0."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits in US dollars; ``None`` does not limit.

    Attributes:
        per_run: One job, or one run of a script.
        per_persona: Everything ever spent on one persona in a workspace.
        per_day: All personas together, a day of UTC.
        unknown_price_counts_as: A call whose price nothing bounds; not calibrated.
    """

    per_run: float | None = None
    per_persona: float | None = None
    per_day: float | None = None
    unknown_price_counts_as: float = 1.0


@dataclass(slots=True)
class Spent:
    """Sums over calls: known prices, and the worst case of those whose price is not, or not yet, known."""

    by_run: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    by_persona: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    by_day: defaultdict[date, float] = field(default_factory=lambda: defaultdict(float))

    def add(self, amount_usd: float, *, run: str, persona: str, day: date) -> None:
        """Count an amount; a negative one takes a part of an earlier amount back."""
        self.by_run[run] += amount_usd
        self.by_persona[persona] += amount_usd
        self.by_day[day] += amount_usd

    def check(self, budget: Budget, amount_usd: float, *, run: str, persona: str, day: date) -> None:
        """Refuse an amount that would exceed a limit.

        Raises:
            BudgetReachedError: It would.
        """
        limits = (
            ("per_run", budget.per_run, self.by_run.get(run, 0.0), "in this run"),
            ("per_persona", budget.per_persona, self.by_persona.get(persona, 0.0), f"on {persona}"),
            ("per_day", budget.per_day, self.by_day.get(day, 0.0), f"on {day.isoformat()} (UTC)"),
        )
        for name, limit, spent, where in limits:
            if limit is not None and amount_usd > 0 and spent + amount_usd > limit + _TOLERANCE_USD:
                raise BudgetReachedError(
                    f"The budget is reached: {spent:.4g} USD are spent or reserved {where}, the next call can cost "
                    f"{amount_usd:.4g} USD, and budget.{name} is {limit:.4g} USD. Nothing was sent. "
                    f"Raise budget.{name}{' or wait for tomorrow' if name == 'per_day' else ''}, then resume."
                )

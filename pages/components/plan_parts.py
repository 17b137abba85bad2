"""The browser components of the plan page: a week of days, and the pieces as a list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from pages.components.parts import component, known
from personalab_core.views.plan import ItemCard, Week

_CALENDAR, _AGENDA = map(component, ("calendar", "agenda"))


def _ignored() -> None:
    """Streamlit sends a trigger back only where a callback is registered."""


def week(one: Week, *, key: str) -> str | None:
    """Show a week as seven days and return the item just opened, if any."""
    result = _CALENDAR(key=key, data={"days": [asdict(day) for day in one.days]}, on_open_change=_ignored)
    return known(result.open, (card.id for day in one.days for card in day.items))


def agenda(cards: Sequence[ItemCard], *, key: str) -> str | None:
    """Show items under each other and return the one just opened, if any."""
    result = _AGENDA(key=key, data={"items": [asdict(card) for card in cards]}, on_open_change=_ignored)
    return known(result.open, (card.id for card in cards))

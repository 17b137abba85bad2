"""The inline browser components. They share one stylesheet, so a mark looks the same everywhere.

Rules kept here: text goes in as data and never as markup, every clickable thing is a real
button, and an id that comes back from the browser is checked against what was sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from personalab_core.views.anchors import Candidate
from personalab_core.views.attempts import AttemptCard
from personalab_core.views.faces import CompareSide
from personalab_core.views.lanes import Lane
from personalab_core.views.overview import FleetCard
from personalab_core.views.personas import PersonaCard

_BROWSER = Path(__file__).resolve().parent / "browser"
STYLESHEET = _BROWSER / "personalab.css"


def component(name: str) -> Callable[..., Any]:
    """Return the browser component whose script and sheet have this name."""

    def text(file: str) -> str:
        return (_BROWSER / file).read_text(encoding="utf-8")

    return st.components.v2.component(
        f"personalab_{name}",
        html='<div class="pl root"></div>',
        css=STYLESHEET.read_text(encoding="utf-8") + text(f"{name}.css"),
        js=text("kit.js") + text(f"{name}.js"),
    )


_FLEET, _GALLERY, _COMPARE, _LANES, _ROSTER, _SEGMENTS, _SHEET = map(
    component, ("fleet", "gallery", "compare", "lanes", "roster", "segments", "sheet")
)


@dataclass(frozen=True, slots=True)
class Option:
    """One choice of :func:`segments`; ``shape`` is the chart mark drawn before the name."""

    id: str
    name: str
    shape: str = ""


def _ignored() -> None:
    """Streamlit sends a state back only where a callback is registered."""


def _seeded(key: str, field: str) -> Any:
    return (st.session_state.get(key) or {}).get(field)


def known(value: Any, ids: Iterable[str]) -> str | None:
    """Return an id that came back from the browser if it is one of those sent, else ``None``."""
    return value if isinstance(value, str) and value in set(ids) else None


def fleet(cards: Sequence[FleetCard], *, key: str, wide: bool = False) -> str | None:
    """Show persona cards and return the id of the one just opened, if any."""
    result = _FLEET(key=key, data={"items": [asdict(c) for c in cards], "wide": wide}, on_open_change=_ignored)
    return known(result.open, (c.id for c in cards))


def roster(cards: Sequence[PersonaCard], *, key: str) -> str | None:
    """Show personas with their look in words and return the id of the one just opened, if any."""
    result = _ROSTER(key=key, data={"items": [asdict(c) for c in cards]}, on_open_change=_ignored)
    return known(result.open, (c.id for c in cards))


def gallery(candidates: Sequence[Candidate], *, key: str, label: str, default: str) -> str:
    """Show pictures as a radio group and return the id of the chosen one."""
    ids = [c.id for c in candidates]
    selected = known(_seeded(key, "selected"), ids) or default
    data = {"items": [asdict(c) for c in candidates], "label": label, "selected": selected}
    result = _GALLERY(key=key, data=data, on_selected_change=_ignored)
    return known(result.selected, ids) or selected


def compare(sides: Sequence[CompareSide], *, key: str, faces_first: bool = False) -> None:
    """Show pictures side by side with shared zoom, landmarks that can be switched off, faces at one size.

    Args:
        sides: The pictures.
        key: Where the browser keeps zoom and switches.
        faces_first: Whether to begin with the faces at one size; for pictures of different framing.
    """
    _COMPARE(key=key, data={"items": [asdict(side) for side in sides], "faces": faces_first})


def lanes(items: Sequence[Lane], *, key: str, bare: bool = False) -> str | None:
    """Show assets as lanes of attempts and return the id of the attempt just opened, if any."""
    data = {"items": [asdict(lane) for lane in items], "bare": bare}
    result = _LANES(key=key, data=data, on_open_change=_ignored)
    return known(result.open, (step.id for lane in items for step in lane.steps))


def sheet(cards: Sequence[AttemptCard], *, key: str) -> str | None:
    """Show attempts as a contact sheet and return the id of the one just opened, if any."""
    result = _SHEET(key=key, data={"items": [asdict(card) for card in cards]}, on_open_change=_ignored)
    return known(result.open, (card.id for card in cards))


def segments(options: Sequence[Option], *, key: str, label: str, multi: bool = False) -> list[str]:
    """Show a filter of a few choices and return the ids that are on; all of them if none was picked.

    Streamlit's own segmented control writes the chosen label in the primary colour, which on a
    dark page cannot be readable both as text and under the white text of a primary button.
    """
    ids = [option.id for option in options]
    seeded: Sequence[Any] = _seeded(key, "selected") or ()
    chosen = [i for i in ids if i in seeded] or (ids if multi else ids[:1])
    data: Mapping[str, Any] = {
        "options": [asdict(option) for option in options],
        "label": label,
        "multi": multi,
        "selected": chosen,
    }
    _SEGMENTS(key=key, data=data, width="content", on_selected_change=_ignored)
    return chosen

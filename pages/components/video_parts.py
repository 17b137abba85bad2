"""The browser components of the video page: player with curves, frame strip, attempts under each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from pages.components.parts import component, known
from personalab_core.views.video import Take, VideoView

_FILM, _STRIP, _TAKES = map(component, ("film", "strip", "takes"))


def _ignored() -> None:
    """Streamlit sends a trigger back only where a callback is registered."""


def film(view: VideoView, *, key: str, selected: int) -> int | None:
    """Show the player with its curves under it and return the frame just chosen there, if any."""
    data = {
        "src": view.src,
        "poster": view.poster,
        "label": view.eyebrow,
        "alt": view.alt,
        "duration_s": view.duration_s,
        "frames": [asdict(card) for card in view.frames],
        "curves": [asdict(curve) for curve in view.curves],
        "gaps": view.gaps,
        "swaps": view.swaps,
        "accept": view.accept,
        "retry": view.retry,
        "selected": selected,
    }
    return _frame(_FILM(key=key, data=data, on_pick_change=_ignored).pick, view)


def strip(view: VideoView, *, key: str, selected: int) -> int | None:
    """Show the frames as a radio group and return the one just chosen, if any."""
    items = [asdict(card) for card in view.frames]
    data = {"items": items, "src": view.src, "selected": selected, "label": "Frames of the video"}
    return _frame(_STRIP(key=key, data=data, on_pick_change=_ignored).pick, view)


def takes(items: Sequence[Take], *, key: str, accept: float) -> str | None:
    """Show attempts at one video under each other on one time axis and return the one just opened, if any."""
    data = {"items": [asdict(take) for take in items], "accept": accept}
    return known(_TAKES(key=key, data=data, on_open_change=_ignored).open, (take.id for take in items))


def _frame(value: object, view: VideoView) -> int | None:
    return value if isinstance(value, int) and any(card.index == value for card in view.frames) else None

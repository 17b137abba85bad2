"""What a page shows while many records are read for the first time."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from pages.components import loaders, snippets
from personalab_core.views import numbers
from personalab_core.views.workspace import Workspace

WORTH_SAYING_BYTES = 16_000_000
"""Less than this is read in about a second, and nobody needs to be told."""


def after_reading(page: Callable[[], None]) -> Callable[[], None]:
    """Return the page with the reading of new records before it; a long one says how far it is."""

    def shown() -> None:
        space = loaders.workspace()
        personas = [character.id for character in space.characters()]
        if personas and space.records.unread(personas) >= WORTH_SAYING_BYTES:
            _read(space, personas)
        page()

    return shown


def _read(space: Workspace, personas: list[str]) -> None:
    place = st.empty()
    with place.container():
        snippets.head(
            "One moment",
            "The records are being read.",
            "It happens once, and goes on if you leave. Later only what is new is read.",
            simulated=False,
        )
        bar = st.progress(0.0)
    space.records.refresh(personas, told=lambda done, whole: _tell(bar, done, whole))
    place.empty()


def _tell(bar: st.delta_generator.DeltaGenerator, done: int, whole: int) -> None:
    mb, of = round(done / 1e6), round(whole / 1e6)
    bar.progress(min(1.0, done / whole) if whole else 1.0, text=f"{mb} of {of}{numbers.NBSP}MB")

"""Clicks that a page acts on itself, kept until it does.

Streamlit cuts a run short when other news comes from the browser, and what was clicked is then forgotten: a button
returns ``True`` in one run only. A click that is kept is found by the run that follows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

_KEPT = "clicks.kept"


def button(label: str, *, key: str, **options: Any) -> bool:
    """Show a button; return once whether it was clicked since the page last got as far as here."""
    kept = _kept()
    # The callback runs before the page and does not touch the session, where a run may be cut short, too.
    st.button(label, key=key, on_click=kept.add, args=(key,), **options)
    clicked = key in kept
    kept.discard(key)
    return clicked


def download(
    label: str, data: str | bytes | Callable[[], str | bytes], file_name: str, *, key: str, mime: str | None = None
) -> None:
    """Show a button that saves a file; what is callable is called when it is clicked.

    The page is not drawn again for it: Streamlit withdraws what an older drawing offered, and on a slow machine that
    comes before the file is made.
    """
    st.download_button(label, data, file_name, mime, key=key, on_click="ignore")


def place(key: str) -> DeltaGenerator:
    """Return a place for one button that comes and goes, to be used with ``with`` whether it is there or not.

    Streamlit leaves a button that is gone until the run ends. In a place it does not push its successor aside, so
    that what a person aims at stays under the pointer; the stylesheet lays one over the other.
    """
    return st.container(key=f"place-{key}", width="content")


def forget() -> None:
    """Forget, at the end of a page, the clicks on buttons that it did not show; they must not act later."""
    _kept().clear()


def _kept() -> set[str]:
    kept: set[str] = st.session_state.setdefault(_KEPT, set())
    return kept

"""Drawers at the right. Which one is open is remembered, so that one stays open whatever else the page redraws."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from pages.components import access

_OPEN = "dialogs.open"


def opener(label: str, name: str, *, help: str | None = None, disabled: bool = False) -> None:  # noqa: A002
    """Show a button that opens a drawer."""
    if access.button(label, key=name, help=help, disabled=disabled):
        st.session_state[_OPEN] = name


def show(name: str, title: str, body: Callable[[], None]) -> None:
    """Show a drawer if it is the open one.

    Args:
        name: The key of the button that opens it.
        title: What it is for.
        body: Draws it; calls :func:`close` when the person is through with it.
    """
    if st.session_state.get(_OPEN) != name:
        return

    def drawn() -> None:
        # A drawer hangs beside the app, not in it, and does not inherit the theme that light-dark() asks for.
        st.html(f"<style>[role=dialog] {{ color-scheme: {st.context.theme.type or 'light'}; }}</style>")
        body()

    st.dialog(title, position="right", on_dismiss=close)(drawn)()


def close() -> None:
    """Forget the open drawer; the next run shows none."""
    st.session_state.pop(_OPEN, None)

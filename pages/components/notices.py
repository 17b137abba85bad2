"""Sentences about what went wrong, and what a page says when there is nothing to show yet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import streamlit as st

from pages.components import snippets
from personalab_core.errors import PersonalabError
from personalab_core.views import numbers


def show_error(what: str, sentence: str, *, details: str = "") -> None:
    """Say in place of the page what happened, and in a second sentence what is safe or what to do."""
    snippets.head("Something is wrong", what, sentence, simulated=False)
    if details:
        with st.expander("Details"):
            st.code(details, language=None)


def show_part_error(what: str, sentence: str, *, details: str = "") -> None:
    """Say in place of a part of the page what happened; the rest of the page stands."""
    st.error(" ".join(part for part in (what, sentence, details) if part))


_REFUSED = "notices.refused"
_REFUSED_FOR = timedelta(seconds=8)
"""So long a refusal stays on a page that is drawn again every second."""


def do(work: Callable[[], object]) -> None:
    """Do what a click asks for; a refusal is kept for :func:`show_refused`.

    For a button's ``on_click``: Streamlit calls it before the page is drawn again, so that no other news from the
    browser can cut the page short between the click and the work, which loses clicks that the page itself looks for.
    """
    try:
        work()
    except PersonalabError as error:
        st.session_state[_REFUSED] = (str(error), datetime.now(UTC) + _REFUSED_FOR)


def show_refused() -> None:
    """Say for a while why the last click did nothing, if it was refused."""
    sentence, until = st.session_state.get(_REFUSED) or ("", datetime.now(UTC))
    if datetime.now(UTC) < until:
        show_refusal(sentence)
    else:
        st.session_state.pop(_REFUSED, None)


def show_refusal(sentence: str) -> None:
    """Say that what was asked for was not done, and why; nothing else of the page changes."""
    st.error(sentence)


def show_problems(problems: Sequence[str]) -> None:
    """Say below the page which records could not be read; the rest is shown as usual."""
    if not problems:
        return
    n = len(problems)
    with st.expander(f"{numbers.plural(n, 'record or file', 'records or files')} could not be read"):
        for problem in problems[:50]:
            st.text(problem)
        if n > 50:
            st.text(f"and {n - 50} more")

"""What a page remembers: in the address, so that a link shows the same, and in the session across pages."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import streamlit as st

from personalab_core.views.conditions import PageName

PERSONA = "persona"
ATTEMPT = "attempt"
RUN = "run"
_CHOSEN = "state.persona"
_EVERYONE = ""


def chosen_persona(names: Mapping[str, str], *, everyone: bool = False) -> str | None:
    """Show the choice of a persona and return the chosen id; ``None`` is everyone.

    Args:
        names: Ids to full names; whatever the address says is checked against them.
        everyone: Whether all personas together are a choice.
    """
    # Not None: Streamlit takes that for "nothing chosen yet".
    options = [*([_EVERYONE] if everyone else []), *names]
    wanted = _wanted()
    key = f"choice.{'anyone' if everyone else 'persona'}"
    # The address decides; a choice has changed it before this line runs again.
    st.session_state[key] = wanted if wanted in options else options[0]
    chosen = st.selectbox(
        "Persona",
        options,
        format_func=lambda persona: names.get(persona, "Everyone"),
        key=key,
        on_change=_choice_made,
        args=(key,),
        label_visibility="collapsed",
    )
    remember_persona(chosen or None)
    return chosen or None


def _choice_made(key: str) -> None:
    remember_persona(st.session_state[key] or None)


def _wanted() -> str | None:
    return st.query_params.get(PERSONA) or st.session_state.get(_CHOSEN)


def current_persona(ids: Collection[str]) -> str:
    """Return the persona that the address or the session names, else the first one."""
    wanted = _wanted()
    return wanted if wanted in ids else next(iter(ids))


def remember_persona(persona: str | None) -> None:
    """Keep a persona for this page's address and for the other pages."""
    if persona is None:
        st.query_params.pop(PERSONA, None)
        st.session_state.pop(_CHOSEN, None)
    else:
        st.query_params[PERSONA] = persona
        st.session_state[_CHOSEN] = persona


def go(page: PageName, persona: str | None = None, **address: str) -> None:
    """Open another page of the dashboard for a persona."""
    where = {PERSONA: persona, **address} if persona else address
    st.switch_page(f"{page}.py", query_params=where)


def page_of_run(kind: str) -> PageName:
    """Return the page that shows a kind of job."""
    pages: dict[str, PageName] = {
        "generate_anchors": "anchors",
        "evaluate_pictures": "evaluate",
        "evaluate_video": "video",
        "batch": "plan",
        "new_plan": "plan",
        "export": "export",
    }
    return pages.get(kind, "generate")


def address(name: str) -> str | None:
    """Return a value of the page's address, or ``None``; it is unchecked and must be looked up, never used."""
    return st.query_params.get(name)

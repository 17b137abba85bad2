"""The contact sheet of all attempts, with its filters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import pandas as pd
import streamlit as st

from pages.components import loaders, notices, parts, snippets, state
from personalab_core.schemas import Reason
from personalab_core.views import words
from personalab_core.views.attempts import DECISIONS, AttemptFilter, AttemptsView, build_attempts_view
from personalab_core.views.history import PersonaHistory

DECISION, REASON, PAGE, LOOK = "attempts.decision", "attempts.reason", "attempts.page", "attempts.look"


def show(histories: Sequence[PersonaHistory], *, simulated: bool) -> None:
    """Show the attempts that the filters let through, newest first."""
    left, right = st.columns([7, 3], vertical_alignment="bottom", gap="medium")
    with right:
        persona = state.chosen_persona({h.id: h.name for h in histories}, everyone=True)
    reason = st.session_state.get(REASON)
    view = build_attempts_view(
        histories,
        AttemptFilter(
            persona=persona,
            decision=_one(DECISION, "all"),
            reason=Reason(reason) if reason in set(Reason) else None,
            page=st.session_state.get(PAGE) or 1,
        ),
        now=loaders.now(),
        zone=loaders.zone(),
    )
    with left:
        eyebrow = "Attempts" if persona is None else f"Attempts of {next(h.name for h in histories if h.id == persona)}"
        snippets.head(eyebrow, view.answer, view.detail, simulated=view.simulated or simulated)
    st.space("small")
    if view.n_all:
        _filters(view)
        _sheet(view)
    elif st.button("Generate pictures", type="primary", key="attempts.generate"):
        state.go("generate", persona)
    notices.show_problems(view.problems)


def _one(key: str, default: str) -> str:
    """Return the choice of a segments control before it is drawn."""
    chosen = (st.session_state.get(key) or {}).get("selected") or [default]
    return chosen[0] if isinstance(chosen[0], str) else default


def _filters(view: AttemptsView) -> None:
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        parts.segments([parts.Option(i, name) for i, name in DECISIONS.items()], key=DECISION, label="Decision")
        st.selectbox(
            "Reason",
            [None, *view.reasons],
            format_func=lambda reason: words.REASONS[reason] if reason else "Any reason",
            key=REASON,
            label_visibility="collapsed",
            width=230,
        )
        looks = [parts.Option("pictures", "Pictures"), parts.Option("table", "Table")]
        parts.segments(looks, key=LOOK, label="Look")
        if view.n_matching < view.n_all:
            st.button("Clear filters", key="attempts.clear", on_click=_clear)


def _clear() -> None:
    for key in (DECISION, REASON, PAGE):
        st.session_state.pop(key, None)


def _sheet(view: AttemptsView) -> None:
    opened = _table(view) if _one(LOOK, "pictures") == "table" else parts.sheet(view.cards, key="attempts.sheet")
    if opened:
        st.query_params[state.ATTEMPT] = opened
        st.rerun()
    if view.n_pages > 1:
        with st.container(horizontal=True, horizontal_alignment="center"):
            st.pagination(view.n_pages, default=view.page, key=PAGE)


def _table(view: AttemptsView) -> str | None:
    """Show the same attempts as a table and return the id of the row just picked, if any."""
    frame = pd.DataFrame([asdict(row) for row in view.rows])
    event = st.dataframe(
        frame,
        hide_index=True,
        key=f"attempts.table.{view.page}",
        on_select="rerun",
        selection_mode="single-row",
        column_order=[name for name in frame.columns if name != "id"],
        column_config={
            "thumbnail": st.column_config.ImageColumn("Picture", width="small"),
            "persona": "Persona",
            "when": st.column_config.DatetimeColumn("When", format="D MMM, HH:mm"),
            "asset": "Asset",
            "attempt": st.column_config.NumberColumn("Attempt", width="small"),
            "decision": "Decision",
            "score": st.column_config.NumberColumn("Score", format="%.2f", width="small"),
            "reason": "Reason",
            "framing": "Framing",
            "provider": "Provider",
        },
        alt=f"Table of {len(view.rows)} attempts, newest first",
    )
    rows = event["selection"]["rows"]
    return view.rows[rows[0]].id if rows and rows[0] < len(view.rows) else None

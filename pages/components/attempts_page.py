"""The contact sheet of all attempts, with its filters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import date

import pandas as pd
import streamlit as st

from pages.components import clicks, loaders, notices, parts, snippets, state
from personalab_core.schemas import Reason
from personalab_core.views import words
from personalab_core.views.attempts import DECISIONS, AttemptFilter, AttemptsView, build_attempts_view
from personalab_core.views.history import PersonaHistory

DECISION, REASON, PAGE, LOOK = "attempts.decision", "attempts.reason", "attempts.page", "attempts.look"
PROVIDER, FRAMING, DAYS, SCORES = "attempts.provider", "attempts.framing", "attempts.days", "attempts.scores"


def show(histories: Sequence[PersonaHistory], *, simulated: bool) -> None:
    """Show the attempts that the filters let through, newest first."""
    left, right = st.columns([7, 3], vertical_alignment="bottom", gap="medium")
    with right:
        persona = state.chosen_persona({h.id: h.name for h in histories}, everyone=True)
    view = build_attempts_view(histories, wanted(persona), now=loaders.now(), zone=loaders.zone())
    with left:
        eyebrow = "Attempts" if persona is None else f"Attempts of {next(h.name for h in histories if h.id == persona)}"
        snippets.head(eyebrow, view.answer, view.detail, simulated=view.simulated or simulated)
    st.space("small")
    if view.n_all:
        _filters(view)
        _sheet(view)
    elif clicks.button("Generate pictures", type="primary", key="attempts.generate"):
        state.go("generate", persona)
    notices.show_problems(view.problems)


def wanted(persona: str | None) -> AttemptFilter:
    """Return what the filters say before they are drawn; whatever the browser sent is checked."""
    reason = st.session_state.get(REASON)
    first, last = _days(st.session_state.get(DAYS))
    return AttemptFilter(
        persona=persona,
        decision=_one(DECISION, "all"),
        reason=Reason(reason) if reason in set(Reason) else None,
        provider=st.session_state.get(PROVIDER),
        framing=st.session_state.get(FRAMING),
        first_day=first,
        last_day=last,
        scores=_scores(st.session_state.get(SCORES)),
        page=st.session_state.get(PAGE) or 1,
    )


def _days(chosen: object) -> tuple[date | None, date | None]:
    """Return the chosen days; while only the first one is chosen, everything since then."""
    days = [day for day in chosen if isinstance(day, date)] if isinstance(chosen, tuple | list) else []
    return (days[0] if days else None), (days[1] if len(days) > 1 else None)


def _scores(chosen: object) -> tuple[float, float]:
    if isinstance(chosen, tuple | list) and len(chosen) == 2:
        low, high = (min(max(float(value), 0.0), 1.0) for value in chosen)
        return min(low, high), max(low, high)
    return 0.0, 1.0


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
        _choice("Any provider", view.providers, PROVIDER, words.provider_name)
        _choice("Any framing", view.framings, FRAMING, words.FRAMINGS.get)
        with st.popover("Days and scores"):
            st.date_input("Days", value=(), key=DAYS, format="YYYY-MM-DD")
            st.slider("Score", 0.0, 1.0, (0.0, 1.0), 0.01, key=SCORES, help="Attempts without a score are left out.")
        looks = [parts.Option("pictures", "Pictures"), parts.Option("table", "Table")]
        parts.segments(looks, key=LOOK, label="Look")
        if view.n_matching < view.n_all:
            st.button("Clear filters", key="attempts.clear", on_click=_clear)


def _choice(anything: str, options: Sequence[str], key: str, named: Callable[[str], str | None]) -> None:
    """Show a filter of one column; none where there is nothing to choose from."""
    if len(options) > 1 or st.session_state.get(key):
        st.selectbox(
            anything,
            [None, *options],
            format_func=lambda option: anything if option is None else named(option) or option,
            key=key,
            label_visibility="collapsed",
            width=170,
        )


def _clear() -> None:
    for key in (DECISION, REASON, PROVIDER, FRAMING, DAYS, SCORES, PAGE):
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
            "when": st.column_config.DatetimeColumn("When", format="D MMM, HH:mm", timezone=str(loaders.zone())),
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

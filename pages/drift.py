"""Drift: has this person slowly become someone else?"""

from __future__ import annotations

import streamlit as st

from pages.components import charts, loaders, notices, parts, snippets, state
from personalab_core.views import words
from personalab_core.views.drift import DriftFilter, DriftView, PickedRecord, build_drift_view, pick_record
from personalab_core.views.history import PersonaHistory
from personalab_core.views.levels import CALIBRATION_RECORDS, NOTICEABLE_ERRORS, RECENT_RECORDS

CHART, PICKED, SIZES, PROVIDERS = "drift.chart", "drift.picked", "drift.sizes", "drift.providers"

space = loaders.workspace()
histories = {history.id: history for history in space.histories()}


def clicked() -> str | None:
    """Return the record that was clicked last; the chart forgets it when it changes, this page does not."""
    event = st.session_state.get(CHART) or {}
    points = event["selection"]["points"] if event else []
    if points and "customdata" in points[0]:
        value = points[0]["customdata"]
        st.session_state[PICKED] = value[0] if isinstance(value, list) else value
    return st.session_state.get(PICKED)


def show_timeline(history: PersonaHistory, whole: DriftView) -> None:
    """Show the filters and the chart."""
    snippets.section(whole.title, whole.lead)
    sizes, providers = list(whole.frame_sizes), list(whole.providers)
    with st.container(horizontal=True, gap="small"):
        if len(sizes) > 1:
            options = [parts.Option(s, words.FRAME_SIZES[s].capitalize(), charts.SHAPES[s]) for s in sizes]
            sizes = parts.segments(options, key=SIZES, label="Framing", multi=True)
        if len(providers) > 1:
            options = [parts.Option(p, p.capitalize()) for p in providers]
            providers = parts.segments(options, key=PROVIDERS, label="Provider", multi=True)
    view = build_drift_view(history, DriftFilter(tuple(sizes), tuple(providers)))
    charts.show(
        charts.draw_timeline(view, clicked() or view.last_attempt_id),
        key=CHART,
        height=440,
        alt=view.alt,
        on_select="rerun",
    )


def show_picked(picked: PickedRecord, persona: str) -> None:
    """Show the clicked record beside the anchor."""
    snippets.section(picked.title, "Faces cut to the same size.")
    snippets.block(snippets.faces((picked.anchor, picked.face)))
    listed = snippets.facts(picked.facts, mark=picked.mark)
    snippets.block(snippets.beside(picked.whole, listed) if picked.whole else listed)
    if st.button("Open this attempt", key="drift.open", width="stretch"):
        state.go("attempts", persona, **{state.ATTEMPT: picked.attempt_id})


@st.fragment
def body(history: PersonaHistory, view: DriftView) -> None:
    """Show chart and picture; a click reruns only these."""
    a, b = st.columns([9, 4], gap="large")
    with a:
        show_timeline(history, view)
    picked = pick_record(history, st.session_state.get(PICKED), now=loaders.now(), zone=loaders.zone())
    if picked:
        with b:
            show_picked(picked, history.id)


left, right = st.columns([7, 3], vertical_alignment="bottom", gap="medium")
with right:
    persona = state.chosen_persona({h.id: h.name for h in histories.values()}) if histories else None
if persona is None:
    with left:
        snippets.head(
            "Drift", "No persona yet.", "It begins with a name and a look in words.", simulated=space.config.simulated
        )
else:
    history = histories[persona]
    view = build_drift_view(history, DriftFilter())
    with left:
        snippets.head(
            f"Drift of {history.name}",
            view.answer,
            view.detail,
            simulated=view.simulated or space.config.simulated,
            picture=view.anchor,
            mark=view.mark,
        )
    st.space("small")
    if view.n_records:
        body(history, view)
        with st.expander("How this is measured"):
            st.markdown(
                "Each point is the composite score of one measured picture against the anchor. The blue line is the "
                f"mean of the last {RECENT_RECORDS} accepted pictures. The grey field holds the first "
                f"{CALIBRATION_RECORDS}, which say what is normal; the newest {RECENT_RECORDS} are compared with them "
                f"framing by framing, and a difference of {NOTICEABLE_ERRORS} standard errors is worth a look. "
                "That limit is not calibrated. Refused pictures are slips and faults; they are counted, not averaged. "
                "The slope is a straight line through the newest records; on a steady persona its sign is close to a "
                "coin toss, so it is no alarm."
            )
    elif st.button("Generate pictures", type="primary", key="drift.generate"):
        state.go("generate", persona)
    notices.show_problems(view.problems)

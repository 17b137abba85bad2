"""Drift: has this person slowly become someone else, since when, and why?"""

from __future__ import annotations

from functools import partial

import streamlit as st

from pages.components import access, charts, clicks, drift_chart, frame, loaders, notices, parts, snippets, state
from personalab_core.jobs.judging import log_path
from personalab_core.views import words
from personalab_core.views.drift import (
    BASELINE,
    DriftFilter,
    DriftView,
    PickedRecord,
    build_comparison,
    build_drift_view,
    pick_record,
    timeline_csv,
)
from personalab_core.views.history import PersonaHistory, judged_so_far
from personalab_core.views.report import IdentityReport, build_report, months_of
from personalab_core.views.report_files import INSTALL, can_write_pdf, to_html, to_pdf

CHART, PICKED, SIZES, PROVIDERS = "drift.chart", "drift.picked", "drift.sizes", "drift.providers"
REASON, COMPARED, MONTH = "drift.reason", "drift.compared", "drift.month"
EVENTS_SHOWN = 20
JUDGING_EVERY_S = 2.0

space = loaders.workspace()
histories = {history.id: history for history in space.histories()}


def view_of(history: PersonaHistory, wanted: DriftFilter) -> DriftView:
    """Return the view in the viewer's time zone."""
    return build_drift_view(history, wanted, now=loaders.now(), zone=loaders.zone())


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
            options = [parts.Option(s, words.FRAME_SIZES[s].capitalize(), drift_chart.SHAPES[s]) for s in sizes]
            sizes = parts.segments(options, key=SIZES, label="Framing", multi=True)
        if len(providers) > 1:
            options = [parts.Option(p, p.capitalize()) for p in providers]
            providers = parts.segments(options, key=PROVIDERS, label="Provider", multi=True)
    wanted = DriftFilter(tuple(sizes), tuple(providers))
    view = whole if wanted == DriftFilter(whole.frame_sizes, whole.providers) else view_of(history, wanted)
    charts.show(
        drift_chart.draw_timeline(view, clicked() or view.last_attempt_id),
        key=CHART,
        height=drift_chart.timeline_height(view),
        alt=view.alt,
        on_select="rerun",
        file_name=f"drift-{history.id}",
    )


def show_picked(picked: PickedRecord, persona: str) -> None:
    """Show the clicked record beside the anchor."""
    snippets.section(picked.title, "Faces cut to the same size.")
    snippets.block(snippets.faces((picked.anchor, picked.face)))
    listed = snippets.facts(picked.facts, mark=picked.mark)
    snippets.block(snippets.beside(picked.whole, listed) if picked.whole else listed)
    if clicks.button("Open this attempt", key="drift.open", width="stretch"):
        state.go("attempts", persona, **{state.ATTEMPT: picked.attempt_id})


@frame.fragment(of="part")
def body(history: PersonaHistory, view: DriftView) -> None:
    """Show chart and picture; a click reruns only these."""
    a, b = st.columns([9, 4], gap="large")
    with a:
        show_timeline(history, view)
    picked = pick_record(history, st.session_state.get(PICKED), now=loaders.now(), zone=loaders.zone())
    if picked:
        with b:
            show_picked(picked, history.id)


@frame.fragment(of="part", every_s=JUDGING_EVERY_S)
def follow(history: PersonaHistory) -> None:
    """Say how many records are judged; draws the page again once all are, or nobody goes on."""
    history = space.history(history.character)
    found = history.monitored
    if found is None or not found.behind_bytes or not space.records.judge.busy:
        st.rerun()
    share = min(1.0, found.status.n / len(history.timeline))
    st.progress(share, text=f"{judged_so_far(history)} are judged. It goes on if you leave.")
    st.space("small")


def show_judging(history: PersonaHistory, view: DriftView) -> None:
    """Show how far the judging of a long timeline is, or where it says why it came no further."""
    if not view.behind:
        return
    if space.records.judge.busy:
        follow(history)
    elif not history.behind:
        st.rerun()
    else:
        log = log_path(space.config.evaluation.drift.log_dir)
        st.warning(f"The rest could not be judged; {log} says why. It is tried again when you reload.")


def answer(persona: str, *, accept: bool) -> None:
    """Record what a person says to a change."""
    space.answer_change(persona, accept=accept, reason=st.session_state.get(REASON, ""))
    st.session_state[REASON] = ""


def ask(history: PersonaHistory, view: DriftView) -> None:
    """Let a person say whether the change is normal."""
    if not view.asks:
        return
    snippets.section(
        "Is this normal from now on?",
        "Accepting begins a new baseline where the change began. Holding keeps the old one. Both are recorded.",
    )
    reason = st.text_input("Reason", key=REASON, placeholder="New hair colour, agreed with the client", max_chars=300)
    missing = not (reason and reason.strip())
    accept, hold = (partial(answer, history.id, accept=accept) for accept in (True, False))
    with st.container(horizontal=True, gap="small"):
        access.act("Accept as the new normal", accept, key="drift.accept", type="primary", disabled=missing)
        access.act("Hold the old baseline", hold, key="drift.hold", disabled=missing)
    notices.show_refused()


def show_events(_history: PersonaHistory, view: DriftView) -> None:
    """Show what was found and answered."""
    if not view.events:
        return
    snippets.section("What was found, and what was answered", "Newest first. Records are counted from the first one.")
    rows = [(e.when, e.what, e.record, e.said, e.reason) for e in view.events[:EVENTS_SHOWN]]
    snippets.block(snippets.table(("When", "What", "Record", "In words", "Reason"), rows))
    if len(view.events) > EVENTS_SHOWN:
        st.caption(f"The newest {EVENTS_SHOWN} of {len(view.events)}.")


@frame.fragment(of="part")
def compare(history: PersonaHistory, _view: DriftView) -> None:
    """Show other personas in one chart with this one; a choice reruns only this."""
    others = {h.id: h for h in histories.values() if h.id != history.id and h.timeline}
    if not others:
        return
    chosen = st.multiselect(
        "Compare with", list(others), format_func=lambda persona: others[persona].name, key=COMPARED
    )
    if chosen:
        comparison = build_comparison([history, *(others[persona] for persona in chosen)])
        charts.show(drift_chart.draw_comparison(comparison), key="drift.comparison", height=300, alt=comparison.alt)


def show_series(_history: PersonaHistory, view: DriftView) -> None:
    """Show providers side by side, and the fixed prompts."""
    if view.by_source:
        snippets.section("Providers by themselves", "Adjusted level of each provider and model.")
        charts.show(drift_chart.draw_sources(view), key="drift.bysource", height=260, alt="Adjusted level by provider.")
    if view.canaries:
        snippets.section(f"Canaries: {view.canaries.answer}", view.canaries.meaning)
        alt = f"Scores of the fixed prompts. {view.canaries.answer}"
        charts.show(drift_chart.draw_canaries(view), key="drift.canaries", height=220, alt=alt)


def show_saving(history: PersonaHistory, _view: DriftView) -> None:
    """Offer the records, and the month's report for a client; each is made when it is asked for."""
    found = history.monitored
    if found is None or found.behind_bytes:
        return
    snippets.section("To hand on", "A month's report says what was made, how stable it was, and how that was measured.")
    months = {month.name: month for month in months_of(history)}
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        if months:
            chosen = months[st.selectbox("Month", list(months), key=MONTH, width=200)]
            name = f"{history.id}-{chosen.start:%Y-%m}"

            def report() -> IdentityReport:
                return build_report(history, chosen, rooms=space.rooms, now=loaders.now())

            if can_write_pdf():
                clicks.download("Save report as PDF", lambda: to_pdf(report()), f"{name}.pdf", key="drift.pdf")
            clicks.download("Save report as HTML", lambda: to_html(report()), f"{name}.html", key="drift.html")
        file_name = f"drift-{history.id}.csv"
        clicks.download("Save all records as CSV", lambda: timeline_csv(found), file_name, key="drift.csv")
    if not can_write_pdf():
        st.caption(f"The report as PDF needs one more package: {INSTALL}")


def explain(_history: PersonaHistory, view: DriftView) -> None:
    """Say how all this is measured."""
    with st.expander("How this is measured"):
        st.markdown(
            "Each point is the composite score of one measured picture against the anchor, accepted or not. Each is "
            "compared with what the persona's own baseline expects of such a picture: its framing, provider, face size "
            f"and patches. The first {BASELINE} records say what is normal; it then follows behind, up to 200 records. "
            "The line is the exponentially weighted mean of what is left, its field the limits; the strips below show "
            "how near failures, scatter and the direction of the embedding are to theirs. In a simulated persona in "
            "whom nothing changes, the four together raise one false alarm in about 1,000 records. That was "
            f"not calibrated on real pictures. {view.slope}"
        )


PARTS = (show_judging, body, ask, show_events, show_series, compare, show_saving, explain)


def show_parts(history: PersonaHistory, view: DriftView) -> None:
    """Show each part in a place of its own: one that comes or goes leaves what is open in the others alone."""
    for part in PARTS:
        with st.container():
            part(history, view)


left, right = st.columns([7, 3], vertical_alignment="bottom", gap="medium")
with right:
    persona = state.chosen_persona({h.id: h.name for h in histories.values()}) if histories else None
if persona is None:
    with left:
        snippets.head(
            "Drift",
            "No persona yet.",
            "It begins with a name and a look in words.",
            simulated=space.config.simulates("image"),
        )
else:
    history = histories[persona]
    view = view_of(history, DriftFilter())
    with left:
        snippets.head(
            f"Drift of {history.name}",
            view.answer,
            view.detail,
            simulated=view.simulated or space.config.simulates("image"),
            picture=view.anchor,
            mark=view.mark,
        )
    st.space("small")
    if view.n_records:
        show_parts(history, view)
    elif clicks.button("Generate pictures", type="primary", key="drift.generate"):
        state.go("generate", persona)
    notices.show_problems(view.problems)

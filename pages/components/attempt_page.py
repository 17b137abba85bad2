"""One attempt: anchor and candidate side by side, then the numbers, then the formula."""

from __future__ import annotations

from functools import partial

import streamlit as st

from pages.components import access, charts, clicks, dialogs, loaders, notices, parts, snippets, state
from personalab_core.errors import PersonalabError
from personalab_core.schemas import AttemptRecord, Decision
from personalab_core.views import numbers, words
from personalab_core.views.attempt import AttemptView, build_attempt_view
from personalab_core.views.history import PersonaHistory
from personalab_core.views.workspace import Workspace

DISAGREE = "attempt.disagree"
_CHOICES = {Decision.ACCEPT: "Accepted", Decision.REJECT_FINAL: "Rejected", None: "As measured"}


def show(space: Workspace, history: PersonaHistory, attempt: AttemptRecord) -> None:
    """Show everything about one attempt."""
    scoring = space.config.evaluation.scoring
    weights = (scoring.weights.embedding, scoring.weights.geometric)
    view = build_attempt_view(history, attempt, weights=weights, now=loaders.now(), zone=loaders.zone())
    _head(history, view)
    dialogs.show(DISAGREE, "Decide otherwise", partial(_disagree, space, history, attempt, view))
    a, b = st.columns([3, 2], gap="large")
    with a:
        parts.compare(view.sides, key=f"attempt.compare.{attempt.attempt_id}", faces_first=view.faces_first)
        st.space("small")
        _ratios(view)
        _siblings(view)
    with b:
        _scores(view)
        snippets.section("Facts", below=True)
        snippets.block(snippets.facts(view.facts))
        snippets.section(view.prompt.title, view.prompt.lead, below=True)
        snippets.block(snippets.diff(view.prompt.parts))
        if view.prompt.whole:
            with st.expander("The whole prompt of this attempt"):
                snippets.block(snippets.diff([("=", view.prompt.whole)]))


def _siblings(view: AttemptView) -> None:
    snippets.section(f"All attempts of {view.siblings.title.lower()}", below=True)
    opened = parts.lanes([view.siblings], key="attempt.siblings", bare=True)
    if opened:
        _open(opened)


def _head(history: PersonaHistory, view: AttemptView) -> None:
    left, right = st.columns([3, 2], vertical_alignment="bottom", gap="large")
    with left:
        snippets.head(view.eyebrow, view.answer, view.detail, simulated=view.simulated, mark=view.mark)
        if view.override:
            snippets.block(snippets.note("Decided by a person.", view.override))
    with right, st.container(horizontal=True, horizontal_alignment="right"):
        if clicks.button("All attempts", key="attempt.back"):
            state.go("attempts", history.id)
        dialogs.opener("Change your decision" if view.override else "Disagree", DISAGREE)
        if view.previous_id and clicks.button("Previous attempt", key="attempt.previous"):
            _open(view.previous_id)
        if view.next_id and clicks.button("Next attempt", type="primary", key="attempt.next"):
            _open(view.next_id)
    st.space("small")


def _disagree(space: Workspace, history: PersonaHistory, attempt: AttemptRecord, view: AttemptView) -> None:
    """Ask for a decision and a reason; what was measured stays in sight and in the records."""
    rows = [("Score", numbers.score(attempt.scores.composite)), ("Reason", words.REASONS[attempt.reason])]
    snippets.block(snippets.facts(rows, mark=view.measured))
    present = history.attempts.overrides.get(attempt.attempt_id)
    choices = [c for c in _CHOICES if c is not attempt.decision and (c is not Decision.ACCEPT or attempt.image_path)]
    if present is None:
        choices.remove(None)
    decision = st.radio("Your decision", choices, format_func=_CHOICES.get, key="attempt.decision")
    reason = st.text_input("Why", max_chars=400, placeholder="such as: client approved", live=True, key="attempt.why")
    snippets.small(
        "It stands beside the measured decision and counts from now on: in the acceptance rate and the list of "
        "accepted assets. Scores and timeline stay as they were measured. Nothing is overwritten."
    )
    if not access.button("Record it", type="primary", key="attempt.record", disabled=not reason.strip()):
        return
    try:
        space.override(attempt, decision if decision in choices else None, reason=reason)
    except PersonalabError as error:
        notices.show_refusal(str(error))
        return
    dialogs.close()
    st.rerun()


def _open(attempt_id: str) -> None:
    dialogs.close()
    st.query_params[state.ATTEMPT] = attempt_id
    st.rerun()


def _scores(view: AttemptView) -> None:
    if not view.scores:
        snippets.section("There is no score", "What could not be measured has no number, and it is never a zero.")
        return
    snippets.section("How the score came about")
    snippets.block(snippets.scores(view.scores), snippets.lead(words.UNCALIBRATED))
    if view.formula:
        with st.expander("Formula"):
            st.code(view.formula, language=None)


def _ratios(view: AttemptView) -> None:
    if view.ratios is None:
        snippets.section("Proportions were not measured", "They need a face with landmarks in both pictures.")
        return
    snippets.section(
        view.ratios.title, "Difference from the anchor, each ratio divided by the distance between the eyes."
    )
    height = 60 + 34 * len(view.ratios.rows)
    charts.show(charts.draw_ratios(view.ratios), key="attempt.ratios", height=height, alt=view.ratios.alt)

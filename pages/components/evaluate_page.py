"""The results of one evaluation: gallery and table, one picture beside the anchor, timeline, CSV."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial

import pandas as pd
import streamlit as st

from pages.components import access, clicks, frame, notices, parts, rows, snippets
from personalab_core.errors import PersonalabError
from personalab_core.jobs import Job
from personalab_core.jobs.evaluating import Evaluation, add_measured, rows_of, scores_csv
from personalab_core.views import numbers
from personalab_core.views.evaluate import (
    EvaluateView,
    brought_anchor,
    build_evaluate_view,
    compared,
    evaluation_of,
    find_evaluation,
)
from personalab_core.views.faces import anchor_side
from personalab_core.views.history import PersonaHistory
from personalab_core.views.workspace import Workspace

LOOK, PICKED = "evaluate.look", "evaluate.picked"


def show(space: Workspace, evaluation: Evaluation) -> None:
    """Show an evaluation and follow it while it is being measured."""
    job = _job(space, evaluation.id)
    active = job is not None and job.active

    @frame.fragment(every_s=rows.LIVE_EVERY_S if active else None)
    def follow() -> None:
        now = _job(space, evaluation.id)
        if (now is not None and now.active) != active:
            st.rerun()  # starts or stops the timer
        _draw(space, find_evaluation(space.config, evaluation.id) or evaluation, now)

    follow()


def _job(space: Workspace, evaluation_id: str) -> Job | None:
    jobs = (job for job in space.jobs.list(limit=200) if job.kind == "evaluate_pictures")
    return next((job for job in jobs if evaluation_of(job) == evaluation_id), None)


def _draw(space: Workspace, evaluation: Evaluation, job: Job | None) -> None:
    history = _persona(space, evaluation, job)
    notices.show_refused()
    view = build_evaluate_view(evaluation, job, name=history.first_name if history else None)
    left, right = st.columns([6, 5], vertical_alignment="bottom", gap="medium")
    with left:
        eyebrow = f"Evaluate, compared with {history.name}" if history else "Evaluate"
        simulated = view.simulated or space.config.simulates("image")
        picture = history.anchor_picture if history else None
        snippets.head(eyebrow, view.answer, view.detail, simulated=simulated, mark=view.mark, picture=picture)
    with right, st.container(horizontal=True, horizontal_alignment="right"):
        _actions(space, view, evaluation, job, history)
    st.space("small")
    _results(view, evaluation, history)
    notices.show_problems(view.problems)


def _persona(space: Workspace, evaluation: Evaluation, job: Job | None) -> PersonaHistory | None:
    persona = evaluation.measured[0].persona if evaluation.measured else job.persona if job else None
    character = next((c for c in space.characters() if c.id == persona), None)
    return space.history(character) if character else None


def _actions(
    space: Workspace, view: EvaluateView, evaluation: Evaluation, job: Job | None, history: PersonaHistory | None
) -> None:
    if clicks.button("New evaluation", key="evaluate.new"):
        st.query_params.clear()
        st.rerun()
    if job and job.active:
        access.act(
            "Cancel", partial(space.jobs.cancel, job.id), key="evaluate.cancel", help="What is measured is kept."
        )
    if job and job.resumable:
        access.act("Resume", partial(space.jobs.resume, job.id), key="evaluate.resume")
    if evaluation.measured:
        clicks.download(
            "Export CSV",
            scores_csv(rows_of(evaluation.measured)),
            file_name=f"evaluation-{evaluation.id}.csv",
            mime="text/csv",
            key="evaluate.csv",
        )
    n = len(view.accepted)
    offered = history is not None and n > 0 and not (job and job.active)
    if offered and history and access.button(f"Add {n} to the timeline", type="primary", key="evaluate.add"):
        _add(space, view, history)


def _add(space: Workspace, view: EvaluateView, history: PersonaHistory) -> None:
    try:
        space.must_edit()
        outcome = add_measured(space.config, history.id, view.accepted)
    except PersonalabError as error:
        notices.show_refusal(str(error))
        return
    said = f"{numbers.plural(len(outcome.added), 'picture')} added to the timeline of {history.first_name}."
    known = f" {numbers.spelled(len(outcome.known))} were there already." if outcome.known else ""
    st.success(said + known)


def _results(view: EvaluateView, evaluation: Evaluation, history: PersonaHistory | None) -> None:
    if not view.cards:
        return
    looks = [parts.Option("pictures", "Pictures"), parts.Option("table", "Table")]
    look = parts.segments(looks, key=LOOK, label="Look")[0]
    if look == "table":
        _table(view)
    else:
        picked = parts.sheet(view.cards, key="evaluate.sheet")
        if picked:
            st.session_state[PICKED] = picked
        _beside(evaluation, history)
    if view.instrument:
        snippets.small(view.instrument)


def _beside(evaluation: Evaluation, history: PersonaHistory | None) -> None:
    """Show the picked picture beside the anchor."""
    wanted = st.session_state.get(PICKED)
    record = next((r for r in evaluation.measured if r.path == wanted), None)
    if record is None:
        return
    anchor = anchor_side(history) if history else brought_anchor(evaluation.id, record)
    snippets.section(f"{record.name} beside the anchor", record.sentence, below=True)
    parts.compare(compared(record, anchor), key="evaluate.compare", faces_first=True)


def _table(view: EvaluateView) -> None:
    frame = pd.DataFrame([asdict(row) for row in view.rows])
    number = st.column_config.NumberColumn
    st.dataframe(
        frame,
        hide_index=True,
        key="evaluate.table",
        column_config={
            "name": "File",
            "thumbnail": st.column_config.ImageColumn("Picture", width="small"),
            "result": "Result",
            "score": number("Score", format="%.2f", width="small"),
            "similarity": number("Similarity", format="%.2f", width="small"),
            "distance": number("Distance", format="%.2f", width="small"),
            "geometric_error": number("Geometric error", format="%.2f", width="small"),
            "faces": number("Faces", width="small"),
            "why": "Why",
        },
        alt=f"Table of {len(view.rows)} pictures with their results",
    )

"""One run of pictures, live: lanes at the left, anchor, facts and rules at the right."""

from __future__ import annotations

from functools import partial

import streamlit as st

from pages.components import access, clicks, frame, loaders, notices, parts, rows, snippets, state
from personalab_core.jobs import Job
from personalab_core.schemas import Character
from personalab_core.views import words
from personalab_core.views.generate import Rules, RunView, all_simulated, budget_of, build_run_view, rules_of
from personalab_core.views.runs import NEW_RUN
from personalab_core.views.workspace import Workspace


def show(space: Workspace, character: Character, job: Job) -> None:
    """Show a run and follow it while it is active."""
    active = job.active

    @frame.fragment(every_s=rows.LIVE_EVERY_S if active else None)
    def follow() -> None:
        now = space.jobs.get(job.id)
        if now.active != active:
            st.rerun()  # starts or stops the timer
        _draw(space, character, now)

    follow()


def _draw(space: Workspace, character: Character, job: Job) -> None:
    view = build_run_view(
        space.history(character),
        job,
        rules=rules_of(job, default_rules(space)),
        budget_usd=budget_of(job, space.config.budget.per_run),
        at_once=space.config.runtime.max_concurrent_jobs,
        simulated=all_simulated(job, space.config),
        now=loaders.now(),
        zone=loaders.zone(),
    )
    notices.show_refused()
    left, right = st.columns([7, 3], vertical_alignment="bottom", gap="medium")
    with left:
        snippets.head(
            f"Generate for {character.name}", view.answer, view.detail, simulated=view.simulated, mark=view.mark
        )
    with right, st.container(horizontal=True, horizontal_alignment="right"):
        _actions(space, view)
    st.space("small")
    a, b = st.columns([5, 2], gap="large")
    with a:
        opened = parts.lanes(view.lanes, key=f"generate.lanes.{job.id}")
    if opened:
        state.go("attempts", character.id, **{state.ATTEMPT: opened})
    with b:
        _facts(view)


def default_rules(space: Workspace) -> Rules:
    """Return the thresholds and limits that the configuration has in force."""
    evaluation = space.config.evaluation
    return Rules(
        accept_threshold=evaluation.scoring.accept_threshold,
        retry_threshold=evaluation.scoring.retry_threshold,
        max_attempts=evaluation.retry.max_attempts,
    )


def _actions(space: Workspace, view: RunView) -> None:
    more = _more_to_spend(view)
    place = clicks.place("generate.run")
    if clicks.button("New run", key="generate.new"):
        st.query_params[state.RUN] = NEW_RUN
        st.rerun()
    with place:  # filled last: it stands at the left of what is aligned right, and would move
        if view.active:
            access.act("Cancel run", partial(space.jobs.cancel, view.job_id), key="generate.cancel", help=rows.KEPT)
        elif view.resumable:
            go_on = partial(space.jobs.resume, view.job_id, overrides=more)
            access.act("Resume", go_on, type="primary", key="generate.resume")


def _more_to_spend(view: RunView) -> dict[str, float | None]:
    """Ask for another limit if the run stopped at its budget, and return it as what the configuration is to say."""
    if not view.paused or view.simulated:
        return {}
    limit = st.number_input(
        "New limit (US$)", min_value=0.0, value=view.budget_usd, step=0.5, format="%.2f", key="generate.more"
    )
    return {"budget.per_run": limit}


def _facts(view: RunView) -> None:
    if view.anchor:
        snippets.block(snippets.portrait(view.anchor, "The anchor every attempt is compared with"))
    snippets.section("This run", below=True)
    st.progress(min(view.progress, 1.0))
    snippets.block(snippets.facts(view.facts))
    snippets.section("Rules in force", below=True)
    snippets.block(snippets.facts(view.rules), snippets.lead(words.UNCALIBRATED))
    if view.log:
        with st.expander("Log"):
            st.code("\n".join(view.log), language=None, wrap_lines=True)

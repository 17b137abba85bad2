"""Runs as rows that follow their jobs, and the first steps of an empty workspace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from pages.components import access, clicks, frame, notices, snippets, state
from personalab_core.errors import PersonalabError
from personalab_core.jobs import JobStore
from personalab_core.views.conditions import PageName
from personalab_core.views.runs import RunRow
from personalab_core.views.workspace import Workspace

KEPT = "What is finished is kept."
LIVE_EVERY_S = 1.0
"""How often a live part asks for news; an idle page never asks."""


def follow(busy: Callable[[], bool], draw: Callable[[], None]) -> None:
    """Draw a part of a page, again and again while something runs, and in the whole page's run otherwise.

    Args:
        busy: Whether something runs.
        draw: Draws everything; asks for the persona itself, which may be another one by the next time.
    """
    if not busy():
        draw()
        return

    @frame.fragment(every_s=LIVE_EVERY_S)
    def live() -> None:
        if not busy():
            st.rerun()  # ends the timer
        draw()

    live()


def show_runs(runs: Sequence[RunRow], store: JobStore) -> None:
    """Show running jobs with their progress, and stopped ones with what is safe and how to go on."""
    notices.show_refused()
    for run in runs:
        with st.container(border=True, key=f"run.{run.id}"):
            what, how_far, act = st.columns([4, 5, 2], vertical_alignment="center", gap="medium")
            with what:
                snippets.block(f"<b>{snippets.decision(run.mark)}</b>", snippets.run_lines(run))
            if run.active:
                how_far.progress(min(run.progress, 1.0), text=run.time_left or "Starting")
            with act, st.container(horizontal=True, horizontal_alignment="right"):
                _actions(run, store)


def _actions(run: RunRow, store: JobStore) -> None:
    place = clicks.place(f"run.{run.id}")
    if run.persona is not None and clicks.button("Open", key=f"run.open.{run.id}"):
        page = state.page_of_run(run.kind)
        state.go(page, run.persona, **({state.RUN: run.id} if page == "generate" else {}))
    with place:  # filled last: it stands at the left of what is aligned right, and would move
        if run.resumable:
            access.act("Resume", partial(store.resume, run.id), key=f"run.resume.{run.id}")
        elif run.active:
            access.act("Cancel", partial(store.cancel, run.id), key=f"run.cancel.{run.id}", help=KEPT)


def first_persona(page: PageName, why: str, *, simulated: bool) -> None:
    """Show a page of a workspace without a persona, and the way to the first one."""
    snippets.head(page.capitalize(), "No persona yet.", why, simulated=simulated)
    if clicks.button("Create the first persona", type="primary", key=f"{page}.create"):
        state.go("personas", edit="new")


def demo_button(space: Workspace) -> None:
    """Offer the example workspace: three simulated personas with a history, made as a job."""
    if not access.button("Make the example personas", key="overview.demo"):
        return
    try:
        space.start_demo()
    except PersonalabError as error:
        st.error(str(error))
        return
    st.rerun()

"""The form that asks for a new plan, as a job."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import streamlit as st

from pages.components import access, loaders, notices, snippets
from personalab_core.jobs import NewPlanParams
from personalab_core.views.history import PersonaHistory
from personalab_core.views.workspace import Workspace

MAX_ITEMS, MAX_PER_WEEK = 50, 21


def show(space: Workspace, history: PersonaHistory, *, busy: bool) -> None:
    """Show how many pieces from when on, and the button that asks for them, unless a plan is being made."""
    tomorrow = loaders.now().astimezone(loaders.zone()).date() + timedelta(days=1)
    a, b, c, _ = st.columns([1, 1, 1, 1])
    a.number_input("Pieces", 1, MAX_ITEMS, 6, key="plan.n")
    b.date_input("First day", tomorrow, key="plan.start", format="YYYY-MM-DD")
    c.number_input("Pieces a week", 1, MAX_PER_WEEK, 3, key="plan.per_week")
    snippets.small(_who_plans(space))
    access.button(
        "Make a new plan",
        type="secondary" if space.plans.exists(history.id) else "primary",
        key="plan.new",
        disabled=busy,
        on_click=notices.do,
        args=(partial(_submit, space, history.id),),
    )


def _submit(space: Workspace, persona: str) -> None:
    """Start the job with what the form holds now, which is newer than what the page was drawn with."""
    asked = st.session_state
    params = NewPlanParams(
        workspace=space.reference,
        persona=persona,
        n_pieces=asked["plan.n"],
        start=asked["plan.start"],
        per_week=asked["plan.per_week"],
    )
    space.jobs.submit("new_plan", params)


def _who_plans(space: Workspace) -> str:
    provider = space.config.provider("text")
    price = (
        "Simulated, $0.00: nothing is spent." if provider == "simulated" else f"Asked of {provider}: one or two calls."
    )
    return f"{price} The plan before is kept; its ideas are not repeated."

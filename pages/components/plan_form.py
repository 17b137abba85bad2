"""The form that asks for a new plan, as a job."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import streamlit as st

from pages.components import access, loaders, model_choice, snippets
from personalab_core.jobs import NewPlanParams
from personalab_core.views import words
from personalab_core.views.history import PersonaHistory
from personalab_core.views.run_choice import ModelChoice, model_overrides
from personalab_core.views.workspace import Workspace

MAX_ITEMS, MAX_PER_WEEK = 50, 21


def show(space: Workspace, history: PersonaHistory, *, busy: bool) -> None:
    """Show how many pieces from when on, and the button that asks for them, unless a plan is being made."""
    tomorrow = loaders.now().astimezone(loaders.zone()).date() + timedelta(days=1)
    a, b, c, _ = st.columns([1, 1, 1, 1])
    a.number_input("Pieces", 1, MAX_ITEMS, 6, key="plan.n")
    b.date_input("First day", tomorrow, key="plan.start", format="YYYY-MM-DD")
    c.number_input("Pieces a week", 1, MAX_PER_WEEK, 3, key="plan.per_week")
    with st.expander(f"Provider and model: {model_choice.configured(space, ['text'])}"):
        choice = model_choice.choose(space, "text", key="plan.provider")
        model_choice.explain(space)
    snippets.small(_who_plans(choice))
    access.act(
        "Make a new plan",
        partial(_submit, space, history.id, choice),
        type="secondary" if space.plans.exists(history.id) else "primary",
        key="plan.new",
        disabled=busy,
    )


def _submit(space: Workspace, persona: str, choice: ModelChoice) -> None:
    """Start the job with what the form holds now, which is newer than what the page was drawn with."""
    asked = st.session_state
    params = NewPlanParams(
        workspace=space.reference,
        overrides=model_overrides(space.config, [choice]),
        persona=persona,
        n_pieces=asked["plan.n"],
        start=asked["plan.start"],
        per_week=asked["plan.per_week"],
    )
    space.jobs.submit("new_plan", params)


def _who_plans(choice: ModelChoice) -> str:
    asked = f"Asked of {words.provider_name(choice.provider)}: one or two calls, price unknown."
    price = "Simulated, $0.00: nothing is spent." if choice.simulated else asked
    return f"{price} The plan before is kept; its ideas are not repeated."

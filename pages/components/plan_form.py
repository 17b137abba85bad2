"""The form that asks for a new plan."""

from __future__ import annotations

from datetime import timedelta

import streamlit as st

from pages.components import access, loaders, notices, snippets
from personalab_core.errors import PersonalabError
from personalab_core.views.history import PersonaHistory
from personalab_core.views.workspace import Workspace

MAX_ITEMS, MAX_PER_WEEK = 50, 21


def show(space: Workspace, history: PersonaHistory) -> None:
    """Show how many pieces from when on, and the button that asks for them."""
    tomorrow = loaders.now().astimezone(loaders.zone()).date() + timedelta(days=1)
    a, b, c, _ = st.columns([1, 1, 1, 1])
    n = a.number_input("Pieces", 1, MAX_ITEMS, 6, key="plan.n")
    start = b.date_input("First day", tomorrow, key="plan.start", format="YYYY-MM-DD")
    per_week = c.number_input("Pieces a week", 1, MAX_PER_WEEK, 3, key="plan.per_week")
    snippets.small(_who_plans(space))
    exists = space.plans.exists(history.id)
    if access.button("Make a new plan", type="secondary" if exists else "primary", key="plan.new"):
        try:
            with st.spinner("Asking for ideas."):
                space.new_plan(history.id, n_items=n, start=start, per_week=per_week)
        except PersonalabError as error:
            notices.show_refusal(str(error))
            return
        st.rerun()


def _who_plans(space: Workspace) -> str:
    provider = space.config.provider("text")
    price = (
        "Simulated, $0.00: nothing is spent." if provider == "simulated" else f"Asked of {provider}: one or two calls."
    )
    return f"{price} The plan before is kept; its ideas are not repeated."

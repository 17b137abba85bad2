"""The plan in force as calendar and list, and what starts from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import streamlit as st

from pages.components import (
    access,
    clicks,
    loaders,
    notices,
    parts,
    plan_form,
    plan_item,
    plan_parts,
    plan_run,
    rows,
    snippets,
    state,
)
from personalab_core.jobs import BatchParams, Job
from personalab_core.schemas import Character, ContentPlan
from personalab_core.views import numbers
from personalab_core.views.history import PersonaHistory
from personalab_core.views.plan import PlanView, build_plan_view, load_plan
from personalab_core.views.runs import rows_to_show
from personalab_core.views.workspace import Workspace

_LOOK = "plan.look"
_KINDS = ("batch", "new_plan")


def show(space: Workspace, characters: Mapping[str, Character]) -> None:
    """Show the plan of the chosen persona, one item of it, or how to get a plan."""
    rows.follow(lambda: bool(_running(space, characters)), lambda: _draw(space, characters))


def _running(space: Workspace, characters: Mapping[str, Character]) -> list[Job]:
    persona = state.current_persona(characters)
    return [job for job in space.jobs.list(persona=persona) if job.kind in _KINDS and job.active]


def _draw(space: Workspace, characters: Mapping[str, Character]) -> None:
    persona = state.current_persona(characters)
    plan, problem = load_plan(space.plans, persona)
    history, wanted = space.history(characters[persona]), state.address(plan_item.ITEM)
    running = _running(space, characters)
    busy, planning = _items_of(running), any(job.kind == "new_plan" for job in running)
    notices.show_refused()
    item = next((i for i in plan.planned_content if i.id == wanted), None) if plan else None
    if plan and item:
        plan_item.show(space, history, plan, item, busy=item.id in busy)
        return
    left, right = st.columns([7, 3], vertical_alignment="bottom", gap="medium")
    with right:
        state.chosen_persona({i: c.name for i, c in characters.items()})
    view = (
        build_plan_view(history, plan, today=loaders.now().astimezone(loaders.zone()).date(), busy=busy)
        if plan
        else None
    )
    with left:
        _head(space, history, view, problem)
    st.space("small")
    _runs(space, history)
    if plan is None or view is None:
        plan_form.show(space, history, busy=planning)
        return
    _actions(space, history, plan, view)
    _pieces(space, history, plan, view)
    st.space("small")
    _origin(view)
    with st.expander("New plan"):
        plan_form.show(space, history, busy=planning)


def _items_of(jobs: Sequence[Job]) -> tuple[str, ...]:
    found: list[str] = []
    for job in (job for job in jobs if job.kind == "batch"):
        found += BatchParams.model_validate_json(job.params_json).plan_items
    return tuple(found)


def _head(space: Workspace, history: PersonaHistory, view: PlanView | None, problem: str) -> None:
    page = f"Plan of {history.name}"
    if view:
        snippets.head(page, view.answer, view.detail, simulated=view.simulated, picture=history.anchor_picture)
    elif problem:
        snippets.head(page, "The plan cannot be read.", problem, simulated=space.config.simulates("text"))
        snippets.block(
            snippets.note("Nothing is lost.", "Mend the file, or make a new plan; this one is kept under plans/.")
        )
    else:
        why = "Ideas come from the text provider, fit the persona's pillars and place, and repeat no earlier ones."
        snippets.head(page, f"{history.first_name} has no plan yet.", why, simulated=space.config.simulates("text"))


def _actions(space: Workspace, history: PersonaHistory, plan: ContentPlan, view: PlanView) -> None:
    looks = [parts.Option("calendar", "Calendar"), parts.Option("list", "List")]
    with st.container(horizontal=True, vertical_alignment="center"):
        parts.segments(looks, key=_LOOK, label="Look")
        st.space("stretch")
        approving, making = clicks.place("plan.approve"), clicks.place("plan.make")
        with making:  # before its left neighbour, which would move
            _make(space, history, plan, view)
        with approving:
            if view.undecided:
                approve = partial(_approve, space, history.id, view.undecided)
                access.act(f"Approve {numbers.plural(len(view.undecided), 'idea')}", approve, key="plan.approve")


def _make(space: Workspace, history: PersonaHistory, plan: ContentPlan, view: PlanView) -> None:
    if history.anchor is None:
        if clicks.button("Choose an anchor", type="primary", key="plan.anchor"):
            state.go("anchors", history.id)
    elif view.due:
        label = f"Make {numbers.plural(len(view.due), 'approved piece')}"
        access.act(label, partial(plan_run.start, space, plan, view.due), type="primary", key="plan.make")


def _approve(space: Workspace, persona: str, items: Sequence[str]) -> None:
    for item in items:
        space.plan_item(persona, item, lambda i: i.model_copy(update={"status": "approved"}))


def _runs(space: Workspace, history: PersonaHistory) -> None:
    jobs = [job for job in space.jobs.list(persona=history.id) if job.kind in _KINDS]
    rows.show_runs(rows_to_show(jobs, {history.id: history.name}, now=loaders.now()), space.jobs)


def _pieces(space: Workspace, history: PersonaHistory, plan: ContentPlan, view: PlanView) -> None:
    chosen = (st.session_state.get(_LOOK) or {}).get("selected") or ["calendar"]
    opened = None
    if chosen[0] == "list":
        opened = plan_parts.agenda(view.cards, key="plan.list")
    else:
        for week in view.weeks:
            with st.container(horizontal=True, vertical_alignment="center"):
                snippets.section(week.title)
                st.space("stretch")
                if week.due and history.anchor and len(week.due) < len(view.due):
                    access.act(
                        f"Make this week's {numbers.count(len(week.due))}",
                        partial(plan_run.start, space, plan, week.due),
                        key=f"plan.make.{week.id}",
                    )
            opened = plan_parts.week(week, key=f"plan.week.{week.id}") or opened
        if view.unscheduled:
            snippets.section("Without a day", below=True)
            opened = plan_parts.agenda(view.unscheduled, key="plan.unscheduled") or opened
    if opened:
        st.query_params[plan_item.ITEM] = opened
        st.rerun()


def _origin(view: PlanView) -> None:
    a, b = st.columns([7, 3], gap="large")
    with a:
        snippets.section("Where the ideas come from")
        if view.sources:
            snippets.block(snippets.links(view.sources))
        else:
            snippets.small("The text provider named no search pages for this plan.")
        if view.repeated:
            snippets.block(snippets.note("Not planned again.", view.repeated))
    with b:
        snippets.section("This plan")
        snippets.block(snippets.facts(view.facts))

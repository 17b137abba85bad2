"""Overview: is everyone still themselves, and who needs me first?"""

from __future__ import annotations

import streamlit as st

from pages.components import clicks, frame, loaders, notices, parts, rows, snippets, state
from personalab_core.views.overview import OverviewView, build_overview_view

space = loaders.workspace()


def load() -> OverviewView:
    """Return the page as the records have it now."""
    return build_overview_view(
        space.histories(),
        space.jobs.list(),
        problems=space.personas.problems,
        now=loaders.now(),
        zone=loaders.zone(),
    )


def show_head(view: OverviewView) -> None:
    """Show the answer, and the one thing to do if there is one."""
    left, right = st.columns([7, 3], vertical_alignment="bottom", gap="medium")
    with left:
        snippets.head("Overview", view.answer, view.detail, simulated=space.simulated)
    with right, st.container(horizontal=True, horizontal_alignment="right"):
        if view.urgent:
            first = view.urgent[0]
            if clicks.button(f"Review {first.first_name}", type="primary", key="overview.review"):
                state.go(first.page, first.id)
        elif view.empty and not view.busy:
            if space.can_hold_demo:
                rows.demo_button(space)
            if clicks.button("Create the first persona", type="primary", key="overview.create"):
                state.go("personas", edit="new")
    st.space("small")


def show_fleet(view: OverviewView) -> None:
    """Show the cards, those that need a person first and larger."""
    opened = parts.fleet(view.urgent, key="overview.urgent", wide=True) if view.urgent else None
    if view.urgent and view.others:
        snippets.section("The others", below=True)
    if view.others:
        opened = parts.fleet(view.others, key="overview.fleet") or opened
    if opened:
        card = next(card for card in (*view.urgent, *view.others) if card.id == opened)
        state.go(card.page, card.id)


def working() -> bool:
    """Return whether what the page shows changes by itself: a run is active, or timelines are being judged."""
    return space.records.judge.busy or any(job.active for job in space.jobs.list())


busy = working()


@frame.fragment(every_s=2 * rows.LIVE_EVERY_S if busy else None)
def page() -> None:
    """Show everything; follows the runs while one is active."""
    view = load()
    if working() != busy:
        st.rerun()  # starts or stops the timer
    show_head(view)
    show_fleet(view)
    st.space("small")
    rows.show_runs(view.runs, space.jobs)
    for line in (view.week, space.measuring if not view.empty else ""):
        if line:
            snippets.small(line)
    notices.show_problems(view.problems)


page()

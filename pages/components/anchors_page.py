"""The candidates of one persona: gallery and comparison, similarities, choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from pages.components import access, charts, loaders, parts, rows, snippets, state
from personalab_core.errors import PersonalabError
from personalab_core.jobs import GenerateAnchorsParams, Job
from personalab_core.views import numbers
from personalab_core.views.anchors import AnchorsView, Candidate
from personalab_core.views.faces import CompareSide
from personalab_core.views.history import PersonaHistory
from personalab_core.views.runs import rows_to_show
from personalab_core.views.workspace import Workspace

PICKED = "anchors.picked"


def show(
    space: Workspace, history: PersonaHistory, view: AnchorsView, jobs: Sequence[Job], *, names: Mapping[str, str]
) -> None:
    """Show the page for one persona."""
    picked = _picked(view, history.id)
    _head(space, history, view, picked, names)
    rows.show_runs(rows_to_show(jobs, names, now=loaders.now()), space.jobs)
    if not view.candidates:
        _make(space, history, primary=not any(job.active for job in jobs))
        return
    a, b = st.columns([5, 4], gap="large")
    with a:
        _gallery(view, history, picked)
        _similarities(view)
    with b:
        _beside(view, picked)
        _past(view)
        with st.expander("Make new candidates"):
            _make(space, history, primary=False)


def _picked(view: AnchorsView, persona: str) -> Candidate | None:
    """Return the candidate that is chosen in the gallery, before the gallery is drawn."""
    seeded = (st.session_state.get(f"{PICKED}.{persona}") or {}).get("selected")
    known = {candidate.id: candidate for candidate in view.candidates}
    start = view.in_force_id or view.best_id
    return known.get(seeded) or known.get(start or "")


def _head(
    space: Workspace, history: PersonaHistory, view: AnchorsView, picked: Candidate | None, names: Mapping[str, str]
) -> None:
    left, right = st.columns([7, 3], vertical_alignment="bottom", gap="medium")
    with left:
        snippets.head(
            f"Anchors of {history.name}",
            view.answer,
            view.detail,
            simulated=view.simulated or space.config.simulated,
            picture=view.anchor,
        )
    with right:
        chosen = state.chosen_persona(names)
        if chosen != history.id:
            st.rerun()
        if picked and picked.id != view.in_force_id:
            with st.container(horizontal=True, horizontal_alignment="right"):
                if access.button(f"Use {picked.name}", type="primary", key="anchors.use"):
                    _use(space, history, picked)
    st.space("small")


def _use(space: Workspace, history: PersonaHistory, picked: Candidate) -> None:
    try:
        with st.spinner("Comparing the candidates and writing the choice."):
            space.choose_anchor(history.id, picked.path)
    except PersonalabError as error:
        st.error(str(error))
        return
    st.rerun()


def _gallery(view: AnchorsView, history: PersonaHistory, picked: Candidate | None) -> None:
    n = len(view.candidates)
    others = numbers.spelled(n - 1).lower()
    how = f"The number is the mean similarity to the other {others}. " if view.matrix and n > 2 else ""
    snippets.section(numbers.plural(n, "candidate"), f"{how}Click, or use the arrow keys and Enter.")
    parts.gallery(
        view.candidates,
        key=f"{PICKED}.{history.id}",
        label=f"Candidates for the anchor of {history.name}",
        default=picked.id if picked else view.candidates[0].id,
    )
    if view.kinds:
        snippets.section("Made from the anchor", "Other views of the same person.", below=True)
        snippets.block(snippets.kinds(view.kinds))


def _beside(view: AnchorsView, picked: Candidate | None) -> None:
    """Show the anchor in force, or the most central candidate, beside the picked one."""
    first = view.candidate(view.in_force_id or view.best_id or view.candidates[0].id)
    if picked is None or picked.id == first.id:
        second = next((c for c in view.candidates if c.id != first.id), None)
    else:
        second = picked
    note = "anchor" if first.id == view.in_force_id else "proposed anchor"
    sides = [CompareSide(first.picture, first.name, note=note)]
    if second is None:
        snippets.section(first.name)
    else:
        alike = view.similarity(first.id, second.id)
        said = f"similarity {numbers.score(alike)}" if alike is not None else "similarity not measured"
        sides.append(CompareSide(second.picture, second.name, note=said))
        snippets.section(f"{first.name} beside {second.name}", "Both pictures zoom and move together.")
    parts.compare(sides, key="anchors.compare")
    if view.records_at_stake and picked and picked.id != view.in_force_id:
        kept = (
            f"The {numbers.plural(view.records_at_stake, 'record')} so far keep their scores and stay in the records."
        )
        snippets.block(snippets.note("A new anchor starts a new timeline.", kept))


def _similarities(view: AnchorsView) -> None:
    if view.matrix is None:
        snippets.section(
            "Similarity is not measured yet", "It is measured when one of the candidates is chosen.", below=True
        )
        return
    how = "Similarity of every pair, 0 to 1. Stronger colour means more alike."
    snippets.section(view.matrix.title, how, below=True)
    height = 90 + 34 * len(view.matrix.names)
    charts.show(charts.draw_matrix(view.matrix), key="anchors.matrix", height=height, alt=view.matrix.alt)


def _past(view: AnchorsView) -> None:
    if view.ranking:
        snippets.section("Why this one", view.why, below=True)
        snippets.block(snippets.facts(view.ranking))
    snippets.section("Anchors so far", below=True)
    if view.past:
        snippets.block(snippets.facts(view.past))
    with st.expander("Formula"):
        st.latex(r"c_i = \tfrac{1}{n-1}\sum_{j \ne i} \max(0,\ \langle e_i, e_j\rangle)")
        snippets.small("The mean cosine similarity of candidate i to all others; the highest one wins.")


def _make(space: Workspace, history: PersonaHistory, *, primary: bool) -> None:
    """Offer to make candidates as a job, with their price on the button."""
    a, b = st.columns(2)
    n = a.number_input("Candidates", 2, 12, 4, key="anchors.n")
    seed = b.number_input("Seed", 0, 2**31 - 1, len(history.anchors), key="anchors.seed")
    by_hand = st.checkbox(
        "I choose myself", key="anchors.by_hand", help="Only the candidates are made, and nothing is chosen."
    )
    cost = "simulated, $0.00" if space.config.simulated else "price unknown"
    snippets.small(
        "Simulated, $0.00: nothing is spent."
        if space.config.simulated
        else "The price is unknown until prices are there."
    )
    label = f"Make {n} candidates ({cost})"
    if access.button(label, type="primary" if primary else "secondary", key="anchors.make"):
        params = GenerateAnchorsParams(
            workspace=space.reference, persona=history.id, n_candidates=n, select=not by_hand, seed=seed
        )
        try:
            space.jobs.submit("generate_anchors", params)
        except PersonalabError as error:
            st.error(str(error))
            return
        st.rerun()

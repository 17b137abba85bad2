"""The candidates of one persona: gallery and comparison, similarities, choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import streamlit as st

from pages.components import access, charts, clicks, dialogs, loaders, notices, parts, rows, snippets, state, uploads
from personalab_core.errors import PersonalabError
from personalab_core.jobs import GenerateAnchorsParams, Job
from personalab_core.views import numbers, words
from personalab_core.views.anchors import AnchorsView, Candidate
from personalab_core.views.faces import CompareSide
from personalab_core.views.history import PersonaHistory
from personalab_core.views.run_choice import estimate_anchors
from personalab_core.views.runs import rows_to_show
from personalab_core.views.workspace import Workspace

PICKED, UPLOAD = "anchors.picked", "anchors.upload"
MAX_UPLOAD_MB = 20
KINDS = {kind: name for kind, name in words.ANCHOR_KINDS.items() if kind != "frontal"}


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
            simulated=view.simulated or space.config.simulates("image"),
            picture=view.anchor,
        )
    with right:
        chosen = state.chosen_persona(names)
        if chosen != history.id:
            st.rerun()
        with st.container(horizontal=True, horizontal_alignment="right"):
            dialogs.opener("Upload a picture", UPLOAD)
            another = picked is not None and picked.id != view.in_force_id
            if another and picked and access.button(f"Use {picked.name}", type="primary", key="anchors.use"):
                _use(space, history, picked)
    dialogs.show(UPLOAD, "An anchor of your own", partial(_upload, space, history))
    st.space("small")


def _upload(space: Workspace, history: PersonaHistory) -> None:
    """Take a picture, check it, and put it among the candidates; choosing it is another step."""
    snippets.small(
        f"One picture that shows {history.first_name} alone, from the front, sharp and large. It is stored anew "
        "without its metadata and joins the candidates; the anchor changes only when you use it."
    )
    file = st.file_uploader(
        "Picture",
        type=["png", "jpg", "jpeg", "webp"],
        max_upload_size=MAX_UPLOAD_MB,
        key="anchors.file",
        label_visibility="collapsed",
    )
    file = uploads.one_within(file, mb=MAX_UPLOAD_MB)
    if file is None or not access.button("Check and add", type="primary", key="anchors.bring"):
        return
    try:
        with st.spinner("Checking the picture."):
            brought = space.bring_anchor(history.id, file.getvalue(), name=file.name)
    except PersonalabError as error:
        notices.show_refusal(f"{error} Nothing was stored from it.")
        return
    rows_ = [(test.subject, _TEST_MARKS[test.passed], test.found) for test in brought.tests]
    snippets.block(snippets.table(("Checked", "", "Found"), rows_))
    if brought.refused:
        notices.show_refusal("This picture cannot be an anchor; nothing was stored. Bring another one.")
    else:
        st.success("It is among the candidates now. Choose it there to use it.")
    snippets.small("The limits of size and sharpness are not calibrated.")
    if brought.record and clicks.button("Show the candidates", key="anchors.brought"):
        dialogs.close()
        st.rerun()


_TEST_MARKS = {
    True: words.Mark("accept", "Fine"),
    False: words.Mark("reject", "Not enough"),
    None: words.Mark("unmeasured", "Not measured"),
}


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
        if len(view.past_pictures) > 1:
            snippets.block(snippets.kinds(view.past_pictures))
        snippets.block(snippets.facts(view.past))
        snippets.small(
            "Scores are comparable only against one anchor. Each change began a new timeline; the records before it "
            "kept their scores."
        )
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
    kinds = st.multiselect(
        "Also make, from the anchor",
        list(KINDS),
        default=list(KINDS),
        format_func=KINDS.get,
        key="anchors.kinds",
        disabled=by_hand,
    )
    asked = _asked(space, history, n=n, kinds=kinds, select=not by_hand, seed=seed)
    cost = estimate_anchors(space.config, asked)
    snippets.small(cost.sentence)
    label = f"Make {n} candidates {cost.price}"
    if access.button(label, type="primary" if primary else "secondary", key="anchors.make"):
        _submit(space, asked)
    if history.anchor is None or not kinds or by_hand:
        return
    asked = _asked(space, history, n=0, kinds=kinds, select=True, seed=seed)
    views = numbers.plural(len(kinds), "other view", "other views")
    label = f"Make only {views} {estimate_anchors(space.config, asked).price}"
    if access.button(label, key="anchors.kinds_only", help="From the anchor in force."):
        _submit(space, asked)


def _asked(
    space: Workspace, history: PersonaHistory, *, n: int, kinds: Sequence[str], select: bool, seed: int
) -> GenerateAnchorsParams:
    return GenerateAnchorsParams.model_validate(
        {
            "workspace": space.reference,
            "persona": history.id,
            "n_candidates": n,
            "kinds": tuple(kind for kind in KINDS if kind in kinds),
            "select": select,
            "seed": seed,
        }
    )


def _submit(space: Workspace, asked: GenerateAnchorsParams) -> None:
    try:
        space.jobs.submit("generate_anchors", asked)
    except PersonalabError as error:
        notices.show_refusal(str(error))
        return
    st.rerun()

"""The form that starts a run of pictures: what, how many, by which rules, at what price."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from pages.components import access, loaders, rows, snippets, state
from pages.components.run_page import default_rules
from personalab_core.errors import PersonalabError
from personalab_core.jobs import GenerateImagesParams
from personalab_core.prompts import subject_description
from personalab_core.schemas import Character, Framing, ImagePrompt
from personalab_core.views import words
from personalab_core.views.generate import Rules, estimate, overrides_of
from personalab_core.views.history import PersonaHistory
from personalab_core.views.runs import run_row
from personalab_core.views.workspace import Workspace

OWN = "own"
MAX_ASSETS = 100
EARLIER_RUNS = 5


def show(space: Workspace, characters: Mapping[str, Character]) -> None:
    """Show the form for the chosen persona, or what is missing before there can be a run."""
    left, right = st.columns([7, 3], vertical_alignment="bottom", gap="medium")
    with right:
        persona = state.chosen_persona({i: c.name for i, c in characters.items()})
    history = space.history(characters[persona or next(iter(characters))])
    with left:
        _head(space, history)
    st.space("small")
    if history.anchor is None:
        if st.button("Choose an anchor", type="primary", key="generate.anchor"):
            state.go("anchors", history.id)
        return
    a, b = st.columns([7, 3], gap="large")
    with a:
        _form(space, history)
    with b:
        if history.anchor_picture:
            snippets.block(snippets.portrait(history.anchor_picture, "The anchor every attempt is compared with"))
    _earlier(space, history)


def _head(space: Workspace, history: PersonaHistory) -> None:
    if history.anchor is None:
        answer, detail = f"{history.first_name} has no anchor yet.", "Without one nothing could be measured."
    else:
        answer = f"{history.first_name} is ready for new pictures."
        detail = "Each picture is measured against the anchor and tried again until it shows the same person."
    snippets.head(f"Generate for {history.name}", answer, detail, simulated=space.config.simulated)


def _form(space: Workspace, history: PersonaHistory) -> None:
    scenarios = {scene.name: scene for scene in space.scenarios.scenarios}
    titles = {name: scene.title or name for name, scene in scenarios.items()}
    snippets.section("What is in the picture")
    scenario = st.selectbox(
        "Scenario",
        [*scenarios, OWN],
        format_func=lambda name: titles.get(name, "Write my own"),
        key="generate.scenario",
    )
    prompt = _own_prompt(history) if scenario == OWN else None
    if scenario in scenarios:
        scene = scenarios[scenario]
        what = (words.FRAMINGS.get(scene.framing or "", ""), scene.action_details, scene.location_details)
        snippets.small(", ".join(part for part in what if part) + ".")
    a, b = st.columns(2)
    n_assets = a.number_input("Pictures", 1, MAX_ASSETS, 4, key="generate.n")
    seed = b.number_input(
        "Seed", 0, 2**31 - 1, 0, key="generate.seed", help="The same seed and settings give the same run."
    )
    rules = _rules(default_rules(space))
    cost = estimate(history, n_assets=n_assets, simulated=space.config.simulated)
    snippets.small(f"{cost.sentence} {space.measuring}".strip())
    empty = scenario == OWN and prompt is None
    if access.button(cost.button, type="primary", key="generate.start", disabled=empty):
        params = GenerateImagesParams(
            workspace=space.reference,
            overrides=overrides_of(rules, default_rules(space)),
            persona=history.id,
            scenario=None if prompt else scenario,
            prompt=prompt,
            n_assets=n_assets,
            seed=seed,
        )
        _start(space, params)


def _own_prompt(history: PersonaHistory) -> ImagePrompt | None:
    """Show the fields of an own scene; ``None`` until something is written."""
    text = st.text_area(
        "Your scene",
        key="generate.text",
        placeholder="Buying oranges at a market stall in the morning, soft side light",
        max_chars=2000,
    )
    framings: list[Framing] = ["headshot", "half_body", "full_body"]
    framing = st.selectbox("Framing", framings, format_func=words.FRAMINGS.get, key="generate.framing")
    if not text.strip():
        return None
    subject = subject_description(history.character)
    return ImagePrompt(subject_description=subject, action_details=text.strip(), framing=framing)


def _rules(default: Rules) -> Rules:
    with st.expander("Thresholds and attempts of this run"):
        a, b, c = st.columns(3)
        accept = a.number_input("Accept from", 0.0, 1.0, default.accept_threshold, 0.01, key="generate.accept")
        retry = b.number_input("Reject below", 0.0, 1.0, default.retry_threshold, 0.01, key="generate.retry")
        most = c.number_input("Attempts per picture", 1, 10, default.max_attempts, key="generate.attempts")
        snippets.small(words.UNCALIBRATED)
    # A retry threshold above the accept threshold has no meaning; the lower one is then both.
    return Rules(accept_threshold=accept, retry_threshold=min(retry, accept), max_attempts=most)


def _start(space: Workspace, params: GenerateImagesParams) -> None:
    try:
        job_id = space.jobs.submit("generate_images", params)
    except PersonalabError as error:
        st.error(str(error))
        return
    st.query_params[state.RUN] = job_id
    st.rerun()


def _earlier(space: Workspace, history: PersonaHistory) -> None:
    jobs = [job for job in space.jobs.list(persona=history.id) if job.kind == "generate_images"][:EARLIER_RUNS]
    if jobs:
        st.space("small")
        snippets.section("Earlier runs")
        names = {history.id: history.name}
        rows.show_runs([run_row(job, names, now=loaders.now()) for job in jobs], space.jobs)

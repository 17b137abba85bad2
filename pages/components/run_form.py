"""The form that starts a run of pictures: what, how many, by which rules, at what price."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st
from pydantic import JsonValue

from pages.components import access, loaders, notices, rows, snippets, state
from pages.components.run_page import default_rules
from personalab_core.errors import PersonalabError
from personalab_core.jobs import BatchItem, BatchParams, GenerateImagesParams
from personalab_core.prompts import subject_description
from personalab_core.schemas import Character, Framing, ImagePrompt
from personalab_core.views import words
from personalab_core.views.generate import Rules, overrides_of
from personalab_core.views.history import PersonaHistory
from personalab_core.views.run_choice import (
    SIMULATED,
    ModelChoice,
    configured_model,
    estimate,
    image_models,
    image_providers,
    model_overrides,
)
from personalab_core.views.runs import RUN_KINDS, run_row
from personalab_core.views.workspace import Workspace

OWN = "own"
MAX_ASSETS = 100
EARLIER_RUNS = 5
MAX_SCENES = 12
SCENES_DESCRIBED = 3


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
    items, n_scenes = _scenes(space, history)
    a, b = st.columns(2)
    label = "Pictures" if n_scenes <= 1 else "Pictures of each scene"
    n_each = a.number_input(label, 1, MAX_ASSETS, 4, key="generate.n")
    seed = b.number_input(
        "Seed", 0, 2**31 - 1, 0, key="generate.seed", help="The same seed and settings give the same run."
    )
    choice = _model(space)
    rules = _rules(default_rules(space))
    n_assets = n_each * max(1, n_scenes)
    cost = estimate(history, n_assets=n_assets, choice=choice, max_attempts=rules.max_attempts)
    snippets.section("What it costs", f"{cost.sentence} {space.measuring}".strip(), below=True)
    budget = _budget(space, choice)
    if access.button(cost.button, type="primary", key="generate.start", disabled=not items):
        overrides = overrides_of(rules, default_rules(space)) | model_overrides(space.config, choice, budget)
        made = [item.model_copy(update={"n": n_each, "seed": seed}) for item in items]
        _start(space, history, made, overrides)


def _scenes(space: Workspace, history: PersonaHistory) -> tuple[list[BatchItem], int]:
    """Return what is wanted, and how many scenes were chosen; an own scene without words is not there yet."""
    scenarios = {scene.name: scene for scene in space.scenarios.scenarios}
    titles = {name: scene.title or name for name, scene in scenarios.items()}
    snippets.section("What is in the picture", "One scene, several, or one in your own words.")
    options = [*scenarios, OWN]
    chosen = st.multiselect(
        "Scenes",
        options,
        default=options[:1],
        format_func=lambda name: titles.get(name, "Write my own"),
        key="generate.scenes",
        max_selections=MAX_SCENES,
        label_visibility="collapsed",
        placeholder="Choose a scene",
    )
    known = [name for name in chosen if name in scenarios]
    for name in known[:SCENES_DESCRIBED]:
        scene = scenarios[name]
        what = (words.FRAMINGS.get(scene.framing or "", ""), scene.action_details, scene.location_details)
        snippets.small(f"{titles[name]}: " + ", ".join(part for part in what if part) + ".")
    items = [BatchItem(persona=history.id, scenario=name) for name in known]
    if OWN in chosen:
        prompt = _own_prompt(history)
        if prompt is None:
            return [], len(chosen)
        items.append(BatchItem(persona=history.id, prompt=prompt))
    return items, len(items)


def _model(space: Workspace) -> ModelChoice:
    configured = configured_model(space.config)
    with st.expander(f"Provider and model: {configured.provider}, {configured.model}"):
        providers = image_providers(space.config)
        a, b = st.columns(2)
        provider = a.selectbox("Provider of pictures", providers, format_func=str.capitalize, key="generate.provider")
        provider = provider if provider in providers else configured.provider
        models = image_models(space.config, provider)
        model = b.selectbox(
            "Model",
            models,
            accept_new_options=provider != SIMULATED,
            key=f"generate.model.{provider}",
            placeholder="Type the name of a model",
        )
        others = ", ".join(f"{m}: {space.config.provider(m)}, {space.config.model_name(m)}" for m in ("text", "video"))
        if space.config.profile == SIMULATED:
            snippets.small(
                "This workspace is simulated: nothing else is offered here. A configuration file changes that."
            )
        snippets.small(f"A run of pictures asks for pictures only. Configured for the rest: {others}.")
    name = " ".join(str(model or "").split())[:120]
    return ModelChoice(provider, name or (models[0] if models else configured.model))


def _budget(space: Workspace, choice: ModelChoice) -> float | None:
    """Return the limit of this run in US dollars; it is checked before every call."""
    limit = space.config.budget.per_run
    if choice.simulated:
        return limit
    typed = st.number_input(
        "Stop at (US$)",
        min_value=0.0,
        value=limit,
        step=0.5,
        format="%.2f",
        placeholder="no limit",
        key="generate.budget",
        help="Checked before every call with the most it can cost. A run that reaches it pauses and keeps everything.",
    )
    return float(typed) if typed is not None else None


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


def _start(space: Workspace, history: PersonaHistory, items: list[BatchItem], overrides: dict[str, JsonValue]) -> None:
    """Submit one scene as a run of pictures, several as one batch."""
    common = {"workspace": space.reference, "overrides": overrides}
    try:
        if len(items) == 1:
            (one,) = items
            single = GenerateImagesParams.model_validate(
                {
                    **common,
                    "persona": one.persona,
                    "scenario": one.scenario,
                    "prompt": one.prompt,
                    "n_assets": one.n,
                    "seed": one.seed,
                }
            )
            job_id = space.jobs.submit("generate_images", single)
        else:
            n = sum(item.n for item in items)
            name = f"{n} pictures of {history.name}, {len(items)} scenes"
            batch = BatchParams.model_validate({**common, "items": tuple(items), "name": name})
            job_id = space.jobs.submit("batch", batch)
    except PersonalabError as error:
        notices.show_refusal(str(error))
        return
    st.query_params[state.RUN] = job_id
    st.rerun()


def _earlier(space: Workspace, history: PersonaHistory) -> None:
    jobs = [job for job in space.jobs.list(persona=history.id) if job.kind in RUN_KINDS][:EARLIER_RUNS]
    if jobs:
        st.space("small")
        snippets.section("Earlier runs")
        names = {history.id: history.name}
        rows.show_runs([run_row(job, names, now=loaders.now()) for job in jobs], space.jobs)

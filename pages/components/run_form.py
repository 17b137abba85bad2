"""The form that starts a run: what, how many, by which models and rules, at what price."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st
from pydantic import JsonValue

from pages.components import access, clicks, loaders, model_choice, notices, rows, run_scenes, snippets, state
from pages.components.run_page import default_rules
from pages.components.run_scenes import Scenes
from personalab_core.errors import PersonalabError
from personalab_core.jobs import BatchItem, BatchParams, GenerateImagesParams
from personalab_core.schemas import Character
from personalab_core.views import numbers, words
from personalab_core.views.generate import Rules, overrides_of
from personalab_core.views.history import PersonaHistory
from personalab_core.views.run_choice import (
    Modality,
    ModelChoice,
    Order,
    budget_override,
    estimate,
    model_overrides,
    what_is_ordered,
)
from personalab_core.views.runs import RUN_KINDS, run_row
from personalab_core.views.workspace import Workspace

MAX_ASSETS = 100
EARLIER_RUNS = 5

Overrides = Mapping[str, JsonValue]


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
        if clicks.button("Choose an anchor", type="primary", key="generate.anchor"):
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
    snippets.head(f"Generate for {history.name}", answer, detail, simulated=space.config.simulates("image"))


def _form(space: Workspace, history: PersonaHistory) -> None:
    scenes = run_scenes.choose(space, history)
    a, b = st.columns(2)
    n_each = a.number_input(_label(scenes), 1, MAX_ASSETS, 4, key="generate.n")
    seed = b.number_input(
        "Seed", 0, 2**31 - 1, 0, key="generate.seed", help="The same seed and settings give the same run."
    )
    choices = _models(space, scenes)
    rules = _rules(default_rules(space))
    orders = [Order(choice, n_each * scenes.n_of(choice.modality), rules.max_attempts) for choice in choices]
    cost = estimate(history, [order for order in orders if order.n])
    asked = f" {_price_of_asking(choices)}" if scenes.own and scenes.own.ask else ""
    snippets.section("What it costs", f"{cost.sentence}{asked} {space.measuring}".strip(), below=True)
    budget = _budget(space, simulated=all(choice.simulated for choice in choices))
    label = f"Generate {what_is_ordered(orders)} {cost.price}" if scenes.n else "Generate"
    if access.button(label, type="primary", key="generate.start", disabled=not scenes.ready):
        overrides = {
            **overrides_of(rules, default_rules(space)),
            **model_overrides(space.config, choices),
            **budget_override(space.config, budget),
        }
        _start(space, history, scenes, n_each=n_each, seed=seed, overrides=overrides)


def _label(scenes: Scenes) -> str:
    """Return what the number counts."""
    videos = scenes.n_of("video")
    what = "Pictures" if not videos else "Videos" if videos == scenes.n else "Assets"
    return what if scenes.n <= 1 else f"{what} of each scene"


def _models(space: Workspace, scenes: Scenes) -> list[ModelChoice]:
    """Show provider and model of every modality that the run uses, and return what is chosen."""
    used: list[Modality] = [kind for kind in ("image", "video") if scenes.n_of(kind)] or ["image"]
    if scenes.own and scenes.own.ask:
        used.append("text")
    with st.expander(f"Provider and model: {model_choice.configured(space, used)}"):
        choices = [model_choice.choose(space, modality, key="generate.provider") for modality in used]
        model_choice.explain(space)
    return choices


def _price_of_asking(choices: Sequence[ModelChoice]) -> str:
    (text,) = (choice for choice in choices if choice.modality == "text")
    return "" if text.simulated else f"The call to {words.provider_name(text.provider)} comes on top; price unknown."


def _budget(space: Workspace, *, simulated: bool) -> float | None:
    """Return the limit of this run in US dollars; it is checked before every call."""
    limit = space.config.budget.per_run
    if simulated:
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


def _rules(default: Rules) -> Rules:
    with st.expander("Thresholds and attempts of this run"):
        a, b, c = st.columns(3)
        accept = a.number_input("Accept from", 0.0, 1.0, default.accept_threshold, 0.01, key="generate.accept")
        retry = b.number_input("Reject below", 0.0, 1.0, default.retry_threshold, 0.01, key="generate.retry")
        most = c.number_input("Attempts per picture", 1, 10, default.max_attempts, key="generate.attempts")
        snippets.small(words.UNCALIBRATED)
    # A retry threshold above the accept threshold has no meaning; the lower one is then both.
    return Rules(accept_threshold=accept, retry_threshold=min(retry, accept), max_attempts=most)


def _start(
    space: Workspace, history: PersonaHistory, scenes: Scenes, *, n_each: int, seed: int, overrides: Overrides
) -> None:
    """Submit the run and show it; an own scene may be sent to the text provider first."""
    try:
        items = list(scenes.items)
        if scenes.own:
            with st.spinner("Reading your scene."):
                prompt = scenes.own.prompt(space, history, overrides)
            items.append(BatchItem(persona=history.id, asset_type=scenes.own.kind, prompt=prompt))
        made = [item.model_copy(update={"n": n_each, "seed": seed}) for item in items]
        job_id = _submit(space, history, made, overrides)
    except PersonalabError as error:
        notices.show_refusal(str(error))
        return
    st.query_params[state.RUN] = job_id
    st.rerun()


def _submit(space: Workspace, history: PersonaHistory, items: Sequence[BatchItem], overrides: Overrides) -> str:
    """Submit one scene of pictures as a run of pictures, anything else as one batch; return the job's id."""
    common = {"workspace": space.reference, "overrides": overrides}
    one = items[0]
    if len(items) > 1 or one.asset_type == "video":
        n = numbers.plural(sum(item.n for item in items), "asset")
        name = f"{n} of {history.name}, {numbers.plural(len(items), 'scene')}".replace(numbers.NBSP, " ")
        batch = BatchParams.model_validate({**common, "items": tuple(items), "name": name})
        return space.jobs.submit("batch", batch)
    asked = {
        "persona": one.persona,
        "scenario": one.scenario,
        "prompt": one.prompt,
        "n_assets": one.n,
        "seed": one.seed,
    }
    return space.jobs.submit("generate_images", GenerateImagesParams.model_validate({**common, **asked}))


def _earlier(space: Workspace, history: PersonaHistory) -> None:
    jobs = [job for job in space.jobs.list(persona=history.id) if job.kind in RUN_KINDS][:EARLIER_RUNS]
    if jobs:
        st.space("small")
        snippets.section("Earlier runs")
        names = {history.id: history.name}
        rows.show_runs([run_row(job, names, now=loaders.now()) for job in jobs], space.jobs)

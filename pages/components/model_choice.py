"""The choice of provider and model of one modality, wherever a run may use another than the configured one."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages.components import snippets
from personalab_core.views import words
from personalab_core.views.run_choice import SIMULATED, Modality, ModelChoice, configured_model, models_of, providers_of
from personalab_core.views.workspace import Workspace

MAX_NAME = 120
_LABELS: dict[Modality, str] = {"text": "Texts by", "image": "Pictures by", "video": "Videos by"}


def choose(space: Workspace, modality: Modality, *, key: str) -> ModelChoice:
    """Show the providers that are in place and their models, and return what is chosen.

    Args:
        space: Says what is configured, and which keys are set.
        modality: What the provider is asked for.
        key: Of the two fields.
    """
    default = configured_model(space.config, modality)
    providers = providers_of(space.config, modality)
    a, b = st.columns(2)
    provider = a.selectbox(_LABELS[modality], providers, format_func=words.provider_name, key=f"{key}.{modality}")
    provider = provider if provider in providers else default.provider
    models = models_of(space.config, modality, provider)
    model = b.selectbox(
        "Model",
        models,
        accept_new_options=provider != SIMULATED,
        key=f"{key}.{modality}.{provider}",
        placeholder="Type the name of a model",
    )
    name = " ".join(str(model or "").split())[:MAX_NAME]
    return ModelChoice(provider, name or (models[0] if models else default.model), modality)


def configured(space: Workspace, modalities: Sequence[Modality]) -> str:
    """Return in words who makes these by the configuration."""
    models = [configured_model(space.config, modality) for modality in modalities]
    return "; ".join(dict.fromkeys(f"{words.provider_name(one.provider)}, {one.model}" for one in models))


def explain(space: Workspace) -> None:
    """Say why there is nothing to choose in a simulated workspace."""
    if space.config.profile == SIMULATED:
        snippets.small("This workspace is simulated: nothing else is offered here. A configuration file changes that.")

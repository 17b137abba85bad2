"""Which provider answers for which modality: a table of loaders.

Adding a provider is one adapter file and one line in ``_REGISTRY``. A loader imports
its adapter (and so the vendor's package) only when it is called.

A package of your own adds a provider without a change here, by an entry point of the
group ``personalab.providers`` that names a loader::

    # pyproject.toml of your package
    [project.entry-points."personalab.providers"]
    acme = "acme_backend:create"

    # acme_backend.py
    def create(config):
        return AcmeClient(api_key=config.secret("ACME_API_KEY"))

    # config.yml
    models:
      image: { provider: acme, model_name: acme-portrait-2 }

The client it returns needs the six methods of :class:`LLMClient`, and an attribute
``provider`` with its name for the records.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, cast

from personalab_core.errors import ConfigError
from personalab_core.llm.client import LLMClient
from personalab_core.llm.model_table import (
    GeminiImageModel,
    GeminiVideoModel,
    ReplicateModel,
    RunwareModel,
    RunwayModel,
    changes_of,
)
from personalab_core.llm.routing import MODALITIES, Modality, RoutingClient, provider_of

if TYPE_CHECKING:
    from personalab_core.config import Config

__all__ = ["ENTRY_POINTS", "MODALITIES", "Loader", "Modality", "RoutingClient", "create_client", "provider_of"]

ENTRY_POINTS = "personalab.providers"
"""Group of entry points that name loaders of further providers."""

Loader = Callable[["Config"], LLMClient]


def _gemini(config: Config) -> LLMClient:
    from personalab_core.llm.gemini import KEY_VARIABLES, GeminiAdapter

    shows = {modality: config.provider(modality) == "gemini" for modality in MODALITIES}
    return GeminiAdapter(
        api_key=config.secret(*KEY_VARIABLES),
        image_row=changes_of(config, "image", GeminiImageModel) if shows["image"] else None,
        video_row=changes_of(config, "video", GeminiVideoModel) if shows["video"] else None,
    )


def _openai(config: Config) -> LLMClient:
    from personalab_core.llm.openai_adapter import KEY_VARIABLES, OpenAIAdapter

    return OpenAIAdapter(api_key=config.secret(*KEY_VARIABLES))


def _openai_compatible(config: Config) -> LLMClient:
    from personalab_core.llm.openai_adapter import OpenAIAdapter
    from personalab_core.llm.openai_errors import COMPATIBLE

    base_url = config.models.text.base_url
    if not base_url:
        raise ConfigError(
            f"The provider {COMPATIBLE.provider!r} needs models.text.base_url, such as http://127.0.0.1:8000/v1."
        )
    # A server on this machine seldom asks for a key, but the SDK insists on one.
    key = config.secret(*COMPATIBLE.key_variables) or "none"
    return OpenAIAdapter(api_key=key, base_url=base_url, vendor=COMPATIBLE)


def _replicate(config: Config) -> LLMClient:
    from personalab_core.llm.replicate_adapter import KEY_VARIABLES, ReplicateAdapter

    return ReplicateAdapter(
        api_key=config.secret(*KEY_VARIABLES),
        reference_input=config.models.image.reference_input,
        row=changes_of(config, "image", ReplicateModel),
    )


def _runware(config: Config) -> LLMClient:
    from personalab_core.llm.runware_adapter import KEY_VARIABLES, RunwareAdapter

    return RunwareAdapter(
        api_key=config.secret(*KEY_VARIABLES),
        reference_input=config.models.image.reference_input,
        row=changes_of(config, "image", RunwareModel),
    )


def _runway(config: Config) -> LLMClient:
    from personalab_core.llm.runway_adapter import KEY_VARIABLES, RunwayAdapter

    return RunwayAdapter(api_key=config.secret(*KEY_VARIABLES), row=changes_of(config, "video", RunwayModel))


def _http(config: Config) -> LLMClient:
    from personalab_core.llm.http_adapter import HttpImageAdapter, HttpJobAdapter, HttpTextAdapter
    from personalab_core.llm.http_endpoint import Endpoint
    from personalab_core.llm.http_recipe import PROVIDER, Recipe

    parts: dict[Modality, LLMClient] = {}
    if config.provider("text") == PROVIDER:
        parts["text"] = HttpTextAdapter(Endpoint(Recipe.of(config, "text"), secret=config.secret))
    if config.provider("image") == PROVIDER:
        recipe = Recipe.of(config, "image")
        kind = HttpJobAdapter if recipe.job else HttpImageAdapter
        parts["image"] = kind(Endpoint(recipe, secret=config.secret))
    if not parts:
        raise ConfigError(f"models.video.provider: the provider {PROVIDER!r} makes text and images, no video.")
    only = next(iter(parts.values()))
    text, image = parts.get("text", only), parts.get("image", only)
    return only if text is image else RoutingClient(text=text, image=image, video=text)


def _simulated(config: Config) -> LLMClient:
    from personalab_core.llm.simulated import SimulatedClient
    from personalab_core.prompts import load_patch_catalogue

    return SimulatedClient(patches=load_patch_catalogue(config))


_REGISTRY: Mapping[str, Loader] = {
    "gemini": _gemini,
    "http": _http,
    "openai": _openai,
    "openai_compatible": _openai_compatible,
    "replicate": _replicate,
    "runware": _runware,
    "runway": _runway,
    "simulated": _simulated,
}


def create_client(config: Config) -> LLMClient:
    """Return the client that ``config.models`` asks for.

    One adapter if all three modalities name the same provider, else a
    :class:`RoutingClient`. No key is checked and no connection opened here.

    Raises:
        ConfigError: A modality names a provider that is neither built in nor installed, or an
            installed one cannot be loaded.
        MissingDependencyError: That provider's package is not installed.
    """
    names = {modality: config.provider(modality) for modality in MODALITIES}
    loaders = {name: _loader(name, modality) for modality, name in names.items()}
    clients = {name: loader(config) for name, loader in loaders.items()}
    if len(clients) == 1:
        return next(iter(clients.values()))
    return RoutingClient(text=clients[names["text"]], image=clients[names["image"]], video=clients[names["video"]])


def _loader(name: str, modality: Modality) -> Loader:
    if name in _REGISTRY:
        return _REGISTRY[name]
    installed = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
    if name in installed:
        return _installed(installed[name])
    known = sorted({*_REGISTRY, *installed})
    near = get_close_matches(name, known, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ConfigError(f"Unknown provider {name!r} for models.{modality}.provider. Known: {', '.join(known)}.{hint}")


def _installed(point: EntryPoint) -> Loader:
    try:
        loader = point.load()
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"The provider {point.name!r} ({point.value}) cannot be loaded: {error}") from error
    if not callable(loader):
        raise ConfigError(f"The provider {point.name!r} ({point.value}) is not a function that takes the configuration")
    return cast("Loader", loader)

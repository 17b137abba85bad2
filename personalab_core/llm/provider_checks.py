"""Is what the configuration asks of providers in place: package, key, model, price, and the vendor itself?

Nothing here costs money. Without ``online`` nothing leaves this machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Literal

from personalab_core.errors import ConfigError, InvalidRequestError, MissingDependencyError
from personalab_core.llm.factory import create_client
from personalab_core.llm.model_table import (
    GeminiVideoModel,
    ModelRow,
    ReplicateModel,
    RunwareModel,
    RunwayModel,
    changes_of,
    model_row,
)
from personalab_core.llm.prices import price_table, worst_case_price
from personalab_core.llm.reachability import QUESTIONS, check_reachability
from personalab_core.llm.routing import MODALITIES, Modality

if TYPE_CHECKING:
    from personalab_core.config import Config


@dataclass(frozen=True, slots=True)
class KnownVendor:
    """What a built-in provider needs.

    Attributes:
        package: What to install.
        key_variables: Variables that hold its key; the first that is set counts.
        makes: What its adapter offers.
    """

    package: str
    key_variables: tuple[str, ...]
    makes: tuple[Modality, ...]


VENDORS: Mapping[str, KnownVendor] = {
    "gemini": KnownVendor("google-genai", ("GOOGLE_API_KEY", "GEMINI_API_KEY"), MODALITIES),
    "openai": KnownVendor("openai", ("OPENAI_API_KEY",), ("text",)),
    "runware": KnownVendor("runware-sdk", ("RUNWARE_API_KEY",), ("image",)),
    "replicate": KnownVendor("replicate", ("REPLICATE_API_TOKEN",), ("image",)),
    "runway": KnownVendor("runwayml", ("RUNWAY_API_KEY", "RUNWAYML_API_SECRET"), ("video",)),
}

_ROWS: Mapping[tuple[str, Modality], type[ModelRow]] = {
    ("gemini", "video"): GeminiVideoModel,
    ("replicate", "image"): ReplicateModel,
    ("runware", "image"): RunwareModel,
    ("runway", "video"): RunwayModel,
}
_LOCAL = ("simulated", "http", "openai_compatible")


@dataclass(frozen=True, slots=True)
class ProviderCheck:
    """One thing looked at. ``missing`` needs doing something, ``optional`` does not."""

    subject: str
    verdict: Literal["ok", "missing", "optional"]
    detail: str


def check_providers(
    config: Config, *, online: bool = False, base_urls: Mapping[str, str] | None = None
) -> Iterator[ProviderCheck]:
    """Yield what was looked at, vendor by vendor, then modality by modality.

    Args:
        config: Settings in force.
        online: Ask every vendor whose key is set, and every server of one's own; free, but keys are sent.
        base_urls: Other servers than the vendors' own, for tests and gateways.
    """
    yield from _clients(config)
    for name in VENDORS:
        yield from _vendor(config, name)
    for modality in MODALITIES:
        yield from _model(config, modality)
    if online:
        yield from _asked(config, base_urls or {})


def _clients(config: Config) -> Iterator[ProviderCheck]:
    """Yield what is wrong with the configuration of providers, if anything is."""
    try:
        create_client(config)
    except (ConfigError, MissingDependencyError) as error:
        yield ProviderCheck("providers", "missing", str(error))


def _vendor(config: Config, name: str) -> Iterator[ProviderCheck]:
    vendor, used = VENDORS[name], name in {config.provider(modality) for modality in MODALITIES}
    if used and not _is_installed(vendor.package):
        yield ProviderCheck(f"package of {name}", "missing", f"not installed: pip install {vendor.package}")
    names = " or ".join(vendor.key_variables)
    if config.secret(*vendor.key_variables):
        yield ProviderCheck(f"key of {name}", "ok", f"{names} is set")
    else:
        detail = f"{names} is not set: put it into the environment or into .env" if used else f"{names} is not set"
        yield ProviderCheck(f"key of {name}", "missing" if used else "optional", detail)


def _model(config: Config, modality: Modality) -> Iterator[ProviderCheck]:
    """Yield whether the tables know the model of a modality, and its price."""
    provider, model = config.provider(modality), config.model_name(modality)
    kind = _ROWS.get((provider, modality))
    if kind is not None:
        try:
            model_row(provider, model, kind, changes_of(config, modality, kind))
        except (ConfigError, InvalidRequestError) as error:
            yield ProviderCheck(f"model for {modality}", "missing", str(error))
    if provider not in _LOCAL:
        yield _price(provider, model, modality)


def _price(provider: str, model: str, modality: Modality) -> ProviderCheck:
    subject = f"price of {model}"
    most = worst_case_price(provider, model, modality)
    if most is not None:
        return ProviderCheck(subject, "ok", f"at most ${most.amount_usd:.3f} a call ({most.source})")
    stated = [row for row in price_table() if row.provider == provider and row.model == model]
    if stated:
        return ProviderCheck(subject, "ok", f"by tokens ({stated[0].origin})")
    if provider == "runware":
        return ProviderCheck(subject, "ok", "stated by every answer")
    return ProviderCheck(subject, "optional", "not in data/providers/prices.yml: its costs are shown as unknown")


def _asked(config: Config, base_urls: Mapping[str, str]) -> Iterator[ProviderCheck]:
    """Ask every configured provider about its model, and every other vendor whose key is set about the key."""
    configured = {config.provider(modality) for modality in MODALITIES}
    for modality in MODALITIES:
        provider = config.provider(modality)
        key, base_url = _key_and_address(config, provider, modality, base_urls)
        if provider in QUESTIONS and (key or provider in _LOCAL) and (base_url or provider in VENDORS):
            found = check_reachability(provider, config.model_name(modality), key or "none", base_url=base_url)
            yield ProviderCheck(f"{provider} for {modality}", "ok" if found.ok else "missing", found.detail)
    for name, vendor in VENDORS.items():
        key = config.secret(*vendor.key_variables)
        if key and name not in configured:
            found = check_reachability(name, None, key, base_url=base_urls.get(name))
            yield ProviderCheck(f"{name} (not in use)", "ok" if found.ok else "optional", found.detail)


def _key_and_address(
    config: Config, provider: str, modality: Modality, base_urls: Mapping[str, str]
) -> tuple[str | None, str | None]:
    """Return the key of a provider and the address of a server that is not the vendor's own."""
    settings = config.models[modality]
    if provider == "openai_compatible":
        return config.secret("OPENAI_COMPATIBLE_API_KEY"), settings.base_url
    if provider == "http":
        return None, str((settings.http or {}).get("base_url") or "").rstrip("/") or None
    vendor = VENDORS.get(provider)
    return (config.secret(*vendor.key_variables) if vendor else None), base_urls.get(provider)


def _is_installed(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True

"""Settings come in layers; later ones win, and every value remembers which layer set it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from personalab_core.config.section import OpenSection, Section
from personalab_core.config.settings import Settings
from personalab_core.config.yaml_files import parse_yaml
from personalab_core.errors import ConfigError

ENVIRONMENT_PREFIX = "PERSONALAB__"
_PROVIDER_OF_PLAIN_NAMES = "gemini"
_MODALITIES = ("text", "image", "video")


@dataclass(frozen=True)
class Layer:
    """One source of settings.

    Attributes:
        name: ``defaults``, ``profile``, ``file``, ``.env``, ``environment`` or ``overrides``.
        origin: What messages call it: a path, or where the values came from.
        values: Nested settings, checked for unknown keys.
    """

    name: str
    origin: str
    values: dict[str, Any]

    @classmethod
    def checked(cls, name: str, origin: str, values: Mapping[str, Any]) -> Layer:
        """Return the layer, with plain model names spelt out.

        Raises:
            ConfigError: A key is unknown, or a group of settings is not a mapping.
        """
        normal = _spell_out_models(values)
        _check_keys(normal, Settings, (), origin)
        return cls(name, origin, normal)


@dataclass
class MergedLayers:
    """The layers laid over one another. ``origins`` has the origin of every dotted key."""

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    _provider_named_with_model: dict[str, str] = field(default_factory=dict)

    def add(self, layer: Layer) -> None:
        """Lay ``layer`` over what is there."""
        merge(self.values, layer.values)
        for key, _ in _leaves(layer.values):
            self.origins[key] = layer.origin
        for modality, model in (layer.values.get("models") or {}).items():
            if model and "model_name" in model:
                self._provider_named_with_model[modality] = self.values["models"][modality].get("provider")

    def check_models(self) -> None:
        """Refuse a provider whose model name is still that of another provider.

        Raises:
            ConfigError: Names the key that is missing.
        """
        for modality in _MODALITIES:
            provider = self.values["models"][modality]["provider"]
            if provider != self._provider_named_with_model.get(modality):
                key = f"models.{modality}"
                raise ConfigError(
                    f"{self.origins[f'{key}.provider']}: '{key}.provider' is {provider!r}, "
                    f"but '{key}.model_name' is not set with it; name one of that provider's models."
                )


def layer_from_variables(name: str, origin: str, variables: Mapping[str, str | None]) -> Layer | None:
    """Return the settings in variables such as ``PERSONALAB__EVALUATION__RETRY__MAX_ATTEMPTS``, if any.

    Raises:
        ConfigError: A variable names an unknown setting.
    """
    values: dict[str, Any] = {}
    for variable, text in sorted(variables.items()):
        if text is not None and variable.upper().startswith(ENVIRONMENT_PREFIX):
            source = f"{origin}, variable {variable}"
            path = variable[len(ENVIRONMENT_PREFIX) :].lower().split("__")
            _check_keys(_nest(path, {}), Settings, (), source)
            merge(values, _nest(path, _value_of_variable(path, text, source)))
    return Layer.checked(name, origin, values) if values else None


def nest_dotted(overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``{"a.b": 1}`` as ``{"a": {"b": 1}}``; nested mappings may be given, too."""
    values: dict[str, Any] = {}
    for key, value in overrides.items():
        merge(values, _nest(key.split("."), value))
    return values


def nearest(name: str, known: list[str]) -> str | None:
    """Return the entry of ``known`` that ``name`` was probably meant to be, or ``None``."""
    matches = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.6)
    return matches[0] if matches else None


def known_keys(section: type[Section] = Settings, prefix: str = "") -> list[str]:
    """Return every dotted key, groups included."""
    keys: list[str] = []
    for name, child in _children(section).items():
        keys.append(prefix + name)
        if child is not None:
            keys.extend(known_keys(child, f"{prefix}{name}."))
    return keys


def _children(section: type[Section]) -> dict[str, type[Section] | None]:
    return {
        name: info.annotation if isinstance(info.annotation, type) and issubclass(info.annotation, Section) else None
        for name, info in section.model_fields.items()
    }


def _check_keys(values: Mapping[str, Any], section: type[Section], above: tuple[str, ...], origin: str) -> None:
    children = _children(section)
    for name, value in values.items():
        key = ".".join((*above, str(name)))
        if name not in children:
            if issubclass(section, OpenSection):
                continue
            raise ConfigError(f"{origin}: unknown setting '{key}'. {_suggestion(str(name), key, above, children)}")
        child = children[name]
        if child is None or value is None:  # a group left empty changes nothing
            continue
        if not isinstance(value, Mapping):
            raise ConfigError(
                f"{origin}: '{key}' is a group of settings ({', '.join(child.model_fields)}), got {value!r}."
            )
        _check_keys(value, child, (*above, name), origin)


def _suggestion(name: str, key: str, above: tuple[str, ...], siblings: Mapping[str, object]) -> str:
    sibling = nearest(name, list(siblings))
    if sibling:
        return f"Did you mean '{'.'.join((*above, sibling))}'?"
    everything = known_keys()
    elsewhere = next((k for k in everything if k.rsplit(".", 1)[-1] == name), None) or nearest(key, everything)
    if elsewhere:
        return f"Did you mean '{elsewhere}'?"
    return f"Known here: {', '.join(siblings)}."


def _spell_out_models(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a deep copy in which ``image: "name"`` is ``image: {provider: gemini, model_name: "name"}``."""
    copy = _copy(values)
    models = copy.get("models")
    if isinstance(models, dict):
        for modality, model in models.items():
            if isinstance(model, str):
                models[modality] = {"provider": _PROVIDER_OF_PLAIN_NAMES, "model_name": model}
    return copy


def _copy(values: Mapping[str, Any]) -> dict[str, Any]:
    return {k: _copy(v) if isinstance(v, Mapping) else v for k, v in values.items()}


def merge(base: dict[str, Any], over: Mapping[str, Any]) -> None:
    """Lay ``over`` onto ``base`` key by key; only mappings are merged, anything else is replaced."""
    for name, value in over.items():
        if isinstance(base.get(name), dict) and (value is None or isinstance(value, Mapping)):
            merge(base[name], value or {})
        else:
            base[name] = _copy(value) if isinstance(value, Mapping) else value


def _leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _nest(path: list[str], value: Any) -> dict[str, Any]:
    for name in reversed(path):
        value = {name: value}
    nested: dict[str, Any] = value
    return nested


def _value_of_variable(path: list[str], text: str, source: str) -> Any:
    """Return the variable's value: text where a setting is text, else what YAML makes of it."""
    section: type[Section] = Settings
    for name in path[:-1]:
        section = _children(section)[name] or section
    info = section.model_fields.get(path[-1])
    if info is not None and info.annotation is str:
        return text
    return parse_yaml(text, source=source)

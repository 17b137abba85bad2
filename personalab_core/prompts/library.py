"""The prompt files: those of ``data/prompts``, with the user's own laid over them key by key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeVar, get_args

from pydantic import Field, ValidationError

from personalab_core.config.explain import describe, expectation
from personalab_core.config.layers import merge, nearest
from personalab_core.config.loader import Config
from personalab_core.config.resources import data_path
from personalab_core.config.section import Section
from personalab_core.config.yaml_files import read_yaml_mapping
from personalab_core.errors import ConfigError
from personalab_core.prompts.patches import PatchCatalogue
from personalab_core.schemas import FacePart, Framing, Reason

ANCHOR_TEMPLATES_FILE = "anchor_templates.yml"
RETRY_PATCHES_FILE = "retry_patches.yml"
_PARTS = "parts"
SCENARIOS_FILE = "scenarios.yml"
SYSTEM_PROMPTS_FILE = "system_prompts.yml"

ANCHOR_KINDS = ("frontal", "three_quarter", "smile", "silhouette", "natural_light")

_S = TypeVar("_S", bound=Section)


class SystemPrompt(Section):
    """One instruction for the text model; both texts are ``${VAR}`` templates."""

    system: str
    user: str
    source: str = ""


class AnchorTemplate(Section):
    """How one kind of reference picture is asked for."""

    kind: Literal["frontal", "three_quarter", "smile", "silhouette", "natural_light"]
    template: str
    framing: Framing
    source: str = ""


class Scenario(Section):
    """One scene; ``ImagePrompt.from_scenario_details(scenario, ...)`` takes it as it is."""

    name: str
    title: str = ""
    framing: Framing | None = None
    action_details: str = ""
    location_details: str = ""
    outfit_details: str = ""
    expression: str = ""
    lighting: str = ""
    mood: str = ""
    camera: str = ""
    other_people: bool = False
    negative: str = ""
    duration_s: float | None = Field(default=None, gt=0)


class ScenarioSet(Section):
    """A template and the scenes it is used with, by file order. ``source`` is the template's file."""

    template: str
    scenarios: tuple[Scenario, ...]
    source: str = ""

    def scenario(self, name: str) -> Scenario:
        """Return the scene of that name.

        Raises:
            ConfigError: There is none; the message names the nearest one.
        """
        names = [scene.name for scene in self.scenarios]
        if name in names:
            return self.scenarios[names.index(name)]
        close = nearest(name, names)
        hint = f"Did you mean '{close}'?" if close else f"Known: {', '.join(names)}."
        raise ConfigError(f"There is no scenario '{name}'. {hint}")


class AssetScenarios(Section):
    """Scenes for pictures and for videos."""

    image_scenarios: ScenarioSet
    video_scenarios: ScenarioSet


def load_system_prompts(config: Config) -> Mapping[str, SystemPrompt]:
    """Return the instructions for the text model: ``content_plan``, ``image_prompt``, ``video_prompt``.

    Raises:
        ConfigError: A prompt file is broken; the message names file and key.
    """
    file = _PromptFile(SYSTEM_PROMPTS_FILE, config)
    return MappingProxyType({name: file.build(SystemPrompt, (name,)) for name in file.names("system prompt")})


def load_anchor_templates(config: Config) -> Mapping[str, AnchorTemplate]:
    """Return the template of each of the five anchor kinds, the frontal one first.

    Raises:
        ConfigError: A prompt file is broken; the message names file and key.
    """
    file = _PromptFile(ANCHOR_TEMPLATES_FILE, config)
    file.names("anchor kind")
    return MappingProxyType({kind: file.build(AnchorTemplate, (kind,), kind=kind) for kind in ANCHOR_KINDS})


def load_asset_scenarios(config: Config) -> AssetScenarios:
    """Return templates and scenes for pictures (``image_scenarios``) and videos (``video_scenarios``).

    Raises:
        ConfigError: A prompt file is broken; the message names file and key.
    """
    file = _PromptFile(SCENARIOS_FILE, config)
    file.names("group of scenarios")
    return AssetScenarios(
        image_scenarios=_scenario_set(file, "image_scenarios"), video_scenarios=_scenario_set(file, "video_scenarios")
    )


def load_patch_catalogue(config: Config) -> PatchCatalogue:
    """Return the texts that retries add to their prompt.

    Raises:
        ConfigError: A prompt file is broken; the message names file and key.
    """
    file = _PromptFile(RETRY_PATCHES_FILE, config)
    reasons = [reason.value for reason in Reason if reason is not Reason.NONE]
    names = file.names("reason", known=[*reasons, _PARTS])
    texts = {Reason(name): _patch_levels(file, file.values[name], name) for name in names if name != _PARTS}
    return PatchCatalogue(texts, _part_patches(file))


def _part_patches(file: _PromptFile) -> dict[FacePart, list[str]]:
    parts = file.values.get(_PARTS) or {}
    if not isinstance(parts, Mapping):
        raise ConfigError(f"{file.source(_PARTS)}: '{_PARTS}': expected parts by name, got {describe(parts)}.")
    known = get_args(FacePart)
    for name in parts:
        if name not in known:
            raise ConfigError(f"{file.source(_PARTS, name)}: unknown part '{name}'. Known: {', '.join(known)}.")
    return {part: _patch_levels(file, parts[part], _PARTS, part) for part in known if part in parts}


def _patch_levels(file: _PromptFile, levels: Any, *keys: str) -> list[str]:
    if not isinstance(levels, list) or not all(isinstance(text, str) and text.strip() for text in levels):
        raise ConfigError(
            f"{file.source(*keys)}: '{'.'.join(keys)}': expected a list of texts, got {describe(levels)}."
        )
    return levels


@dataclass(frozen=True, slots=True)
class PromptOrigin:
    """Where the texts of one prompt file come from.

    Attributes:
        name: Of the file, such as ``retry_patches.yml``.
        shipped: The file with the texts that ship.
        own: Where a file of one's own would be, or is.
        own_keys: Dotted keys whose texts come from the own file; empty without one.
    """

    name: str
    shipped: Path
    own: Path
    own_keys: tuple[str, ...]

    def file_of(self, *keys: str) -> Path:
        """Return the file that the text at a key comes from."""
        key = ".".join(keys)
        mine = any(own == key or own.startswith(f"{key}.") for own in self.own_keys)
        return self.own if mine else self.shipped


def prompt_origins(config: Config) -> tuple[PromptOrigin, ...]:
    """Return every prompt file with what of it a file of one's own replaces.

    Raises:
        ConfigError: A file is no YAML mapping; the message names it.
    """
    names = (SCENARIOS_FILE, RETRY_PATCHES_FILE, ANCHOR_TEMPLATES_FILE, SYSTEM_PROMPTS_FILE)
    return tuple(_PromptFile(name, config).origin() for name in names)


@cache
def shipped_template(kind: Literal["image", "video"]) -> tuple[str, str]:
    """Return the built-in template for pictures or videos, and its file."""
    path = data_path("prompts", SCENARIOS_FILE)
    template: str = read_yaml_mapping(path)[f"{kind}_scenarios"]["template"]
    return template, str(path)


class _PromptFile:
    """One prompt file as shipped, overlaid by the user's of the same name."""

    def __init__(self, name: str, config: Config) -> None:
        self._shipped_path = data_path("prompts", name)
        self._user_path = Path(config.paths.prompts) / name
        self.values = read_yaml_mapping(self._shipped_path)
        self._known = list(self.values)
        self._own: dict[str, Any] = read_yaml_mapping(self._user_path) if self._user_path.is_file() else {}
        merge(self.values, self._own)

    def names(self, what: str, *, known: list[str] | None = None) -> list[str]:
        """Return the top-level keys; an unknown one in the user's file is refused."""
        allowed = known or self._known
        for name in self._own:
            if name not in allowed:
                close = nearest(name, allowed)
                hint = f"Did you mean '{close}'?" if close else f"Known: {', '.join(allowed)}."
                raise ConfigError(f"{self._user_path}: unknown {what} '{name}'. {hint}")
        return list(self.values)

    def source(self, *keys: str) -> str:
        """Return the file that a key's value came from."""
        own: Any = self._own
        for key in keys:
            if not isinstance(own, Mapping) or key not in own:
                return str(self._shipped_path)
            own = own[key]
        return str(self._user_path)

    def origin(self) -> PromptOrigin:
        """Return where its texts come from."""
        return PromptOrigin(self._shipped_path.name, self._shipped_path, self._user_path, tuple(_leaves(self._own)))

    def build(self, section: type[_S], keys: tuple[str, ...], **fixed: Any) -> _S:
        """Return the mapping at ``keys`` as a checked section; ``fixed`` fields are not read from the file."""
        value: Any = self.values
        for key in keys:
            value = value[key]
        place = ".".join(keys)
        if not isinstance(value, Mapping):
            raise ConfigError(f"{self.source(*keys)}: '{place}': expected 'key: value' lines, got {describe(value)}.")
        if "source" in section.model_fields:
            fixed["source"] = self.source(*keys, "template" if "template" in section.model_fields else "user")
        try:
            return section.model_validate({**value, **fixed})
        except ValidationError as error:
            raise ConfigError(self._sentence(error, section, keys)) from None

    def _sentence(self, error: ValidationError, section: type[Section], keys: tuple[str, ...]) -> str:
        details = error.errors(include_url=False)[0]
        name = str(details["loc"][0])
        where = f"{self.source(*keys, name)}: '{'.'.join((*keys, name))}'"
        if details["type"] == "extra_forbidden":
            close = nearest(name, list(section.model_fields))
            return f"{where} is not known. " + (f"Did you mean '{close}'?" if close else "")
        return f"{where}: expected {expectation(details)}, got {describe(details['input'])}."


def _leaves(values: Mapping[str, Any], above: str = "") -> Iterator[str]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{above}{key}.")
        else:
            yield f"{above}{key}"


def _scenario_set(file: _PromptFile, group: str) -> ScenarioSet:
    values = file.values[group]
    scenes = values.get("scenarios") if isinstance(values, Mapping) else None
    if not isinstance(scenes, Mapping):
        raise ConfigError(
            f"{file.source(group)}: '{group}.scenarios': expected scenes by name, got {describe(scenes)}."
        )
    built = tuple(file.build(Scenario, (group, "scenarios", str(name)), name=str(name)) for name in scenes)
    return file.build(ScenarioSet, (group,), scenarios=built)

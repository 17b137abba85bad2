"""Put the layers of settings together: defaults, profile, file, environment, overrides."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast, get_args

from dotenv import dotenv_values
from pydantic import ValidationError

from personalab_core.config.explain import explain
from personalab_core.config.layers import Layer, MergedLayers, layer_from_variables, nearest, nest_dotted
from personalab_core.config.resources import data_path
from personalab_core.config.settings import (
    BudgetSettings,
    EvaluationSettings,
    GenerationSettings,
    ModelSettings,
    ModelsSettings,
    PathsSettings,
    ProfileName,
    PublishingSettings,
    RuntimeSettings,
    Settings,
)
from personalab_core.config.yaml_files import read_yaml_mapping
from personalab_core.errors import ConfigError

SIMULATED_PROVIDER = "simulated"
CONFIG_FILE_NAMES = ("config.yml", "personalab.yml")
PROFILE_VARIABLE = "PERSONALAB_PROFILE"

_PROFILES: tuple[str, ...] = get_args(ProfileName)


class _Secrets:
    """Variables of the environment and ``.env``; never printed, compared, hashed or sent to another process.

    A copy that travels, to a worker of a cluster for instance, reads the environment of where it arrives, and
    the same ``.env`` if it is there.
    """

    def __init__(self, variables: Mapping[str, str], dotenv: Mapping[str, str | None], dotenv_file: Path) -> None:
        self._sources = (variables, dotenv)
        self._dotenv_file = dotenv_file

    def first(self, names: tuple[str, ...]) -> str | None:
        found = (source.get(name) for name in names for source in self._sources)
        return next((value.strip() for value in found if value and value.strip()), None)

    def __repr__(self) -> str:
        return "<hidden>"

    def __reduce__(self) -> tuple[Callable[[Path], _Secrets], tuple[Path]]:
        return _secrets_of_this_process, (self._dotenv_file,)


def _secrets_of_this_process(dotenv_file: Path) -> _Secrets:
    return _Secrets(os.environ, _read_dotenv(dotenv_file), dotenv_file)


@dataclass(frozen=True)
class Config:
    """All settings in force, frozen.

    Attributes:
        profile: ``simulated`` or ``default``.
        config_hash: First 16 hex digits of SHA-256 over the canonical JSON of all settings
            but paths and budget; the same on every platform, independent of secrets.
        sources: Which file or place each layer came from, by layer, in order.
    """

    profile: ProfileName
    models: ModelsSettings
    generation: GenerationSettings
    evaluation: EvaluationSettings
    paths: PathsSettings
    runtime: RuntimeSettings
    publishing: PublishingSettings
    budget: BudgetSettings
    config_hash: str
    sources: Mapping[str, str]
    _origins: Mapping[str, str] = field(repr=False, compare=False)
    _secrets: _Secrets = field(repr=False, compare=False)

    def provider(self, modality: str) -> str:
        """Return the provider of ``text``, ``image`` or ``video``."""
        return self._model(modality).provider

    def model_name(self, modality: str) -> str:
        """Return the model name of ``text``, ``image`` or ``video``."""
        return self._model(modality).model_name

    def simulates(self, modality: str) -> bool:
        """Return whether ``text``, ``image`` or ``video`` is served by the simulator."""
        return self.provider(modality) == SIMULATED_PROVIDER

    @property
    def simulated(self) -> bool:
        """True if any modality is served by the simulator."""
        return any(self.simulates(modality) for modality in self.models)

    def secret(self, *names: str) -> str | None:
        """Return the first of the named variables that is set, from the environment or ``.env``."""
        return self._secrets.first(names)

    def origin(self, key: str) -> str:
        """Return where the value of a dotted key came from, such as a file path; ``derived`` if it follows another."""
        return self._origins.get(key, "derived")

    def to_mapping(self) -> dict[str, Any]:
        """Return profile and settings as nested plain dicts, without secrets."""
        sections = (
            self.models,
            self.generation,
            self.evaluation,
            self.paths,
            self.runtime,
            self.budget,
            self.publishing,
        )
        names = ("models", "generation", "evaluation", "paths", "runtime", "budget", "publishing")
        return {"profile": self.profile, **{n: s.to_mapping() for n, s in zip(names, sections, strict=True)}}

    def _model(self, modality: str) -> ModelSettings:
        if modality not in self.models:
            raise ConfigError(f"Unknown modality {modality!r}. Known: {', '.join(self.models)}.")
        return cast(ModelSettings, self.models[modality])


def load_config(
    path: str | Path | None = None,
    *,
    profile: str | None = None,
    overrides: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    workspace: str | Path | None = None,
) -> Config:
    """Return the settings in force.

    Later layers win: ``data/config/defaults.yml``, the profile, the config file, variables
    ``PERSONALAB__SECTION__KEY`` of ``.env`` and then of the environment, ``overrides``.
    The profile is ``profile``, else the variable ``PERSONALAB_PROFILE``, else the config file's
    ``profile:``, else ``default`` with a config file and ``simulated`` without. A simulated
    profile that was asked for by argument or variable also beats the file and the variables
    in what it sets, so that trying something never reaches a paid provider.

    Args:
        path: Config file; else ``config.yml`` or ``personalab.yml`` of the workspace, if there is one.
        profile: ``simulated`` or ``default``.
        overrides: Settings by dotted key, such as ``{"evaluation.retry.max_attempts": 5}``.
        environ: Variables to use instead of the process's own; never changed.
        workspace: Folder that relative paths start from; else that of the config file, else the
            working directory. Its ``.env`` is read.

    Raises:
        ConfigError: A file is missing or broken, or a setting is unknown, mistyped or contradictory;
            the message names the file and the key.
    """
    variables = os.environ if environ is None else environ
    file = _config_file(path, workspace)
    base = _base_folder(file, workspace)
    dotenv = _read_dotenv(base / ".env")
    in_file = read_yaml_mapping(file) if file else {}
    file_profile = _known_profile(in_file.pop("profile", None), f"{file}")
    asked = _asked_profile(profile, variables, dotenv)
    chosen = asked or file_profile or ("default" if file else "simulated")

    defaults = _shipped("defaults", "defaults.yml")
    profile_layer = _shipped("profile", "profiles", f"{chosen}.yml")
    file_layer = Layer.checked("file", str(file), in_file) if file else None
    dotenv_layer = layer_from_variables(".env", str(base / ".env"), dotenv)
    environment_layer = layer_from_variables("environment", "environment", variables)
    given = Layer.checked("overrides", "overrides", nest_dotted(overrides)) if overrides else None
    outer = [file_layer, dotenv_layer, environment_layer]
    forced = asked == SIMULATED_PROVIDER
    order = [defaults, *outer, profile_layer, given] if forced else [defaults, profile_layer, *outer, given]
    layers = [layer for layer in order if layer is not None]

    merged = MergedLayers()
    for layer in layers:
        merged.add(layer)
    merged.check_models()
    _fill_followers(merged.values)
    _resolve_paths(merged.values, base)
    return _build(chosen, merged, layers, _Secrets(variables, dotenv, base / ".env"))


def _build(profile: str, merged: MergedLayers, layers: list[Layer], secrets: _Secrets) -> Config:
    try:
        settings = Settings.model_validate(merged.values)
    except ValidationError as error:
        raise ConfigError(explain(error, merged.origins)) from None
    return Config(
        profile=cast(ProfileName, profile),
        models=settings.models,
        generation=settings.generation,
        evaluation=settings.evaluation,
        paths=settings.paths,
        runtime=settings.runtime,
        publishing=settings.publishing,
        budget=settings.budget,
        config_hash=_config_hash(profile, settings),
        sources={layer.name: layer.origin for layer in layers},
        _origins=merged.origins,
        _secrets=secrets,
    )


def _config_hash(profile: str, settings: Settings) -> str:
    plain = settings.to_mapping()
    del plain["paths"]
    del plain["budget"]  # decides whether a picture is made, not how it looks
    del plain["evaluation"]["drift"]["log_dir"]
    canonical = json.dumps({"profile": profile, **plain}, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()[:16]


def _shipped(name: str, *parts: str) -> Layer:
    file = data_path("config", *parts)
    return Layer.checked(name, str(file), read_yaml_mapping(file))


def _config_file(path: str | Path | None, workspace: str | Path | None) -> Path | None:
    if path is not None:
        file = Path(path).expanduser().absolute()
        if not file.is_file():
            raise ConfigError(f"{file}: there is no such config file.")
        return file
    folder = Path(workspace).expanduser() if workspace is not None else Path.cwd()
    return next((folder.absolute() / name for name in CONFIG_FILE_NAMES if (folder / name).is_file()), None)


def _base_folder(file: Path | None, workspace: str | Path | None) -> Path:
    if workspace is not None:
        return Path(workspace).expanduser().absolute()
    return file.parent if file else Path.cwd()


def _read_dotenv(file: Path) -> Mapping[str, str | None]:
    if not file.is_file():
        return {}
    try:
        return dotenv_values(file, encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        # The reason alone: the text of a decoding error would show a piece of the file.
        raise ConfigError(f"{file}: cannot be read as UTF-8 text ({type(error).__name__}).") from None


def _asked_profile(profile: str | None, variables: Mapping[str, str], dotenv: Mapping[str, str | None]) -> str | None:
    if profile is not None:
        return _known_profile(profile, "argument 'profile'")
    variable = variables.get(PROFILE_VARIABLE) or dotenv.get(PROFILE_VARIABLE)
    return _known_profile(variable or None, f"variable {PROFILE_VARIABLE}")


def _known_profile(value: Any, origin: str) -> str | None:
    if value is None or value in _PROFILES:
        return cast("str | None", value)
    close = nearest(str(value), list(_PROFILES))
    hint = f"Did you mean '{close}'?" if close else f"Known: {', '.join(_PROFILES)}."
    raise ConfigError(f"{origin}: unknown profile {value!r}. {hint}")


def _fill_followers(values: dict[str, Any]) -> None:
    """Fill in the settings that follow another one unless they are set."""
    for modality in ("image", "video"):
        section = values["generation"][modality]
        if section["provider"] is None:
            section["provider"] = values["models"][modality]["provider"]
    output = values["paths"]["output"]
    drift = values["evaluation"]["drift"]
    if drift["log_dir"] is None:
        drift["log_dir"] = f"{output}/drift"
    if values["paths"]["jobs"] is None:
        values["paths"]["jobs"] = f"{output}/jobs.sqlite3"


def _resolve_paths(values: dict[str, Any], base: Path) -> None:
    drift = values["evaluation"]["drift"]
    signing = values["publishing"]
    for section, names in (
        (values["paths"], list(values["paths"])),
        (drift, ["log_dir"]),
        (signing, ["certificate", "private_key"]),
    ):
        for name in names:
            if isinstance(section[name], str | Path):
                # normpath, not resolve: a symbolic link in the path stays as the user wrote it.
                section[name] = Path(os.path.normpath(base / Path(section[name]).expanduser()))

"""``personalab doctor``: is everything in place, and what does it run on?"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from personalab_core.cli.context import DONE, NOT_ACCEPTED, JsonOption, chosen, print_json, print_table, say

if TYPE_CHECKING:
    from personalab_core.config import Config

Verdict = Literal["ok", "missing", "optional"]

_BASE_PACKAGES = (
    "numpy",
    "opencv-python|opencv-python-headless|opencv-contrib-python",
    "pillow",
    "pydantic",
    "streamlit",
    "plotly",
    "pandas",
)
_EVAL_PACKAGES = ("insightface", "onnxruntime", "scikit-image")
_OPTIONAL_PACKAGES = {
    "google-genai": "gemini",
    "openai": "openai",
    "runware-sdk": "runware",
    "replicate": "replicate",
    "runwayml": "runway",
    "dlib-bin": "a second recogniser, for photographs",
    "face-recognition-models": "its weights",
}
_KEYS = {
    "gemini": ("GOOGLE_API_KEY", "GEMINI_API_KEY"),
    "openai": ("OPENAI_API_KEY",),
    "runware": ("RUNWARE_API_KEY",),
    "replicate": ("REPLICATE_API_TOKEN",),
    "runway": ("RUNWAY_API_KEY", "RUNWAYML_API_SECRET"),
}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. ``missing`` needs doing something, ``optional`` does not."""

    subject: str
    verdict: Verdict
    detail: str


def doctor(
    context: typer.Context,
    *,
    online: Annotated[
        bool, typer.Option("--online", help="Also ask the configured providers; costs nothing, sends the keys.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Check the installation, the models, the keys and the workspace.

    Exit code 1 if something that is needed is missing. Example: personalab doctor --online
    """
    config = chosen(context).load()
    checks = [*_checks(config), *(_providers(config) if online else ())]
    missing = [check for check in checks if check.verdict == "missing"]
    if as_json:
        print_json({"profile": config.profile, "ready": not missing, "checks": [asdict(check) for check in checks]})
    else:
        print_table("", ("what", "", "found"), [(c.subject, c.verdict, c.detail) for c in checks])
        say()
        say("Everything is ready." if not missing else f"To do: {', '.join(check.subject for check in missing)}.")
    raise typer.Exit(NOT_ACCEPTED if missing else DONE)


def _checks(config: Config) -> Iterator[Check]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Check("Python", "ok" if sys.version_info >= (3, 11) else "missing", f"{version} (3.11 or newer is needed)")
    yield from (_package(name, needed=True) for name in (*_BASE_PACKAGES, *_EVAL_PACKAGES))
    yield from (_package(name, needed=False, use=use) for name, use in _OPTIONAL_PACKAGES.items())
    yield _profile(config)
    yield from _keys(config)
    yield _pack(config)
    yield _workspace(config)
    yield _dashboard()


def _package(names: str, *, needed: bool, use: str = "") -> Check:
    """Look for one package; ``a|b`` are distributions of the same module."""
    from importlib.metadata import PackageNotFoundError, version

    purpose = f" ({use})" if use else ""
    first = names.partition("|")[0]
    for name in names.split("|"):
        try:
            return Check(name, "ok", f"{version(name)}{purpose}")
        except PackageNotFoundError:
            continue
    return Check(first, "missing" if needed else "optional", f"not installed: pip install {first}{purpose}")


def _profile(config: Config) -> Check:
    models = ", ".join(f"{name} {config.provider(name)}" for name in config.models)
    if config.simulated:
        return Check("profile", "ok", f"{config.profile}: {models}; nothing shows a real person or a real provider")
    return Check("profile", "ok", f"{config.profile}: {models}")


def _keys(config: Config) -> Iterator[Check]:
    used = {config.provider(modality) for modality in config.models}
    for provider, variables in _KEYS.items():
        names = " or ".join(variables)
        if config.secret(*variables):
            yield Check(f"key of {provider}", "ok", f"{names} is set")
        else:
            verdict: Verdict = "missing" if provider in used else "optional"
            yield Check(f"key of {provider}", verdict, f"{names} is not set")


def _providers(config: Config) -> Iterator[Check]:
    """Ask each configured provider whose key is set about its model."""
    from personalab_core.llm.reachability import QUESTIONS, check_reachability

    for modality in config.models:
        provider, model = config.provider(modality), config.model_name(modality)
        key = config.secret(*_KEYS.get(provider, ()))
        if key and provider in QUESTIONS:
            found = check_reachability(provider, model, key)
            yield Check(f"{provider} for {modality}", "ok" if found.ok else "missing", found.detail)


def _pack(config: Config) -> Check:
    from personalab_core.errors import ModelPackError
    from personalab_core.identity.packs import find_pack

    embedding = config.evaluation.embedding
    if embedding.backend != "arcface":
        return Check("face models", "ok", f"evaluator {embedding.backend}, no face pack needed")
    try:
        pack = find_pack(embedding.model_name)
    except ModelPackError as error:
        return Check("face models", "missing", str(error))
    size_mb = sum(file.stat().st_size for file in pack.files) / 1e6
    return Check("face models", "ok", f"{pack.name} {pack.hash()}, {size_mb:.1f} MB. {pack.licence}")


def _workspace(config: Config) -> Check:
    import shutil
    import tempfile

    output = Path(config.paths.output)
    existing = next(folder for folder in (output, *output.parents) if folder.exists())
    try:
        with tempfile.NamedTemporaryFile(dir=existing, prefix=".personalab-"):
            free_gb = shutil.disk_usage(existing).free / 1e9
    except OSError as error:
        return Check("workspace", "missing", f"{existing} cannot be written: {error.strerror}")
    return Check("workspace", "ok", f"{output}, {free_gb:.1f} GB free")


def _dashboard() -> Check:
    from personalab_core.config import dashboard_root
    from personalab_core.errors import ConfigError

    try:
        return Check("dashboard", "ok", str(dashboard_root()))
    except ConfigError as error:
        return Check("dashboard", "missing", str(error))

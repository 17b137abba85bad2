"""What is in place and what is missing: the checks of ``personalab doctor`` and of the System page."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from personalab_core.llm.provider_checks import VENDORS, check_providers

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


KEY_VARIABLES: Mapping[str, tuple[str, ...]] = {name: vendor.key_variables for name, vendor in VENDORS.items()}
"""Variables that hold a provider's key; the first that is set counts."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. ``missing`` needs doing something, ``optional`` does not."""

    subject: str
    verdict: Verdict
    detail: str


def run_checks(config: Config, *, online: bool = False) -> list[Check]:
    """Return what was looked at, in a fixed order; ``online`` also asks the configured providers, for free."""
    return list(_checks(config, online=online))


def _checks(config: Config, *, online: bool) -> Iterator[Check]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Check("Python", "ok" if sys.version_info >= (3, 11) else "missing", f"{version} (3.11 or newer is needed)")
    yield from (_package(name, needed=True) for name in (*_BASE_PACKAGES, *_EVAL_PACKAGES))
    yield from (_package(name, needed=False, use=use) for name, use in _OPTIONAL_PACKAGES.items())
    yield _profile(config)
    yield from _vendors(config, online=online)
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
    unreal = "; nothing shows a real person or a real provider" if all(map(config.simulates, config.models)) else ""
    return Check("profile", "ok", f"{config.profile}: {models}{unreal}")


def _vendors(config: Config, *, online: bool) -> Iterator[Check]:
    """Look at the configured providers: package, key, model, price and, if ``online``, the vendor itself."""
    for found in check_providers(config, online=online):
        yield Check(found.subject, found.verdict, found.detail)


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

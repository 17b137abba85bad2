"""What decided how a picture could look, for its record: provider, model, profile, configuration."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from personalab_core.config import Config
from personalab_core.schemas import GenerationContext
from personalab_core.schemas.version import __version__

SIMULATED_PROVIDER = "simulated"


def compute_config_hash(settings: BaseModel | Mapping[str, Any]) -> str:
    """Return the first 16 hex digits of SHA-256 over the settings as JSON with sorted keys.

    Raises:
        TypeError: A value has no JSON form.

    >>> compute_config_hash({"b": 1, "a": 2}) == compute_config_hash({"a": 2, "b": 1})
    True
    """
    plain = settings.model_dump(mode="json") if isinstance(settings, BaseModel) else dict(settings)
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:16]


def context_from_config(config: Config, *, job_id: str | None = None) -> GenerationContext:
    """Return the context of every picture generated under ``config``."""
    provider = config.provider("image")
    return GenerationContext(
        provider=provider,
        model=config.model_name("image"),
        profile=config.profile,
        simulated=provider == SIMULATED_PROVIDER,
        aspect_ratio=config.generation.image.aspect_ratio,
        config_hash=config.config_hash,
        package_version=__version__,
        job_id=job_id,
    )


def video_context_from_config(config: Config, *, job_id: str | None = None) -> GenerationContext:
    """Return the context of every video generated under ``config``."""
    provider, video = config.provider("video"), config.generation.video
    return context_from_config(config, job_id=job_id).model_copy(
        update={
            "provider": provider,
            "model": config.model_name("video"),
            "simulated": provider == SIMULATED_PROVIDER,
            "aspect_ratio": video.aspect_ratio,
            "resolution": video.resolution,
        }
    )


def derived_context(*, provider: str, model: str, aspect_ratio: str) -> GenerationContext:
    """Return the context when no configuration is at hand; its hash covers these three only."""
    simulated = provider == SIMULATED_PROVIDER
    return GenerationContext(
        provider=provider,
        model=model,
        profile="simulated" if simulated else "default",
        simulated=simulated,
        aspect_ratio=aspect_ratio,
        config_hash=compute_config_hash({"provider": provider, "model": model, "aspect_ratio": aspect_ratio}),
        package_version=__version__,
    )

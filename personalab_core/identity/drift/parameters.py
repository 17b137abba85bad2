"""What the monitor assumes of a persona it does not know yet, and the limits of its charts."""

from __future__ import annotations

from functools import cache
from typing import Literal

import yaml
from pydantic import Field, ValidationError

from personalab_core.config.resources import data_path
from personalab_core.errors import ConfigError
from personalab_core.schemas import Contract, FrameSize

ChartName = Literal["level", "failures", "spread", "direction"]
"""The four charts; the first that is beyond its limit names the state."""


class Offset(Contract):
    """Mean and standard deviation, between personas, of one effect on the composite score."""

    mean: float
    sd: float = Field(ge=0)


class Limits(Contract):
    """Where each chart raises its hand, tuned jointly (``docs/drift.md``)."""

    level: float = Field(gt=0)
    failures: float = Field(gt=0)
    spread: float = Field(gt=0)
    direction: float = Field(gt=0)
    source: str


class Usual(Contract):
    """What is usual among personas: the point towards which one persona's few records are shrunk.

    Attributes:
        level: Composite score of a head shot, without patches, from the reference source.
        half: Half body against head.
        full: Full body against head.
        face_size: Per standard deviation of the log face size within a framing.
        patch: Per patch level; patches raise scores and would hide a fall.
        sources: Of every source (provider and model) known from other personas.
        new_source: Of a source that nobody has used yet.
        reference: The source whose offset is 0 by definition; ``None``: the first one a persona uses.
        spread: Standard deviation within a framing, by framing.
        spread_weight: How many records of a persona's own scatter that is worth. 4 takes half and twice as much for
            usual, 20 a fifth more or less (two standard errors, 1 / sqrt(2 n) each).
        log_face_size: Natural logarithm of the face size (share of the diagonal), by framing.
        n_personas: How many personas were pooled; 0 for what ships.
        source: Where the numbers come from.
    """

    level: Offset
    half: Offset
    full: Offset
    face_size: Offset
    patch: Offset
    sources: dict[str, Offset] = Field(default_factory=dict)
    new_source: Offset
    reference: str | None = None
    spread: dict[FrameSize, float]
    spread_weight: int = Field(gt=0)
    log_face_size: dict[FrameSize, Offset]
    n_personas: int = 0
    source: str


class DriftParameters(Contract):
    """Limits and the usual persona, as a row of data with its source."""

    limits: Limits
    usual: Usual


@cache
def shipped_parameters() -> DriftParameters:
    """Return ``data/calibration/drift.yml``.

    Raises:
        ConfigError: The file is missing or damaged.
    """
    path = data_path("calibration", "drift.yml")
    try:
        return DriftParameters.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise ConfigError(f"{path} is damaged ({type(error).__name__}). Reinstall the package.") from error

"""What each instrument's numbers mean: a row per evaluator in ``data/calibration/evaluators.yml``."""

from __future__ import annotations

from typing import Literal, Self

import yaml
from pydantic import Field, ValidationError, model_validator

from personalab_core.config.resources import data_path
from personalab_core.errors import ConfigError
from personalab_core.schemas.contract import Contract


class CalibrationRow(Contract):
    """Thresholds of one evaluator, with their source.

    ``accept`` and ``retry`` are similarities in [0, 1]. For an evaluator that decides on a distance
    they follow from the distances by ``similarity()``, so that both say the same.
    """

    metric: Literal["cosine_similarity", "euclidean_distance"]
    accept: float = Field(ge=0, le=1)
    retry: float = Field(ge=0, le=1)
    accept_distance: float | None = Field(default=None, gt=0)
    retry_distance: float | None = Field(default=None, gt=0)
    zero_similarity_distance: float | None = Field(default=None, gt=0)
    genuine: str
    impostor: str
    source: str

    @model_validator(mode="before")
    @classmethod
    def _similarities_of_distances(cls, row: dict[str, object]) -> dict[str, object]:
        if row.get("metric") != "euclidean_distance":
            return row
        zero = float(str(row["zero_similarity_distance"]))
        follow = {k: _linear(float(str(row[f"{k}_distance"])), zero) for k in ("accept", "retry")}
        return {**row, **follow}

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.retry > self.accept:
            raise ValueError("retry must not be stricter than accept")
        return self

    def similarity(self, distance: float) -> float:
        """Return the documented mapping of a Euclidean distance to [0, 1]; 1 at distance 0."""
        if self.zero_similarity_distance is None:
            raise ConfigError("this evaluator decides on a similarity and maps no distances.")
        return _linear(distance, self.zero_similarity_distance)


def calibration(evaluator: str, pack: str = "") -> CalibrationRow:
    """Return the row of an evaluator and pack, or the evaluator's general one.

    Raises:
        ConfigError: There is no row, or the file is damaged.
    """
    path = data_path("calibration", "evaluators.yml")
    try:
        rows = yaml.safe_load(path.read_text(encoding="utf-8"))["evaluators"]
        row = rows.get(f"{evaluator}/{pack}", rows.get(evaluator))
        if row is None:
            raise ConfigError(f"{path} has no row for '{evaluator}'; it has {', '.join(sorted(rows))}.")
        return CalibrationRow.model_validate(row)
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError, ValidationError) as error:
        raise ConfigError(f"{path} is damaged ({type(error).__name__}). Reinstall the package.") from error


def _linear(distance: float, zero_at: float) -> float:
    return min(max(1.0 - distance / zero_at, 0.0), 1.0)

"""A plain look at a timeline: are the newest scores where the first ones were?

This is a comparison of two averages, framing by framing. It names no moment of change and
corrects for nothing but framing, so the pages call it a look and not an alarm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, linear_regression, stdev

from personalab_core.schemas import DriftRecord

CALIBRATION_RECORDS = 40
"""Records that say what is normal for a persona, as DESIGN's words for the calibrating state have it."""
RECENT_RECORDS = 20
"""Newest records compared with them: as many as the slope trend of the timeline looks at."""
MIN_RECENT = 8
FLAT_SLOPE = 0.001
"""Slopes up to this much per record count as flat, as in the tracker's own summary."""
NOTICEABLE_ERRORS = 3.0
"""Standard errors below normal from which a persona is worth a look. Not calibrated."""


@dataclass(frozen=True, slots=True)
class LevelChange:
    """Newest scores against the first ones.

    Attributes:
        before: Mean composite score of the first 40 records.
        change: Mean difference of the newest from the first ones of the same framing.
        errors: ``change`` in standard errors; negative is lower.
        n_recent: How many of the newest were compared.
    """

    before: float
    change: float
    errors: float
    n_recent: int

    @property
    def noticeable(self) -> bool:
        """Whether the newest scores are clearly lower."""
        return self.errors <= -NOTICEABLE_ERRORS


def level_change(timeline: Sequence[DriftRecord]) -> LevelChange | None:
    """Return how the newest scores compare with the first 40, or ``None`` while it is too early."""
    first, rest = timeline[:CALIBRATION_RECORDS], timeline[CALIBRATION_RECORDS:][-RECENT_RECORDS:]
    if len(rest) < MIN_RECENT:
        return None
    normal = _normal_by_framing(first)
    before = fmean(r.composite_score for r in first)
    spread = stdev(_off(first, normal, before))
    change = fmean(_off(rest, normal, before))
    error = spread / len(rest) ** 0.5
    return LevelChange(before, change, change / error if error else 0.0, len(rest))


def _normal_by_framing(first: Sequence[DriftRecord]) -> dict[str, float]:
    sizes = {r.frame_size for r in first}
    groups = {size: [r.composite_score for r in first if r.frame_size == size] for size in sizes}
    return {size: fmean(group) for size, group in groups.items() if len(group) >= 5}


def _off(records: Sequence[DriftRecord], normal: dict[str, float], overall: float) -> list[float]:
    return [r.composite_score - normal.get(r.frame_size, overall) for r in records]


def rolling_mean(values: Sequence[float], window: int = RECENT_RECORDS) -> list[float]:
    """Return the mean of each value and up to ``window - 1`` values before it."""
    return [fmean(values[max(0, n - window + 1) : n + 1]) for n in range(len(values))]


def recent_slope(timeline: Sequence[DriftRecord]) -> float | None:
    """Return the slope, in score per record, of a straight line through the newest 20; ``None`` with fewer."""
    newest = timeline[-RECENT_RECORDS:]
    if len(newest) < RECENT_RECORDS:
        return None
    return linear_regression(range(len(newest)), [r.composite_score for r in newest]).slope

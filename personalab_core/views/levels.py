"""A plain look at a timeline: do the newest accepted pictures score as the first ones did?

This is a comparison of two averages, framing by framing. Refused pictures are left out: they
are slips and faults, scatter widely, and are counted as such. It names no moment of change
and corrects for nothing but framing, so the pages call it a look and not an alarm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from statistics import fmean, variance

from personalab_core.schemas import Decision, DriftRecord
from personalab_core.views.logs import DriftLog

CALIBRATION_RECORDS = 20
"""Accepted pictures that say what is normal for a persona. Not calibrated."""
RECENT_RECORDS = 12
"""Newest accepted pictures compared with them: few, so that a change shows soon. Not calibrated."""
MIN_RECENT = 8
NOTICEABLE_ERRORS = 2.5
"""Standard errors below normal from which a persona is worth a look. Steady personas simulated with
independent scores and three framings reach it in 1.5 % of looks. Not calibrated on real pictures."""


@dataclass(frozen=True, slots=True)
class LevelChange:
    """Scores of the newest accepted pictures against those of the first ones.

    Attributes:
        before: Mean composite score of the first ones.
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


def accepted(timeline: Sequence[DriftRecord]) -> Sequence[DriftRecord]:
    """Return the records of accepted pictures."""
    if isinstance(timeline, DriftLog):
        return timeline.accepted
    return [r for r in timeline if r.decision is Decision.ACCEPT]


def level_change(timeline: Sequence[DriftRecord]) -> LevelChange | None:
    """Return how the newest accepted pictures compare with the first ones, or ``None`` while it is too early."""
    kept = accepted(timeline)
    first, rest = kept[:CALIBRATION_RECORDS], kept[max(CALIBRATION_RECORDS, len(kept) - RECENT_RECORDS) :]
    if len(rest) < MIN_RECENT:
        return None
    normal = _normal_by_framing(first)
    before = fmean(r.composite_score for r in first)
    then, now = _off(first, normal, before), _off(rest, normal, before)
    change = fmean(now) - fmean(then)
    # Welch's standard error: the two stretches may scatter differently.
    error = (variance(then) / len(then) + variance(now) / len(now)) ** 0.5
    return LevelChange(before, change, change / error if error else 0.0, len(rest))


def _normal_by_framing(first: Sequence[DriftRecord]) -> dict[str, float]:
    sizes = {r.frame_size for r in first}
    groups = {size: [r.composite_score for r in first if r.frame_size == size] for size in sizes}
    return {size: fmean(group) for size, group in groups.items() if len(group) >= 5}


def _off(records: Sequence[DriftRecord], normal: dict[str, float], overall: float) -> list[float]:
    return [r.composite_score - normal.get(r.frame_size, overall) for r in records]


def rolling_mean(values: Sequence[float], window: int = RECENT_RECORDS) -> list[float]:
    """Return the mean of each value and up to ``window - 1`` values before it."""
    sums = [0.0, *accumulate(values)]
    return [(sums[n] - sums[max(0, n - window)]) / min(n, window) for n in range(1, len(sums))]

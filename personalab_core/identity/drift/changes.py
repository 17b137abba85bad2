"""After an alarm: since when, how much, how much of it is only a changed mix, and where it comes from.

None of this runs per record; it looks at the few hundred records that the monitor keeps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from personalab_core.identity.drift.charts import clipped
from personalab_core.identity.drift.residuals import CLIP, MAD_OF_NORMAL, Observation, Past

WINDOW = 150
"""Newest records among which a change is looked for."""
MIN_SIDE = 3
PLAUSIBLE_DROP = 6.0
"""A moment is plausible while twice its log likelihood is within this of the best one's: the true moment of a
step lies within in about nine of ten cases (``docs/drift.md``)."""
AFTER_CHANGE = 60
"""Records after the change that the split into mix and true change looks at."""
MIN_CELL = 3
MIN_PER_PLACE, SETTLED_AFTER, PLACE_ERRORS = 4, 30, 2.0
"""Records of each provider or framing, and in all, before a place is named; and its distance in standard errors."""
BATCHED_SD = 1.15
"""Standard deviation of the mean of residuals times sqrt(n), with the autocorrelation usual among personas."""

_APART = 10
"""Records of one batch are alike by themselves."""

Place = Literal["everywhere", "framing", "source", "unclear"]


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """The first changed record and the span it may lie in. Numbers count from the start of the baseline.

    ``gradual`` is set where a slope fits better than a step: such a change has no exact start.
    """

    number: int
    earliest: int
    latest: int
    gradual: bool = False

    @property
    def error(self) -> int:
        """Half the width of the span, in records."""
        return math.ceil((self.latest - self.earliest) / 2)


@dataclass(frozen=True, slots=True)
class MixSplit:
    """Kitagawa's split of a change of the raw mean: through what was asked for, and within each framing."""

    mix: float
    within: float


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a change of level comes from: one framing or source by name, everywhere, or not to be told yet."""

    place: Place
    name: str | None = None


def level_change(past: Sequence[Past], *, noise: float = 1.0) -> ChangePoint | None:
    """Return the best split of the newest residuals, or ``None`` with too few of them.

    Args:
        past: Judged records, oldest first.
        noise: Standard deviation of a residual, widened for autocorrelation.
    """
    judged = [p for p in past if p.judged][-WINDOW:]
    found = best_split(np.array([[clipped(p.z)] for p in judged]), noise**2)
    return None if found is None else _at(found, [p.number for p in judged])


def direction_change(numbers: Sequence[int], residuals: NDArray[np.float64], *, power: float) -> ChangePoint | None:
    """Return the best split of the newest embeddings' residuals, or ``None`` with too few of them.

    Args:
        numbers: Record numbers, oldest first.
        residuals: (n, dim) of the same records.
        power: Mean squared length of a residual while nothing changes.
    """
    if len(numbers) < 2 * MIN_SIDE:
        return None
    # Only the direction in which the newest records lie says something; the other 511 are noise.
    newest = residuals[-max(MIN_SIDE, len(numbers) // 5) :].mean(axis=0)
    axis = newest / max(float(np.linalg.norm(newest)), 1e-12)
    along = residuals @ axis
    found = best_split(along[:, None], max(float(along.var()), power / residuals.shape[1]))
    return None if found is None else _at(found, numbers)


def best_split(values: NDArray[np.float64], variance: float) -> tuple[int, int, int, bool] | None:
    """Return the index after which the mean differs most, the plausible span, and whether a slope fits better.

    Args:
        values: (n, 1) in order.
        variance: Of one value while nothing changes.
    """
    n = len(values)
    if n < 2 * MIN_SIDE + 1:
        return None
    sums = np.cumsum(values[:, 0])
    k = np.arange(MIN_SIDE, n - MIN_SIDE + 1)
    difference = sums[k - 1] / k - (sums[-1] - sums[k - 1]) / (n - k)
    gain = difference**2 * k * (n - k) / (n * variance)
    best = int(gain.argmax())
    plausible = k[gain >= gain[best] - PLAUSIBLE_DROP]
    slope = _best_slope(values[:, 0])
    gradual = bool(slope > gain[best] * variance + 2 * variance)
    return int(k[best]), int(plausible.min()), int(plausible.max()), gradual


def _best_slope(values: NDArray[np.float64]) -> float:
    """Return the largest fall of the sum of squares by any line that is flat up to some record and then slopes."""
    n = len(values)
    centred = values - values.mean()
    best = 0.0
    for start in range(MIN_SIDE, n - 3 * MIN_SIDE):
        ramp = np.maximum(0.0, np.arange(n) - start)
        ramp = ramp - ramp.mean()
        best = max(best, float((ramp @ centred) ** 2 / (ramp @ ramp)))
    return best


def _at(found: tuple[int, int, int, bool], numbers: Sequence[int]) -> ChangePoint:
    index, low, high, gradual = found
    last = len(numbers) - 1
    return ChangePoint(numbers[index], numbers[low], numbers[min(high, last)], gradual)


def level_means(past: Sequence[Past], change: int, unit: Callable[[Past], float]) -> tuple[float, float]:
    """Return the mean residual before and since a change, in score units; outliers count for their limit only.

    Args:
        past: Oldest first.
        change: Number of the first changed record.
        unit: Score units per standard deviation of a record.
    """
    judged = [p for p in past if p.judged]
    before = [(p.z * unit(p), unit(p)) for p in judged if p.number < change]
    since = [(p.z * unit(p), unit(p)) for p in judged if p.number >= change]
    return _winsorised(before), _winsorised(since)


def _winsorised(rows: Sequence[tuple[float, float]]) -> float:
    """Return the mean of values, each at most :data:`CLIP` of its own units from their median."""
    if not rows:
        return 0.0
    middle = median(value for value, _ in rows)
    return middle + fmean(max(-CLIP * unit, min(CLIP * unit, value - middle)) for value, unit in rows)


def split_mix(past: Sequence[Past], change: int) -> MixSplit | None:
    """Return how much of a change of the raw mean is due to framing alone (E. Kitagawa, JASA 50, 1955).

    Medians stand for the means of the framings, so that failures do not count. ``None`` with nothing on one side.
    """
    before = [p for p in past if p.number < change][-WINDOW:]
    since = [p for p in past if p.number >= change][:AFTER_CHANGE]
    if not before or not since:
        return None
    mix = within = 0.0
    for framing in ("head", "half", "full"):
        (w0, y0), (w1, y1) = _share_and_level(before, framing), _share_and_level(since, framing)
        if y0 is not None or y1 is not None:
            # A framing seen on one side only is taken to score the same on the other.
            first, then = (y1 if y0 is None else y0) or 0.0, (y0 if y1 is None else y1) or 0.0
            mix += (w1 - w0) * (first + then) / 2
            within += (w1 + w0) / 2 * (then - first)
    return MixSplit(mix, within)


def _share_and_level(records: Sequence[Past], framing: str) -> tuple[float, float | None]:
    own = [p.seen.score for p in records if p.seen.framing == framing]
    return len(own) / len(records), median(own) if len(own) >= MIN_CELL else None


def level_origin(past: Sequence[Past], change: int) -> Origin:
    """Return where a change of level comes from, once it can be told.

    Args:
        past: Oldest first.
        change: Number of the first changed record.
    """
    return _origin([(p.seen, clipped(p.z)) for p in past if p.judged and p.number >= change])


def direction_origin(
    past: Sequence[Past], numbers: Sequence[int], residuals: NDArray[np.float64], change: int
) -> Origin:
    """Return where a change of direction comes from, once it can be told.

    Args:
        past: Oldest first.
        numbers: Record numbers of the embeddings.
        residuals: (n, dim) of them.
        change: Number of the first changed record.
    """
    seen = {p.number: p.seen for p in past}
    since = [i for i, number in enumerate(numbers) if number >= change and number in seen]
    if len(since) < SETTLED_AFTER:
        return Origin("unclear")
    own = [seen[numbers[i]] for i in since]
    return _origin(list(zip(own, _along_the_others(residuals[since]), strict=True)))


def _along_the_others(residuals: NDArray[np.float64]) -> list[float]:
    """Return how far each residual goes the way the others go, those of its own batch left out, in its own spread."""
    at = np.arange(len(residuals))
    apart = np.abs(at[:, None] - at) >= _APART
    along = ((residuals @ residuals.T) * apart).sum(axis=1) / apart.sum(axis=1)
    centred = along - np.median(along)
    return [float(value) for value in along / max(float(np.median(np.abs(centred))) / MAD_OF_NORMAL, 1e-12)]


def _origin(since: Sequence[tuple[Observation, float]]) -> Origin:
    """Return where deviations come from, each with what it is of.

    A place is named when it differs from the rest, and is itself off, by :data:`PLACE_ERRORS` standard errors;
    "everywhere" when every source and framing with enough records is off the same way.
    """
    if len(since) < SETTLED_AFTER:
        return Origin("unclear")
    by_source = _groups((seen.source, off) for seen, off in since)
    by_framing = _groups((seen.framing, off) for seen, off in since)
    source, framing = _alone(by_source), _alone(by_framing)
    if source is not None:
        return Origin("source", source)
    if framing is not None:
        return Origin("framing", framing)
    several = [groups for groups in (by_source, by_framing) if len(groups) > 1]
    return Origin("everywhere" if several and all(_all_off(groups) for groups in several) else "unclear")


def _groups(rows: Iterable[tuple[str, float]]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for name, off in rows:
        found.setdefault(name, []).append(off)
    return {name: offs for name, offs in found.items() if len(offs) >= MIN_PER_PLACE}


def _alone(groups: dict[str, list[float]]) -> str | None:
    """Return the one group that is off while the rest is not."""
    for name, own in groups.items():
        rest = [z for other, values in groups.items() if other != name for z in values]
        if not rest:
            return None
        difference = (fmean(own) - fmean(rest)) / (BATCHED_SD * math.hypot(len(own) ** -0.5, len(rest) ** -0.5))
        if abs(difference) > PLACE_ERRORS and abs(_errors(own)) > PLACE_ERRORS and abs(_errors(rest)) < PLACE_ERRORS:
            return name
    return None


def _all_off(groups: dict[str, list[float]]) -> bool:
    errors = [_errors(values) for values in groups.values()]
    return all(e < -PLACE_ERRORS for e in errors) or all(e > PLACE_ERRORS for e in errors)


def _errors(z: Sequence[float]) -> float:
    return fmean(z) * math.sqrt(len(z)) / BATCHED_SD

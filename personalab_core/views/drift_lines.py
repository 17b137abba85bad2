"""What the drift chart draws besides the points: lines, limits, the moment of change, the strips below."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from personalab_core.identity.drift.residuals import BASELINE
from personalab_core.identity.drift.status import DriftStatus
from personalab_core.identity.drift.trace import Trace
from personalab_core.identity.drift.watch import Drift
from personalab_core.schemas import DriftState
from personalab_core.views.levels import level_of_source, rolling_mean
from personalab_core.views.thinning import kept

Line = tuple[tuple[float, float], ...]
"""Points (record number from 1, value)."""


@dataclass(frozen=True, slots=True)
class ChangeMark:
    """Where something began: the first changed record, the span it may lie in, and the levels around it."""

    number: int
    low: int
    high: int
    before: float | None
    after: float | None
    words: str


@dataclass(frozen=True, slots=True)
class Strip:
    """A chart of its own below the timeline: how full it is, 1 being its limit."""

    name: str
    line: Line


@dataclass(frozen=True, slots=True)
class DriftLines:
    """Everything drawn on the axes of the points. Levels are score units at half-body framing.

    Attributes:
        level: Adjusted level up to the change, and all of it where nothing was found.
        level_after: The same since the change.
        limits: Record number, lower and upper limit of the level.
        raw_mean: Mean of the last records as they are.
        calibrating: First and last record of each baseline.
        change: Where something began, if something was found.
        strips: Failures, spread and, where embeddings are kept, direction.
    """

    level: Line
    level_after: Line
    limits: tuple[tuple[float, float, float], ...]
    raw_mean: Line
    calibrating: tuple[tuple[int, int], ...]
    change: ChangeMark | None
    strips: tuple[Strip, ...]


def build_lines(found: Drift) -> DriftLines:
    """Return what the chart draws of a timeline, thinned to what can be seen."""
    trace, status = found.trace, found.status
    numbers = np.arange(1, len(trace) + 1)
    there = np.isfinite(trace["level"])
    at, rows = numbers[there], trace[there]
    places = list(kept(at, rows["level"]))
    change = _change(status)
    line = tuple(zip(at[places].tolist(), rows["level"][places].astype(float).tolist(), strict=True))
    begin = change.number if change else len(trace) + 1
    means = rolling_mean(trace["score"].astype(float).tolist())
    thin = list(kept(numbers, means))
    return DriftLines(
        level=tuple(p for p in line if p[0] <= begin),
        level_after=tuple(p for p in line if p[0] >= begin),
        limits=tuple(
            (int(n), float(r["centre"] - r["band"]), float(r["centre"] + r["band"]))
            for n, r in zip(at[places], rows[places], strict=True)
        ),
        raw_mean=tuple((int(numbers[i]), means[i]) for i in thin),
        calibrating=_calibrating(trace),
        change=change,
        strips=_strips(at, rows),
    )


def level_line(found: Drift) -> Line:
    """Return the adjusted level of a whole timeline."""
    there = np.flatnonzero(np.isfinite(found.trace["level"]))
    return _thin(there + 1, found.trace["level"][there].astype(float))


def level_by_source(found: Drift) -> tuple[tuple[str, Line], ...]:
    """Return the adjusted level of each source's own records; sources with fewer than ten are left out."""
    lines = ((name, *level_of_source(found.trace, i)) for i, name in enumerate(found.sources))
    return tuple((name, _thin(at, level)) for name, at, level in lines if len(at) >= _MIN_LINE)


_MIN_LINE = 10


def _thin(at: NDArray[np.int64], values: NDArray[np.float64]) -> Line:
    places = list(kept(at, values))
    return tuple(zip(at[places].tolist(), values[places].tolist(), strict=True))


def _calibrating(trace: Trace) -> tuple[tuple[int, int], ...]:
    """Return the first and last record of each baseline."""
    segment = trace["segment"]
    starts = [0, *(np.flatnonzero(np.diff(segment)) + 1).tolist()] if len(trace) else []
    ends = [*starts[1:], len(trace)]
    return tuple((first + 1, min(first + BASELINE, end)) for first, end in zip(starts, ends, strict=True))


def _change(status: DriftStatus) -> ChangeMark | None:
    if not status.state.alarming or status.since is None:
        return None
    error = status.since_error or 0
    level = status.state in (DriftState.LEVEL_DOWN, DriftState.LEVEL_UP)
    after = status.before + status.size if level and status.before is not None and status.size is not None else None
    about = "slowly since about" if status.gradual else "about"
    spread = f", ±{error}" if error and not status.gradual else ""
    return ChangeMark(
        status.since,
        status.since - error,
        status.since + error,
        status.before,
        after,
        f"{about} record {status.since}{spread}",
    )


def _strips(at: NDArray[np.int64], rows: Trace) -> tuple[Strip, ...]:
    strips = []
    for name in ("failures", "spread", "direction"):
        values = rows[name].astype(float)
        if name != "direction" or values.any():
            strips.append(Strip(name, _thin(at, values)))
    return tuple(strips)

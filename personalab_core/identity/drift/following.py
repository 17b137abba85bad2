"""What a watch keeps of a timeline, how it reads the lines, and the row it writes for each.

Split from the watch so that each can be read at one sitting.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from personalab_core.config.atomic_files import workspace_errors
from personalab_core.identity.drift.monitor import CHARTS, DriftMonitor, MonitorState, Reading
from personalab_core.identity.drift.observing import source_of
from personalab_core.identity.drift.status import centre, unit
from personalab_core.identity.drift.trace import DECISIONS, FRAMINGS
from personalab_core.schemas import DriftRecord

_BLOCK_BYTES = 1_048_576


@dataclass(slots=True)
class SeriesState:
    """One timeline: records of one instrument against one anchor.

    Attributes:
        monitor: The monitor of the baseline in force.
        segment: Baselines before it.
        offset: Records before that baseline began.
        n: Records in all.
        last_line: Line of the newest one.
        sources: Sources in the order of their first record.
    """

    monitor: MonitorState
    segment: int = 0
    offset: int = 0
    n: int = 0
    last_line: int = 0
    sources: list[str] = field(default_factory=list)


@dataclass(slots=True)
class WatchState:
    """How far the timeline is read, and what came of it."""

    schema_version: Literal[5] = 5
    bytes: int = 0
    lines: int = 0
    last_start: int = 0
    last_hash: str = ""
    answered: int = 0
    anchor: str | None = None
    current: str | None = None
    series: dict[str, SeriesState] = field(default_factory=dict)


def blocks_of(path: Path, start: int) -> Iterator[bytes]:
    """Yield whole lines from ``start`` on; what follows the last line end is not finished yet."""
    with workspace_errors("read", path), path.open("rb") as file:
        file.seek(start)
        rest = b""
        while data := file.read(_BLOCK_BYTES):
            whole, end, rest = (rest + data).rpartition(b"\n")
            if end:
                yield whole + end


def record_in(line: bytes) -> DriftRecord | None:
    """Return the record in a line, ``None`` if it is none."""
    try:
        return DriftRecord.model_validate_json(line)
    except ValidationError:
        return None


def trace_row(
    record: DriftRecord,
    reading: Reading,
    monitor: DriftMonitor,
    series: SeriesState,
    start: int,
    length: int,
    line: int,
) -> tuple[object, ...]:
    """Return the row of the trace for one record: where it is, and what the charts made of it."""
    charts, limits = monitor.charts, monitor.state.parameters.limits
    nan = float("nan")
    middle = level = band = step = nan
    if charts is not None and reading.z is not None:
        middle, step = centre(monitor, charts), unit(monitor, charts)
        level, band = middle + charts.level.mean * step, limits.level * charts.level.sd * step
    return (
        start,
        length,
        line,
        record.timestamp.timestamp(),
        record.composite_score,
        FRAMINGS.index(record.frame_size),
        DECISIONS.index(record.decision),
        series.sources.index(source_of(record)) if source_of(record) in series.sources else 0,
        series.segment,
        reading.judged,
        sum(1 << CHARTS.index(chart) for chart in reading.raised),
        nan if reading.z is None else reading.z,
        step,
        middle,
        level,
        band,
        reading.failures / limits.failures if reading.z is not None else nan,
        reading.spread / limits.spread if reading.z is not None else nan,
        _way(reading.direction, limits.direction) if reading.z is not None else nan,
    )


def _way(direction: float, limit: float) -> float:
    """Return the share of the way from what chance gives, which is 1, to the limit."""
    return max(0.0, direction - 1) / (limit - 1)

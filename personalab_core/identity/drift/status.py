"""What the monitor has come to, put together for a person: state, since when, how much, why."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from statistics import median

from personalab_core.identity.drift.changes import (
    BATCHED_SD,
    PLACE_ERRORS,
    ChangePoint,
    MixSplit,
    Origin,
    direction_origin,
    level_means,
    level_origin,
    split_mix,
)
from personalab_core.identity.drift.charts import FAILURE_CUT
from personalab_core.identity.drift.direction import DirectionChart
from personalab_core.identity.drift.monitor import CHARTS, LEVEL_RECORDS, SHORTLY, Alarm, Charts, DriftMonitor
from personalab_core.identity.drift.parameters import ChartName
from personalab_core.identity.drift.residuals import Past
from personalab_core.schemas import DriftState, FrameSize


@dataclass(frozen=True, slots=True)
class SourceOffset:
    """By how much pictures of one source score higher than those of the ``usual`` one; the level is adjusted for it."""

    name: str
    usual: str
    size: float


@dataclass(frozen=True, slots=True)
class DriftStatus:
    """The state of one timeline. Numbers are of its records, from 1.

    Attributes:
        state: What holds.
        n: Records of the timeline.
        n_baseline: Records since the baseline began; of a calibrating one, those it has so far.
        level: Adjusted level now, in score units at half-body framing; ``None`` while calibrating.
        number: The record at which it was noticed; ``None`` if nothing was found.
        since: First changed record.
        since_error: Half the width of the span it may lie in; ``None`` where none can be given.
        gradual: A slope fits better than a step: there is no exact start.
        before: Adjusted level before the change.
        size: Change of the adjusted level, in score units; of the direction, the length of the shift.
        split: How much of the raw change is due to the mix of framings.
        origin: Where it comes from.
        rate: Share of failed records since the change, and before it.
        held: A person said that the old baseline stays.
        within: The chart is back within its limit.
        also: Other charts beyond their limit.
        unknown: Framings and sources with too few records to be judged.
        offsets: Of the sources that differ by two standard errors.
    """

    state: DriftState
    n: int
    n_baseline: int
    level: float | None = None
    number: int | None = None
    since: int | None = None
    since_error: int | None = None
    gradual: bool = False
    before: float | None = None
    size: float | None = None
    split: MixSplit | None = None
    origin: Origin | None = None
    rate: tuple[float, float] | None = None
    held: bool = False
    within: bool = False
    also: tuple[DriftState, ...] = ()
    unknown: tuple[str, ...] = ()
    offsets: tuple[SourceOffset, ...] = ()


def status_of(monitor: DriftMonitor, *, offset: int = 0, chart: ChartName | None = None) -> DriftStatus:
    """Return the status of a monitor.

    Args:
        monitor: Of the timeline.
        offset: Records of the timeline before its baseline began.
        chart: Tell of what this chart found, if it did; else of what says most.
    """
    state, charts = monitor.state, monitor.charts
    n = offset + state.n
    if charts is None:
        return DriftStatus(DriftState.CALIBRATING, n, state.n)
    level = centre(monitor, charts) + charts.level.mean * unit(monitor, charts)
    unknown, offsets = _unknown(state.known, state.past), _offsets(monitor, charts)
    common = DriftStatus(DriftState.IN_CONTROL, n, state.n, level=level, unknown=unknown, offsets=offsets)
    alarms = _in_order(state.alarms, chart)
    if not alarms:
        return common
    return _found(monitor, charts, alarms, common, offset)


def _in_order(alarms: list[Alarm], chart: ChartName | None) -> list[Alarm]:
    """Return what is told first, first: that of ``chart``, else the level where it tells more, else the first one.

    A fallen level tells more than the moved face it comes with, and than the scatter that announced it. Where
    pictures fail, the level follows by itself.
    """
    ordered = sorted(alarms, key=lambda alarm: (alarm.number, CHARTS.index(alarm.chart)))

    def leads(alarm: Alarm) -> bool:
        if chart is not None or alarm.chart != "level":
            return alarm.chart == chart
        first = ordered[0]
        return first.chart == "direction" or (first.chart == "spread" and alarm.number - first.number <= SHORTLY)

    return sorted(ordered, key=lambda alarm: not leads(alarm))


def centre(monitor: DriftMonitor, charts: Charts) -> float:
    """Return the score the baseline expects of a half-body picture from the source it knows best."""
    return charts.fit.level + charts.fit.half + charts.fit.sources.get(_usual_source(monitor), 0.0)


def _usual_source(monitor: DriftMonitor) -> str:
    """Return the source of most baseline records."""
    return Counter(seen.source for seen in monitor.state.baseline).most_common(1)[0][0]


def _offsets(monitor: DriftMonitor, charts: Charts) -> tuple[SourceOffset, ...]:
    state, usual = monitor.state, _usual_source(monitor)
    own = charts.fit.sources.get(usual, 0.0)
    levels = [(state.reference or usual, 0.0), *charts.fit.sources.items()]
    found = []
    for name, level in levels:
        n, n_usual = (state.known.get(f"source {source}", 0) for source in (name, usual))
        if name == usual or min(n, n_usual) < LEVEL_RECORDS:
            continue
        error = BATCHED_SD * unit(monitor, charts) * math.hypot(n**-0.5, n_usual**-0.5)
        if abs(level - own) > PLACE_ERRORS * error:
            found.append(SourceOffset(name, usual, level - own))
    return tuple(found)


def unit(monitor: DriftMonitor, charts: Charts, framing: FrameSize = "half") -> float:
    """Return the score units per standard deviation of a picture of that framing."""
    return monitor.state.parameters.usual.spread[framing] * charts.fit.scale


def _found(monitor: DriftMonitor, charts: Charts, alarms: list[Alarm], common: DriftStatus, offset: int) -> DriftStatus:
    first, *others = alarms
    past = monitor.state.past
    change = _moment(monitor, first, others)
    known: dict[str, object] = {}
    if change is not None:
        exact = first.chart in ("level", "direction")
        known = {"since": offset + change.number + 1, "since_error": change.error if exact else None}
        known |= {"gradual": change.gradual, "split": split_mix(past, change.number)}
        known |= _measured(monitor, charts, first, change)
    return replace(
        common,
        state=state_of(first),
        number=offset + first.number + 1,
        held=first.held,
        within=abs(_value(charts, first)) <= getattr(monitor.state.parameters.limits, first.chart),
        also=tuple(state_of(alarm) for alarm in others),
        **known,  # type: ignore[arg-type]
    )


def _moment(monitor: DriftMonitor, told: Alarm, others: list[Alarm]) -> ChangePoint | None:
    """Return when what is told began: a fallen level as a face says that moved about then, if it knows better."""
    own = monitor.change_of(told)
    face = next((alarm for alarm in others if alarm.chart == "direction"), None)
    moved = monitor.change_of(face) if face is not None and told.chart == "level" else None
    if own is None or moved is None or moved.error >= own.error:
        return own
    return moved if abs(moved.number - own.number) <= own.error + SHORTLY else own


def state_of(alarm: Alarm) -> DriftState:
    """Return the state that an alarm means."""
    if alarm.chart == "level":
        return DriftState.LEVEL_UP if alarm.up else DriftState.LEVEL_DOWN
    return DriftState(alarm.chart)


def _measured(monitor: DriftMonitor, charts: Charts, alarm: Alarm, change: ChangePoint) -> dict[str, object]:
    past = monitor.state.past
    if alarm.chart == "direction":
        return _moved(charts.direction, past, change) if charts.direction else {}
    if alarm.chart == "failures":
        return {"rate": (_failed(past, change.number, since=True), _failed(past, change.number, since=False))}
    if alarm.chart == "spread":
        return {"size": _scatter(past, change.number)}
    before, since = level_means(past, change.number, lambda p: unit(monitor, charts, p.seen.framing))
    middle = centre(monitor, charts)
    return {"before": middle + before, "size": since - before, "origin": level_origin(past, change.number)}


def _moved(chart: DirectionChart, past: list[Past], change: ChangePoint) -> dict[str, object]:
    return {"size": chart.moved(), "origin": direction_origin(past, *chart.history(), change.number)}


def _failed(past: list[Past], change: int, *, since: bool) -> float:
    own = [p for p in past if (p.number >= change) == since]
    return sum(p.z < FAILURE_CUT for p in own) / max(len(own), 1)


def _scatter(past: list[Past], change: int) -> float:
    """Return the median absolute residual since the change over that before it."""
    since = [abs(p.z) for p in past if p.number >= change] or [0.0]
    before = [abs(p.z) for p in past if p.number < change] or [1.0]
    return median(since) / max(median(before), 1e-9)


def _value(charts: Charts, alarm: Alarm) -> float:
    if alarm.chart == "level":
        return charts.level.statistic
    if alarm.chart == "direction":
        return charts.direction.statistic() if charts.direction else 0.0
    return charts.failures.value if alarm.chart == "failures" else charts.spread.value


def _unknown(known: dict[str, int], past: list[Past]) -> tuple[str, ...]:
    seen = {f"framing {p.seen.framing}" for p in past} | {f"source {p.seen.source}" for p in past}
    return tuple(sorted(name for name in seen if known.get(name, 0) < LEVEL_RECORDS))

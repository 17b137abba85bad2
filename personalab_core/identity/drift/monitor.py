"""The drift monitor: four charts of one persona's timeline, record by record.

The design and every constant come from a simulation (``docs/drift.md``): each score is compared with
what the persona's growing baseline expects of such a picture, and the four charts together raise a
false alarm about once in a thousand records. Nothing here reads a file or a clock.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from pydantic import TypeAdapter

from personalab_core.identity.drift.changes import ChangePoint, direction_change, level_change
from personalab_core.identity.drift.charts import (
    FAILURE_CUT,
    LOCAL_WINDOW,
    OVERFILL,
    FailureChart,
    LevelChart,
    LocalMean,
    SpreadChart,
    autocorrelation_factor,
    clipped,
)
from personalab_core.identity.drift.direction import DirectionChart, Rows
from personalab_core.identity.drift.parameters import ChartName, DriftParameters
from personalab_core.identity.drift.residuals import (
    BASELINE,
    BASELINE_LAG,
    BASELINE_STEP,
    BASELINE_TOP,
    Fit,
    Observation,
    Past,
    fit_baseline,
)

LEVEL_RECORDS = 10
"""A framing or source with fewer records in the fit is not judged: its own offset is not known yet."""
DIRECTION_CUT = -3.5
"""Residual below which a picture shows another face, so that its embedding says nothing about this one."""
MIN_EMBEDDINGS = 20
"""Baseline embeddings without which there is no chart of direction."""
SHORTLY = 20
"""Records after an alarm that still tell when the change began."""
KEPT = 300
"""Newest records kept to say when a change began and where it came from."""

CHARTS: tuple[ChartName, ...] = ("level", "failures", "spread", "direction")


@dataclass(slots=True)
class Alarm:
    """A chart beyond its limit.

    Attributes:
        chart: Which one.
        number: The record at which it went beyond.
        up: Tells a rising level from a falling one.
        held: A person said that the old baseline stays.
        change: When it began, settled :data:`SHORTLY` records later: more would only blur it.
    """

    chart: ChartName
    number: int
    up: bool = False
    held: bool = False
    change: ChangePoint | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What one record came to.

    Attributes:
        number: Of the record, from 0 where the baseline began.
        z: Residual in standard deviations; ``None`` while calibrating.
        judged: Whether the charts took it in; a framing or source that is hardly known is not judged.
        level: Averaged residual in its own standard deviations, negative is lower; and the other charts.
        raised: Charts that went beyond their limit with this record.
    """

    number: int
    z: float | None = None
    judged: bool = False
    level: float = 0.0
    failures: float = 0.0
    spread: float = 0.0
    direction: float = 0.0
    raised: tuple[ChartName, ...] = ()


@dataclass(slots=True)
class Charts:
    """The baseline and the charts that follow from it."""

    fit: Fit
    level: LevelChart
    failures: FailureChart
    spread: SpreadChart
    direction: DirectionChart | None


@dataclass(slots=True)
class MonitorState:
    """Everything a monitor knows; as JSON, it goes on exactly where it stopped."""

    parameters: DriftParameters
    schema_version: Literal[5] = 5
    n: int = 0
    frozen: bool = False
    baseline: list[Observation] = field(default_factory=list)
    embeddings: list[Rows | None] = field(default_factory=list)
    newcomers: list[tuple[int, Observation]] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    reference: str | None = None
    known: dict[str, int] = field(default_factory=dict)
    residuals: list[float] = field(default_factory=list)
    local: LocalMean = field(default_factory=LocalMean)
    charts: Charts | None = None
    past: list[Past] = field(default_factory=list)
    alarms: list[Alarm] = field(default_factory=list)


_STATE = TypeAdapter(MonitorState)


class DriftMonitor:
    """Judges a persona's records one by one.

    Args:
        parameters: Limits, and what is usual among personas.
        state: Where an earlier monitor stopped.
    """

    def __init__(self, parameters: DriftParameters, *, state: MonitorState | None = None) -> None:
        self.state = state or MonitorState(parameters, reference=parameters.usual.reference)
        self._usual = self.state.parameters.usual
        self._limits = self.state.parameters.limits

    @classmethod
    def load(cls, data: bytes) -> DriftMonitor:
        """Return the monitor that :meth:`save` wrote down.

        Raises:
            pydantic.ValidationError: It is of another version, or damaged.
        """
        state = _STATE.validate_json(data)
        return cls(state.parameters, state=state)

    def save(self) -> bytes:
        """Return everything it knows as JSON."""
        return _STATE.dump_json(self.state)

    @property
    def charts(self) -> Charts | None:
        """The baseline and the charts; ``None`` while calibrating."""
        return self.state.charts

    def update(self, seen: Observation, embedding: Rows | None = None) -> Reading:
        """Take in the next record of the timeline.

        Args:
            seen: Its score and what it is of.
            embedding: (dim,) unit vector of its face, if there is one.
        """
        state = self.state
        self._meet(seen.source)
        number, state.n = state.n, state.n + 1
        if state.charts is not None:
            self._grow(number, state.charts)
            return self._judge(number, seen, embedding, state.charts)
        state.baseline.append(seen)
        state.embeddings.append(embedding)
        if state.n == BASELINE:
            self._calibrate()
        return Reading(number)

    def hold(self) -> None:
        """Keep the baseline: what is beyond its limit stays so, and is no news until it has been within again."""
        for alarm in self.state.alarms:
            alarm.held = True

    def change_of(self, alarm: Alarm) -> ChangePoint | None:
        """Return when what an alarm found began, ``None`` with too few records to tell."""
        charts = self.state.charts
        if alarm.change is not None or charts is None:
            return alarm.change
        if alarm.chart == "level":
            return level_change(self.state.past, noise=charts.level.factor)
        if alarm.chart == "direction" and charts.direction is not None:
            return direction_change(*charts.direction.history(), power=charts.direction.scatter.power)
        began = charts.failures.began if alarm.chart == "failures" else charts.spread.began
        first = min(began, alarm.number)
        return ChangePoint(first, first, alarm.number)

    def _meet(self, source: str) -> None:
        state = self.state
        if source == state.reference or source in state.sources:
            return
        if state.reference is None:
            state.reference = source
            return
        state.sources.append(source)
        if state.charts is not None:
            prior = self._usual.sources.get(source, self._usual.new_source)
            fit = state.charts.fit
            state.charts.fit = replace(fit, sources={**fit.sources, source: prior.mean})

    def _calibrate(self) -> None:
        """Make the baseline of the first records, and the charts from what they scatter."""
        state = self.state
        fit = self._fit(BASELINE)
        z = [fit.residual(seen, self._usual) for seen in state.baseline]
        state.residuals = [clipped(value) for value in z]
        deviations = [state.local.deviation(value) for value in z]
        state.charts = Charts(
            fit,
            LevelChart(autocorrelation_factor(state.residuals)),
            FailureChart.of(sum(d < FAILURE_CUT for d in deviations), BASELINE),
            SpreadChart.of([d for d in deviations[LOCAL_WINDOW:] if d >= FAILURE_CUT], BASELINE),
            self._direction(z),
        )
        rows = enumerate(zip(state.baseline, z, strict=True))
        state.past = [Past(number, seen, value, judged=True) for number, (seen, value) in rows]
        state.embeddings = []

    def _direction(self, z: list[float]) -> DirectionChart | None:
        rows = zip(self.state.embeddings, self.state.baseline, z, strict=True)
        usable = [
            (i, e, seen.framing) for i, (e, seen, value) in enumerate(rows) if e is not None and value > DIRECTION_CUT
        ]
        if len(usable) < MIN_EMBEDDINGS:
            return None
        numbers, embeddings, framings = zip(*usable, strict=True)
        return DirectionChart.of(np.stack(embeddings), framings, numbers)

    def _fit(self, n: int) -> Fit:
        """Return the fit of the first ``n`` records and of those from which a framing or source is learned."""
        state = self.state
        records = [*state.baseline[:n], *(seen for number, seen in state.newcomers if number >= n)]
        state.known = dict(Counter(name for seen in records for name in _names(seen)))
        return fit_baseline(records, state.sources, self._usual, n=n)

    def _grow(self, number: int, charts: Charts) -> None:
        """Let the baseline follow the records, until it is large enough or something is found."""
        if self.state.frozen or (n := baseline_size(number)) == charts.fit.n:
            return
        charts.fit = self._fit(n)
        charts.level.factor = autocorrelation_factor(self.state.residuals[:n])
        if charts.direction is not None:
            charts.direction.grow(n)
        if n == BASELINE_TOP:
            self._freeze()

    def _freeze(self) -> None:
        self.state.frozen = True
        if self.state.charts is not None and self.state.charts.direction is not None:
            self.state.charts.direction.freeze()

    def _judge(self, number: int, seen: Observation, embedding: Rows | None, charts: Charts) -> Reading:
        state = self.state
        z = charts.fit.residual(seen, self._usual)
        judged = self._is_known(number, seen, charts)
        if len(state.baseline) < BASELINE_TOP:
            state.baseline.append(seen)
            state.residuals.append(clipped(z))
        state.past.append(Past(number, seen, z, judged))
        del state.past[:-KEPT]
        if judged:
            self._update_charts(number, z, charts)
            if charts.direction is not None and embedding is not None and z > DIRECTION_CUT:
                charts.direction.update(
                    embedding, seen.framing, number, growing=number < BASELINE_TOP and not state.frozen
                )
        for alarm in state.alarms:
            if number == alarm.number + SHORTLY:
                alarm.change = self.change_of(alarm)
        return self._read(number, z, charts, judged=judged)

    def _is_known(self, number: int, seen: Observation, charts: Charts) -> bool:
        """Return whether framing and source are in the fit often enough; else learn from this record."""
        state = self.state
        few = [name for name in _names(seen) if state.known.get(name, 0) < LEVEL_RECORDS]
        if not few:
            return True
        state.newcomers.append((number, seen))
        for name in _names(seen):
            state.known[name] = state.known.get(name, 0) + 1
        if any(state.known[name] == LEVEL_RECORDS for name in few):
            charts.fit = self._fit(charts.fit.n)
        return False

    def _update_charts(self, number: int, z: float, charts: Charts) -> None:
        deviation = self.state.local.deviation(z)
        failed = deviation < FAILURE_CUT
        charts.level.update(clipped(z), charts.fit.n)
        charts.failures.update(number, failed=failed, top=self._limits.failures * OVERFILL)
        if not failed:
            charts.spread.update(number, deviation, top=self._limits.spread * OVERFILL)

    def _read(self, number: int, z: float, charts: Charts, *, judged: bool) -> Reading:
        direction = charts.direction.statistic() if charts.direction else 0.0
        values = (charts.level.statistic, charts.failures.value, charts.spread.value, direction)
        return Reading(number, z, judged, *values, raised=self._compare(number, values))

    def _compare(self, number: int, values: tuple[float, ...]) -> tuple[ChartName, ...]:
        """Return the charts that went beyond their limit just now; those held and back within are armed again."""
        limits = self._limits
        tops = (limits.level, limits.failures, limits.spread, limits.direction)
        alarms = self.state.alarms
        judged = list(zip(CHARTS, values, tops, strict=True))
        if not alarms and all(abs(value) <= top for _, value, top in judged):
            return ()
        beyond = {chart: value > 0 for chart, value, top in judged if abs(value) > top}
        there = {alarm.chart for alarm in alarms}
        raised = tuple(chart for chart in beyond if chart not in there)
        kept = [alarm for alarm in alarms if alarm.chart in beyond or not alarm.held]
        self.state.alarms = [*kept, *(Alarm(chart, number, up=beyond[chart]) for chart in raised)]
        self._freeze()
        return raised


def baseline_size(number: int) -> int:
    """Return how many records the baseline holds when record ``number`` (from 0) is judged."""
    followed = (number - BASELINE_LAG) // BASELINE_STEP * BASELINE_STEP
    return max(BASELINE, min(BASELINE_TOP, followed))


def _names(seen: Observation) -> tuple[str, str]:
    return f"framing {seen.framing}", f"source {seen.source}"

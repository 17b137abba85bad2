"""Runs the shipped monitor over simulated timelines and keeps what its charts said at every record."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.drift_process import Case, Series, embeddings, simulate, usual_of_process
from personalab_core.identity.drift.monitor import CHARTS, DriftMonitor
from personalab_core.identity.drift.parameters import DriftParameters, Limits, Usual
from personalab_core.identity.drift.residuals import BASELINE, Past

WITHOUT_LIMITS = Limits(level=1e9, failures=1e9, spread=1e9, direction=1e9, source="none: every statistic is kept")


@dataclass(frozen=True, slots=True)
class Traces:
    """Statistics of many timelines: arrays of (personas, records), and the records as the monitor kept them."""

    series: Series
    values: dict[str, NDArray[np.float32]]
    z: NDArray[np.float64]
    judged: NDArray[np.bool_]

    def past(self, persona: int, end: int) -> list[Past]:
        """Return the records before ``end`` as the monitor keeps them."""
        start = max(0, end - 300)
        seen = self.series.observations(persona)[start:end]
        z, judged = self.z[persona].tolist(), self.judged[persona].tolist()
        return [Past(start + i, s, z[start + i], judged[start + i]) for i, s in enumerate(seen)]


def run(
    rng: np.random.Generator,
    case: Case,
    n: int,
    length: int,
    *,
    with_faces: bool = True,
    usual: Usual | None = None,
) -> Traces:
    """Return what the monitor says of ``n`` simulated timelines of one case, judged by no limit.

    Args:
        rng: Of the timelines.
        case: What happens.
        n: Number of timelines.
        length: Of each.
        with_faces: Whether there are embeddings.
        usual: What is known of other personas; that of the process if ``None``.
    """
    series = simulate(rng, case, n, length)
    parameters = DriftParameters(limits=WITHOUT_LIMITS, usual=usual or usual_of_process())
    values = {chart: np.zeros((n, length), dtype=np.float32) for chart in CHARTS}
    z, judged = np.zeros((n, length)), np.ones((n, length), dtype=bool)
    faces = embeddings(rng, series, case) if with_faces else iter([[None] * length] * n)
    for persona, face in enumerate(faces):
        monitor = DriftMonitor(parameters)
        for t, seen in enumerate(series.observations(persona)):
            reading = monitor.update(seen, face[t])
            if reading.z is None:
                if monitor.charts is not None:
                    z[persona, : t + 1] = [p.z for p in monitor.state.past]
                continue
            z[persona, t], judged[persona, t] = reading.z, reading.judged
            for chart in CHARTS:
                values[chart][persona, t] = getattr(reading, chart)
    return Traces(series, values, z, judged)


def first_alarms(
    traces: Traces, limits: Limits, charts: tuple[str, ...] = CHARTS
) -> tuple[NDArray[np.int64], list[str]]:
    """Return where each timeline is first beyond a limit (its length if never) and the chart that was.

    Args:
        traces: Of the timelines.
        limits: To judge by.
        charts: Those that count.
    """
    n, length = traces.z.shape
    at = np.full(n, length)
    by = [""] * n
    for chart in charts:
        beyond = np.abs(traces.values[chart]) > getattr(limits, chart)
        beyond[:, :BASELINE] = False
        first = np.where(beyond.any(axis=1), beyond.argmax(axis=1), length)
        for persona in np.flatnonzero(first < at):
            at[persona], by[persona] = first[persona], chart
    return at, by


def run_length(at: NDArray[np.int64], length: int) -> float:
    """Return the mean number of records per false alarm (censored exponential; Epstein and Sobel, 1953)."""
    hits = int((at < length).sum())
    total = int((np.minimum(at, length - 1) - BASELINE + 1).sum())
    return total / max(hits, 0.5)

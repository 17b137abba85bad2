"""The same pictures in other orders: how often the drift monitor is right, and not only whether it once was.

One timeline is one draw: a chart that raises a false alarm once in 750 records does so in one of seven beginnings. The
simulated provider makes pictures of one model and framing independently of each other, so that in whatever order they
might have come, they tell of the same persona; every order is a timeline of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from personalab_core.identity.drift.monitor import DriftMonitor
from personalab_core.identity.drift.observing import EmbeddingRows, observe
from personalab_core.identity.drift.parameters import shipped_parameters
from personalab_core.identity.drift.residuals import BASELINE
from personalab_core.identity.drift.status import DriftStatus, status_of
from personalab_core.identity.drift.tracker import DriftTracker
from personalab_core.schemas import DriftRecord


@dataclass(frozen=True, slots=True)
class Asset:
    """Every measured attempt at one asset, each with the embedding of its face."""

    attempts: tuple[tuple[DriftRecord, NDArray[np.float32] | None], ...]

    @property
    def kind(self) -> tuple[str, str]:
        """What was asked of whom: assets of one kind differ by chance alone."""
        record = self.attempts[0][0]
        return record.model, str(record.requested_framing)


@dataclass(frozen=True, slots=True)
class Heard:
    """What the monitor said of one order.

    Attributes:
        first: The first record after the beginning, from 1.
        alarm: The first record beyond a limit, from 1; ``None`` if there was none.
        n: Records.
        status: At the end.
    """

    first: int
    alarm: int | None
    n: int
    status: DriftStatus

    @property
    def false_start(self) -> bool:
        """Whether there was an alarm before anything could have changed."""
        return self.alarm is not None and self.alarm < self.first


def assets_of(log_dir: Path, output_dir: Path, persona: str) -> tuple[Asset, ...]:
    """Return a persona's measured assets in the order of their first attempt."""
    records = [r for r in DriftTracker(log_dir).journal(persona).read().records if r.asset_type == "image"]
    face = EmbeddingRows(output_dir, persona).of(records)
    attempts: dict[str, list[tuple[DriftRecord, NDArray[np.float32] | None]]] = defaultdict(list)
    for record in records:
        attempts[record.attempt_id.split("-", 1)[0]].append((record, face(record)))
    return tuple(Asset(tuple(own)) for own in attempts.values())


def reordered(assets: Sequence[Asset], rng: np.random.Generator) -> list[Asset]:
    """Return the assets in another order, in which kinds follow each other as before."""
    by_kind: dict[tuple[str, str], list[Asset]] = defaultdict(list)
    for asset in assets:
        by_kind[asset.kind].append(asset)
    shuffled = {kind: iter([own[i] for i in rng.permutation(len(own))]) for kind, own in by_kind.items()}
    return [next(shuffled[asset.kind]) for asset in assets]


def hear(beginning: Sequence[Asset], then: Sequence[Asset]) -> Heard:
    """Return what a new monitor says of assets in this order."""
    monitor = DriftMonitor(shipped_parameters())
    usual = shipped_parameters().usual
    alarm = None
    rows = [row for asset in (*beginning, *then) for row in asset.attempts]
    for number, (record, face) in enumerate(rows, 1):
        if monitor.update(observe(record, usual), face).raised and alarm is None:
            alarm = number
    first = 1 + sum(len(asset.attempts) for asset in beginning)
    return Heard(first, alarm, len(rows), status_of(monitor))


def orders(
    stable: Sequence[Asset], n_beginning: int, changed: Sequence[Asset] | None, n: int, rng: np.random.Generator
) -> Iterator[Heard]:
    """Yield what is said of ``n`` orders of a beginning, and of what follows it.

    Args:
        stable: Assets from before anything changed, more than the beginning needs.
        n_beginning: Assets of the beginning.
        changed: What follows, in its own order; the rest of ``stable`` if ``None``.
        n: Number of orders.
        rng: Of the orders.
    """
    for _ in range(n):
        own = reordered(stable, rng)
        yield hear(own[:n_beginning], own[n_beginning:] if changed is None else changed)


def records_per_false_alarm(heard: Iterable[Heard]) -> tuple[float, int]:
    """Return the mean number of records to an alarm on stable orders (censored exponential), and the alarms."""
    ends = [(h.alarm or h.n, h.alarm is not None) for h in heard]
    alarms = sum(alarmed for _, alarmed in ends)
    return sum(end - BASELINE for end, _ in ends) / max(alarms, 0.5), alarms

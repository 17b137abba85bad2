"""The points of a timeline: all of them as columns, and the few that a chart draws as records of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from personalab_core.identity.drift.trace import FRAMINGS
from personalab_core.views.logs import DriftLog
from personalab_core.views.thinning import kept


class DriftPoint(NamedTuple):
    """One measured picture on a timeline. ``number`` counts the records of this timeline from 1."""

    number: int
    score: float
    frame_size: str
    attempt_id: str


@dataclass(frozen=True, slots=True)
class DriftFilter:
    """Which records to show; empty means all."""

    frame_sizes: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()


class _Columns(NamedTuple):
    """A timeline, oldest first; framings and providers as places in the tuples of their names."""

    line: NDArray[np.int64]
    score: NDArray[np.float64]
    frame_size: NDArray[np.int64]
    provider: NDArray[np.int64]
    frame_sizes: tuple[str, ...]
    providers: tuple[str, ...]
    n_accepted: int
    n_simulated: int


def _columns(timeline: DriftLog) -> _Columns:
    rows = timeline.columns("line", "composite", "frame_size", "provider", "decision='accept'", "simulated")
    n, frame_sizes, providers = len(rows), dict[str, int](), dict[str, int]()
    return _Columns(
        np.fromiter((row[0] for row in rows), int, n),
        np.fromiter((row[1] for row in rows), float, n),
        np.fromiter((frame_sizes.setdefault(row[2], len(frame_sizes)) for row in rows), int, n),
        np.fromiter((providers.setdefault(row[3], len(providers)) for row in rows), int, n),
        tuple(frame_sizes),
        tuple(providers),
        sum(row[4] for row in rows),
        sum(row[5] for row in rows),
    )


@dataclass(frozen=True)
class DriftPoints:
    """A timeline in columns, from the index alone: no line is read, no object kept per record."""

    timeline: DriftLog

    @cached_property
    def _all(self) -> _Columns:
        return _columns(self.timeline)

    def __len__(self) -> int:
        return len(self._all.line)

    @property
    def n_accepted(self) -> int:
        """How many were accepted."""
        return self._all.n_accepted

    @property
    def simulated(self) -> bool:
        """Whether any is simulated."""
        return self._all.n_simulated > 0

    @property
    def frame_sizes(self) -> tuple[str, ...]:
        """The framings on it, from near to far."""
        return tuple(size for size in FRAMINGS if size in self._all.frame_sizes)

    @property
    def providers(self) -> tuple[str, ...]:
        """The providers on it, in the order of their first record."""
        return self._all.providers

    def number_of(self, attempt_id: str) -> int:
        """Return which record of the timeline an attempt is, from 1; 0 if it is not on it."""
        line = self.timeline.line_of(attempt_id)
        return 0 if line is None else int(np.searchsorted(self._all.line, line)) + 1

    def drawn(self, wanted: DriftFilter) -> tuple[DriftPoint, ...]:
        """Return the points to draw of the records that are wanted, thinned to what can be seen."""
        own = self._all
        there = _among(own.frame_size, own.frame_sizes, wanted.frame_sizes)
        there &= _among(own.provider, own.providers, wanted.providers)
        places = np.flatnonzero(there)
        places = places[np.asarray(kept(places, own.score[places]), int)]
        sizes = [own.frame_sizes[code] for code in own.frame_size[places]]
        names = self.timeline.at_lines(own.line[places].tolist()).column("attempt_id")
        return tuple(map(DriftPoint, (places + 1).tolist(), own.score[places].tolist(), sizes, names))


def _among(codes: NDArray[np.int64], names: Sequence[str], wanted: Sequence[str]) -> NDArray[np.bool_]:
    """Return which records have one of the wanted names; all have if none is wanted."""
    return np.isin(codes, [place for place, name in enumerate(names) if not wanted or name in wanted])

"""The fourth chart: has the face moved somewhere, even where its similarity to the anchor has not?

Compared is the persona's own baseline centroid, not the anchor: a generator's constant bias hides
a shift from the anchor (own simulation, ``docs/drift.md``).
"""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import PlainSerializer, PlainValidator

from personalab_core.identity.drift.charts import ACF_LAGS, ewma_variance, widening
from personalab_core.schemas import FrameSize

DIRECTION_LAMBDA = 0.05
"""Weight of the newest embedding in the averaged shift."""
FRAMING_WEIGHT = 8
"""Records' worth of trust in the common centroid against that of one framing."""
MIN_UPDATES = 20
"""Before this many embeddings after the baseline the length of their mean is mostly chance."""
KEPT = 150
"""Residuals kept to look for the moment of a change."""

_PLACES: dict[FrameSize, int] = {"head": 0, "half": 1, "full": 2}


def _packed(rows: NDArray[Any]) -> dict[str, Any]:
    return {"shape": rows.shape, "dtype": rows.dtype.str, "data": base64.b64encode(rows.tobytes()).decode("ascii")}


def _packed_small(rows: NDArray[Any]) -> dict[str, Any]:
    return _packed(rows.astype(np.float16))


def _unpacked(value: Any) -> NDArray[Any]:
    if isinstance(value, np.ndarray):
        return value
    flat = np.frombuffer(base64.b64decode(value["data"]), dtype=value["dtype"])
    return flat.reshape(value["shape"]).copy()


def _unpacked_small(value: Any) -> NDArray[Any]:
    return _unpacked(value).astype(np.float32)


Rows = Annotated[NDArray[Any], PlainValidator(_unpacked), PlainSerializer(_packed)]
"""Numbers that survive JSON bit for bit."""

SmallRows = Annotated[NDArray[Any], PlainValidator(_unpacked_small), PlainSerializer(_packed_small)]
"""Numbers written in half precision, for what is only looked at and not reckoned on."""


@dataclass(slots=True)
class Faces:
    """Sum and number of the embeddings of a baseline, by framing: rows head, half, full."""

    sums: Rows
    counts: list[int]

    def add(self, embedding: Rows, framing: int) -> None:
        """Take in one more."""
        self.sums[framing] += embedding
        self.counts[framing] += 1

    def copy(self) -> Faces:
        """Return the same, to stay as it is."""
        return Faces(self.sums.copy(), list(self.counts))

    def centroids(self) -> Rows:
        """Return (3, dim): the mean of each framing, shrunk to that of all."""
        counts = np.array(self.counts, dtype=np.float64)[:, None]
        common = self.sums.sum(axis=0) / counts.sum()
        centroids: Rows = common + (self.sums - counts * common) / (counts + FRAMING_WEIGHT)
        return centroids

    def uncertainty(self, weights: Sequence[float]) -> float:
        """Return the variance of a weighted mean of the centroids, in units of one embedding's.

        Args:
            weights: Of the framings.
        """
        n = sum(self.counts)
        untrusted = [w * FRAMING_WEIGHT / (c + FRAMING_WEIGHT) for w, c in zip(weights, self.counts, strict=True)]
        common = sum(untrusted) / n
        pairs = zip(weights, self.counts, untrusted, strict=True)
        # Of each framing's own mean, and of what shrinking it to the common one may have got wrong.
        sampling = sum((w / (c + FRAMING_WEIGHT) + common) ** 2 * c for w, c, _ in pairs)
        return sampling + sum(u**2 for u in untrusted) / FRAMING_WEIGHT


@dataclass(slots=True)
class DirectionChart:
    """Exponentially weighted mean of the embeddings against the baseline's centroids, in units of chance.

    Attributes:
        power: Mean squared length of a baseline residual.
        factor: Widening for embeddings of one batch being alike.
        faces: The baseline in force.
        centroids: (3, dim) of it.
        mean: (dim,) weighted mean of the embeddings since the first baseline.
        weights: Of the framings in that mean.
        growing: The baseline to come.
        recent: (:data:`KEPT`, dim) the newest residuals, in a ring.
        recent_at: Their record numbers, in the same ring.
        k: Embeddings since the first baseline.
        snapshots: ``growing`` after every tenth record, for the baseline that follows behind.
    """

    power: float
    factor: float
    faces: Faces
    centroids: Rows
    mean: Rows
    weights: list[float]
    growing: Faces
    recent: SmallRows
    recent_at: list[int] = field(default_factory=list)
    k: int = 0
    snapshots: dict[int, Faces] = field(default_factory=dict)

    @classmethod
    def of(cls, embeddings: Rows, framings: Sequence[FrameSize]) -> DirectionChart:
        """Return the chart of a baseline.

        Args:
            embeddings: (n, dim) of the baseline records that did not fail, in order.
            framings: Of the same records.
        """
        rows, dim = np.asarray(embeddings, dtype=np.float64), embeddings.shape[1]
        faces = Faces(np.zeros((3, dim)), [0, 0, 0])
        for row, framing in zip(rows, framings, strict=True):
            faces.add(row, _PLACES[framing])
        centroids = faces.centroids()
        residuals = rows - centroids[[_PLACES[framing] for framing in framings]]
        # Each framing's own mean has taken away a part of what the residuals scatter.
        fitted = sum(count / (count + FRAMING_WEIGHT) for count in faces.counts)
        power = max(float((residuals**2).sum() / (len(rows) - fitted)), 1e-12)
        return cls(
            power=power,
            factor=_batch_factor(residuals, power),
            faces=faces,
            centroids=centroids,
            mean=np.zeros(dim),
            weights=[0.0, 0.0, 0.0],
            growing=faces.copy(),
            recent=np.zeros((KEPT, dim), dtype=np.float32),
            recent_at=[-1] * KEPT,
        )

    def update(self, embedding: Rows, framing: FrameSize, at: int, *, growing: bool) -> None:
        """Take in the embedding of record number ``at``; ``growing`` while it may become baseline."""
        place = _PLACES[framing]
        self.mean *= 1 - DIRECTION_LAMBDA
        self.mean += DIRECTION_LAMBDA * embedding
        self.weights = [w * (1 - DIRECTION_LAMBDA) for w in self.weights]
        self.weights[place] += DIRECTION_LAMBDA
        self.recent[self.k % KEPT] = embedding - self.centroids[place]
        self.recent_at[self.k % KEPT] = at
        self.k += 1
        if growing:
            self.growing.add(embedding, place)

    def remember(self, n_records: int) -> None:
        """Note the baseline to come after so many records."""
        self.snapshots[n_records] = self.growing.copy()

    def grow(self, n_baseline: int) -> None:
        """Let the first ``n_baseline`` records, which were remembered, be the baseline."""
        self.faces = self.snapshots[n_baseline]
        self.centroids = self.faces.centroids()
        self.snapshots = {at: noted for at, noted in self.snapshots.items() if at > n_baseline}

    def statistic(self) -> float:
        """Return the length of the averaged shift, in units of what chance gives; 0 while it is too early."""
        if self.k < MIN_UPDATES:
            return 0.0
        return math.sqrt(self._squared_shift() / self._squared_chance())

    def moved(self) -> float:
        """Return how far the averaged face has moved, chance taken off; embeddings have length 1."""
        return math.sqrt(max(0.0, self._squared_shift() - self._squared_chance()))

    def _squared_shift(self) -> float:
        off = self.mean - np.dot(self.weights, self.centroids)
        return float(off @ off)

    def _squared_chance(self) -> float:
        variance = ewma_variance(DIRECTION_LAMBDA, self.k) + self.faces.uncertainty(self.weights)
        return self.power * variance * self.factor**2

    def history(self) -> tuple[list[int], Rows]:
        """Return record numbers and (n, dim) residuals of the newest embeddings, oldest first."""
        n, start = min(self.k, KEPT), self.k % KEPT if self.k > KEPT else 0
        order = [(start + i) % KEPT for i in range(n)]
        return [self.recent_at[i] for i in order], self.recent[order].astype(np.float64)


def _batch_factor(residuals: NDArray[np.float64], power: float) -> float:
    """Return the widening: mean products of residuals some records apart, over the mean square."""
    n = len(residuals)
    total = 0.0
    for k in range(1, min(ACF_LAGS, n - 1) + 1):
        products = float((residuals[k:] * residuals[:-k]).sum()) / (n * power)
        total += (products + 1 / n) * (1 - DIRECTION_LAMBDA) ** k
    return widening(n, total)

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

_FRAMINGS: tuple[FrameSize, ...] = ("head", "half", "full")


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
class DirectionChart:
    """Exponentially weighted mean of framing-adjusted embeddings, less the baseline's own, in units of chance.

    Attributes:
        centroids: (dim,) by framing: the baseline's mean, shrunk to that of all framings.
        power: Mean squared length of a baseline residual.
        factor: Widening for embeddings of one batch being alike.
        shift: (dim,) weighted mean of the residuals since the baseline.
        base: (dim,) mean residual of the growing baseline.
        total: (dim,) sum of the residuals while the baseline grows.
        n_total: How many ``total`` is of.
        recent: (:data:`KEPT`, dim) the newest residuals, in a ring.
        recent_at: Their record numbers, in the same ring.
        k: Embeddings since the baseline.
        snapshots: ``total`` and ``n_total`` after every tenth record, for the baseline that follows behind.
    """

    centroids: dict[FrameSize, Rows]
    power: float
    factor: float
    shift: Rows
    base: Rows
    total: Rows
    n_total: int
    recent: SmallRows
    recent_at: list[int] = field(default_factory=list)
    k: int = 0
    snapshots: dict[int, tuple[Rows, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, embeddings: Rows, framings: Sequence[FrameSize]) -> DirectionChart:
        """Return the chart of a baseline.

        Args:
            embeddings: (n, dim) of the baseline records that did not fail, in order.
            framings: Of the same records.
        """
        rows = np.asarray(embeddings, dtype=np.float64)
        common = rows.mean(axis=0)
        centroids: dict[FrameSize, Rows] = {}
        for framing in _FRAMINGS:
            own = rows[[f == framing for f in framings]]
            trust = len(own) / (len(own) + FRAMING_WEIGHT)
            centroids[framing] = common + trust * (own.mean(axis=0) - common) if len(own) else common
        residuals = rows - np.stack([centroids[f] for f in framings])
        power = max(float((residuals**2).sum() / len(rows)), 1e-12)
        total = residuals.sum(axis=0)
        return cls(
            centroids=centroids,
            power=power,
            factor=_batch_factor(residuals, power),
            shift=np.zeros_like(total),
            base=total / len(rows),
            total=total,
            n_total=len(rows),
            recent=np.zeros((KEPT, rows.shape[1]), dtype=np.float32),
            recent_at=[-1] * KEPT,
        )

    def update(self, embedding: Rows, framing: FrameSize, at: int, *, growing: bool) -> None:
        """Take in the embedding of record number ``at``; ``growing`` while it may become baseline."""
        residual = np.subtract(embedding, self.centroids[framing], dtype=np.float64)
        self.shift *= 1 - DIRECTION_LAMBDA
        self.shift += DIRECTION_LAMBDA * residual
        self.recent[self.k % KEPT] = residual
        self.recent_at[self.k % KEPT] = at
        self.k += 1
        if growing:
            self.total += residual
            self.n_total += 1

    def remember(self, n_records: int) -> None:
        """Note the sum after so many records, for when the baseline has grown that far."""
        self.snapshots[n_records] = (self.total.copy(), self.n_total)

    def grow(self, n_baseline: int) -> None:
        """Let the first ``n_baseline`` records, which were remembered, be the baseline."""
        total, n = self.snapshots[n_baseline]
        self.base = total / n
        self.snapshots = {at: noted for at, noted in self.snapshots.items() if at > n_baseline}

    def statistic(self, n_baseline: int) -> float:
        """Return the length of the averaged shift, in units of what chance gives; 0 while it is too early."""
        if self.k < MIN_UPDATES:
            return 0.0
        off = self.shift - self.base
        variance = self.power * (ewma_variance(DIRECTION_LAMBDA, self.k) + 1 / n_baseline)
        return math.sqrt(float(off @ off) / variance) / self.factor

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

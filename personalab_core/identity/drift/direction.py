"""The fourth chart: has the face moved somewhere, even where its similarity to the anchor has not?

Compared is the persona's own baseline centroid, not the anchor: a generator's constant bias hides
a shift from the anchor (own simulation, ``docs/drift.md``).
"""

from __future__ import annotations

import base64
import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import PlainSerializer, PlainValidator

from personalab_core.identity.drift.charts import ACF_LAGS, ewma_variance, widening
from personalab_core.identity.drift.residuals import BASELINE_TOP
from personalab_core.schemas import FrameSize

DIRECTION_LAMBDA = 0.05
"""Weight of the newest embedding in the averaged shift."""
FRAMING_WEIGHT = 8
"""Records' worth of trust in the common centroid against that of one framing."""
BATCH_PRIOR, BATCH_WEIGHT = 0.3, 8
"""Likeness of the embeddings of one batch: sum of autocorrelations usual among personas, and how many records that is
worth. Every one of the many dimensions tells of it, so that 40 records tell more than the prior (own simulation)."""
BLOCK = 10
"""Embeddings averaged to see in how many directions averages scatter."""
USUAL_CONCENTRATION, CONCENTRATION_WEIGHT = 1 / 60, 60
"""One over that number of directions as it is usual, and how many records that is worth (own simulation)."""
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
    try:
        flat = np.frombuffer(base64.b64decode(value["data"]), dtype=value["dtype"])
        return flat.reshape(value["shape"]).copy()
    except (TypeError, KeyError) as error:
        raise ValueError("These are no numbers that were packed.") from error


def _unpacked_small(value: Any) -> NDArray[Any]:
    return _unpacked(value).astype(np.float32)


Rows = Annotated[NDArray[Any], PlainValidator(_unpacked), PlainSerializer(_packed)]
"""Numbers that survive JSON bit for bit."""

SmallRows = Annotated[NDArray[Any], PlainValidator(_unpacked_small), PlainSerializer(_packed_small)]
"""Numbers written in half precision, for what is only looked at and not reckoned on."""


StoredRows = Annotated[NDArray[Any], PlainValidator(_unpacked), PlainSerializer(_packed_small)]
"""Numbers that are in half precision already, as the store of embeddings keeps them."""


@dataclass(slots=True)
class Faces:
    """The centroids of a baseline's embeddings by framing: head, half, full.

    Attributes:
        counts: Embeddings of each framing.
        centroids: (3, dim).
        covariance: (3, 3) of them, in units of one embedding's variance.
    """

    counts: list[int]
    centroids: Rows
    covariance: Rows

    @classmethod
    def of(cls, rows: Rows, places: Sequence[int]) -> Faces:
        """Return the centroid of each framing, shrunk to that of all.

        Args:
            rows: (n, dim) embeddings.
            places: Framing of each.
        """
        one_hot = np.eye(3)[list(places)]
        counts, common = one_hot.sum(axis=0), rows.mean(axis=0)
        weights = (counts + FRAMING_WEIGHT)[:, None]
        centroids = common + (one_hot.T @ rows - counts[:, None] * common) / weights
        # Of each framing's own mean, and of what shrinking it to the common one may have got wrong.
        untrusted = FRAMING_WEIGHT / (counts + FRAMING_WEIGHT)
        shares = np.diag(1 / (counts + FRAMING_WEIGHT)) + untrusted / len(rows)
        covariance = shares.T @ (counts[:, None] * shares) + np.diag(untrusted**2 / FRAMING_WEIGHT)
        return cls([int(count) for count in counts], centroids, covariance)

    def fitted(self) -> float:
        """Return how many embeddings' worth of scatter the centroids have taken away."""
        return sum(count / (count + FRAMING_WEIGHT) for count in self.counts)


@dataclass(slots=True)
class Scatter:
    """How far a baseline's embeddings lie from their centroids.

    Attributes:
        power: Mean squared length of a residual.
        factor: How much further a mean of them strays because those of one batch are alike.
        concentration: One over the number of directions in which means scatter. The fewer there are, the more
            their length varies by chance.
    """

    power: float
    factor: float
    concentration: float

    @classmethod
    def of(cls, rows: Rows, places: Sequence[int], faces: Faces) -> Scatter:
        """Return the scatter of (n, dim) embeddings in order; ``places`` are their framings."""
        residuals = rows - faces.centroids[list(places)]
        power = max(float(np.vdot(residuals, residuals)) / (len(rows) - faces.fitted()), 1e-12)
        return cls(power, _batch_factor(residuals, power), _concentration(residuals))


@dataclass(slots=True)
class DirectionChart:
    """Exponentially weighted mean of the embeddings against the baseline's centroids, in units of chance.

    Attributes:
        faces: The baseline in force.
        scatter: Of it.
        shift: (dim,) weighted mean of the residuals since the first baseline.
        weights: (3,) of the framings in that mean.
        rows: (200, dim) room for the embeddings that are baseline or may become it; gone once that is frozen.
        places: Framings of those there are.
        numbers: Their record numbers.
        recent: (:data:`KEPT`, dim) the newest residuals, in a ring.
        recent_at: Their record numbers, in the same ring.
        k: Embeddings since the first baseline.
    """

    faces: Faces
    scatter: Scatter
    shift: Rows
    weights: Rows
    rows: StoredRows
    places: list[int]
    numbers: list[int]
    recent: SmallRows
    recent_at: list[int] = field(default_factory=lambda: [-1] * KEPT)
    k: int = 0

    @classmethod
    def of(cls, embeddings: Rows, framings: Sequence[FrameSize], numbers: Sequence[int]) -> DirectionChart:
        """Return the chart of a baseline.

        Args:
            embeddings: (n, dim) of the baseline records that did not fail, in order.
            framings: Of the same records.
            numbers: Of the same records.
        """
        n, dim = embeddings.shape
        stored = np.zeros((BASELINE_TOP, dim), dtype=np.float16)
        stored[:n] = embeddings
        rows, places = stored[:n].astype(np.float64), [_PLACES[framing] for framing in framings]
        faces = Faces.of(rows, places)
        return cls(
            faces=faces,
            scatter=Scatter.of(rows, places, faces),
            shift=np.zeros(dim),
            weights=np.zeros(3),
            rows=stored,
            places=places,
            numbers=list(numbers),
            recent=np.zeros((KEPT, dim), dtype=np.float32),
        )

    def update(self, embedding: Rows, framing: FrameSize, at: int, *, growing: bool) -> None:
        """Take in the embedding of record number ``at``; ``growing`` while it may become baseline."""
        place = _PLACES[framing]
        residual = embedding - self.faces.centroids[place]
        self.shift *= 1 - DIRECTION_LAMBDA
        self.shift += DIRECTION_LAMBDA * residual
        self.weights *= 1 - DIRECTION_LAMBDA
        self.weights[place] += DIRECTION_LAMBDA
        self.recent[self.k % KEPT] = residual
        self.recent_at[self.k % KEPT] = at
        self.k += 1
        if growing:
            self.rows[len(self.places)] = embedding
            self.places.append(place)
            self.numbers.append(at)

    def grow(self, n_baseline: int) -> None:
        """Let the first ``n_baseline`` records be the baseline."""
        n = bisect_left(self.numbers, n_baseline)
        rows, places = self.rows[:n].astype(np.float64), self.places[:n]
        before, self.faces = self.faces, Faces.of(rows, places)
        self.shift += self.weights @ (before.centroids - self.faces.centroids)
        self.scatter = Scatter.of(rows, places, self.faces)

    def freeze(self) -> None:
        """Forget what was kept to grow: the baseline stays."""
        self.rows, self.places, self.numbers = self.rows[:0], [], []

    def statistic(self) -> float:
        """Return the length of the averaged shift, in units of what chance gives; 0 while it is too early.

        Its square is 1 by chance. What goes beyond counts the less, the more that square varies by chance.
        """
        if self.k < MIN_UPDATES:
            return 0.0
        excess = self._squared_shift() / self._squared_chance() - 1
        return math.sqrt(max(0.0, 1 + excess * math.sqrt(USUAL_CONCENTRATION / self.scatter.concentration)))

    def moved(self) -> float:
        """Return how far the averaged face has moved, chance taken off; embeddings have length 1."""
        return math.sqrt(max(0.0, self._squared_shift() - self._squared_chance()))

    def _squared_shift(self) -> float:
        return float(self.shift @ self.shift)

    def _squared_chance(self) -> float:
        of_baseline = float(self.weights @ self.faces.covariance @ self.weights)
        variance = ewma_variance(DIRECTION_LAMBDA, self.k) + of_baseline
        return self.scatter.power * variance * self.scatter.factor**2

    def history(self) -> tuple[list[int], Rows]:
        """Return record numbers and (n, dim) residuals of the newest embeddings, oldest first."""
        n, start = min(self.k, KEPT), self.k % KEPT if self.k > KEPT else 0
        order = [(start + i) % KEPT for i in range(n)]
        return [self.recent_at[i] for i in order], self.recent[order].astype(np.float64)


def _batch_factor(residuals: NDArray[np.float64], power: float) -> float:
    """Return the widening of an averaged embedding: sqrt(1 + 2 sum rho_k (1 - lambda)^k), slightly shrunk.

    ``rho_k`` are mean products of residuals ``k`` records apart, over their mean square. Taking the centroids
    away makes each too small by (1 + 2 sum rho_k) / n.
    """
    n = len(residuals)
    lags = np.arange(1, min(ACF_LAGS, n // 4) + 1)
    rho = np.array([float(np.vdot(residuals[k:], residuals[:-k])) / ((n - k) * power) for k in lags])
    decay = (1 - DIRECTION_LAMBDA) ** lags
    whole = (rho.sum() + len(lags) / n) / (1 - 2 * len(lags) / n)
    total = float(rho @ decay + decay.sum() * (1 + 2 * max(0.0, whole)) / n)
    return widening(n, total, prior=BATCH_PRIOR, weight=BATCH_WEIGHT)


def _concentration(residuals: NDArray[np.float64]) -> float:
    """Return tr(C^2) / tr(C)^2 of the covariance C of averages of :data:`BLOCK` residuals, shrunk to what is usual.

    tr(C) is their mean square, tr(C^2) the variance of the products of different ones.
    """
    n = len(residuals) // BLOCK
    if n < 3:
        return USUAL_CONCENTRATION
    averages = residuals[: n * BLOCK].reshape(n, BLOCK, -1).mean(axis=1)
    products = averages @ averages.T
    power = float(np.trace(products)) / (n - 1)
    if power < 1e-12:  # pictures that are all alike say nothing about directions
        return USUAL_CONCENTRATION
    own = float(np.var(products[np.triu_indices(n, 1)], ddof=1)) / power**2
    weight = CONCENTRATION_WEIGHT
    return (len(residuals) * own + weight * USUAL_CONCENTRATION) / (len(residuals) + weight)

"""What a score should have been: a robust ridge regression on framing, source, face size and patches.

Pictures of a whole body score lower than portraits, and one provider lower than another. Compared
with nothing but the mean, a changed mix looks like a changed person (``docs/drift.md``); so each
score is compared with what this persona's baseline expects of such a picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from personalab_core.identity.drift.parameters import Offset, Usual
from personalab_core.schemas import FrameSize

BASELINE = 40
"""Records that say what is normal before anything is judged. 20 and 80 find changes as quickly (own simulation)."""
BASELINE_TOP, BASELINE_LAG, BASELINE_STEP = 200, 50, 10
"""The baseline grows to 200 records, follows 50 records behind, and is fitted anew every 10."""

CLIP = 2.0
"""Residuals count for at most this many standard deviations. Worth a factor of two in delay (own simulation)."""
ITERATIONS = 5
"""Of the reweighting; the weights are settled after about three."""
MAD_OF_NORMAL = 0.6745
"""Median absolute deviation of a standard normal variable."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One measured picture, as the monitor sees it.

    Attributes:
        score: Composite score.
        framing: Measured framing.
        source: Provider and model that made it.
        face_size: Log face size in standard deviations from the usual of this framing.
        patch_level: Highest level of the patches in its prompt, 0 without any.
    """

    score: float
    framing: FrameSize
    source: str
    face_size: float = 0.0
    patch_level: int = 0


@dataclass(frozen=True, slots=True)
class Past:
    """A record that has been judged. ``number`` counts the records of this baseline and after it from 0."""

    number: int
    seen: Observation
    z: float
    judged: bool


@dataclass(frozen=True, slots=True)
class Fit:
    """A persona's baseline: what is expected of a picture, and how far pictures scatter around it.

    Attributes:
        level: Expected score of a head shot from the reference source.
        half: Added for half-body pictures.
        full: Added for full-body pictures.
        face_size: Added per standard deviation of face size.
        patch: Added per patch level.
        sources: Added by source.
        scale: The persona's scatter over the usual one.
        n: Baseline records.
    """

    level: float
    half: float
    full: float
    face_size: float
    patch: float
    sources: dict[str, float]
    scale: float
    n: int

    def expected(self, seen: Observation) -> float:
        """Return the composite score that the baseline expects of such a picture."""
        framing = self.half if seen.framing == "half" else self.full if seen.framing == "full" else 0.0
        own = self.level + framing + self.sources.get(seen.source, 0.0)
        return own + self.face_size * seen.face_size + self.patch * seen.patch_level

    def residual(self, seen: Observation, usual: Usual) -> float:
        """Return the deviation from what is expected, in standard deviations of such pictures."""
        return (seen.score - self.expected(seen)) / (usual.spread[seen.framing] * self.scale)


def fit_baseline(records: Sequence[Observation], sources: Sequence[str], usual: Usual, *, n: int) -> Fit:
    """Return the baseline of some records, shrunk towards what is usual.

    Huber weights (limit :data:`CLIP`) keep failures from moving it; the scale is the median absolute
    deviation, shrunk to the usual one.

    Args:
        records: At least one.
        sources: All sources but the reference, each of which gets an offset.
        usual: Prior means and standard deviations.
        n: Number of baseline records to note; ``records`` may hold a few later ones of a new source.
    """
    rows, scores, spread = _table(records, sources, usual)
    priors = [usual.level, usual.half, usual.full, usual.face_size, usual.patch, *(_prior(s, usual) for s in sources)]
    mean = np.array([prior.mean for prior in priors])
    precision = np.diag([prior.sd**-2 for prior in priors])
    weights, scale, beta = np.ones(len(scores)), 1.0, mean
    for _ in range(ITERATIONS):
        weighted = rows * (weights / spread**2)[:, None]
        beta = np.linalg.solve(weighted.T @ rows + precision, weighted.T @ scores + precision @ mean)
        z = (scores - rows @ beta) / spread
        deviation = float(np.median(np.abs(z))) / MAD_OF_NORMAL
        scale = float(np.sqrt((len(z) * deviation**2 + usual.spread_weight) / (len(z) + usual.spread_weight)))
        weights = np.minimum(1.0, CLIP / np.maximum(np.abs(z / scale), 1e-9))
    level, half, full, face_size, patch, *own = beta.tolist()
    return Fit(level, half, full, face_size, patch, dict(zip(sources, own, strict=True)), scale, n)


def _table(
    records: Sequence[Observation], sources: Sequence[str], usual: Usual
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    rows = np.array(
        [
            (
                1.0,
                r.framing == "half",
                r.framing == "full",
                r.face_size,
                r.patch_level,
                *(r.source == s for s in sources),
            )
            for r in records
        ],
        dtype=np.float64,
    )
    return rows, np.array([r.score for r in records]), np.array([usual.spread[r.framing] for r in records])


def _prior(source: str, usual: Usual) -> Offset:
    return usual.sources.get(source, usual.new_source)

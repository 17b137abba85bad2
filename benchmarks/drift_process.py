"""Simulated timelines: what scores and embeddings of a persona look like while nothing, or something, changes.

The assumptions are written beside the numbers and in ``docs/drift.md``. They are assumptions: no real
timeline has been seen.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from personalab_core.identity.drift.parameters import Offset, Usual
from personalab_core.identity.drift.pooling import POOLED_SPREAD_WEIGHT
from personalab_core.identity.drift.residuals import BASELINE, Observation

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FRAMINGS = ("head", "half", "full")
SOURCES = ("A", "B")
MEANS = np.array([0.68, 0.60, 0.52])
SPREADS = np.array([0.04, 0.05, 0.06])
FACE_EFFECT = 0.015
"""Score per standard deviation of face size within a framing."""
BATCH = 10
"""Pictures of one batch share a small common effect, a mix of framings and a provider."""
MIX = np.array([0.40, 0.35, 0.25])
SHARE_OF_B = 0.3
BEFORE, AFTER = np.array([0.70, 0.20, 0.10]), np.array([0.10, 0.20, 0.70])
"""The mix before and after a mix shift."""
LARGEST_FALL = 0.15
LOWEST, HIGHEST = 0.02, 0.95
DIM = 512
WRONG_FACE = 0.33
"""Scores below this are mostly another face, which does not morph."""

Change = Literal["none", "step", "ramp", "batch_ramp", "spread", "failures", "source_step", "source_swap"]
Mix = Literal["varying", "constant", "shift", "trend"]


@dataclass(frozen=True, slots=True)
class Assumptions:
    """How stable scores behave.

    Attributes:
        batch_sd: Standard deviation of the effect that the pictures of a batch share.
        autocorrelation: Of neighbouring pictures, beyond the batch.
        failures: Share of pictures that fall by .10 to .40.
    """

    batch_sd: float = 0.010
    autocorrelation: float = 0.15
    failures: float = 0.05


@dataclass(frozen=True, slots=True)
class Case:
    """What happens to a persona, at a random record between 50 and 150 after the first baseline."""

    name: str
    change: Change = "none"
    size: float = 0.0
    mix: Mix = "varying"
    morph: float = 0.0
    assumptions: Assumptions = Assumptions()


@dataclass(frozen=True, slots=True)
class Series:
    """Many timelines: arrays of (personas, records). ``at`` is the first changed record of each."""

    score: Floats
    framing: Ints
    source: Ints
    face_size: Floats
    at: Ints

    def __len__(self) -> int:
        return len(self.score)

    def observations(self, persona: int) -> list[Observation]:
        """Return one timeline as the monitor takes it."""
        columns = (self.score, self.framing, self.source, self.face_size)
        rows = zip(*(column[persona].tolist() for column in columns), strict=True)
        return [Observation(s, FRAMINGS[f], SOURCES[p], size) for s, f, p, size in rows]  # type: ignore[arg-type]

    def first(self, n: int) -> Series:
        """Return the first ``n`` timelines."""
        return Series(self.score[:n], self.framing[:n], self.source[:n], self.face_size[:n], self.at[:n])


def simulate(rng: np.random.Generator, case: Case, n: int, length: int) -> Series:
    """Return ``n`` timelines of ``length`` records."""
    changing = case.change != "none" or case.mix in ("shift", "trend") or case.morph > 0
    at = BASELINE + rng.integers(50, 151, n) if changing else np.full(n, length)
    since = np.maximum(0, np.arange(length)[None] - at[:, None] + 1)
    batch = (np.arange(length)[None] + rng.integers(0, BATCH, (n, 1))) // BATCH
    framing = _framings(rng, case.mix, batch, since)
    source = _by_batch((rng.random((n, _n_batches(length))) < SHARE_OF_B).astype(np.int64), batch)
    if case.change == "source_swap":
        source = np.where(since > 0, 1, source)
    face_size = rng.standard_normal((n, length))
    score = _expected(rng, framing, source, face_size)
    score = score + _by_batch(rng.normal(0, case.assumptions.batch_sd, (n, _n_batches(length))), batch)
    noise = _noise(rng, (n, length), case.assumptions.autocorrelation)
    if case.change == "spread":
        noise = np.where(since > 0, noise * case.size, noise)
    score = score + np.sqrt(SPREADS**2 - FACE_EFFECT**2)[framing] * noise - _fall(case, since, source)
    share = np.where((since > 0) & (case.change == "failures"), case.size, case.assumptions.failures)
    score = score - (rng.random((n, length)) < share) * rng.uniform(0.10, 0.40, (n, length))
    return Series(np.clip(score, LOWEST, HIGHEST), framing, source, face_size, at)


def _n_batches(length: int) -> int:
    return length // BATCH + 2


def _by_batch(values: NDArray[np.generic], batch: Ints) -> NDArray[np.generic]:
    return np.take_along_axis(values, batch, axis=1)


def _framings(rng: np.random.Generator, mix: Mix, batch: Ints, since: Ints) -> Ints:
    n, length = batch.shape
    if mix == "varying":
        wave = np.zeros((n, _n_batches(length), 3))
        wave[:, 0] = rng.normal(0, 1, (n, 3))
        for b in range(1, wave.shape[1]):
            wave[:, b] = 0.7 * wave[:, b - 1] + rng.normal(0, math.sqrt(1 - 0.49), (n, 3))
        logits = np.log(MIX) + np.take_along_axis(wave, batch[..., None], axis=1)
    elif mix == "constant":
        logits = np.broadcast_to(np.log(MIX), (n, length, 3))
    else:
        done = (since > 0) * 1.0 if mix == "shift" else np.clip(since / 100, 0, 1)
        logits = np.log(BEFORE) + done[..., None] * (np.log(AFTER) - np.log(BEFORE))
    return (logits + rng.gumbel(size=(n, length, 3))).argmax(axis=2)


def _expected(rng: np.random.Generator, framing: Ints, source: Ints, face_size: Floats) -> Floats:
    """Return what each persona would score without noise: personas differ in level and in every offset."""
    n = len(framing)
    own_level = rng.normal(0, 0.02, (n, 1))
    own_framing = rng.normal(0, 0.015, (n, 3))
    own_framing[:, 1] = 0
    source_b = rng.normal(-0.02, 0.01, (n, 1))
    means = MEANS[framing] + np.take_along_axis(own_framing, framing, axis=1)
    return means + own_level + source_b * source + FACE_EFFECT * face_size


def _noise(rng: np.random.Generator, shape: tuple[int, int], autocorrelation: float) -> Floats:
    """Return Student-t noise (5 degrees of freedom) of unit variance, each value leaning on the one before."""
    fresh = rng.standard_t(5, shape) / math.sqrt(5 / 3)
    noise = np.empty_like(fresh)
    noise[:, 0] = fresh[:, 0]
    for t in range(1, shape[1]):
        noise[:, t] = autocorrelation * noise[:, t - 1] + math.sqrt(1 - autocorrelation**2) * fresh[:, t]
    return noise


def _fall(case: Case, since: Ints, source: Ints) -> Floats:
    if case.change == "step":
        return case.size * (since > 0)
    if case.change == "ramp":
        return np.minimum(case.size * since, LARGEST_FALL)
    if case.change == "batch_ramp":
        return np.minimum(case.size * np.ceil(since / BATCH), LARGEST_FALL)
    if case.change == "source_step":
        return case.size * (since > 0) * (source == 0)
    return np.zeros(since.shape)


def embeddings(rng: np.random.Generator, series: Series, case: Case) -> Iterator[NDArray[np.float32]]:
    """Yield the (records, 512) unit embeddings of each timeline.

    ``e = c mu + s v + sqrt(1 - c^2 - s^2) q``: ``c`` is the score, ``s`` a morph towards ``v`` that leaves the
    cosine to ``mu`` alone, and ``q`` holds the generator's constant bias, framing, provider, batch and pose (in
    20 dimensions each) and chance.
    """
    length = series.score.shape[1]
    batch = np.arange(length) // BATCH
    batch_share = np.float32(0.25 * case.assumptions.batch_sd / 0.010)
    for persona in range(len(series)):
        mu, towards, bias, of_b = _directions(rng, 4)
        mu = _unit(mu)
        towards = _unit(towards - (towards @ mu) * mu)
        q = np.float32(0.65) * _directions(rng, length)
        q += np.float32(0.2) * _directions(rng, 3)[series.framing[persona]] + np.float32(0.5) * bias
        q += batch_share * _low_rank(rng, batch[-1] + 1)[batch] + np.float32(0.4) * _low_rank(rng, length)
        q[series.source[persona] == 1] += np.float32(0.1) * of_b
        plane = np.stack([mu, towards])
        q -= (q @ plane.T) @ plane
        c = series.score[persona]
        changed = (np.arange(length) >= series.at[persona]) & (c >= WRONG_FACE)
        s = np.where(changed, case.morph, 0.0)
        rest = np.sqrt(np.maximum(1 - c**2 - s**2, 0)).astype(np.float32)
        yield np.stack([c, s], axis=1).astype(np.float32) @ plane + rest[:, None] * _unit(q)


def _low_rank(rng: np.random.Generator, n: int) -> NDArray[np.float32]:
    return rng.standard_normal((n, 20), dtype=np.float32) @ _unit(_directions(rng, 20)) / np.float32(math.sqrt(20))


def _directions(rng: np.random.Generator, *shape: int) -> NDArray[np.float32]:
    return rng.standard_normal((*shape, DIM), dtype=np.float32) / np.float32(math.sqrt(DIM))


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def usual_of_process() -> Usual:
    """Return what pooling over many personas of this process would come to, with its own uncertainty."""
    return Usual(
        level=Offset(mean=0.68, sd=0.10),
        half=Offset(mean=-0.08, sd=0.02),
        full=Offset(mean=-0.16, sd=0.02),
        face_size=Offset(mean=0.0, sd=0.02),
        patch=Offset(mean=0.0, sd=0.02),
        sources={"B": Offset(mean=-0.02, sd=0.02)},
        new_source=Offset(mean=0.0, sd=0.02),
        reference="A",
        spread={"head": 0.04, "half": 0.05, "full": 0.06},
        spread_weight=POOLED_SPREAD_WEIGHT,
        log_face_size={f: Offset(mean=0.0, sd=1.0) for f in FRAMINGS},
        n_personas=10,
        source="simulated process",
    )

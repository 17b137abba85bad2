"""Three charts of one residual: its level, its failures, its spread. Each costs the same per record, for ever."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from personalab_core.identity.drift.residuals import CLIP

LAMBDA = 0.1
"""Weight of the newest record in the level. .05 and .2 find a change of .06 as quickly (own simulation)."""
ACF_LAGS, ACF_PRIOR, ACF_WEIGHT = 12, 0.15, 40
"""Autocorrelation: lags summed, sum usual among personas, and how many records that is worth."""

LOCAL_WINDOW = 10
"""Records whose mean says what is normal just now, so that a level shift is no failure and no spread."""
FAILURE_CUT = -3.2
"""Deviation from the local mean below which a picture has failed: another face, or hidden."""
FAILURE_PRIOR, FAILURE_WEIGHT, FAILURE_RATIO = 2.0, 40, 3.0
"""Failures usual in that many records, and the rise of the rate that the chart is tuned to find."""
SPREAD_MEAN, SPREAD_SD, SPREAD_WEIGHT, SPREAD_SLACK, SPREAD_TOP = 0.80, 0.60, 20, 0.35, 3.0
"""Mean and spread of an absolute deviation, weight of that mean in records, slack per record, largest deviation."""
OVERFILL = 1.25
"""A cumulative sum stops this far above its limit, so that it can come down when the cause is gone."""


def clipped(z: float) -> float:
    """Return a residual within +-:data:`CLIP`."""
    return max(-CLIP, min(CLIP, z))


def autocorrelation_factor(z: Sequence[float]) -> float:
    """Return by how much batches widen the level chart: sqrt(1 + 2 sum rho_k (1 - lambda)^k).

    The sum is shrunk to :data:`ACF_PRIOR` and corrected for its bias of -1/n per lag.

    Args:
        z: Clipped residuals of the baseline, in order.
    """
    y = np.asarray(z) - np.mean(z)
    n, power = len(y), max(float(y @ y) / len(y), 1e-9)
    lags = range(1, min(ACF_LAGS, n - 1) + 1)
    total = sum((float(y[k:] @ y[:-k]) / (n * power) + 1 / n) * (1 - LAMBDA) ** k for k in lags)
    return widening(n, total)


def widening(n: int, correlation: float, *, prior: float = ACF_PRIOR, weight: int = ACF_WEIGHT) -> float:
    """Return the factor on a standard deviation for a weighted sum of ``n`` records' autocorrelations.

    Args:
        n: Records that the sum comes from.
        correlation: The sum.
        prior: What it is shrunk to.
        weight: How many records that is worth.
    """
    shrunk = max(0.0, (n * correlation + weight * prior) / (n + weight))
    return math.sqrt(1 + 2 * shrunk)


def ewma_variance(weight: float, k: int) -> float:
    """Return the variance of an exponentially weighted mean of ``k`` unit-variance values that began at 0."""
    return float(weight / (2 - weight) * (1 - (1 - weight) ** (2 * k)))


@dataclass(slots=True)
class LevelChart:
    """Exponentially weighted mean of the clipped residual, against its own standard deviation.

    The limits widen for the uncertainty of the baseline and for the persona's own autocorrelation.
    """

    factor: float = 1.0
    mean: float = 0.0
    k: int = 0
    sd: float = 1.0

    def update(self, z: float, n_baseline: int) -> None:
        """Take in one clipped residual."""
        self.k += 1
        self.mean += LAMBDA * (z - self.mean)
        self.sd = math.sqrt(ewma_variance(LAMBDA, self.k) + 1 / n_baseline) * self.factor

    @property
    def statistic(self) -> float:
        """The mean in standard deviations; negative is lower than the baseline."""
        return self.mean / self.sd


@dataclass(slots=True)
class LocalMean:
    """Mean of the last :data:`LOCAL_WINDOW` clipped residuals."""

    last: list[float] = field(default_factory=lambda: [0.0] * LOCAL_WINDOW)
    place: int = 0

    def deviation(self, z: float) -> float:
        """Return how far a residual is from the mean of those before it, and take it in."""
        off = z - sum(self.last) / LOCAL_WINDOW
        self.last[self.place] = clipped(z)
        self.place = (self.place + 1) % LOCAL_WINDOW
        return off


@dataclass(slots=True)
class FailureChart:
    """Bernoulli likelihood-ratio CUSUM of "this picture failed" for a rate three times that of the baseline."""

    rate: float
    up: float
    down: float
    value: float = 0.0
    began: int = 0
    """Number of the record since which the sum has been above 0."""

    @classmethod
    def of(cls, n_failures: int, n: int) -> FailureChart:
        """Return the chart of a baseline with so many failures among its records."""
        rate = (n_failures + FAILURE_PRIOR) / (n + FAILURE_WEIGHT)
        worse = min(0.5, FAILURE_RATIO * rate)
        return cls(rate, math.log(worse / rate), math.log((1 - worse) / (1 - rate)), began=n)

    def update(self, number: int, *, failed: bool, top: float) -> None:
        """Take in one picture; ``top`` is the highest the sum may go."""
        self.value = min(top, max(0.0, self.value + (self.up if failed else self.down)))
        if self.value == 0.0:
            self.began = number + 1


@dataclass(slots=True)
class SpreadChart:
    """CUSUM of the absolute deviation from the local mean; failures are set aside."""

    usual: float
    value: float = 0.0
    began: int = 0
    """Number of the record since which the sum has been above 0."""

    @classmethod
    def of(cls, deviations: Sequence[float], n: int) -> SpreadChart:
        """Return the chart of a baseline of ``n`` records with these deviations, failures left out."""
        total = sum(min(SPREAD_TOP, abs(d)) for d in deviations)
        return cls((total + SPREAD_WEIGHT * SPREAD_MEAN) / (len(deviations) + SPREAD_WEIGHT), began=n)

    def update(self, number: int, deviation: float, *, top: float) -> None:
        """Take in one deviation; ``top`` is the highest the sum may go."""
        step = (min(SPREAD_TOP, abs(deviation)) - self.usual) / SPREAD_SD - SPREAD_SLACK
        self.value = min(top, max(0.0, self.value + step))
        if self.value == 0.0:
            self.began = number + 1

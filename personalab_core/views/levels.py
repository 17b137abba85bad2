"""Lines of a timeline: the raw mean, and the adjusted level of the whole or of one provider."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from personalab_core.identity.drift.charts import LAMBDA
from personalab_core.identity.drift.residuals import CLIP
from personalab_core.identity.drift.trace import Trace

RECENT_RECORDS = 12
"""Records that the raw mean is of: few, so that it is seen to move with the mix."""


def rolling_mean(values: Sequence[float], window: int = RECENT_RECORDS) -> list[float]:
    """Return the mean of each value and up to ``window - 1`` values before it."""
    ends = np.arange(1, len(values) + 1)
    begins = np.maximum(0, ends - window)
    sums = np.concatenate(([0.0], np.cumsum(values)))
    means: list[float] = ((sums[ends] - sums[begins]) / (ends - begins)).tolist()
    return means


def level_of_source(trace: Trace, source: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return record numbers (from 1) and adjusted level of one source's records alone, in score units.

    The level is the exponentially weighted mean that the monitor's chart has, of this source's
    residuals; it begins after the baseline.
    """
    own = np.flatnonzero((trace["source"] == source) & np.isfinite(trace["z"]) & (trace["judged"] == 1))
    rows = trace[own]
    means = accumulate(
        np.clip(rows["z"], -CLIP, CLIP).tolist(), lambda mean, z: mean + LAMBDA * (z - mean), initial=0.0
    )
    level = rows["centre"].astype(float) + np.array(list(means)[1:]) * rows["unit"]
    return own + 1, level

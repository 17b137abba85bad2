"""Lines of a timeline: the raw mean, and the level of one provider by itself."""

from __future__ import annotations

import numpy as np
import pytest

from personalab_core.identity.drift.trace import TRACE
from personalab_core.views.levels import level_of_source, rolling_mean


def test_rolling_mean_uses_what_is_there() -> None:
    assert rolling_mean([1.0, 3.0, 5.0, 7.0], window=2) == [1.0, 2.0, 4.0, 6.0]


def test_the_level_of_a_source_is_of_its_own_residuals() -> None:
    """Residuals 1 and -9 (counted as -2) of the source, .1 weight: .1, then .1 + .1 (-2 - .1) = -.11."""
    trace = np.zeros(4, TRACE)
    trace["source"], trace["judged"] = [0, 1, 0, 0], [1, 1, 1, 0]
    trace["z"], trace["centre"], trace["unit"] = [1, 5, -9, 7], 0.6, 0.05
    numbers, level = level_of_source(trace, 0)
    assert numbers.tolist() == [1, 3]
    assert level == pytest.approx([0.605, 0.5945])


def test_a_source_without_a_judged_record_has_no_line() -> None:
    trace = np.zeros(2, TRACE)
    trace["z"] = np.nan
    numbers, level = level_of_source(trace, 0)
    assert len(numbers) == len(level) == 0

"""A chart gets at most two thousand points, and none that matters is missing."""

from __future__ import annotations

import random

from personalab_core.views.history import DriftPoint
from personalab_core.views.thinning import MAX_POINTS, thinned, thinned_line


def points(scores: list[float]) -> list[DriftPoint]:
    return [DriftPoint(n, score, "head", "accept", "simulated", str(n)) for n, score in enumerate(scores, 1)]


def test_few_points_stay_as_they_are() -> None:
    made = points([0.5, 0.6, 0.4])
    assert thinned(made) == made


def test_of_many_points_the_first_the_last_and_the_extremes_are_kept() -> None:
    rng = random.Random(5)
    made = points([rng.gauss(0.7, 0.03) for _ in range(50_000)])
    made[31_234] = made[31_234]._replace(score=0.11)
    made[7_777] = made[7_777]._replace(score=0.99)
    kept = thinned(made)
    assert len(kept) <= MAX_POINTS
    assert {made[0], made[-1], made[31_234], made[7_777]} <= set(kept)
    assert [p.number for p in kept] == sorted(p.number for p in kept)


def test_a_line_is_thinned_in_the_same_way() -> None:
    line = thinned_line(list(range(5_000)), [1.0] * 2_500 + [2.0] * 2_500)
    assert len(line) <= MAX_POINTS
    assert (0, 1.0) in line
    assert (4_999, 2.0) in line

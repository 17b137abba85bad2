"""A chart gets at most two thousand points, and none that matters is missing."""

from __future__ import annotations

import random

from personalab_core.views.thinning import MAX_POINTS, kept


def test_few_points_stay_as_they_are() -> None:
    assert list(kept([1, 2, 3], [0.5, 0.6, 0.4])) == [0, 1, 2]


def test_of_many_points_the_first_the_last_and_the_extremes_are_kept() -> None:
    rng = random.Random(5)
    scores = [rng.gauss(0.7, 0.03) for _ in range(50_000)]
    scores[31_234], scores[7_777] = 0.11, 0.99
    places = kept(range(50_000), scores)
    assert len(places) <= MAX_POINTS
    assert {0, 49_999, 31_234, 7_777} <= set(places)
    assert list(places) == sorted(places)


def test_a_line_of_steps_keeps_its_ends() -> None:
    places = kept(range(5_000), [1.0] * 2_500 + [2.0] * 2_500)
    assert len(places) <= MAX_POINTS
    assert {0, 4_999} <= set(places)

"""Histogram distances: zero for equal light, large for a jump."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as hnp

from personalab_core.errors import InputError
from personalab_core.quality import IlluminationEvaluator, grey_histogram, histogram_distance

METHODS = ["bhattacharyya", "chi_squared", "correlation"]


def flat(level: int) -> np.ndarray:
    return np.full((10, 6, 3), level, np.uint8)


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=25, deadline=None)
@given(image=hnp.arrays(np.uint8, (7, 5, 3)))
def test_a_picture_is_at_distance_zero_from_itself(method: str, image: np.ndarray) -> None:
    histogram = grey_histogram(image)
    assert histogram.sum() == pytest.approx(1.0, abs=1e-5)
    assert histogram_distance(histogram, histogram, method=method) == pytest.approx(0.0, abs=1e-3)


@settings(max_examples=25, deadline=None)
@given(hnp.arrays(np.uint8, (7, 5, 3)), hnp.arrays(np.uint8, (7, 5, 3)))
def test_bhattacharyya_is_symmetric_and_within_zero_and_one(a: np.ndarray, b: np.ndarray) -> None:
    first, second = grey_histogram(a), grey_histogram(b)
    distance = histogram_distance(first, second)
    assert 0 <= distance <= 1 + 1e-6
    assert distance == pytest.approx(histogram_distance(second, first), abs=1e-6)


def test_disjoint_histograms_by_hand() -> None:
    """No common bin: Bhattacharyya 1, symmetric chi-squared 4 (2 * sum of (a-b)^2/(a+b) = 2 * 2)."""
    black, white = grey_histogram(flat(0)), grey_histogram(flat(255))
    assert histogram_distance(black, white) == pytest.approx(1.0)
    assert histogram_distance(black, white, method="chi_squared") == pytest.approx(4.0)


def test_flicker_is_found_where_it_happens() -> None:
    evaluator = IlluminationEvaluator()
    distances = evaluator.evaluate([flat(90), flat(91), flat(200), flat(200)])
    assert [d > evaluator.max_histogram_distance for d in distances] == [False, True, False]
    assert not evaluator.steady(distances)


def test_one_frame_has_no_distance_and_is_steady() -> None:
    evaluator = IlluminationEvaluator()
    assert evaluator.evaluate([flat(10)]) == ()
    assert evaluator.steady(())


def test_an_unknown_method_names_the_known_ones() -> None:
    with pytest.raises(InputError, match="bhattacharyya, chi_squared, correlation"):
        IlluminationEvaluator(method="hellinger")  # type: ignore[arg-type]


def test_counting_a_grid_of_pixels_moves_a_distance_by_less_than_five_thousandths() -> None:
    """720p pictures with detail: the distance of two whole histograms against that of the sampled ones."""
    rng = np.random.default_rng(2)
    coarse = cv2.resize(rng.integers(0, 255, (45, 80), dtype=np.uint8), (1280, 720), interpolation=cv2.INTER_CUBIC)
    first = np.clip(coarse + rng.normal(0, 6, coarse.shape), 0, 255).astype(np.uint8)
    for second in (np.clip(0.8 * first, 0, 255).astype(np.uint8), cv2.GaussianBlur(first, (0, 0), 3), 255 - first):
        whole = [cv2.calcHist([p], [0], None, [64], [0, 256]).ravel() / p.size for p in (first, second)]
        exact = cv2.compareHist(*whole, cv2.HISTCMP_BHATTACHARYYA)
        assert histogram_distance(grey_histogram(first), grey_histogram(second)) == pytest.approx(exact, abs=0.005)

"""Steadiness of light: distance between the grey histograms of consecutive frames."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from personalab_core.errors import InputError
from personalab_core.quality.schemas import HistogramMethod
from personalab_core.quality.sharpness import Picture, as_grey

DEFAULT_MAX_HISTOGRAM_DISTANCE = 0.35
"""From the specification, for Bhattacharyya. Not calibrated for the other two distances."""
N_BINS = 64
SAMPLED_SIDE_PX = 360
"""Smaller side from which every fourth (ninth, ...) row alone is counted: of 720p a quarter of the pixels, which moves
a distance by less than .005."""
_METHODS: tuple[HistogramMethod, ...] = ("bhattacharyya", "chi_squared", "correlation")


def grey_histogram(image: Picture) -> npt.NDArray[np.float32]:
    """Return the share of pixels per grey level as (64,) float32 that sums to 1.

    Of large pictures some rows are counted, see ``SAMPLED_SIDE_PX``: whole rows, since they are copied quickest.
    """
    import cv2

    grey = as_grey(image)
    step = max(1, min(grey.shape) // SAMPLED_SIDE_PX) ** 2
    counted = np.ascontiguousarray(grey[::step])
    counts = cv2.calcHist([counted], [0], None, [N_BINS], [0, 256]).ravel()
    return np.asarray(counts / counts.sum(), np.float32)


def histogram_distance(
    first: npt.NDArray[np.float32], second: npt.NDArray[np.float32], *, method: HistogramMethod = "bhattacharyya"
) -> float:
    """Return how far apart two normalised histograms are; 0 means alike.

    ``bhattacharyya``: OpenCV's HISTCMP_BHATTACHARYYA (which is the Hellinger distance), in [0, 1].
    ``chi_squared``: OpenCV's symmetric HISTCMP_CHISQR_ALT, in [0, 4] for normalised histograms.
    ``correlation``: 1 - Pearson's r (OpenCV's HISTCMP_CORREL), in [0, 2].
    """
    import cv2

    if method == "bhattacharyya":
        return float(cv2.compareHist(first, second, cv2.HISTCMP_BHATTACHARYYA))
    if method == "chi_squared":
        return float(cv2.compareHist(first, second, cv2.HISTCMP_CHISQR_ALT))
    if method == "correlation":
        return max(0.0, 1.0 - float(cv2.compareHist(first, second, cv2.HISTCMP_CORREL)))
    raise InputError(f"unknown histogram method {method!r}; known: {', '.join(_METHODS)}.")


class IlluminationEvaluator:
    """Finds flicker and tonal drift between consecutive key frames."""

    def __init__(
        self,
        max_histogram_distance: float = DEFAULT_MAX_HISTOGRAM_DISTANCE,
        method: HistogramMethod = "bhattacharyya",
    ) -> None:
        if method not in _METHODS:
            raise InputError(f"unknown histogram method {method!r}; known: {', '.join(_METHODS)}.")
        if max_histogram_distance <= 0:
            raise InputError(f"max_histogram_distance must be positive, got {max_histogram_distance}.")
        self.max_histogram_distance = max_histogram_distance
        self.method: HistogramMethod = method

    def evaluate(self, frames: list[Picture]) -> tuple[float, ...]:
        """Return the distance of each frame to the one before: one value fewer than frames."""
        histograms = [grey_histogram(frame) for frame in frames]
        return tuple(histogram_distance(a, b, method=self.method) for a, b in pairwise(histograms))

    def steady(self, distances: tuple[float, ...]) -> bool:
        """Return True if no distance is above the limit (also when there is none)."""
        return all(d <= self.max_histogram_distance for d in distances)

"""Compares face proportions: landmark ratios in units of the distance between the eyes.

Ratios and thresholds are the specification's: 7 ratios from 106 points, 2 from 5 points, base
threshold .08 relaxed to 2.5 times for small faces. On real photographs of one person the error
averages about .10, mostly from expression (own study), so the parts are diagnostic, not proof.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from personalab_core.identity.facts import HALF_FRACTION, HEAD_FRACTION, Array, Face
from personalab_core.schemas.evaluation import GeometricScore, RatioScore

SMALL_FACE_FACTOR = 2.5
"""Relaxation at and below a size fraction of .10 (specification)."""

# Indices in the 106-point layout of InsightFace's 2d106det; "left" is the image's left.
_LEFT_EYE_CORNERS = (35, 39)
_RIGHT_EYE_CORNERS = (89, 93)
_NASION, _NOSE_TIP, _NOSE_BASE = 72, 86, 80
_NOSE_WINGS = (77, 83)
_MOUTH_CORNERS = (52, 61)
_JAW = (16, 32)
_UPPER_LIP_TOP, _CHIN = 71, 0
_LEFT_LIDS, _RIGHT_LIDS = (40, 33), (94, 87)

_MIN_EYE_DISTANCE_PX = 1.0


@dataclass(frozen=True, slots=True)
class GeometricEvaluator:
    """Scores proportions against an anchor's.

    Attributes:
        max_normalized_error: Threshold for faces of at least .30 of the picture diagonal.
    """

    max_normalized_error: float = 0.08

    def compare(self, anchor: Face, candidate: Face, *, size_fraction: float) -> GeometricScore | None:
        """Return how far the candidate's proportions are off; ``None`` without usable points.

        The error is the mean of |candidate - anchor| / anchor over the ratios, clipped to [0, 1].

        Args:
            anchor: The face to compare with.
            candidate: The face to judge.
            size_fraction: The candidate's face-box diagonal over its picture's diagonal.
        """
        pair = _common_ratios(anchor, candidate)
        if pair is None:
            return None
        n_points, wanted, found = pair
        ratios = tuple(RatioScore(name=k, anchor=wanted[k], candidate=found[k]) for k in wanted)
        error = min(float(np.mean([ratio.relative_error for ratio in ratios])), 1.0)
        threshold = adaptive_threshold(self.max_normalized_error, size_fraction)
        return GeometricScore(
            normalized_error=error, threshold=threshold, passed=error <= threshold, n_points=n_points, ratios=ratios
        )


def adaptive_threshold(base: float, size_fraction: float) -> float:
    """Return the error threshold for a face of this size fraction.

    >>> [round(adaptive_threshold(0.08, f), 3) for f in (0.35, 0.30, 0.20, 0.10, 0.05)]
    [0.08, 0.08, 0.14, 0.2, 0.2]
    """
    closeness = (size_fraction - HALF_FRACTION) / (HEAD_FRACTION - HALF_FRACTION)
    closeness = min(max(closeness, 0.0), 1.0)
    return base * (SMALL_FACE_FACTOR - (SMALL_FACE_FACTOR - 1.0) * closeness)


def ratios_from_106(points: Array) -> Mapping[str, float] | None:
    """Return the 7 ratios of (106, 2) landmarks, ``None`` if a length in them is zero."""
    left, right = _mean(points, _LEFT_EYE_CORNERS), _mean(points, _RIGHT_EYE_CORNERS)
    lids = (_length(points, *_LEFT_LIDS) + _length(points, *_RIGHT_LIDS)) / 2
    lengths = {
        "eyes_to_nose_tip": float(np.linalg.norm((left + right) / 2 - points[_NOSE_TIP])),
        "nose_length": _length(points, _NASION, _NOSE_BASE),
        "mouth_width": _length(points, *_MOUTH_CORNERS),
        "jaw_width": _length(points, *_JAW),
        "nose_width": _length(points, *_NOSE_WINGS),
        "upper_lip_to_chin": _length(points, _UPPER_LIP_TOP, _CHIN),
        "eye_height": lids,
    }
    return _per_eye_distance(lengths, float(np.linalg.norm(right - left)))


def ratios_from_5(points: Array) -> Mapping[str, float] | None:
    """Return the 2 ratios of (5, 2) points, ``None`` if a length in them is zero."""
    mouth_centre = (points[3] + points[4]) / 2
    lengths = {
        "nose_to_mouth": float(np.linalg.norm(points[2] - mouth_centre)),
        "mouth_width": _length(points, 3, 4),
    }
    return _per_eye_distance(lengths, _length(points, 0, 1))


def inter_ocular_distance(face: Face) -> float | None:
    """Return the pixels between the eye centres, ``None`` without points."""
    if face.points106 is not None:
        points = face.points106
        return float(np.linalg.norm(_mean(points, _RIGHT_EYE_CORNERS) - _mean(points, _LEFT_EYE_CORNERS)))
    if face.points5 is not None:
        return _length(face.points5, 0, 1)
    return None


_Pair = tuple[Literal[106, 5], Mapping[str, float], Mapping[str, float]]


def _common_ratios(anchor: Face, candidate: Face) -> _Pair | None:
    """Return both faces' ratios from the richest set of points that both have."""
    if anchor.points106 is not None and candidate.points106 is not None:
        wanted, found = ratios_from_106(anchor.points106), ratios_from_106(candidate.points106)
        if wanted and found:
            return 106, wanted, found
    if anchor.points5 is not None and candidate.points5 is not None:
        wanted, found = ratios_from_5(anchor.points5), ratios_from_5(candidate.points5)
        if wanted and found:
            return 5, wanted, found
    return None


def _per_eye_distance(lengths: Mapping[str, float], eye_distance: float) -> Mapping[str, float] | None:
    usable = np.isfinite(eye_distance) and eye_distance >= _MIN_EYE_DISTANCE_PX
    if not usable or not all(np.isfinite(v) and v > 0 for v in lengths.values()):
        return None
    return {name: length / eye_distance for name, length in lengths.items()}


def _mean(points: Array, indices: tuple[int, int]) -> Array:
    return np.asarray(points[list(indices)].mean(axis=0), dtype=np.float32)


def _length(points: Array, first: int, second: int) -> float:
    return float(np.linalg.norm(points[first] - points[second]))

"""Ratios, error and adaptive threshold against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalab_core.identity.geometric import (
    GeometricEvaluator,
    adaptive_threshold,
    inter_ocular_distance,
    ratios_from_5,
    ratios_from_106,
)
from tests.support.faces import make_face


def landmarks() -> np.ndarray:
    """A schematic face: eyes 100 px apart on y = 100, everything else in round numbers."""
    points = np.full((106, 2), 50.0, np.float32)
    points[[35, 39]] = [[35, 100], [65, 100]]  # centre (50, 100)
    points[[89, 93]] = [[135, 100], [165, 100]]  # centre (150, 100)
    points[[40, 33]] = [[50, 94], [50, 106]]  # left eye 12 high
    points[[94, 87]] = [[150, 92], [150, 108]]  # right eye 16 high
    points[72], points[86], points[80] = [100, 95], [100, 160], [100, 175]
    points[[77, 83]] = [[80, 168], [120, 168]]
    points[[52, 61]] = [[70, 200], [130, 200]]
    points[71], points[0] = [100, 192], [100, 262]
    points[[16, 32]] = [[30, 210], [170, 210]]
    return points


def test_seven_ratios_in_units_of_the_eye_distance() -> None:
    assert ratios_from_106(landmarks()) == pytest.approx(
        {
            "eyes_to_nose_tip": 0.60,
            "nose_length": 0.80,
            "mouth_width": 0.60,
            "jaw_width": 1.40,
            "nose_width": 0.40,
            "upper_lip_to_chin": 0.70,
            "eye_height": 0.14,
        },
        abs=1e-6,
    )


def test_two_ratios_from_five_points() -> None:
    points = np.array([[0, 0], [100, 0], [50, 60], [20, 100], [80, 100]], np.float32)
    assert ratios_from_5(points) == pytest.approx({"nose_to_mouth": 0.40, "mouth_width": 0.60})


def test_the_error_is_the_mean_relative_deviation() -> None:
    """Mouth 60 -> 66 px wide and jaw 140 -> 133: 10 % and 5 % over seven ratios."""
    changed = landmarks()
    changed[[52, 61]] = [[67, 200], [133, 200]]
    changed[[16, 32]] = [[33.5, 210], [166.5, 210]]
    score = GeometricEvaluator().compare(
        make_face(points106=landmarks()), make_face(points106=changed), size_fraction=0.4
    )
    assert score is not None
    assert score.n_points == 106
    assert score.normalized_error == pytest.approx(0.15 / 7, abs=1e-6)
    assert score.threshold == 0.08
    assert score.passed


@pytest.mark.parametrize(
    ("fraction", "expected"), [(1, 0.08), (0.30, 0.08), (0.25, 0.11), (0.20, 0.14), (0.10, 0.20), (0.02, 0.20)]
)
def test_the_threshold_relaxes_for_small_faces(fraction: float, expected: float) -> None:
    assert adaptive_threshold(0.08, fraction) == pytest.approx(expected)


@given(scale=st.floats(0.3, 8), x=st.floats(-500, 500), angle=st.floats(-3, 3))
def test_ratios_do_not_depend_on_size_place_or_tilt(scale: float, x: float, angle: float) -> None:
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = (scale * landmarks() @ rotation.T + [x, 40]).astype(np.float32)
    assert ratios_from_106(moved) == pytest.approx(dict(ratios_from_106(landmarks()) or {}), rel=1e-3)


@given(st.floats(0, 1))
def test_a_face_has_no_error_against_itself(fraction: float) -> None:
    face = make_face(points106=landmarks())
    score = GeometricEvaluator().compare(face, face, size_fraction=fraction)
    assert score is not None
    assert score.normalized_error == 0


def test_five_points_are_used_where_one_side_has_no_106() -> None:
    five = np.array([[0, 0], [100, 0], [50, 60], [20, 100], [80, 100]], np.float32)
    score = GeometricEvaluator().compare(
        make_face(points5=five, points106=landmarks()), make_face(points5=five), size_fraction=0.3
    )
    assert score is not None
    assert score.n_points == 5
    assert len(score.ratios) == 2


def test_without_usable_points_there_is_no_score() -> None:
    collapsed = make_face(points106=np.zeros((106, 2), np.float32))
    whole = make_face(points106=landmarks())
    assert GeometricEvaluator().compare(whole, collapsed, size_fraction=0.3) is None
    assert GeometricEvaluator().compare(whole, make_face(), size_fraction=0.3) is None
    assert inter_ocular_distance(make_face()) is None
    assert inter_ocular_distance(whole) == pytest.approx(100)


def test_the_error_is_clipped_at_one() -> None:
    huge = landmarks()
    huge[[16, 32]] = [[-2000, 210], [2000, 210]]
    score = GeometricEvaluator().compare(make_face(points106=landmarks()), make_face(points106=huge), size_fraction=0.3)
    assert score is not None
    assert score.normalized_error == 1
    assert not score.passed

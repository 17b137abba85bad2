"""The pose fit finds the rotation that made the points, and degrades gently."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalab_core.identity.pose import _GENERIC_106, fit_pose, pose_from_5, pose_from_106
from personalab_core.simulation import Scene, read_metadata
from tests.support.faces import portrait_png

MODEL = np.array(list(_GENERIC_106.values()))


def project(
    model: npt.NDArray[np.float64], yaw_deg: float, pitch_deg: float, roll_deg: float
) -> npt.NDArray[np.float64]:
    """Weak perspective from first principles: turn, nod, then tilt; x right, y down, z towards the viewer."""
    y, p, r = np.radians([yaw_deg, pitch_deg, roll_deg])
    turn = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    nod = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    tilt = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return 1.7 * (model @ (tilt @ nod @ turn).T)[:, :2] + [320, 240]


@given(yaw=st.floats(-60, 60), pitch=st.floats(-35, 35), roll=st.floats(-45, 45))
def test_a_rigid_face_is_recovered(yaw: float, pitch: float, roll: float) -> None:
    pose = fit_pose(project(MODEL, yaw, pitch, roll), MODEL)
    assert pose is not None
    assert (pose.yaw_deg, pose.pitch_deg, pose.roll_deg) == pytest.approx((yaw, pitch, roll), abs=0.5)


def test_signs_are_those_of_the_contract() -> None:
    """Nose to the viewer's right: yaw > 0. Nose lower: pitch > 0. Right eye lower: roll > 0."""
    points = project(MODEL, 0, 0, 0)
    nose = list(_GENERIC_106).index(86)
    right, down = points.copy(), points.copy()
    right[nose, 0] += 20
    down[nose, 1] += 20
    tilted = project(MODEL, 0, 0, 12)
    eyes = [list(_GENERIC_106).index(i) for i in (35, 93)]
    assert fit_pose(right, MODEL).yaw_deg > 5  # type: ignore[union-attr]
    assert fit_pose(down, MODEL).pitch_deg > 5  # type: ignore[union-attr]
    assert tilted[eyes[1], 1] > tilted[eyes[0], 1]
    assert fit_pose(tilted, MODEL).roll_deg == pytest.approx(12, abs=0.5)  # type: ignore[union-attr]


def test_points_in_one_place_have_no_pose() -> None:
    assert pose_from_106(np.ones((106, 2), np.float32)) is None
    assert pose_from_5(np.full((5, 2), np.nan, np.float32)) is None


@pytest.mark.parametrize("yaw", [-35, -15, 0, 20, 40])
def test_ground_truth_of_rendered_heads_is_met_within_six_degrees(yaw: float) -> None:
    """Other people's proportions than the generic face's: true points, estimated pose."""
    metadata = read_metadata(portrait_png(3, Scene(yaw_deg=yaw, roll_deg=8), width=160, height=200))
    assert metadata is not None
    truth = metadata.faces[0]
    for pose in (pose_from_106(truth.points106), pose_from_5(truth.points5)):
        assert pose is not None
        assert pose.yaw_deg == pytest.approx(yaw, abs=6)
        assert pose.roll_deg == pytest.approx(8, abs=6)

"""Head pose from landmarks by a weak-perspective fit.

The points are taken as ``x = s * R[:2] @ X + t`` of a rigid generic face ``X``. The unconstrained
affine fit, made orthogonal, is refined to the least-squares ``s`` and ``R`` by Gauss-Newton steps.

The generic face holds rounded adult averages in millimetres, chosen for points that expression
hardly moves (eye corners, nose), after the anthropometric means in L. G. Farkas, *Anthropometry of
the Head and Face*, 2nd ed., 1994. Errors of a few degrees from individual proportions are expected.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float32]
Matrix = npt.NDArray[np.float64]

_ITERATIONS = 8
_CONVERGED_RAD = 1e-3

# Index in the 106-point layout -> (x right, y down, z towards the camera), millimetres.
_GENERIC_106: dict[int, tuple[float, float, float]] = {
    35: (-45.0, 0.0, -12.0),  # outer eye corners
    93: (45.0, 0.0, -12.0),
    39: (-16.5, 0.5, -4.0),  # inner eye corners
    89: (16.5, 0.5, -4.0),
    72: (0.0, -4.0, 6.0),  # nasion
    86: (0.0, 38.0, 27.0),  # nose tip
    80: (0.0, 49.0, 13.0),  # below the nose
    77: (-17.0, 43.0, 8.0),  # nose wings
    83: (17.0, 43.0, 8.0),
    52: (-25.5, 70.0, 4.0),  # mouth corners
    61: (25.5, 70.0, 4.0),
}

# Eye centres, nose tip, mouth corners: the order of the 5 detector points.
_GENERIC_5: tuple[tuple[float, float, float], ...] = (
    (-31.0, 0.0, -6.0),
    (31.0, 0.0, -6.0),
    (0.0, 38.0, 27.0),
    (-25.5, 70.0, 4.0),
    (25.5, 70.0, 4.0),
)


@dataclass(frozen=True, slots=True)
class Pose:
    """Head rotation in degrees.

    Yaw > 0 turns to the viewer's right, pitch > 0 chin down, roll > 0 clockwise in the picture.
    """

    yaw_deg: float
    pitch_deg: float
    roll_deg: float


def pose_from_106(points: Points) -> Pose | None:
    """Return the pose of a face given its (106, 2) landmarks in pixels, ``None`` if they coincide."""
    model = np.array(list(_GENERIC_106.values()))
    return fit_pose(points[list(_GENERIC_106)], model)


def pose_from_5(points: Points) -> Pose | None:
    """Return the pose of a face given its (5, 2) detector points in pixels, ``None`` if they coincide."""
    return fit_pose(points, np.array(_GENERIC_5))


def fit_pose(points: npt.ArrayLike, model: Matrix) -> Pose | None:
    """Return the rotation under which ``model`` best explains ``points``.

    Args:
        points: (N, 2) image points in pixels, x right, y down.
        model: (N, 3) matching rigid points, x right, y down, z towards the camera.

    Returns:
        The least-squares pose, or ``None`` if the points have no extent.
    """
    image = np.asarray(points, dtype=np.float64)
    image = image - image.mean(axis=0)
    shape = model - model.mean(axis=0)
    extent = float(np.linalg.norm(image))
    if not np.isfinite(extent) or extent < 1e-6:
        return None
    rotation, scale = _closest_similarity(image, shape)
    for _ in range(_ITERATIONS):
        step, ds = _gauss_newton_step(image, shape, rotation, scale)
        rotation, scale = _rotation_by(step) @ rotation, scale + ds
        if float(np.abs(step).max()) < _CONVERGED_RAD:
            break
    return _angles(rotation)


def _closest_similarity(image: Matrix, shape: Matrix) -> tuple[Matrix, float]:
    """Return the rotation and scale nearest to the unconstrained affine least-squares fit."""
    affine = np.linalg.lstsq(shape, image, rcond=None)[0].T
    u, singular, vt = np.linalg.svd(affine, full_matrices=False)
    rows = u @ vt
    return np.vstack([rows, np.cross(rows[0], rows[1])]), float(singular.mean())


def _gauss_newton_step(image: Matrix, shape: Matrix, rotation: Matrix, scale: float) -> tuple[Matrix, float]:
    """Return the rotation vector (radians) and change of scale that reduce the residual most."""
    turned = shape @ rotation.T
    jacobian = np.zeros((len(shape), 2, 4))
    # d(turned) = step x turned, of which the picture shows the first two components.
    jacobian[:, 0, 1], jacobian[:, 0, 2] = scale * turned[:, 2], -scale * turned[:, 1]
    jacobian[:, 1, 0], jacobian[:, 1, 2] = -scale * turned[:, 2], scale * turned[:, 0]
    jacobian[:, :, 3] = turned[:, :2]
    slope = jacobian.reshape(-1, 4)
    residual = (image - scale * turned[:, :2]).ravel()
    step = np.linalg.lstsq(slope, residual, rcond=None)[0]
    return np.asarray(step[:3], dtype=np.float64), float(step[3])


def _rotation_by(vector: Matrix) -> Matrix:
    """Return the rotation matrix of a rotation vector (Rodrigues)."""
    angle = float(np.linalg.norm(vector))
    if angle < 1e-12:
        return np.eye(3)
    x, y, z = vector / angle
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.asarray(np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross))


def _angles(rotation: Matrix) -> Pose:
    """Decompose ``R = Rz(roll) Rx(pitch) Ry(yaw)`` with the sign conventions of ``Pose``."""
    pitch = np.arcsin(np.clip(-rotation[2, 1], -1.0, 1.0))
    yaw = np.arctan2(-rotation[2, 0], rotation[2, 2])
    roll = np.arctan2(-rotation[0, 1], rotation[1, 1])
    return Pose(*(float(np.degrees(angle)) for angle in (yaw, pitch, roll)))

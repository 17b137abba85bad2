"""The head: a closed generalised cylinder whose features are closed forms.

Rows are horizontal slices from crown to chin and below, columns are azimuths from -180 to 180 degrees (0 = front),
denser on the face. `build_head` computes what only the identity decides; `expression.py` adds lids, lips and jaw.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from personalab_core.simulation.curves import (
    F32,
    FloatArray,
    Window,
    bump,
    hermite,
    ridge,
    smoothstep,
)
from personalab_core.simulation.identity import SimulatedIdentity
from personalab_core.simulation.proportions import FaceProportions, measure

TEMPLE_Y = 3.6
LID_BALL_RADIUS = 1.42
_CAP_SHARE = 0.10
_DOME_SHARE = 0.22


@dataclass(frozen=True, eq=False)
class Head:
    """What only the identity decides, on an (n, n) grid; every array float32 and never written to.

    Attributes:
        points: (n, n, 3) surface with all static relief, mouth and eyes still blank.
        base_z: (n, n) depth before relief, the reference for cavity shading.
        row_y: (n,) height of each row at the front.
        azimuth: (n,) radians.
        front: (n, n) 1 on the face side, 0 behind.
        jaw: (n, n) how far a point follows the opening jaw.
        brow_lift: (n, n) how far a point follows a raised brow.
        jaw_row: The row of the jaw edge; rows below close the head under the chin.
        eye_window: Grid window of both eyes.
        mouth_window: Grid window of nose base, mouth and cheeks.
    """

    identity: SimulatedIdentity
    face: FaceProportions
    points: FloatArray
    base_z: FloatArray
    row_y: FloatArray
    azimuth: FloatArray
    front: FloatArray
    jaw: FloatArray
    brow_lift: FloatArray
    jaw_row: int
    eye_window: Window
    mouth_window: Window

    @property
    def size(self) -> int:
        """Rows (and columns) of the grid."""
        return len(self.row_y)


def build_head(identity: SimulatedIdentity, size: int) -> Head:
    """The identity's head on a (size, size) grid."""
    face = measure(identity)
    q = np.linspace(-1, 1, size)
    azimuth = math.pi * (0.36 * q + 0.64 * q**3)
    rows = _row_layout(face, size)
    points, row_y = _skull(identity, face, rows, azimuth)
    sigma = max(0.6, size * 0.009)
    points = np.asarray(
        cv2.GaussianBlur(points, (0, 0), sigmaX=0.01, sigmaY=sigma, borderType=cv2.BORDER_REPLICATE), F32
    )
    x, y = np.ascontiguousarray(points[..., 0]), np.ascontiguousarray(points[..., 1])
    front = np.ascontiguousarray(np.broadcast_to(smoothstep(-0.05, 0.35, np.cos(azimuth))[None], x.shape))
    base_z = points[..., 2].copy()
    points[..., 2] += _relief(identity, face, x, y) * front
    _add_eye_balls(identity, face, points, x, y, front)
    below = smoothstep(face.mouth_y + 0.9, face.mouth_y - 0.9, y)
    return Head(
        identity=identity,
        face=face,
        points=points,
        base_z=base_z,
        row_y=row_y,
        azimuth=azimuth.astype(F32),
        front=front,
        jaw=below * smoothstep(-0.35, 0.55, np.cos(azimuth))[None],
        brow_lift=bump(np.abs(x), y, 2.8, face.brow_y + 0.5, 5.2, 2.3) * front,
        jaw_row=size - int(size * _CAP_SHARE) - 1,
        eye_window=_window(x, y, front, 6.4, -2.6, 2.6),
        mouth_window=_window(x, y, front, 7.0, face.mouth_y - 4.2, -0.3),
    )


def _row_layout(
    face: FaceProportions, size: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Dome angles, face heights (denser at eyes and mouth) and cap fractions of the rows."""
    dome, cap = int(size * _DOME_SHARE), int(size * _CAP_SHARE)
    fine = np.linspace(TEMPLE_Y, face.chin_y, 400)
    density = 1 + 0.9 * ridge(fine, 0.1, 2.6) + 0.8 * ridge(fine, face.mouth_y, 2.4)
    position = np.cumsum(density)
    wanted = np.linspace(position[0], position[-1], size - dome - cap)
    return (
        np.linspace(0.006, math.pi / 2, dome, endpoint=False),
        np.interp(wanted, position, fine),
        np.linspace(0, 1, cap + 1)[1:],
    )


def _skull(
    identity: SimulatedIdentity,
    face: FaceProportions,
    rows: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
    azimuth: NDArray[np.float64],
) -> tuple[FloatArray, FloatArray]:
    """The smooth closed skull: slices of super-ellipses, the low ones tilted up towards the ears (jaw line)."""
    v = identity.value
    dome, y, cap = rows
    chin = face.chin_y
    width = hermite(
        y,
        [TEMPLE_Y, 1.5, -1.5, -4.3, -4.3 + 0.42 * (chin + 4.3), -4.3 + 0.74 * (chin + 4.3), chin],
        [face.temple_hw, face.temple_hw, face.cheek_hw + 0.08, face.cheek_hw - 0.35,
         face.jaw_hw, 0.45 * face.jaw_hw + 0.55 * face.chin_hw + 0.1, face.chin_hw],
    )  # fmt: skip
    proj = v("chin_proj")
    # Depth must fall towards the chin: a bump here would run round the tilted slice like a second jaw line.
    depth = hermite(
        y,
        [TEMPLE_Y, 2.0, 0, -3, -5.5, *(-5.5 + share * (chin + 5.5) for share in (0.38, 0.62, 0.78, 1))],
        [9.35, 9.4, 9.1, 9.0, 9.1, 9.12, 9.0 + 0.1 * proj, 8.85 + 0.28 * proj, 8.3 + 0.35 * proj],
    )
    back = hermite(y, [TEMPLE_Y, -2, -6, chin], [10.0, 8.9, 6.6, 4.6])
    rise = face.jaw_rise * np.clip((-1.0 - y) / (-1.0 - chin), 0, 1) ** 1.5
    shrink = 1 - cap**1.3 * 0.97
    sin = np.sin(dome)
    widths = np.concatenate([face.temple_hw * sin, width, width[-1] * shrink])
    depths = np.concatenate([9.35 * sin**0.94, depth, depth[-1] * shrink**0.8])
    backs = np.concatenate([10.0 * sin, back, back[-1] * shrink])
    under = chin - 0.35 * np.sin(np.pi * np.minimum(1, cap * 2.2)) + 1.6 * cap
    row_y = np.concatenate([TEMPLE_Y + (face.crown_y - TEMPLE_Y) * np.cos(dome), y, under])
    rises = np.concatenate([0 * dome, rise, np.full(len(cap), face.jaw_rise)])
    c, s = np.cos(azimuth), np.sin(azimuth)
    power = 2.0 + np.interp(row_y, [chin, -6, 0], [0.34 * v("chin_square") + 0.05, 0.1, 0.0])[:, None]
    radius = (np.abs(c)[None] ** power + np.abs(s)[None] ** power) ** (-1 / power)
    x = widths[:, None] * s[None] * radius
    forward = c[None] * radius
    z = np.where(forward > 0, forward * depths[:, None], forward * backs[:, None])
    # Behind the ears the tilted slices come down again, so that the skull stays round at the back.
    tilt = np.where(c > -0.1, 1 - c, 1.1)
    return np.stack([x, row_y[:, None] + rises[:, None] * tilt[None], z], -1).astype(F32), row_y.astype(F32)


def _relief(identity: SimulatedIdentity, face: FaceProportions, x: FloatArray, y: FloatArray) -> FloatArray:
    """Everything the bones and soft parts add to the skull's depth, mouth and lids apart."""
    v = identity.value
    ax = np.abs(x)
    full, age = v("cheek_full"), max(0.0, v("age"))
    d = (0.50 + 0.3 * v("brow_ridge")) * bump(ax, y, 2.6, face.brow_y - 0.35, 3.1, 1.35)
    d += (0.2 + 0.15 * v("brow_ridge")) * bump(ax, y, 0, face.brow_y - 0.4, 1.6, 1.4)
    d -= (1.12 + 0.2 * v("eye_depth")) * bump(ax, y, face.eye_x - 0.1, -0.1, 2.35, 1.75)
    d += (0.55 + 0.3 * full + 0.18 * v("cheek_w")) * bump(ax, y, 4.2, -2.9, 2.6, 2.4)
    d -= (0.34 - 0.28 * full) * bump(ax, y, 4.5, -6.2, 2.2, 2.8)
    d += (0.46 + 0.16 * v("chin_proj")) * bump(ax, y, 0, face.chin_y + 1.35, 2.2 + 0.4 * v("chin_square"), 1.9)
    d += 0.42 * bump(ax, y, 0, face.mouth_y, 3.8, 2.8)
    d += _nose(identity, face, x, y)
    if age > 0.1:
        for line_y in (4.1, 5.0, 5.9):
            wavy = y - 0.15 * np.cos(ax * 0.9) - F32(line_y)
            d -= 0.055 * age * ridge(wavy, 0, 0.22) * smoothstep(5.2, 3.0, ax)
        d -= 0.10 * age * ridge(np.hypot(ax - face.eye_x, y + 0.6), 1.55, 0.3) * smoothstep(-0.5, -1.1, y)
        d -= 0.25 * age * bump(ax, y, 3.4, face.mouth_y - 1.4, 0.8, 2.0)
    return np.asarray(d, F32)


def _nose(identity: SimulatedIdentity, face: FaceProportions, x: FloatArray, y: FloatArray) -> FloatArray:
    """Ridge profile down the bridge, rounded tip, wings, nostrils, philtrum."""
    v = identity.value
    ax = np.abs(x)
    base, tip = face.nose_base_y, face.nose_tip_y
    middle = y[:, y.shape[1] // 2]
    high, deep = face.nose_bridge, face.nose_tip
    height = hermite(
        middle,
        [2.7, 1.3, 0.2, tip * 0.5, tip + 0.15, tip - 0.45, base - 0.15, base - 0.9],
        [0, 0.22 * high, 0.6 * high, 0.53 * (high + deep * 0.62) + 0.28 * v("hump"), deep, deep * 0.84, deep * 0.14, 0],
    )
    height[(middle > 2.7) | (middle < base - 0.9)] = 0
    narrow, wings = 0.17 * v("bridge_w"), 0.5 * (face.nose_hw - 1.5)
    width = np.interp(
        middle,
        [base, tip, tip * 0.5, 0, 2],
        [1.45 + wings, 1.42 + wings, 1.12 + narrow, 0.95 + narrow, 1.6],
    )
    across = np.maximum(1 - (ax / (width[:, None] * 1.22).astype(F32)) ** 2, 0)
    d = height[:, None].astype(F32) * across**1.75
    d += (0.36 + 0.05 * v("tip_proj")) * bump(ax, y, 0, tip, 1.2, 1.0)
    d += 0.92 * bump(ax, y, face.nose_hw - 0.42, base + 0.58, 0.95, 0.88)
    d -= 0.15 * bump(ax, y, face.nose_hw + 0.42, base + 0.5, 0.45, 0.8)
    d -= 0.42 * bump(ax, y, 0.72 + wings * 0.4, base + 0.12, 0.48, 0.34)
    d -= 0.12 * bump(ax, y, 0, 0.5 * (base + face.mouth_y), 0.42, 1.2)
    return np.asarray(d, F32)


def _add_eye_balls(
    identity: SimulatedIdentity,
    face: FaceProportions,
    points: FloatArray,
    x: FloatArray,
    y: FloatArray,
    front: FloatArray,
) -> None:
    """Smooth maximum of the socket with the ball under the lids."""
    row = int(np.argmin(np.abs(y[:, y.shape[1] // 2])))
    column = int(np.argmin(np.abs(x[row] - face.eye_x) + (front[row] < 0.5) * 99))
    socket = (
        float(points[row, column, 2] + 1.12 + 0.2 * identity.value("eye_depth"))
        - 0.62
        - 0.22 * identity.value("eye_depth")
    )
    r2 = (np.abs(x) - F32(face.eye_x)) ** 2 / F32(1.25) + y**2
    ball = F32(socket - LID_BALL_RADIUS + 0.52) + np.sqrt(np.maximum(LID_BALL_RADIUS**2 - r2, 0))
    z, soft = points[..., 2], F32(0.28)
    mix = np.clip(0.5 + 0.5 * (ball - z) / soft, 0, 1)
    lifted = z + (ball - z) * mix + soft * mix * (1 - mix)
    weight = smoothstep(0.97, 0.72, r2 / F32(LID_BALL_RADIUS**2)) * front
    points[..., 2] = z + np.where(r2 < LID_BALL_RADIUS**2 * 0.98, (lifted - z) * weight, 0)


def _window(x: FloatArray, y: FloatArray, front: FloatArray, half_width: float, low: float, high: float) -> Window:
    inside = (np.abs(x) < half_width) & (front > 0.5) & (y > low) & (y < high)
    inside[-int(len(y) * _CAP_SHARE) :] = False
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)

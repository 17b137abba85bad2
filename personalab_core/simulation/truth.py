"""Ground truth of a rendered face: box, key points, 106 landmarks, pose and occlusion.

The landmarks come from the same curves as the picture. Their order is that of InsightFace's `2d106det` (contour 0-32,
left eye 33-42, left brow 43-51, mouth 52-71, nose 72-86, right eye 87-96, right brow 97-105; "left" is image left of an
upright frontal face). On the far side of a turned head contour points slide to the visible silhouette, as annotators
(and the models trained on their work) place them.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from personalab_core.simulation.curves import F32, FloatArray
from personalab_core.simulation.expression import PosedHead
from personalab_core.simulation.proportions import brow_centre_y

TURNED_AWAY_DEG = 75.0
"""Beyond this yaw less than half a face is visible and no key point of the far half is."""
_CONTOUR_LEFT = (0, 8, 7, 6, 5, 4, 3, 2, 16, 15, 14, 13, 12, 11, 10, 9, 1)
_CONTOUR_RIGHT = (0, 24, 23, 22, 21, 20, 19, 18, 32, 31, 30, 29, 28, 27, 26, 25, 17)
_EYE_LEFT, _PUPIL_LEFT = (35, 41, 40, 42, 39, 37, 33, 36), (34, 38)
_EYE_RIGHT, _PUPIL_RIGHT = (93, 96, 94, 95, 89, 90, 87, 91), (88, 92)
_BROW_LEFT = (43, 48, 49, 51, 50, 46, 47, 45, 44)
_BROW_RIGHT = (101, 105, 104, 103, 102, 97, 98, 99, 100)
_CONTOUR_TOP_Y = 1.4
_CONTOUR_AZIMUTH_DEG = 84.0
_CONTOUR_SECTORS = 24
_DEPTH_TOLERANCE_CM = np.where(np.arange(106) < 33, 2.2, 1.0).astype(F32)
"""Contour points lie on the outline, where depth changes fastest."""


@dataclass(frozen=True, eq=False)
class FaceTruth:
    """What is really in the picture.

    Attributes:
        box: x0, y0, x1, y1 in pixels: forehead to chin, ear to ear (may reach outside the picture).
        points5: (5, 2) float32 pixels in InsightFace order: left eye, right eye, nose tip, left and right mouth corner.
        points106: (106, 2) float32 pixels in InsightFace `2d106det` order, far-side contour on the silhouette.
        visible106: (106,) bool: inside the picture and not hidden by hair, nose, another person or the head itself.
        yaw_deg: Head turn, > 0 to image right.
        pitch_deg: > 0 looks up.
        roll_deg: > 0 leans to image right.
        occluded_fraction: Share of the 106 points that are not visible, in [0, 1].
        turned_away: True beyond 75 degrees of yaw: there is no face to measure.
    """

    box: tuple[float, float, float, float]
    points5: FloatArray
    points106: FloatArray
    visible106: NDArray[np.bool_]
    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    occluded_fraction: float
    turned_away: bool


@dataclass(frozen=True, eq=False)
class Landmarks:
    """106 and 5 points (n, 3) and the face outline (m, 3) in the head frame, before the head is turned."""

    points106: FloatArray
    points5: FloatArray
    outline: FloatArray


def locate_landmarks(posed: PosedHead, rotation: FloatArray) -> Landmarks:
    """Landmarks of a posed head; `rotation` decides which contour points slide to the silhouette."""
    found = np.zeros((106, 3), F32)
    for side, indices in ((-1, _CONTOUR_LEFT), (1, _CONTOUR_RIGHT)):
        found[list(indices)] = _contour(posed, rotation, side)
    wanted, where = _feature_points(posed)
    face, e = posed.head.face, posed.expression
    corner = e.mouth_y + e.mouth_curve
    five: list[tuple[float, float]] = [
        (-face.eye_x, 0.02),
        (face.eye_x, 0.02),
        (0, face.nose_tip_y),
        (-e.mouth_hw, corner),
        (e.mouth_hw, corner),
    ]
    surface = _on_surface(posed, np.array(wanted + five, F32))
    found[where] = surface[: len(where)]
    return Landmarks(found, surface[len(where) :], _outline(posed))


def _feature_points(posed: PosedHead) -> tuple[list[tuple[float, float]], list[int]]:
    """Frontal (x, y) of every landmark inside the contour, and its index."""
    wanted: list[tuple[float, float]] = []
    where: list[int] = []

    def put(indices: tuple[int, ...], points: list[tuple[float, float]], sign: int = 1) -> None:
        where.extend(indices)
        wanted.extend((sign * x, y) for x, y in points)

    eye, pupil = _eye_points(posed)
    brow = _brow_points(posed)
    for sign, eye_at, pupil_at, brow_at in (
        (-1, _EYE_LEFT, _PUPIL_LEFT, _BROW_LEFT), (1, _EYE_RIGHT, _PUPIL_RIGHT, _BROW_RIGHT),
    ):  # fmt: skip
        put(eye_at, eye, sign)
        put(pupil_at, [pupil, pupil], sign)
        put(brow_at, brow, sign)
    face = posed.head.face
    base, tip, wing = face.nose_base_y, face.nose_tip_y, face.nose_hw
    put((72, 73, 74, 86), [(0, 0.2), (0, tip * 0.35), (0, tip * 0.7), (0, tip)])
    side = [(0.85, 0.0), (1.0, tip * 0.6), (wing + 0.25, base + 0.65), (wing, base + 0.1), (0.9, base - 0.05)]
    put((75, 76, 77, 78, 79), side, -1)
    put((81, 82, 83, 84, 85), side)
    put((80,), [(0, base - 0.1)])
    put((52, 64, 63, 71, 67, 68, 61), [_lip_point(posed, s, "outer_upper") for s in (-1, -0.6, -0.27, 0, 0.27, 0.6, 1)])
    put((58, 59, 53, 56, 55), [_lip_point(posed, s, "outer_lower") for s in (0.65, 0.33, 0, -0.33, -0.65)])
    put((65, 66, 62, 70, 69), [_lip_point(posed, s, "inner_upper") for s in (-0.9, -0.4, 0, 0.4, 0.9)])
    put((57, 60, 54), [_lip_point(posed, s, "inner_lower") for s in (0.4, 0, -0.4)])
    return wanted, where


def _eye_points(posed: PosedHead) -> tuple[list[tuple[float, float]], tuple[float, float]]:
    """Eight points around the right eye (outer corner first, over the upper lid) and its centre."""
    face, e = posed.head.face, posed.expression
    cos, sin = math.cos(face.eye_tilt_rad), math.sin(face.eye_tilt_rad)

    def lid(s: float, *, upper: bool) -> tuple[float, float]:
        arc = max(0.0, 1 - abs(s) ** 2.15)
        y = e.lid_upper * arc**0.72 * (1 - 0.16 * s) if upper else -e.lid_lower * arc**0.85 * (1 + 0.2 * s)
        return face.eye_x + s * face.eye_hw * cos - y * sin, s * face.eye_hw * sin + y * cos

    upper = [lid(s, upper=True) for s in (1, 0.5, 0, -0.5, -1)]
    return upper + [lid(s, upper=False) for s in (-0.5, 0, 0.5)], (face.eye_x, 0.02)


def _brow_points(posed: PosedHead) -> list[tuple[float, float]]:
    face, raised = posed.head.face, posed.expression.brow_raise
    half = face.brow_thickness * 0.58
    stations = (
        (0.97, 0.0),
        (0.75, 0.8),
        (0.5, 1.0),
        (0.25, 1.0),
        (0.03, 0.8),
        (0.03, -0.8),
        (0.25, -1.0),
        (0.5, -1.0),
        (0.75, -0.8),
    )
    return [
        (face.brow_start_x + face.brow_length * s, brow_centre_y(face, s) + half * offset * (1 - 0.5 * s) + raised)
        for s, offset in stations
    ]


def _lip_point(posed: PosedHead, s: float, curve: str) -> tuple[float, float]:
    """A point on one of the four lip curves of `expression._pose_mouth`, at `s` in [-1, 1] across the mouth."""
    e, a = posed.expression, abs(s)
    arc = max(0.0, 1 - s * s)
    bow = 1 + 0.5 * posed.head.identity.value("lip_bow")

    def hill(centre: float, radius: float) -> float:
        return max(0.0, 1 - ((a - centre) / radius) ** 2) ** 3

    seam = e.mouth_y + e.mouth_curve * s * s - 0.10 * (1 - a) - 0.10 * hill(0, 0.3)
    gap = e.gap * arc**0.75
    cupid = bow * (0.16 * hill(0.27, 0.3) - 0.12 * hill(0, 0.2))
    y = {
        "outer_upper": seam + 0.25 * gap + e.lip_upper * (arc**0.85 + cupid * (a < 1)),
        "inner_upper": seam + 0.25 * gap,
        "inner_lower": seam - 1.15 * gap,
        "outer_lower": seam - 1.15 * gap - e.lip_lower * arc**0.75,
    }[curve]
    return s * e.mouth_hw, y


def _on_surface(posed: PosedHead, wanted: FloatArray) -> FloatArray:
    """Surface points at frontal (x, y): nearest vertex by a coarse search refined in a small window."""
    head, stride = posed.head, 4
    columns = np.flatnonzero(head.front[0] > 0.5)
    first, last = int(columns[0]), int(columns[-1]) + 1
    coarse = posed.points[: head.jaw_row : stride, first:last:stride]
    gap = (coarse[None, ..., 0] - wanted[:, 0, None, None]) ** 2 + (
        coarse[None, ..., 1] - wanted[:, 1, None, None]
    ) ** 2
    nearest = gap.reshape(len(wanted), -1).argmin(1)
    offsets = np.arange(-stride, stride + 1)
    rows = np.clip((nearest // coarse.shape[1] * stride)[:, None] + offsets, 0, head.jaw_row)
    cols = np.clip((nearest % coarse.shape[1] * stride + first)[:, None] + offsets, 0, head.size - 1)
    block = posed.points[rows[:, :, None], cols[:, None, :]].reshape(len(wanted), -1, 3)
    best = ((block[..., 0] - wanted[:, :1]) ** 2 + (block[..., 1] - wanted[:, 1:]) ** 2).argmin(1)
    depth = block[np.arange(len(wanted)), best, 2]
    return np.concatenate([wanted, depth[:, None]], 1).astype(F32)


def _contour(posed: PosedHead, view: FloatArray, side: int) -> FloatArray:
    """17 points from chin to temple along the visible outline of one half of the face, evenly spaced in the picture.

    The outline is taken in polar coordinates about the nose base: in each of `_CONTOUR_SECTORS` directions the vertex
    that lies furthest out, roll apart. So it follows the jaw line on the near side and the silhouette on the far one.
    """
    head = posed.head
    azimuth = head.azimuth * side
    columns = np.flatnonzero((azimuth >= -1e-6) & (azimuth <= math.radians(_CONTOUR_AZIMUTH_DEG)))
    columns = columns[np.argsort(azimuth[columns])]
    stride = max(1, head.size // 70)
    columns = np.append(columns[:-1:stride], columns[-1])
    top = int(np.argmin(np.abs(head.points[: head.jaw_row, columns[-1], 1] - F32(_CONTOUR_TOP_Y))))
    grid = posed.points[np.ix_(np.append(np.arange(head.jaw_row, top, -stride), top), columns)]
    axes = np.stack([_sideways(view) * side, np.cross(view[2], _sideways(view))])
    centre = posed.points[int(np.argmin(np.abs(head.row_y - head.face.nose_base_y))), head.size // 2]
    plane = (grid - centre) @ axes.T
    angle = np.arctan2(plane[..., 0], -plane[..., 1])
    start, end = angle[0, 0], angle[-1, int(plane[-1, :, 0].argmax())]
    sector = np.floor((angle - start) / (end - start + 1e-6) * _CONTOUR_SECTORS).astype(int).ravel()
    outer = _outermost(sector, np.hypot(plane[..., 0], plane[..., 1]).ravel())
    line = np.concatenate([grid[0, :1], grid.reshape(-1, 3)[outer], grid[-1, plane[-1, :, 0].argmax()][None]])
    flat = line @ axes.T
    length = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(flat, axis=0).T))])
    at = np.linspace(0, length[-1], 17)
    return np.stack([np.interp(at, length, line[:, i]) for i in range(3)], 1).astype(F32)


def _outermost(sector: NDArray[np.intp], far: FloatArray) -> NDArray[np.intp]:
    """The vertex that lies furthest out in each sector that has any, the last of equals; in the sectors' order."""
    inside = np.flatnonzero((sector >= 0) & (sector < _CONTOUR_SECTORS))
    furthest = np.zeros(_CONTOUR_SECTORS, F32)
    np.maximum.at(furthest, sector[inside], far[inside])
    best = inside[far[inside] == furthest[sector[inside]]]
    best = best[np.argsort(sector[best], kind="stable")]
    return np.asarray(best[np.flatnonzero(np.diff(sector[best], append=_CONTOUR_SECTORS))])


def _sideways(view: FloatArray) -> FloatArray:
    """The picture's x axis in the head frame with the roll taken out."""
    up = view[:2, 1]
    right = np.array([up[1], -up[0]], F32) / F32(np.hypot(*up) + 1e-9)
    return np.asarray(right @ view[:2], F32)


def _outline(posed: PosedHead) -> FloatArray:
    """Vertices that bound the face box: forehead to chin, |azimuth| under 86 degrees."""
    head = posed.head
    rows = np.flatnonzero(head.row_y < 5.6)[::4]
    columns = np.flatnonzero(np.abs(head.azimuth) < math.radians(86))[::4]
    return posed.points[np.ix_(rows, columns)].reshape(-1, 3)


def find_visible(points: FloatArray, depth_of_points: FloatArray, depth: FloatArray) -> NDArray[np.bool_]:
    """Which points are inside the picture and not behind something drawn.

    Args:
        points: (106, 2) pixels of the depth buffer.
        depth_of_points: (106,) centimetres, larger is nearer.
        depth: The canvas' depth buffer.
    """
    h, w = depth.shape
    column, row = np.floor(points[:, 0]).astype(int), np.floor(points[:, 1]).astype(int)
    inside = (column >= 0) & (column < w) & (row >= 0) & (row < h)
    around = np.arange(-1, 2)
    rows = np.clip(row[:, None, None] + around[:, None], 0, h - 1)
    columns = np.clip(column[:, None, None] + around, 0, w - 1)
    near = depth[rows, columns].min(axis=(1, 2))
    visible: NDArray[np.bool_] = inside & (near <= depth_of_points + _DEPTH_TOLERANCE_CM)
    return visible


def occlusion_of(visible: NDArray[np.bool_]) -> float:
    """Share of points that are hidden."""
    return float(1.0 - visible.mean())

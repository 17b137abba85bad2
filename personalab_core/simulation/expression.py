"""What a face does in one picture: lids, lips and jaw, on two small windows of the head's grid.

The same curves later give the landmarks (`truth.py`), so the ground truth is exact by construction.
"""

import math
from dataclasses import dataclass

import numpy as np

from personalab_core.simulation.curves import F32, FloatArray, bump, ridge, smoothstep
from personalab_core.simulation.head import Head
from personalab_core.simulation.scene import Scene


@dataclass(frozen=True, eq=False)
class EyeLayer:
    """Eye masks on `Head.eye_window`: `open` 1 on the eyeball, `upper`/`lower` signed distance from the lids (cm)."""

    x: FloatArray
    y: FloatArray
    along: FloatArray
    open: FloatArray
    upper: FloatArray
    lower: FloatArray
    crease: FloatArray


@dataclass(frozen=True, eq=False)
class MouthLayer:
    """Mouth masks on `Head.mouth_window`, all in [0, 1]."""

    x: FloatArray
    y: FloatArray
    lip_upper: FloatArray
    lip_lower: FloatArray
    hole: FloatArray
    teeth: FloatArray
    seam: FloatArray
    seam_wide: FloatArray
    fold: FloatArray


@dataclass(frozen=True)
class Expression:
    """The scene's expression resolved to centimetres for one face."""

    smile: float
    gap: float
    jaw_drop: float
    brow_raise: float
    lid_upper: float
    lid_lower: float
    mouth_hw: float
    mouth_y: float
    mouth_curve: float
    lip_upper: float
    lip_lower: float


@dataclass(frozen=True, eq=False)
class PosedHead:
    """A head with an expression: final surface (head frame, centimetres) and the masks to paint by."""

    head: Head
    expression: Expression
    points: FloatArray
    eyes: EyeLayer
    mouth: MouthLayer


def resolve_expression(head: Head, scene: Scene) -> Expression:
    """Lids, lips and jaw of this face in this scene."""
    face, v = head.face, head.identity.value
    smile, grin = scene.smile, max(0.0, scene.smile)
    opened = max(0.06, scene.eye_open * (1 - 0.15 * grin))
    return Expression(
        smile=smile,
        gap=0.74 * scene.mouth_open + 0.30 * max(0.0, smile - 0.42),
        jaw_drop=1.2 * scene.mouth_open,
        brow_raise=0.35 * scene.brow_raise,
        lid_upper=face.lid_upper * opened,
        lid_lower=face.lid_lower * (opened * 0.6 + 0.4) * (1 - 0.18 * grin),
        mouth_hw=face.mouth_hw * (1 + 0.17 * smile - 0.07 * scene.mouth_open),
        mouth_y=face.mouth_y,
        mouth_curve=0.09 * v("mouth_curve") + 0.50 * smile,
        lip_upper=face.lip_upper * (1 - 0.14 * grin),
        lip_lower=face.lip_lower * (1 - 0.14 * grin),
    )


def pose_head(head: Head, scene: Scene) -> PosedHead:
    """The head with the scene's expression (not yet turned)."""
    expression = resolve_expression(head, scene)
    points = head.points.copy()
    if expression.jaw_drop:
        points[..., 1] -= F32(expression.jaw_drop) * head.jaw
        points[..., 2] -= F32(0.25 * expression.jaw_drop) * head.jaw
    if expression.brow_raise:
        points[..., 1] += F32(expression.brow_raise) * head.brow_lift
    eyes = _pose_eyes(head, expression, points[head.eye_window])
    mouth = _pose_mouth(head, expression, points[head.mouth_window])
    return PosedHead(head, expression, points, eyes, mouth)


def _pose_eyes(head: Head, e: Expression, points: FloatArray) -> EyeLayer:
    """Lid curves in eye coordinates; carves crease and lower-lid line into `points` (a view)."""
    face = head.face
    x, y = points[..., 0].copy(), points[..., 1].copy()
    cos, sin = F32(math.cos(face.eye_tilt_rad)), F32(math.sin(face.eye_tilt_rad))
    dx = np.abs(x) - F32(face.eye_x)
    up = y * cos - dx * sin
    along = np.asarray((dx * cos + y * sin) / F32(face.eye_hw), F32)
    inside = np.abs(along) < 1
    arc = np.clip(1 - np.abs(along) ** F32(2.15), 0, 1)
    lid_upper = F32(e.lid_upper) * arc ** F32(0.72) * (1 - F32(0.16) * along)
    lid_lower = F32(-e.lid_lower) * arc ** F32(0.85) * (1 + F32(0.2) * along)
    soft = max(0.035, 8.0 / head.size)
    opened = smoothstep(-soft, soft, np.minimum(lid_upper - up, up - lid_lower)) * inside
    upper = np.where(np.abs(along) < 1.25, up - lid_upper, F32(9))
    lower = np.where(inside, lid_lower - up, F32(9))
    offset = 0.46 + 0.14 * head.identity.value("lid_crease")
    reach = np.abs(along)
    crease = ridge(upper, offset, 0.20) * smoothstep(1.1, 0.75, reach)
    points[..., 2] -= 0.12 * crease
    points[..., 2] += 0.10 * ridge(upper, offset + 0.3, 0.4) * smoothstep(1.1, 0.7, reach)
    bag = 0.05 + 0.05 * max(0.0, head.identity.value("age"))
    points[..., 2] -= F32(bag) * ridge(lower, 0.72, 0.35) * smoothstep(1.0, 0.5, reach)
    return EyeLayer(x, y, along, np.asarray(opened, F32), upper, lower, crease)


def _pose_mouth(head: Head, e: Expression, points: FloatArray) -> MouthLayer:
    """Lips between analytic curves, folds and smiling cheeks; carves them into `points` (a view)."""
    face, v = head.face, head.identity.value
    x, y = points[..., 0].copy(), points[..., 1].copy()
    ax, z, grin = np.abs(x), points[..., 2], max(0.0, e.smile)
    mask = head.front[head.mouth_window]
    if grin:
        z += F32(0.36 * grin) * bump(ax, y, 4.2, -2.7, 2.5, 2.3) * mask
        z += F32(0.12 * grin) * bump(ax, y, face.nose_hw - 0.2, face.nose_base_y + 0.58, 0.95, 0.88)
    fold = _smile_fold(head, e, ax, y, z)
    s = np.clip(ax / F32(e.mouth_hw), 0, 1.4)
    arc = np.clip(1 - s * s, 0, 1)
    seam_y = F32(e.mouth_y) + F32(e.mouth_curve) * s * s - F32(0.10) * (1 - s) - F32(0.10) * ridge(s, 0, 0.3)
    gap = F32(e.gap) * arc ** F32(0.75)
    bow = 1 + 0.5 * v("lip_bow")
    cupid = F32(0.16 * bow) * ridge(s, 0.27, 0.3) - F32(0.12 * bow) * ridge(s, 0, 0.2)
    inner_up, inner_low = seam_y + F32(0.25) * gap, seam_y - F32(1.15) * gap
    outer_up = inner_up + F32(e.lip_upper) * (arc ** F32(0.85) + cupid * (s < 1))
    outer_low = inner_low - F32(e.lip_lower) * arc ** F32(0.75)
    inside = smoothstep(1.03, 0.96, ax / F32(e.mouth_hw))
    lip_up = smoothstep(-0.05, 0.07, outer_up - y) * smoothstep(-0.03, 0.03, y - inner_up) * inside
    lip_low = smoothstep(-0.05, 0.09, y - outer_low) * smoothstep(-0.03, 0.03, inner_low - y) * inside
    hole = smoothstep(-0.02, 0.05, inner_up - y) * smoothstep(-0.02, 0.05, y - inner_low) * inside
    hole = hole * smoothstep(0.01, 0.06, gap)
    t_up = np.clip((y - inner_up) / (outer_up - inner_up + F32(0.02)), 0, 1)
    t_low = np.clip((inner_low - y) / (inner_low - outer_low + F32(0.02)), 0, 1)
    plump = np.sqrt(arc)
    z += lip_up * F32(0.37 + 0.09 * v("lip_up")) * np.sqrt(4 * t_up * (1 - t_up) + F32(0.02)) * plump
    z += lip_low * F32(0.46 + 0.11 * v("lip_lo")) * np.sqrt(4 * t_low * (1 - t_low) + F32(0.02)) * plump
    z -= 0.30 * bump(ax, y, 0, e.mouth_y - e.lip_lower - 0.5 - 1.15 * e.gap, 1.8, 0.7)
    z -= 0.20 * bump(ax, y, e.mouth_hw + 0.12, e.mouth_y + e.mouth_curve, 0.5, 0.5)
    closed, under = 1 - hole, inner_up - y
    teeth = hole * smoothstep(0, 0.04, under) * smoothstep(0.64, 0.52, under) * smoothstep(0.9, 0.75, s)
    return MouthLayer(
        x, y, lip_up * closed, lip_low * closed, hole,
        teeth=teeth,
        seam=ridge(y - seam_y, 0, 0.13) * inside * closed,
        seam_wide=ridge(y - seam_y, 0, 0.45) * smoothstep(1.12, 0.9, ax / F32(e.mouth_hw)),
        fold=fold,
    )  # fmt: skip


def _smile_fold(head: Head, e: Expression, ax: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
    """The fold from nose wing to mouth corner, deeper with age and smile; returns its mask for painting."""
    grin = max(0.0, e.smile)
    down = (F32(head.face.nose_base_y + 0.3) - y) / F32(3.4)
    line = head.face.nose_hw + 0.25 + 1.65 * np.clip(down, 0, 1.2) ** F32(0.9) + F32(0.3 * grin)
    extent = smoothstep(-0.12, 0.12, down) * smoothstep(1.15, 0.65, down)
    strength = 0.035 + 0.10 * max(0.0, head.identity.value("age")) + 0.17 * grin
    mask = ridge(ax - line, 0, 0.75) * extent
    z -= F32(strength) * mask
    z += F32(strength * 0.9) * ridge(ax - line, 0.75, 0.9) * extent
    return np.asarray(mask * F32(strength * 2.2), F32)

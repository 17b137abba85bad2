"""What is worn: a seed's outfit, painted and folded onto the bare surfaces of a figure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from personalab_core.simulation.body import BodyPart, Figure, Tube, covered
from personalab_core.simulation.colour import linear
from personalab_core.simulation.curves import (
    F32,
    FloatArray,
    blend,
    filled,
    in_rgb,
    ridge,
    smoothstep,
    surface_frame,
    value_noise,
)

_FABRICS = (
    (0.16, 0.22, 0.34), (0.58, 0.18, 0.18), (0.20, 0.34, 0.28), (0.78, 0.76, 0.72), (0.13, 0.13, 0.15),
    (0.48, 0.56, 0.66), (0.66, 0.50, 0.32), (0.38, 0.26, 0.40), (0.88, 0.88, 0.89), (0.24, 0.42, 0.52),
    (0.56, 0.34, 0.25), (0.74, 0.60, 0.56), (0.36, 0.40, 0.32), (0.80, 0.70, 0.44),
)  # fmt: skip
_TROUSERS = ((0.15, 0.19, 0.30), (0.11, 0.11, 0.13), (0.42, 0.37, 0.30), (0.26, 0.27, 0.30), (0.24, 0.32, 0.42))
_SHOES = ((0.12, 0.11, 0.11), (0.72, 0.71, 0.70), (0.34, 0.23, 0.16))


@dataclass(frozen=True, eq=False)
class Outfit:
    """What one clothes seed means."""

    cut: int
    striped: bool
    fabric: FloatArray
    second: FloatArray
    inner: FloatArray
    trousers: FloatArray
    shoes: FloatArray
    folds: int


CREW, V_NECK, TURTLENECK, SCOOP, SHIRT, BLAZER = range(6)


def choose_outfit(clothes_seed: int) -> Outfit:
    """The clothes of a seed."""
    rng = np.random.default_rng([11, clothes_seed])

    def pick(palette: Sequence[tuple[float, float, float]]) -> FloatArray:
        return linear(np.array(palette[int(rng.integers(len(palette)))]) * rng.uniform(0.92, 1.06))

    cut = int(rng.choice([CREW, V_NECK, TURTLENECK, SCOOP, SHIRT, BLAZER], p=[0.2, 0.16, 0.12, 0.12, 0.2, 0.2]))
    fabric, second = pick(_FABRICS), pick(_FABRICS)
    striped = bool(rng.random() < 0.18) and cut in (CREW, SCOOP, V_NECK)
    inner = linear(np.array((0.90, 0.90, 0.91)) if rng.random() < 0.7 else np.array((0.62, 0.70, 0.80)))
    if cut == BLAZER:
        fabric = pick(
            ((0.16, 0.18, 0.24), (0.13, 0.13, 0.14), (0.40, 0.36, 0.32), (0.24, 0.28, 0.38), (0.46, 0.42, 0.40))
        )
    return Outfit(cut, striped, fabric, second, inner, pick(_TROUSERS), pick(_SHOES), int(rng.integers(1 << 30)))


def dress(figure: Figure, clothes_seed: int) -> tuple[BodyPart, ...]:
    """All parts of a figure in the clothes of a seed, in drawing order."""
    outfit = choose_outfit(clothes_seed)
    parts = [_dressed_torso(figure, outfit)]
    for side, arm, hand in zip((-1, 1), figure.arms, figure.hands, strict=False):
        parts += [_sleeve(arm, outfit, side), hand]
    shoes = [covered(shoe, outfit.shoes, specular=0.10) for shoe in figure.shoes]
    for number, leg in enumerate(figure.legs):
        parts += [_trouser_leg(leg, outfit, (-1, 1)[number]), *shoes[number : number + 1]]
    return tuple(parts)


def _dressed_torso(figure: Figure, outfit: Outfit) -> BodyPart:
    bare = figure.torso
    n, rng = len(bare.points), np.random.default_rng(outfit.folds)
    folds = value_noise(rng, n, n, 12, 9) + 0.5 * value_noise(rng, n, n, 26, 14)
    points = bare.points.copy()
    points[..., 0] *= 1 + F32(0.02) * folds * bare.worn
    points[..., 2] += F32(0.85) * folds * bare.worn
    albedo, cloth = _paint_torso(figure.skin, outfit, points)
    normals, _ = surface_frame(points)
    return BodyPart(points, normals, albedo, bare.occlusion, 0.09 * (1 - cloth) + F32(0.015), 6)


def _neckline(outfit: Outfit, x: FloatArray) -> FloatArray:
    """Height of the collar's edge at the front."""
    ax = np.abs(x)
    if outfit.cut == TURTLENECK:
        return np.full_like(x, -11.6)
    if outfit.cut == V_NECK:
        return np.asarray(-16.2 - 6.5 * np.clip(1 - ax / 6.2, 0, 1), F32)
    if outfit.cut == SCOOP:
        return np.asarray(-17.4 - 2.2 * np.clip(1 - (ax / 7.5) ** 2, 0, 1), F32)
    if outfit.cut in (SHIRT, BLAZER):
        return np.asarray(-14.6 - 5.2 * np.clip(1 - ax / 3.6, 0, 1), F32)
    return np.asarray(-16.3 - 0.7 * np.clip(1 - (ax / 7.0) ** 2, 0, 1), F32)


def _paint_torso(skin: FloatArray, outfit: Outfit, points: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Linear albedo (n, n, 3) and the mask of what is covered by cloth."""
    # Side by side, or every step below would pick its numbers one by one.
    x, y, z = (np.ascontiguousarray(points[..., axis]) for axis in range(3))
    n = len(points)
    edge = np.where(z > -6, _neckline(outfit, x), F32(-11.8 if outfit.cut == TURTLENECK else -14.6))
    cloth = smoothstep(0.38, -0.38, y - edge)
    fabric = filled(outfit.fabric, points.shape)
    if outfit.striped:
        blend(fabric, outfit.second, smoothstep(0.25, 0.45, np.sin(y * F32(2.4))) * F32(0.85))
    if outfit.cut == BLAZER:
        _paint_blazer(fabric, outfit, x, y, z)
    elif outfit.cut == SHIRT:
        _paint_shirt(fabric, outfit, x, y, z)
    knit = np.random.default_rng(5).random((n, n), dtype=F32) - F32(0.5)
    fabric *= in_rgb(1 + F32(0.07) * knit)
    if outfit.cut in (CREW, SCOOP, V_NECK):
        fabric *= in_rgb(1 - F32(0.22) * ridge(y - edge + 0.8, 0, 0.4))
    albedo = filled(skin * np.array([0.97, 0.91, 0.89], F32), points.shape)
    muscle = ridge(np.abs(x) - (1.2 + (y + 15.0) * 0.42), 0, 1.0) * smoothstep(-16, -14, y) * (z > -2)
    collarbone = ridge(y + 17.4 + 0.10 * np.abs(x), 0, 0.7) * smoothstep(1.2, 3.5, np.abs(x)) * (z > -4)
    albedo *= in_rgb(1 - F32(0.11) * muscle - F32(0.10) * collarbone)
    albedo *= in_rgb(1 - F32(0.35) * ridge(y - edge - 0.25, 0, 0.6))
    blend(albedo, fabric, cloth)
    return albedo, cloth


def _paint_blazer(fabric: FloatArray, outfit: Outfit, x: FloatArray, y: FloatArray, z: FloatArray) -> None:
    """A shirt in the opening, lapels along it, a button."""
    ax, front = np.abs(x), smoothstep(-5.0, -3.0, z)
    opening = np.clip((y + 39.0) / 24.0, 0, 1) ** 0.8 * F32(7.4)
    shirt = smoothstep(0.32, -0.32, ax - opening) * front * (y > -39)
    blend(fabric, outfit.inner, shirt)
    collar = ridge(ax - (opening - 0.1), 0, 0.5) * front * (y > -38)
    fabric *= in_rgb(1 - F32(0.35) * collar)
    lapel = opening + np.clip((y + 39.0) / 16.0, 0, 1) * F32(3.6) * smoothstep(-18.5, -21, y)
    inside = smoothstep(0.15, -0.15, ax - lapel) * (1 - shirt) * front
    fabric *= in_rgb(1 + F32(0.16) * inside)
    fabric *= in_rgb(1 - F32(0.30) * ridge(ax - lapel, 0, 0.5) * front * (1 - shirt) * (y > -38))
    placket = ridge(x, 0, 0.35) * shirt
    fabric *= in_rgb(1 - F32(0.18) * placket)
    _paint_collar(fabric, outfit.inner, x, y, z)


def _paint_shirt(fabric: FloatArray, outfit: Outfit, x: FloatArray, y: FloatArray, z: FloatArray) -> None:
    """Button placket and collar."""
    front = smoothstep(-5.0, -3.0, z)
    fabric *= in_rgb(1 - F32(0.22) * ridge(np.abs(x), 1.4, 0.4) * front)
    buttons = ridge(np.hypot(x, np.mod(y, 7.5) - 3.75), 0, 0.42) * front
    blend(fabric, outfit.fabric * F32(0.3) + F32(0.35), buttons * F32(0.85))
    _paint_collar(fabric, outfit.fabric * F32(1.08), x, y, z)


def _paint_collar(fabric: FloatArray, colour: FloatArray, x: FloatArray, y: FloatArray, z: FloatArray) -> None:
    """Two collar wings from the neck down, shaded at their edges."""
    ax = np.abs(x)
    lower = np.where(ax < 4.6, -20.2 - 0.42 * ax, -22.1 + (ax - 4.6) * 2.75)
    off = (y - lower) / np.where(ax < 4.6, F32(1.08), F32(2.93))
    wing = smoothstep(-0.25, 0.25, off) * smoothstep(7.4, 7.0, ax) * smoothstep(-5.5, -4.0, z)
    blend(fabric, colour, wing)
    fabric *= in_rgb(1 - F32(0.28) * ridge(off, -0.1, 0.5) * smoothstep(7.4, 7.0, ax) * smoothstep(-5.5, -4.0, z))


def _sleeve(arm: Tube, outfit: Outfit, side: int) -> BodyPart:
    part = covered(arm, outfit.fabric)
    y = arm.points[..., 1]
    if outfit.striped:
        blend(part.albedo, outfit.second, smoothstep(0.25, 0.45, np.sin(y * F32(2.4))) * F32(0.85))
    crease = value_noise(np.random.default_rng(outfit.folds + side), len(y), y.shape[1], 14, 5)
    part.albedo[...] *= in_rgb(1 + F32(0.22) * crease)
    part.albedo[...] *= in_rgb(1 - F32(0.35) * ridge(y, -69.6, 0.4))
    return part


def _trouser_leg(leg: Tube, outfit: Outfit, side: int) -> BodyPart:
    part = covered(leg, outfit.trousers)
    rows, columns = part.occlusion.shape
    crease = value_noise(np.random.default_rng(outfit.folds + 7 + side), rows, columns, 20, 5)
    part.albedo[...] *= in_rgb(1 + F32(0.20) * crease)
    inner = side * (leg.points[..., 0] - side * 7.5)
    part.albedo[...] *= in_rgb(1 - F32(0.35) * smoothstep(0, -6, inner))
    return part

"""Neck, torso, arms, hands, legs and shoes as clothed tubes of horizontal slices, in the body's own frame (cm)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from personalab_core.simulation.colour import linear, skin_colour
from personalab_core.simulation.curves import (
    F32,
    FloatArray,
    blend,
    hermite,
    ridge,
    smoothstep,
    surface_frame,
    value_noise,
)
from personalab_core.simulation.identity import SimulatedIdentity
from personalab_core.simulation.scene import Framing

FLOOR_Y_CM = -153.5
"""Height of the floor below the eye line of a standing person."""
HIP_Y_CM = -64.0

_FABRICS = (
    (0.16, 0.22, 0.34), (0.58, 0.18, 0.18), (0.20, 0.34, 0.28), (0.78, 0.76, 0.72), (0.13, 0.13, 0.15),
    (0.48, 0.56, 0.66), (0.66, 0.50, 0.32), (0.38, 0.26, 0.40), (0.88, 0.88, 0.89), (0.24, 0.42, 0.52),
    (0.56, 0.34, 0.25), (0.74, 0.60, 0.56), (0.36, 0.40, 0.32), (0.80, 0.70, 0.44),
)  # fmt: skip
_TROUSERS = ((0.15, 0.19, 0.30), (0.11, 0.11, 0.13), (0.42, 0.37, 0.30), (0.26, 0.27, 0.30), (0.24, 0.32, 0.42))
_SHOES = ((0.12, 0.11, 0.11), (0.72, 0.71, 0.70), (0.34, 0.23, 0.16))


@dataclass(frozen=True, eq=False)
class BodyPart:
    """One tube ready to shade: surface, normals, linear albedo (h, w, 3), occlusion and highlight strength (h, w)."""

    points: FloatArray
    normals: FloatArray
    albedo: FloatArray
    occlusion: FloatArray
    specular: FloatArray
    step: int


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


def tube(
    y: ArrayLike, half_width: ArrayLike, front: ArrayLike, back: ArrayLike, power: ArrayLike, columns: int,
    x: ArrayLike = 0.0, z: ArrayLike = 0.0,
) -> FloatArray:  # fmt: skip
    """Points (rows, columns, 3) of stacked super-ellipses closed around the back."""
    q = np.linspace(-1, 1, columns)
    phi = math.pi * (0.5 * q + 0.5 * q**3)
    c, s = np.cos(phi)[None], np.sin(phi)[None]

    def column(a: ArrayLike) -> NDArray[np.float64]:
        return np.asarray(a, np.float64).reshape(-1, 1)

    k = column(power)
    r = (np.abs(c) ** k + np.abs(s) ** k) ** (-1 / k)
    px = column(half_width) * s * r + column(x)
    pz = c * r * np.where(c > 0, column(front), column(back)) + column(z)
    return np.stack(np.broadcast_arrays(px, column(y), pz), -1).astype(F32)


def build_body(identity: SimulatedIdentity, framing: Framing, clothes_seed: int, *, fine: bool) -> tuple[BodyPart, ...]:
    """All parts that the framing can show, in drawing order.

    Args:
        identity: Decides build and skin.
        framing: A headshot needs only neck and shoulders.
        clothes_seed: What is worn.
        fine: Denser grids for large pictures.
    """
    outfit = choose_outfit(clothes_seed)
    parts = [_torso(identity, framing, outfit, fine=fine)]
    if framing != "headshot":
        for side in (-1, 1):
            parts.append(_arm(identity, outfit, side))
            parts.append(_hand(identity, side))
        for side in (-1, 1):
            leg, shoe = _leg(outfit, side)
            parts.extend([leg, shoe] if framing == "full_body" else [leg])
    return tuple(parts)


def _shoulder_half_width(identity: SimulatedIdentity) -> float:
    return 17.6 + 2.0 * identity.value("masc")


def _torso(identity: SimulatedIdentity, framing: Framing, outfit: Outfit, *, fine: bool) -> BodyPart:
    masc = identity.value("masc")
    shoulder, neck = _shoulder_half_width(identity), 4.55 + 0.75 * masc
    n = 193 if fine else 145
    bottom = -34.0 if framing == "headshot" else HIP_Y_CM
    y = -4.5 + (bottom + 4.5) * np.linspace(0, 1, n) ** 1.3
    width = hermite(
        y,
        [-4.5, -9, -13, -15.4, -17.2, -18.9, -20.5, -22.5, -26, -33, -46, -56, -70],
        [neck * 0.96, neck, neck * 1.05, neck * 1.3, neck * 1.95, shoulder * 0.72, shoulder * 0.90, shoulder * 0.985,
         shoulder, shoulder * 0.89, shoulder * (0.73 + 0.03 * masc), shoulder * 0.78, shoulder * 0.82],
    )  # fmt: skip
    bust = 0.8 * max(0.0, -masc)
    front = hermite(
        y, [-4.5, -10, -13, -16, -19, -25, -34, -46, -70], [4.5, 4.5, 4.4, 5.0, 7.0, 9.4, 10.4 + bust, 9.3, 10.0]
    )
    back = hermite(y, [-4.5, -10, -14, -18, -25, -45, -70], [5.2, 5.2, 6.0, 8.2, 9.8, 9.0, 10.0])
    power = hermite(y, [-4.5, -13, -19, -70], [2.0, 2.0, 2.2, 2.4])
    points = tube(
        y, width, front, back, power, n, z=hermite(y, [-4.5, -10, -16, -30, -70], [-2.6, -3.0, -4.2, -4.5, -4.5])
    )
    rng = np.random.default_rng(outfit.folds)
    worn = smoothstep(-16, -24, points[..., 1])
    folds = value_noise(rng, n, n, 12, 9) + 0.5 * value_noise(rng, n, n, 26, 14)
    points[..., 0] *= 1 + F32(0.02) * folds * worn
    points[..., 2] += F32(0.85) * folds * worn
    albedo, cloth = _dress_torso(identity, outfit, points)
    normals, _ = surface_frame(points)
    under_chin = 1 - 0.42 * smoothstep(-16.5, -11.0, points[..., 1])
    hem = 1 - 0.3 * ridge(points[..., 1], HIP_Y_CM, 1.2)
    return BodyPart(points, normals, albedo, under_chin * hem, 0.09 * (1 - cloth) + F32(0.015), 6)


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


def _dress_torso(identity: SimulatedIdentity, outfit: Outfit, points: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Linear albedo (n, n, 3) and the mask of what is covered by cloth."""
    x, y, z = points[..., 0], points[..., 1], points[..., 2]
    n = len(points)
    edge = np.where(z > -6, _neckline(outfit, x), F32(-11.8 if outfit.cut == TURTLENECK else -14.6))
    cloth = smoothstep(0.38, -0.38, y - edge)
    fabric = np.broadcast_to(outfit.fabric, points.shape).copy()
    if outfit.striped:
        blend(fabric, outfit.second, smoothstep(0.25, 0.45, np.sin(y * F32(2.4))) * F32(0.85))
    if outfit.cut == BLAZER:
        _paint_blazer(fabric, outfit, x, y, z)
    elif outfit.cut == SHIRT:
        _paint_shirt(fabric, outfit, x, y, z)
    knit = np.random.default_rng(5).random((n, n), dtype=F32) - F32(0.5)
    fabric *= (1 + F32(0.07) * knit)[..., None]
    fabric *= (1 - F32(0.22) * ridge(y - edge + 0.8, 0, 0.4) * (outfit.cut in (CREW, SCOOP, V_NECK)))[..., None]
    skin = skin_colour(identity) * np.array([0.97, 0.91, 0.89], F32)
    albedo = np.broadcast_to(skin, points.shape).copy()
    muscle = ridge(np.abs(x) - (1.2 + (y + 15.0) * 0.42), 0, 1.0) * smoothstep(-16, -14, y) * (z > -2)
    collarbone = ridge(y + 17.4 + 0.10 * np.abs(x), 0, 0.7) * smoothstep(1.2, 3.5, np.abs(x)) * (z > -4)
    albedo *= (1 - F32(0.11) * muscle - F32(0.10) * collarbone)[..., None]
    albedo *= (1 - F32(0.35) * ridge(y - edge - 0.25, 0, 0.6))[..., None]
    blend(albedo, fabric, cloth)
    return albedo, cloth


def _paint_blazer(fabric: FloatArray, outfit: Outfit, x: FloatArray, y: FloatArray, z: FloatArray) -> None:
    """A shirt in the opening, lapels along it, a button."""
    ax, front = np.abs(x), smoothstep(-5.0, -3.0, z)
    opening = np.clip((y + 39.0) / 24.0, 0, 1) ** 0.8 * F32(7.4)
    shirt = smoothstep(0.32, -0.32, ax - opening) * front * (y > -39)
    blend(fabric, outfit.inner, shirt)
    collar = ridge(ax - (opening - 0.1), 0, 0.5) * front * (y > -38)
    fabric *= (1 - F32(0.35) * collar)[..., None]
    lapel = opening + np.clip((y + 39.0) / 16.0, 0, 1) * F32(3.6) * smoothstep(-18.5, -21, y)
    inside = smoothstep(0.15, -0.15, ax - lapel) * (1 - shirt) * front
    fabric *= (1 + F32(0.16) * inside)[..., None]
    fabric *= (1 - F32(0.30) * ridge(ax - lapel, 0, 0.5) * front * (1 - shirt) * (y > -38))[..., None]
    placket = ridge(x, 0, 0.35) * shirt
    fabric *= (1 - F32(0.18) * placket)[..., None]
    _paint_collar(fabric, outfit.inner, x, y, z)


def _paint_shirt(fabric: FloatArray, outfit: Outfit, x: FloatArray, y: FloatArray, z: FloatArray) -> None:
    """Button placket and collar."""
    front = smoothstep(-5.0, -3.0, z)
    fabric *= (1 - F32(0.22) * ridge(np.abs(x), 1.4, 0.4) * front)[..., None]
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
    fabric *= (1 - F32(0.28) * ridge(off, -0.1, 0.5) * smoothstep(7.4, 7.0, ax) * smoothstep(-5.5, -4.0, z))[..., None]


def _limb(
    path: Sequence[tuple[float, float, float]], radius: Sequence[float], colour: FloatArray, rows: int = 40,
    *, depth: Sequence[float] | None = None, specular: float = 0.02,
) -> BodyPart:  # fmt: skip
    """A tube along a falling path; `radius` (and `depth`, across) are evenly spaced along it."""
    t = np.linspace(0, 1, rows)
    centre = [np.interp(t, np.linspace(0, 1, len(path)), [p[i] for p in path]) for i in range(3)]
    across = hermite(t, np.linspace(0, 1, len(radius)), radius)
    deep = across if depth is None else hermite(t, np.linspace(0, 1, len(depth)), depth)
    points = tube(centre[1], across, deep, deep, 2.0, 33, x=centre[0], z=centre[2])
    normals, _ = surface_frame(points)
    shape = points.shape[:2]
    albedo = np.broadcast_to(colour, points.shape).astype(F32).copy()
    return BodyPart(points, normals, albedo, np.ones(shape, F32), np.full(shape, specular, F32), 1)


def _arm(identity: SimulatedIdentity, outfit: Outfit, side: int) -> BodyPart:
    s = _shoulder_half_width(identity)
    path = [(side * (s - 4.4), -19.4, -4.5), (side * (s - 1.3), -24, -4.6), (side * (s + 0.6), -35, -4.8),
            (side * (s + 1.9), -47, -5.0), (side * (s + 2.2), -58, -3.5), (side * (s + 1.9), -71, 0.0)]  # fmt: skip
    part = _limb(path, [0.6, 4.3, 5.3, 5.1, 4.8, 4.6, 4.5, 4.3, 4.0, 3.7, 3.5, 3.3, 3.2], outfit.fabric, 80)
    y = part.points[..., 1]
    if outfit.striped:
        blend(part.albedo, outfit.second, smoothstep(0.25, 0.45, np.sin(y * F32(2.4))) * F32(0.85))
    rows, columns = y.shape
    crease = value_noise(np.random.default_rng(outfit.folds + side), rows, columns, 14, 5)
    part.albedo[...] *= (1 + F32(0.22) * crease)[..., None]
    part.albedo[...] *= (1 - F32(0.35) * ridge(y, -69.6, 0.4))[..., None]
    return part


def _hand(identity: SimulatedIdentity, side: int) -> BodyPart:
    """A mitt: wrist, flat palm, fingers together."""
    s = _shoulder_half_width(identity)
    skin = skin_colour(identity) * np.array([0.98, 0.88, 0.85], F32)
    path = [
        (side * (s + 1.9), -69.5, 0.2),
        (side * (s + 1.8), -76, 1.6),
        (side * (s + 1.2), -83, 3.0),
        (side * (s + 0.4), -88.5, 4.0),
    ]
    part = _limb(path, [2.3, 2.2, 2.6, 2.9, 2.8, 2.6, 2.3, 1.7, 0.4], skin, 48,
                 depth=[2.5, 2.7, 3.6, 4.1, 3.9, 3.5, 3.1, 2.4, 0.6], specular=0.06)  # fmt: skip
    x = (part.points[..., 2] - 2.5) * F32(1.0)
    y = part.points[..., 1]
    fingers = ridge(np.mod(x, F32(1.7)), 0.85, 0.28) * smoothstep(-79.5, -82, y)
    part.albedo[...] *= (1 - F32(0.30) * fingers)[..., None]
    return part


def _leg(outfit: Outfit, side: int) -> tuple[BodyPart, BodyPart]:
    """Trouser leg and shoe."""
    leg = _limb(
        [(side * 6.6, -60, -4.6), (side * 7.6, -104, -4.2), (side * 8.6, -148, -6.0)],
        [6.0, 6.9, 6.9, 6.3, 5.6, 5.3, 5.2, 5.0, 4.9], outfit.trousers, 90,
        depth=[6.0, 7.4, 7.6, 7.0, 6.2, 6.0, 5.8, 5.4, 5.2],
    )  # fmt: skip
    rows, columns = leg.occlusion.shape
    crease = value_noise(np.random.default_rng(outfit.folds + 7 + side), rows, columns, 20, 5)
    leg.albedo[...] *= (1 + F32(0.20) * crease)[..., None]
    inner = side * (leg.points[..., 0] - side * 7.5)
    leg.albedo[...] *= (1 - F32(0.35) * smoothstep(0, -6, inner))[..., None]
    shoe = _limb(
        [(side * 8.7, -146.5, -5.0), (side * 9.2, -149.5, -1.5), (side * 9.6, FLOOR_Y_CM, 2.0)],
        [4.3, 4.6, 4.9, 5.0, 4.7], outfit.shoes, 24, depth=[5.5, 7.5, 10.0, 12.5, 12.8], specular=0.10,
    )  # fmt: skip
    return leg, shoe

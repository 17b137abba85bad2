"""Neck, torso, arms, hands, legs and shoes as tubes of horizontal slices, in the body's own frame (cm).

What only the person and the framing decide, kept between pictures; `clothes.py` dresses it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from personalab_core.simulation.colour import skin_colour
from personalab_core.simulation.curves import F32, FloatArray, filled, hermite, in_rgb, ridge, smoothstep, surface_frame
from personalab_core.simulation.identity import SimulatedIdentity
from personalab_core.simulation.scene import Framing

FLOOR_Y_CM = -153.5
"""Height of the floor below the eye line of a standing person."""
HIP_Y_CM = -64.0
_SIDES = (-1, 1)


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
class Tube:
    """The bare surface of a limb, never written to: points and unit normals (h, w, 3)."""

    points: FloatArray
    normals: FloatArray


@dataclass(frozen=True, eq=False)
class Torso:
    """The bare surface of neck and trunk, never written to.

    Attributes:
        points: (n, n, 3), every row at one height.
        worn: (n, 1) how far cloth may fold, from 0 at the neck to 1.
        occlusion: (n, n) darker under the chin and at the hem.
    """

    points: FloatArray
    worn: FloatArray
    occlusion: FloatArray


@dataclass(frozen=True, eq=False)
class Figure:
    """A body without clothes.

    Attributes:
        skin: Linear RGB.
        torso: Neck and trunk.
        arms: Image left and right; none in a headshot.
        hands: As `arms`.
        legs: As `arms`.
        shoes: As `legs`; in full bodies only.
    """

    skin: FloatArray
    torso: Torso
    arms: tuple[Tube, ...] = ()
    hands: tuple[BodyPart, ...] = ()
    legs: tuple[Tube, ...] = ()
    shoes: tuple[Tube, ...] = ()


def build_figure(identity: SimulatedIdentity, framing: Framing, *, fine: bool) -> Figure:
    """All that the framing can show.

    Args:
        identity: Decides build and skin.
        framing: A headshot needs only neck and shoulders.
        fine: Denser grids for large pictures.
    """
    skin, torso = skin_colour(identity), _torso(identity, framing, fine=fine)
    if framing == "headshot":
        return Figure(skin, torso)
    return Figure(
        skin,
        torso,
        arms=tuple(_arm(identity, side) for side in _SIDES),
        hands=tuple(_hand(identity, side) for side in _SIDES),
        legs=tuple(_leg(side) for side in _SIDES),
        shoes=tuple(_shoe(side) for side in _SIDES) if framing == "full_body" else (),
    )


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


def _shoulder_half_width(identity: SimulatedIdentity) -> float:
    return 17.6 + 2.0 * identity.value("masc")


def _torso(identity: SimulatedIdentity, framing: Framing, *, fine: bool) -> Torso:
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
    height = points[:, :1, 1]
    under_chin = 1 - 0.42 * smoothstep(-16.5, -11.0, height)
    hem = 1 - 0.3 * ridge(height, HIP_Y_CM, 1.2)
    occlusion = np.repeat(under_chin * hem, n, axis=1)
    return Torso(points, smoothstep(-16, -24, height), occlusion)


def _limb(
    path: Sequence[tuple[float, float, float]], radius: Sequence[float], rows: int, *,
    depth: Sequence[float] | None = None,
) -> Tube:  # fmt: skip
    """A tube along a falling path; `radius` (and `depth`, across) are evenly spaced along it."""
    t = np.linspace(0, 1, rows)
    centre = [np.interp(t, np.linspace(0, 1, len(path)), [p[i] for p in path]) for i in range(3)]
    across = hermite(t, np.linspace(0, 1, len(radius)), radius)
    deep = across if depth is None else hermite(t, np.linspace(0, 1, len(depth)), depth)
    points = tube(centre[1], across, deep, deep, 2.0, 33, x=centre[0], z=centre[2])
    normals, _ = surface_frame(points)
    return Tube(points, normals)


def covered(limb: Tube, colour: FloatArray, *, specular: float = 0.02) -> BodyPart:
    """A limb in one colour."""
    shape = limb.points.shape[:2]
    albedo = filled(colour, shape)
    return BodyPart(limb.points, limb.normals, albedo, np.ones(shape, F32), np.full(shape, specular, F32), 1)


def _arm(identity: SimulatedIdentity, side: int) -> Tube:
    s = _shoulder_half_width(identity)
    path = [(side * (s - 4.4), -19.4, -4.5), (side * (s - 1.3), -24, -4.6), (side * (s + 0.6), -35, -4.8),
            (side * (s + 1.9), -47, -5.0), (side * (s + 2.2), -58, -3.5), (side * (s + 1.9), -71, 0.0)]  # fmt: skip
    return _limb(path, [0.6, 4.3, 5.3, 5.1, 4.8, 4.6, 4.5, 4.3, 4.0, 3.7, 3.5, 3.3, 3.2], 80)


def _hand(identity: SimulatedIdentity, side: int) -> BodyPart:
    """A mitt: wrist, flat palm, fingers together."""
    s = _shoulder_half_width(identity)
    path = [
        (side * (s + 1.9), -69.5, 0.2),
        (side * (s + 1.8), -76, 1.6),
        (side * (s + 1.2), -83, 3.0),
        (side * (s + 0.4), -88.5, 4.0),
    ]
    limb = _limb(path, [2.3, 2.2, 2.6, 2.9, 2.8, 2.6, 2.3, 1.7, 0.4], 48,
                 depth=[2.5, 2.7, 3.6, 4.1, 3.9, 3.5, 3.1, 2.4, 0.6])  # fmt: skip
    part = covered(limb, skin_colour(identity) * np.array([0.98, 0.88, 0.85], F32), specular=0.06)
    across, y = limb.points[..., 2] - F32(2.5), limb.points[..., 1]
    fingers = ridge(np.mod(across, F32(1.7)), 0.85, 0.28) * smoothstep(-79.5, -82, y)
    part.albedo[...] *= in_rgb(1 - F32(0.30) * fingers)
    return part


def _leg(side: int) -> Tube:
    return _limb(
        [(side * 6.6, -60, -4.6), (side * 7.6, -104, -4.2), (side * 8.6, -148, -6.0)],
        [6.0, 6.9, 6.9, 6.3, 5.6, 5.3, 5.2, 5.0, 4.9], 90,
        depth=[6.0, 7.4, 7.6, 7.0, 6.2, 6.0, 5.8, 5.4, 5.2],
    )  # fmt: skip


def _shoe(side: int) -> Tube:
    return _limb(
        [(side * 8.7, -146.5, -5.0), (side * 9.2, -149.5, -1.5), (side * 9.6, FLOOR_Y_CM, 2.0)],
        [4.3, 4.6, 4.9, 5.0, 4.7], 24, depth=[5.5, 7.5, 10.0, 12.5, 12.8],
    )  # fmt: skip

"""The ears: two patches with rim and hollow, hinged at the side of the skull."""

import math
from dataclasses import dataclass

import numpy as np

from personalab_core.simulation.colour import skin_colour
from personalab_core.simulation.curves import F32, FloatArray, surface_frame
from personalab_core.simulation.head import Head


@dataclass(frozen=True, eq=False)
class Ear:
    """One ear: surface, normals, albedo (n, n, 3) and occlusion (n, n)."""

    points: FloatArray
    normals: FloatArray
    albedo: FloatArray
    occlusion: FloatArray


def build_ear(head: Head, side: int, size: int) -> Ear:
    """The ear on `side` (-1 image left, 1 image right) as a (size, size) grid."""
    v = head.identity.value
    a = np.linspace(1, -1, size)[:, None]
    b = np.linspace(0, 1, size)[None]
    scale = 1 + 0.10 * v("ear_size")
    outline = np.clip(1 - np.abs(a) ** 3.0, 0, 1) ** 0.5 * (1.0 + 0.18 * a - 0.12 * (a < -0.3) * np.abs(a + 0.3))
    along, up = b * outline * 2.75 * scale, a * 2.75 * scale + 0.25 * b * a
    rim = np.exp(-(((b - 0.90) / 0.13) ** 2)) * np.clip(a + 0.95, 0, 1) ** 0.5
    fold = np.exp(-(((b - 0.60) / 0.15) ** 2)) * np.clip(1 - a**2, 0, 1)
    hollow = np.exp(-(((b - 0.30) / 0.20) ** 2)) * np.exp(-(((a + 0.15) / 0.4) ** 2))
    relief = 0.38 * rim + 0.25 * fold - 0.75 * hollow - 0.3 * np.clip(b - 0.93, 0, 1) / 0.07
    row = int(np.argmin(np.abs(head.row_y)))
    column = int(np.argmin(np.abs(head.azimuth - math.radians(88))))
    root = np.array([float(head.points[row, column, 0]) - 0.25, -1.4, 0.3])
    out = 0.34 + 0.13 * v("ear_out")
    backward = np.array([out, 0.05, -math.sqrt(1 - out * out)])
    outward = np.array([math.sqrt(1 - out * out), 0.0, out])
    upward = np.array([0.06, 1.0, -0.12])
    points = (root + along[..., None] * backward + up[..., None] * upward + relief[..., None] * outward).astype(F32)
    hollow = np.broadcast_to(hollow, (size, size)).astype(F32)
    if side < 0:
        points[..., 0] *= -1
        points, hollow = np.ascontiguousarray(points[:, ::-1]), hollow[:, ::-1]
    skin = skin_colour(head.identity) * np.array([1.0, 0.82, 0.78], F32)
    normals, _ = surface_frame(points)
    albedo = skin * (1 - F32(0.5) * hollow)[..., None]
    return Ear(points, normals, np.asarray(albedo, F32), np.ascontiguousarray(1 - F32(0.45) * hollow))

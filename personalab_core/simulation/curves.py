"""Closed-form shapes the whole portrait is built from: bumps, ridges, smooth steps, Hermite profiles, value noise.

All arrays are float32. `bump` and `ridge` are compact (exactly zero outside their radius), so that a feature never
reaches further than its drawing.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float32]
Window = tuple[slice, slice]
"""Rows and columns."""
F32 = np.float32


def bump(x: FloatArray, y: FloatArray, cx: float, cy: float, rx: float, ry: float) -> FloatArray:
    """A smooth hill of height 1 at (cx, cy): (1 - d^2)^3 inside the ellipse of radii (rx, ry), 0 outside."""
    d = np.asarray((x - F32(cx)) / F32(rx))
    d *= d
    np.subtract(1, d, out=d)
    down = np.asarray((y - F32(cy)) / F32(ry))
    down *= down
    d -= down
    np.maximum(d, 0, out=d)
    hill: FloatArray = d * d
    hill *= d
    return hill


def in_rgb(mask: NDArray[Any]) -> FloatArray:
    """A mask (h, w) as (h, w, 3); NumPy's own broadcasting along a last axis of three takes ten times as long."""
    return np.asarray(cv2.cvtColor(mask, cv2.COLOR_GRAY2RGB), F32)


def tinted(colour: FloatArray, mask: FloatArray) -> FloatArray:
    """A colour (3,) times a mask (h, w): (h, w, 3)."""
    return np.asarray(cv2.merge([mask * part for part in colour]), F32)


def filled(colour: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """A picture (h, w, 3) of one colour."""
    return np.tile(colour, shape[0] * shape[1]).reshape(*shape[:2], 3)


def ridge(x: Any, centre: float, radius: float) -> FloatArray:
    """One-dimensional `bump`: height 1 at `centre`, 0 beyond `radius`."""
    d = np.asarray((np.asarray(x, F32) - F32(centre)) / F32(radius))
    d *= d
    np.subtract(1, d, out=d)
    np.maximum(d, 0, out=d)
    cube = d * d
    cube *= d
    return cube


def smoothstep(low: float, high: float, x: Any) -> FloatArray:
    """0 at and below `low`, 1 at and above `high`, cubic between; `low` may exceed `high` (a falling step)."""
    t = np.asarray((np.asarray(x, F32) - F32(low)) / F32(high - low))
    # In place, and without `np.clip`, whose wrappers take longer than small arrays do.
    np.maximum(t, 0, out=t)
    np.minimum(t, 1, out=t)
    falling = 3 - 2 * t
    t *= t
    t *= falling
    return t


def ramp(low: float, high: float, x: float) -> float:
    """`smoothstep` of one number."""
    t = min(1.0, max(0.0, (x - low) / (high - low)))
    return t * t * (3 - 2 * t)


def hermite(at: ArrayLike, knots: ArrayLike, values: ArrayLike) -> NDArray[np.float64]:
    """Cubic Hermite through (knots, values) with finite-difference tangents, held constant outside.

    Knots may run up or down; they must be strictly monotone.
    """
    k = np.asarray(knots, np.float64)
    v = np.asarray(values, np.float64)
    if k[0] > k[-1]:
        k, v = k[::-1], v[::-1]
    tangent = np.gradient(v, k)
    y = np.clip(np.asarray(at, np.float64), k[0], k[-1])
    i = np.clip(np.searchsorted(k, y) - 1, 0, len(k) - 2)
    step = k[i + 1] - k[i]
    t = (y - k[i]) / step
    t2, t3 = t * t, t * t * t
    result: NDArray[np.float64] = (
        (2 * t3 - 3 * t2 + 1) * v[i]
        + (t3 - 2 * t2 + t) * step * tangent[i]
        + (3 * t2 - 2 * t3) * v[i + 1]
        + (t3 - t2) * step * tangent[i + 1]
    )
    return result


def value_noise(rng: np.random.Generator, height: int, width: int, rows: int, columns: int) -> FloatArray:
    """Smooth noise in about [-.5, .5]: a (rows, columns) random grid, cubically enlarged to (height, width)."""
    grid = rng.random((max(2, rows), max(2, columns)), dtype=F32) - F32(0.5)
    return np.asarray(cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC), F32)


def mix_in(base: FloatArray, colour: Any, mask: FloatArray) -> None:
    """Move `base` (h, w, 3) in place towards a colour (3,) or a picture (h, w, 3) by `mask` (h, w)."""
    target = np.asarray(colour, F32)
    # OpenCV subtracts from one colour many times faster than NumPy, to the same bits.
    away = target - base if target.ndim == 3 else cv2.subtract(target, base)
    base += away * in_rgb(mask)


def blend(base: FloatArray, colour: Any, mask: FloatArray) -> None:
    """Move `base` (h, w, 3) in place towards `colour` by `mask` (h, w), touching only the mask's bounding box."""
    rows = np.flatnonzero(mask.any(axis=1))
    if len(rows) == 0:
        return
    columns = np.flatnonzero(mask.any(axis=0))
    window = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    target = np.asarray(colour, F32)
    mix_in(base[window], target[window] if target.ndim == 3 else target, mask[window])


def smooth_row(values: NDArray[Any], width: int) -> NDArray[np.float64]:
    """A row of values run through a Hann window of about `width` samples, edges held."""
    kernel = np.hanning(max(5, width) | 1)
    kernel /= kernel.sum()
    return np.convolve(np.pad(values, len(kernel) // 2, mode="edge"), kernel, "valid")


def rotation(yaw_deg: float, pitch_deg: float, roll_deg: float) -> FloatArray:
    """Rotation of a turned head: yaw > 0 turns to image right, pitch > 0 looks up, roll > 0 leans to image right."""
    y, p, r = np.radians([yaw_deg, -pitch_deg, -roll_deg])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    about_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return np.asarray(about_z @ about_x @ about_y, F32)


def surface_frame(points: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Unit normals and (unnormalised) row tangents of a grid of points (h, w, 3)."""
    du = np.empty_like(points)
    dv = np.empty_like(points)
    np.subtract(points[:, 2:], points[:, :-2], out=du[:, 1:-1])
    du[:, 0] = points[:, 1] - points[:, 0]
    du[:, -1] = points[:, -1] - points[:, -2]
    np.subtract(points[2:], points[:-2], out=dv[1:-1])
    dv[0] = points[1] - points[0]
    dv[-1] = points[-1] - points[-2]
    ux, uy, uz = du[..., 0], du[..., 1], du[..., 2]
    vx, vy, vz = dv[..., 0], dv[..., 1], dv[..., 2]
    nx, ny, nz = vy * uz - vz * uy, vz * ux - vx * uz, vx * uy - vy * ux
    length = 1 / (np.sqrt(nx * nx + ny * ny + nz * nz) + F32(1e-9))
    return np.asarray(cv2.merge([nx * length, ny * length, nz * length]), F32), dv


def normals_in(window: Window, points: FloatArray) -> FloatArray:
    """Unit normals in a window of a grid of points (h, w, 3), the same as `surface_frame` finds there."""
    rows, columns = window
    top, left = max(0, rows.start - 1), max(0, columns.start - 1)
    normals, _ = surface_frame(points[top : rows.stop + 1, left : columns.stop + 1])
    inside = slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left)
    return normals[inside]

"""What happens in the picture plane: soft shadows from the depth buffer, lens blur, camera noise."""

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from personalab_core.simulation.curves import F32, FloatArray
from personalab_core.simulation.light import Light
from personalab_core.simulation.raster import FAR, Canvas
from personalab_core.simulation.scene import Scene

_GROUND_CM = -60.0
_MARCH_CM = (1.0, 1.8, 2.8, 4.0, 5.5, 7.5)
_NOISE_TILE = 128
_SHADOW_ROWS = 240


def cast_shadows(canvas: Canvas, light: Light, px_per_cm: float, width: int, height: int) -> NDArray[np.uint8]:
    """Shrink the canvas to its final size and darken it by shadows: uint8 RGB (height, width, 3).

    A short march from each point of a small depth buffer towards the key light, plus the blurred depth as ambient
    occlusion. Done for the nearest and the farthest surface of each coarse cell and mixed by the true depth, or the
    cells would show as scallops along the jaw.
    """
    # Cells of a third of a centimetre at least: shadows are softer than that.
    q = max(1, round(max(canvas.depth.shape[0] / _SHADOW_ROWS, min(3.0, px_per_cm / 3))))
    size = (canvas.depth.shape[1] // q, canvas.depth.shape[0] // q)
    cell = np.ones((q + 1, q + 1), np.uint8)
    behind = _ground(cv2.resize(cv2.erode(canvas.depth, cell), size, interpolation=cv2.INTER_NEAREST))
    before = _ground(cv2.resize(cv2.dilate(canvas.depth, cell), size, interpolation=cv2.INTER_NEAREST))
    full = canvas.depth.shape[::-1]
    dark, front_dark, low, high = (
        cv2.resize(a, full, interpolation=cv2.INTER_LINEAR)
        for a in (_darkness(behind, light, px_per_cm / q), _darkness(before, light, px_per_cm / q), behind, before)
    )
    nearness = np.minimum(np.maximum((canvas.depth - low) / (high - low + F32(0.3)), 0), 1)
    dark = dark + (front_dark - dark) * nearness
    np.copyto(dark, 0, where=canvas.depth <= FAR / 10)
    keep = cv2.merge([cv2.convertScaleAbs(dark, alpha=-255 * share, beta=255) for share in (0.86, 1.0, 1.02)])
    image = cv2.multiply(canvas.image, keep, scale=1 / 255)
    if image.shape[:2] != (height, width):
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(image, np.uint8)


def _ground(depth: NDArray[Any]) -> FloatArray:
    """Depth with the ground behind the persons filled in."""
    return np.where(depth > FAR / 10, depth, F32(_GROUND_CM))


def _darkness(z: FloatArray, light: Light, px_per_cm: float) -> FloatArray:
    """Cast shadow and ambient occlusion of a small depth map, in about [0, .7]."""
    h, w = z.shape
    kx, ky, kz = (float(v) for v in light.key)
    shadow = np.zeros((h, w), F32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    for reach in _MARCH_CM:
        move = np.array([[1, 0, kx * reach * px_per_cm], [0, 1, -ky * reach * px_per_cm]], F32)
        other = cv2.warpAffine(z, move, (w, h), flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=_GROUND_CM)
        above = np.asarray(other, F32) - (z + F32(kz * reach))
        hit = np.minimum(np.maximum(above / F32(0.9) - F32(0.15), 0), 1)
        hit *= above < 9
        hit *= F32(1 - reach * 0.05)
        np.maximum(shadow, hit, out=shadow)
    level = np.maximum(z, F32(-20))
    ambient = np.clip((cv2.GaussianBlur(level, (0, 0), max(0.8, 1.3 * px_per_cm)) - level) * F32(0.10), 0, 0.30)
    return np.asarray(cv2.GaussianBlur(shadow, (0, 0), max(0.6, 0.28 * px_per_cm)) * F32(0.42) + ambient, F32)


@lru_cache(maxsize=1)
def _grain() -> FloatArray:
    """A tile of film grain with unit strength, partly shared by the colours."""
    tile = np.random.default_rng(21).standard_normal((_NOISE_TILE, _NOISE_TILE, 3), dtype=F32)
    return np.asarray(tile * F32(0.6) + tile.mean(2, keepdims=True) * F32(0.7), F32)


def finish(image: NDArray[np.uint8], scene: Scene) -> NDArray[np.uint8]:
    """Blur and camera noise; RGB in, BGR out, both uint8."""
    out = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    if scene.blur_sigma_px > 0.15:
        out = cv2.GaussianBlur(out, (0, 0), scene.blur_sigma_px)
    if scene.noise > 0:
        h, w = out.shape[:2]
        x, y = np.random.default_rng([21, scene.seed]).integers(_NOISE_TILE, size=2)
        tile = np.rint(_grain() * F32(scene.noise * 255)).astype(np.int16)
        grain = cv2.repeat(tile, h // _NOISE_TILE + 2, w // _NOISE_TILE + 2)[y : y + h, x : x + w]
        out = cv2.add(out, grain, dtype=cv2.CV_8U)
    return np.asarray(out, np.uint8)

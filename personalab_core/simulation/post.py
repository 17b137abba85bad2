"""What happens in the picture plane: soft shadows from the depth buffer, lens blur, camera noise."""

import cv2
import numpy as np
from numpy.typing import NDArray

from personalab_core.simulation.curves import F32
from personalab_core.simulation.light import Light
from personalab_core.simulation.raster import FAR, Canvas
from personalab_core.simulation.scene import Scene

_GROUND_CM = -60.0
_MARCH_CM = (1.0, 1.8, 2.8, 4.0, 5.5, 7.5)
_NOISE_TILE = 128


def cast_shadows(canvas: Canvas, light: Light, px_per_cm: float, width: int, height: int) -> NDArray[np.uint8]:
    """Shrink the canvas to its final size and darken it by shadows: uint8 RGB (height, width, 3).

    A short march from each point of a small depth buffer towards the key light, plus the blurred depth as ambient
    occlusion. Depth is eroded before it is made small, or bright dashes appear along the jaw.
    """
    q = max(1, round(canvas.depth.shape[0] / 240))
    w, h = canvas.depth.shape[1] // q, canvas.depth.shape[0] // q
    shrunk = cv2.erode(canvas.depth, np.ones((q + 1, q + 1), np.uint8))
    small = cv2.resize(shrunk, (w, h), interpolation=cv2.INTER_NEAREST)
    drawn = small > FAR / 10
    z = np.where(drawn, small, F32(_GROUND_CM))
    scale = px_per_cm / q
    kx, ky, kz = (float(v) for v in light.key)
    shadow = np.zeros((h, w), F32)
    for reach in _MARCH_CM:
        move = np.array([[1, 0, kx * reach * scale], [0, 1, -ky * reach * scale]], F32)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        other = cv2.warpAffine(z, move, (w, h), flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=_GROUND_CM)
        above = other - (z + F32(kz * reach))
        hit = np.clip(above / F32(0.9) - F32(0.15), 0, 1) * (above < 9)
        np.maximum(shadow, hit * F32(1 - reach * 0.05), out=shadow)
    level = np.where(drawn, z, F32(-20))
    ambient = np.clip((cv2.GaussianBlur(level, (0, 0), max(0.8, 1.3 * scale)) - level) * F32(0.10), 0, 0.30)
    dark = cv2.GaussianBlur(shadow, (0, 0), max(0.6, 0.28 * scale)) * F32(0.42) + ambient
    dark = np.where(drawn, dark, 0).astype(F32)
    keep = cv2.merge([255 - dark * F32(255 * 0.86), 255 - dark * F32(255), 255 - dark * F32(255 * 1.02)])
    keep8 = cv2.resize(cv2.convertScaleAbs(keep), (width, height), interpolation=cv2.INTER_LINEAR)
    image = canvas.image
    if image.shape[:2] != (height, width):
        image = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(cv2.multiply(image, keep8, scale=1 / 255), np.uint8)


def finish(image: NDArray[np.uint8], scene: Scene) -> NDArray[np.uint8]:
    """Blur and camera noise; RGB in, BGR out, both uint8."""
    out = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    if scene.blur_sigma_px > 0.15:
        out = cv2.GaussianBlur(out, (0, 0), scene.blur_sigma_px)
    if scene.noise > 0:
        h, w = out.shape[:2]
        rng = np.random.default_rng([21, scene.seed])
        tile = rng.standard_normal((_NOISE_TILE, _NOISE_TILE, 3), dtype=F32)
        tile = (tile * F32(0.6) + tile.mean(2, keepdims=True) * F32(0.7)) * F32(scene.noise * 255)
        for sign, apply in ((1, cv2.add), (-1, cv2.subtract)):
            grain = np.rint(np.maximum(sign * tile, 0)).astype(np.uint8)
            out = apply(out, cv2.repeat(grain, h // _NOISE_TILE + 1, w // _NOISE_TILE + 1)[:h, :w])
    return np.asarray(out, np.uint8)

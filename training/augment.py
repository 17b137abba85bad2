"""Photometric and geometric changes that keep the ground truth; every random choice comes from the given generator."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Affine = NDArray[np.float64]


def apply_affine(matrix: Affine, points: NDArray[np.floating]) -> NDArray[np.float64]:
    """Transform points (n, 2) with a 2 x 3 matrix."""
    return np.asarray(points, np.float64) @ matrix[:, :2].T + matrix[:, 2]


def similarity(scale: float, angle_rad: float) -> Affine:
    """Rotation and scale about the origin as a 2 x 3 matrix, no shift."""
    c, s = scale * math.cos(angle_rad), scale * math.sin(angle_rad)
    return np.array([[c, -s, 0.0], [s, c, 0.0]])


def mirror(matrix: Affine, width: int) -> Affine:
    """The same transform followed by a left-right flip of a picture `width` pixels wide."""
    flipped = np.array([[-1.0, 0.0], [0.0, 1.0]]) @ matrix
    flipped[0, 2] += width - 1
    return flipped


def fit_similarity(source: NDArray[np.floating], target: NDArray[np.floating]) -> Affine:
    """Least-squares similarity from source to target points (Umeyama 1991), as InsightFace aligns faces."""
    source_mean, target_mean = source.mean(0), target.mean(0)
    a, b = source - source_mean, target - target_mean
    u, d, vt = np.linalg.svd(b.T @ a)
    sign = np.array([1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = u @ np.diag(sign) @ vt
    scale = (d * sign).sum() / (a**2).sum()
    return np.concatenate([scale * rotation, (target_mean - scale * rotation @ source_mean)[:, None]], axis=1)


def blur_box(image: Image, box: NDArray[np.floating], sigma_px: float, margin: float = 0.25) -> Image:
    """Blur the face box, grown by `margin` of its width on every side."""
    x0, y0, x1, y1 = _grown(image, box, margin)
    out = image.copy()
    if x1 > x0 and y1 > y0:
        out[y0:y1, x0:x1] = cv2.GaussianBlur(image[y0:y1, x0:x1], (0, 0), max(sigma_px, 0.1))
    return out


def mosaic_box(image: Image, box: NDArray[np.floating], cells: int) -> Image:
    """Replace the face box by `cells` x `cells` flat patches."""
    x0, y0, x1, y1 = _grown(image, box, 0.2)
    out = image.copy()
    if x1 > x0 and y1 > y0:
        small = cv2.resize(image[y0:y1, x0:x1], (cells, cells), interpolation=cv2.INTER_AREA)
        out[y0:y1, x0:x1] = cv2.resize(small, (x1 - x0, y1 - y0), interpolation=cv2.INTER_CUBIC)
    return out


def faceless_box(image: Image, box: NDArray[np.floating], rng: np.random.Generator) -> Image:
    """Paint a plain skin-coloured oval over the face."""
    x0, y0, x1, y1 = _grown(image, box, 0.05)
    out = image.copy()
    if x1 <= x0 or y1 <= y0:
        return out
    patch = image[y0:y1, x0:x1].astype(np.float32)
    height, width = patch.shape[:2]
    mask = np.zeros((height, width), np.float32)
    cv2.ellipse(mask, (width // 2, height // 2), (int(width * 0.46), int(height * 0.48)), 0, 0, 360, (1.0,), -1)
    mask = cv2.GaussianBlur(mask, (0, 0), 0.04 * width + 0.3)[..., None]
    shade = cv2.resize(rng.normal(0, 10, (6, 6)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    colour = patch.reshape(-1, 3).mean(0) * rng.uniform(0.7, 1.2)
    out[y0:y1, x0:x1] = np.clip(patch * (1 - mask) + mask * (colour + shade[..., None]), 0, 255).astype(np.uint8)
    return out


def _grown(image: Image, box: NDArray[np.floating], margin: float) -> tuple[int, int, int, int]:
    height, width = image.shape[:2]
    m = margin * float(box[2] - box[0])
    return (
        int(np.clip(box[0] - m, 0, width)),
        int(np.clip(box[1] - m, 0, height)),
        int(np.clip(box[2] + m, 0, width)),
        int(np.clip(box[3] + m, 0, height)),
    )


def camera(image: Image, rng: np.random.Generator, *, face_px: float, low_resolution: float) -> Image:
    """Everything a camera and a codec do to a picture.

    Args:
        image: uint8 BGR.
        rng: Source of all choices.
        face_px: Face size in the picture; it bounds how much detail may be lost.
        low_resolution: Probability of a down-and-up sampling.
    """
    if rng.random() < low_resolution:
        image = _resampled(image, max(20.0 / face_px, rng.uniform(0.2, 0.95)), rng)
    if rng.random() < 0.15:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 1.0) * max(0.5, face_px / 90))
    if rng.random() < 0.1:
        soft = cv2.GaussianBlur(image, (0, 0), 1.0)
        image = cv2.addWeighted(image, 1.6, soft, -0.6, 0)
    if rng.random() < 0.85:
        image = cv2.LUT(image, _tone_curve(rng))
    if rng.random() < 0.3:
        grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
        amount = rng.uniform(-0.4, 1.0)
        image = cv2.addWeighted(image, 1 - amount, grey, amount, 0)
    if rng.random() < 0.35:
        image = _noisy(image, rng)
    if rng.random() < 0.3:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(35, 95))]
        image = cv2.imdecode(cv2.imencode(".jpg", image, quality)[1], cv2.IMREAD_COLOR)
    return image.astype(np.uint8, copy=False)


def _resampled(image: Image, factor: float, rng: np.random.Generator) -> Image:
    if factor >= 1:
        return image
    height, width = image.shape[:2]
    size = (max(8, int(width * factor)), max(8, int(height * factor)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA if rng.random() < 0.6 else cv2.INTER_LINEAR)
    back = cv2.INTER_LINEAR if rng.random() < 0.7 else cv2.INTER_CUBIC
    return cv2.resize(small, (width, height), interpolation=back).astype(np.uint8, copy=False)


def _tone_curve(rng: np.random.Generator) -> Image:
    x = np.arange(256, dtype=np.float32) / 255.0
    gamma, contrast, lift = math.exp(rng.normal(0, 0.18)), rng.uniform(0.75, 1.25), rng.normal(0, 0.06)
    curves = [
        np.clip(
            x ** (gamma * math.exp(rng.normal(0, 0.03))) * contrast * (1 + rng.normal(0, 0.07))
            + lift
            - (contrast - 1) * 0.35,
            0,
            1,
        )
        for _ in range(3)
    ]
    return (np.stack(curves, 1) * 255).astype(np.uint8)[None]


def _noisy(image: Image, rng: np.random.Generator) -> Image:
    noise = np.empty(image.shape, np.int16)
    cv2.setRNGSeed(int(rng.integers(1 << 30)))
    cv2.randn(noise, (0, 0, 0), (float(rng.uniform(1, 9)),) * 3)
    return cv2.add(image, noise, dtype=cv2.CV_8U).astype(np.uint8, copy=False)


def occlude(image: Image, rng: np.random.Generator, probability: float) -> Image:
    """Cover a random rectangle with one colour."""
    if rng.random() >= probability:
        return image
    height, width = image.shape[:2]
    w, h = int(rng.uniform(0.1, 0.35) * width), int(rng.uniform(0.1, 0.35) * height)
    x, y = int(rng.integers(0, width - w)), int(rng.integers(0, height - h))
    out = image.copy()
    out[y : y + h, x : x + w] = rng.integers(0, 255, 3)
    return out

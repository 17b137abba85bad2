"""Training scenes for the detector (portraits, mosaics, hard negatives) and the anchors that answer for each face."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.augment import (
    Affine,
    Image,
    apply_affine,
    blur_box,
    camera,
    faceless_box,
    mirror,
    mosaic_box,
    similarity,
)
from training.nets import ANCHOR_SIZES_PX, STRIDES
from training.samples import Sample

MIN_FACE_PX = 13
MIRRORED_POINTS = (1, 0, 2, 4, 3)

TILE_KINDS = ("face", "upside_down", "destroyed", "away", "body")
TILE_SHARES = (0.66, 0.15, 0.08, 0.08, 0.03)


@dataclass(frozen=True)
class SceneFace:
    """A face in a scene; ignored ones (cut off, tiny) are neither wanted nor punished."""

    box: NDArray[np.float64]
    points: NDArray[np.float64]
    ignored: bool

    @property
    def size(self) -> float:
        """Longer side of the box in pixels."""
        return float(max(self.box[2] - self.box[0], self.box[3] - self.box[1]))


@dataclass(frozen=True)
class LevelTarget:
    """What one pyramid level should answer, one row per anchor.

    `state` is 1 for a face, 0 for background, -1 for do not care.
    """

    state: NDArray[np.int8]
    box: NDArray[np.float32]
    points: NDArray[np.float32]


class SceneMaker:
    """Composes scenes; scene (step, slot) depends on nothing but the samples and the seed."""

    def __init__(self, samples: list[Sample], seed: int) -> None:
        faces = [s for s in samples if s.kind == "face"]
        self._faces = {f: [s for s in faces if s.framing == f] for f in ("headshot", "half_body", "full_body")}
        self._away = [s for s in samples if s.kind == "away"]
        self._seed = seed

    def scene(self, step: int, slot: int, size: int) -> tuple[Image, list[SceneFace]]:
        """A `size` x `size` BGR picture and the faces in it."""
        rng = np.random.default_rng([self._seed, step, slot])
        if rng.random() < 0.38:
            canvas, faces = self._mosaic(size, rng)
        else:
            canvas, faces = self._tile(size, rng)
        smallest = min((f.size for f in faces), default=40.0)
        return camera(canvas, rng, face_px=max(14.0, min(smallest, size * 0.6)), low_resolution=0.2), faces

    def _mosaic(self, size: int, rng: np.random.Generator) -> tuple[Image, list[SceneFace]]:
        half = size // 2
        canvas = np.zeros((size, size, 3), np.uint8)
        faces: list[SceneFace] = []
        for y, x in ((0, 0), (0, half), (half, 0), (half, half)):
            canvas[y : y + half, x : x + half], found = self._tile(half, rng)
            shift = np.array([x, y], np.float64)
            faces += [SceneFace(f.box + np.tile(shift, 2), f.points + shift, f.ignored) for f in found]
        return canvas, faces

    def _tile(self, size: int, rng: np.random.Generator) -> tuple[Image, list[SceneFace]]:
        kind = str(rng.choice(TILE_KINDS, p=TILE_SHARES))
        sample = self._pick(kind, rng)
        image = self._prepared(sample, kind, rng)
        matrix = _placement(sample, image.shape, size, close_up=kind == "upside_down", rng=rng)
        angle = math.atan2(matrix[1, 0], matrix[0, 0])
        flipped = rng.random() < 0.5
        if flipped:
            matrix = mirror(matrix, size)
        tile = _warped(image, matrix, size, rng)
        if kind != "face":
            return tile, []
        return tile, _labelled(sample, matrix, angle, size, flipped=flipped)

    def _pick(self, kind: str, rng: np.random.Generator) -> Sample:
        if kind == "away" and self._away:
            return self._away[rng.integers(len(self._away))]
        # Upside-down headshots are what the first detector still accepted.
        shares = {"upside_down": (0.6, 0.25, 0.15), "body": (0.0, 0.4, 0.6)}.get(kind, (0.36, 0.32, 0.32))
        group = self._faces[str(rng.choice(["headshot", "half_body", "full_body"], p=shares))]
        return group[rng.integers(len(group))]

    def _prepared(self, sample: Sample, kind: str, rng: np.random.Generator) -> Image:
        image = sample.picture()
        if kind == "upside_down":
            return np.ascontiguousarray(image[::-1])
        if kind == "destroyed":
            return destroyed(image, sample.box, rng)
        if kind == "body":
            top = int(min(sample.box[3] + 0.3 * sample.box_width, image.shape[0] * 0.7))
            return np.ascontiguousarray(image[top:])
        if kind == "face" and rng.random() < 0.1:
            sigma = rng.uniform(0.0, 0.022) * sample.box_width
            return cv2.GaussianBlur(image, (0, 0), max(0.1, sigma)).astype(np.uint8, copy=False)
        return image


def destroyed(image: Image, box: NDArray[np.floating], rng: np.random.Generator) -> Image:
    """A face nobody could recognise: blurred beyond .14 of its width, painted over, or a coarse mosaic."""
    choice = rng.random()
    if choice < 0.65:
        sigma = rng.uniform(0.14, 0.4) * float(box[2] - box[0])
        if rng.random() < 0.5:
            return blur_box(image, box, sigma)
        return cv2.GaussianBlur(image, (0, 0), sigma).astype(np.uint8, copy=False)
    if choice < 0.85:
        return faceless_box(image, box, rng)
    return mosaic_box(image, box, int(rng.integers(2, 4)))


def _placement(
    sample: Sample, shape: tuple[int, ...], size: int, *, close_up: bool, rng: np.random.Generator
) -> Affine:
    """Where a picture goes in a square tile: letterboxed as InsightFace does, or zoomed, turned and moved."""
    fit = size / max(shape[:2])
    scale = fit * (1.0 if rng.random() < 0.25 else math.exp(rng.uniform(-0.55, 0.45)))
    if sample.framing == "full_body" and scale < fit * 0.8:
        scale = fit * rng.uniform(0.85, 1.6)
    if close_up and sample.framing == "headshot":
        scale = fit * rng.uniform(0.8, 1.7)
    angle = math.radians(float(np.clip(rng.normal(0, 6), -20, 20))) if rng.random() < 0.5 else 0.0
    face = max(sample.box_width, float(sample.box[3] - sample.box[1])) * scale
    if face > 0.97 * size:
        scale *= 0.97 * size / face
        face = 0.97 * size
    matrix = similarity(scale, angle)
    if rng.random() < 0.4 and scale <= fit and angle == 0:
        return matrix
    centre = np.array([(sample.box[0] + sample.box[2]) / 2, (sample.box[1] + sample.box[3]) / 2], np.float64)
    placed = matrix[:, :2] @ centre
    low, high = min(face * 0.55, size / 2), max(size - face * 0.55, size / 2)
    target = rng.uniform(low, high, 2)
    if rng.random() < 0.6:
        target = np.clip(placed + rng.normal(0, 0.08, 2) * size, low, high)
    matrix[:, 2] = target - placed
    return matrix


def _warped(image: Image, matrix: Affine, size: int, rng: np.random.Generator) -> Image:
    border = cv2.BORDER_CONSTANT if rng.random() < 0.6 else cv2.BORDER_REPLICATE
    scale = math.hypot(matrix[0, 0], matrix[1, 0])
    if scale < 0.6 and rng.random() < 0.5:
        image = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
        matrix = matrix.copy()
        matrix[:, :2] *= 2
    warped = cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=border)
    return warped.astype(np.uint8, copy=False)


def _labelled(sample: Sample, matrix: Affine, angle: float, size: int, *, flipped: bool) -> list[SceneFace]:
    points = apply_affine(matrix, sample.points5)
    if flipped:
        points = points[list(MIRRORED_POINTS)]
    box = _turned_box(sample, matrix, angle)
    width, height = box[2] - box[0], box[3] - box[1]
    inside_x = min(box[2], size) - max(box[0], 0.0)
    inside_y = min(box[3], size) - max(box[1], 0.0)
    visible = max(0.0, inside_x) * max(0.0, inside_y) / (width * height)
    if visible <= 0.05:
        return []
    return [SceneFace(box, points, ignored=bool(visible < 0.85 or max(width, height) < MIN_FACE_PX))]


def _turned_box(sample: Sample, matrix: Affine, angle: float) -> NDArray[np.float64]:
    """The face box after a similarity; a face is rounder than a rectangle, so a turn widens it less."""
    x0, y0, x1, y1 = (float(v) for v in sample.box)
    scale = math.hypot(matrix[0, 0], matrix[1, 0])
    cx, cy = apply_affine(matrix, np.array([[(x0 + x1) / 2, (y0 + y1) / 2]]))[0]
    half_w, half_h = (x1 - x0) * scale / 2, (y1 - y0) * scale / 2
    c, s = abs(math.cos(angle)), 0.35 * abs(math.sin(angle))
    half_w, half_h = c * half_w + s * half_h, c * half_h + s * half_w
    return np.array([cx - half_w, cy - half_h, cx + half_w, cy + half_h])


def assign(faces: list[SceneFace], size: int) -> list[LevelTarget]:
    """Decide for every anchor of a `size` x `size` scene whether it answers for a face.

    The centre cells of the anchors nearest in size do; a ring around them and neighbouring scales do not care.
    """
    nearest = [np.abs(np.log(f.size / np.array(ANCHOR_SIZES_PX))) for f in faces]
    return [_assign_level(level, stride, faces, nearest, size // stride) for level, stride in enumerate(STRIDES)]


def _assign_level(
    level: int, stride: int, faces: list[SceneFace], nearest: list[NDArray[np.float64]], cells: int
) -> LevelTarget:
    gy, gx = (g * stride for g in np.mgrid[:cells, :cells])
    state = np.zeros((cells, cells, 2), np.int8)
    box = np.zeros((cells, cells, 2, 4), np.float32)
    points = np.zeros((cells, cells, 2, 10), np.float32)
    for face, ratios in zip(faces, nearest, strict=True):
        cx, cy = (face.box[0] + face.box[2]) / 2, (face.box[1] + face.box[3]) / 2
        off = np.maximum(np.abs(gx - cx), np.abs(gy - cy))
        sides = np.stack([gx - face.box[0], gy - face.box[1], face.box[2] - gx, face.box[3] - gy], -1) / stride
        offsets = (face.points[None, None] - np.stack([gx, gy], -1)[:, :, None]).reshape(cells, cells, 10) / stride
        for anchor in range(2):
            ratio = ratios[level, anchor]
            layer = state[..., anchor]
            if (ratio < 0.33 or ratio == ratios.min()) and not face.ignored:
                centre = (off < 0.19 * face.size) | (off <= stride / 2)
                layer[(off < 0.33 * face.size) & (layer == 0)] = -1
                layer[centre] = 1
                box[centre, anchor], points[centre, anchor] = sides[centre], offsets[centre]
            elif ratio < 0.75 or face.ignored:
                layer[(off < 0.4 * face.size) & (layer == 0)] = -1
    return LevelTarget(state.reshape(-1), box.reshape(-1, 4), points.reshape(-1, 10))

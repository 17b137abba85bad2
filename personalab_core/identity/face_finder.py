"""Where faces are in a picture, found with the smallest detector input that will do.

What a detector costs grows with its input, not with the picture. A glance shows most portraits as well as a long look.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from personalab_core.identity.facts import MIN_FACE_PX, Array

DETECTOR_SIZES_PX = (320, 640)
"""Longer side of the detector's input, tried in this order. Four times the work at 640 px buys only small faces."""

_SHORTER_SIDES = (0.6, 0.8, 1.0)
# Shares of the longer side; few, because InsightFace keeps one session for each shape.

SMALL_ON_DETECTOR_PX = 36.0
"""Smaller side, in detector pixels, below which a larger size is tried: there the key points, which
decide the alignment, are several percent of the eye distance worse (measured on rendered full bodies)."""

_GLANCES_PX = ((0.6, (160, 256)), (0.8, (192, 256)), (1.0, (224, 224)))
# Inputs of 41,000 to 50,000 pixels, and up to which share of the longer side the shorter one fits into them. Smaller
# ones take two faces, one half before the other, for a single one (5 of 48 rendered frames at 224 px, 1 at 256 px).

CLEAR_AT_A_GLANCE_PX = 48.0
CONFIDENT_AT_A_GLANCE = 0.75
"""A single face of this smaller side in detector pixels, found with this confidence, needs no closer look. Measured on
rendered headshots: key points off by 3.4 instead of 3.1 % of the eye distance, by 5.2 % in 95 % of them either way; of
192 pictures neither genuine nor impostor similarities move by more than .005, and no two are told apart worse."""

_MIN_ON_DETECTOR_PX = 8

NEAR_INPUT_PX = 128
SURROUNDINGS = 2.25
"""A known face is looked for again in this many times its box, scaled to this size for the detector: there it is as
large as in a portrait at a glance, and found where it has moved to."""

_NO_BOXES, _NO_POINTS = np.empty((0, 5), np.float32), np.empty((0, 5, 2), np.float32)

Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class FaceFinder:
    """Finds faces with InsightFace's detector; safe to share between threads.

    Attributes:
        detector: InsightFace's ``SCRFD`` with key points.
        sizes: Longer sides of its input in pixels, in ascending order, for pictures that need more than a glance.
    """

    detector: Any
    sizes: tuple[int, ...] = DETECTOR_SIZES_PX

    def find(self, image: Picture) -> tuple[Array, Array]:
        """Return (N, 5) boxes with confidence and (N, 5, 2) points of a (H, W, 3) uint8 BGR picture."""
        return self._search(image, self.sizes)

    def glance(self, image: Picture) -> tuple[Array, Array]:
        """Return the same with less work if a single, clear face is seen in a small input at first."""
        glance = _glance_input(image.shape)
        boxes, points = self._detect(image, glance)
        if len(boxes) != 1 or boxes[0, 4] < CONFIDENT_AT_A_GLANCE:
            return self.find(image)
        face_px = _largest_px(boxes)
        if face_px * _scale(image.shape, glance) >= CLEAR_AT_A_GLANCE_PX:
            return boxes, points
        closer = self._search(image, self._sizes_for(face_px / max(image.shape[:2])))
        return closer if len(closer[0]) else (boxes, points)

    def find_near(self, image: Picture, box: Array) -> tuple[Array, Array]:
        """Return the same of the one face in place of an earlier ``box``; nothing if it is not there.

        Only the surroundings of the box are searched.
        """
        x0, y0, x1, y1 = _surroundings(box, image.shape)
        part = np.ascontiguousarray(image[y0:y1, x0:x1])
        if min(part.shape[:2]) < MIN_FACE_PX:
            return _NO_BOXES, _NO_POINTS
        found, points = self.detector.detect(part, input_size=(NEAR_INPUT_PX, NEAR_INPUT_PX), max_num=1)
        corner = np.array([x0, y0], np.float32)
        moved = np.concatenate([found[:, :2] + corner, found[:, 2:4] + corner, found[:, 4:]], axis=1)
        return moved.astype(np.float32), (points + corner).astype(np.float32)

    def _search(self, image: Picture, sizes: Sequence[int]) -> tuple[Array, Array]:
        """Return what the first of these sizes finds at which a face is large enough, else the last one."""
        boxes, points = _NO_BOXES, _NO_POINTS
        for size in sizes:
            model_input = _detector_input(image.shape, size)
            found, found_points = self._detect(image, model_input)
            if len(found):
                boxes, points = found, found_points
            scale = _scale(image.shape, model_input)
            if _largest_px(boxes) * scale >= SMALL_ON_DETECTOR_PX or scale >= 1:
                break  # a larger input would only cost more, or magnify the picture
        return boxes, points

    def _detect(self, image: Picture, model_input: tuple[int, int]) -> tuple[Array, Array]:
        """Return what the detector finds; nothing where it has no room: InsightFace fails on strips without width."""
        shorter_px = min(image.shape[:2])
        if shorter_px < MIN_FACE_PX or shorter_px * _scale(image.shape, model_input) < _MIN_ON_DETECTOR_PX:
            return _NO_BOXES, _NO_POINTS
        boxes, points = self.detector.detect(image, input_size=model_input)
        return boxes, points

    def _sizes_for(self, share: float) -> Sequence[int]:
        """Return the sizes at which a face of this share of the longer side is large enough, at least the largest."""
        return [size for size in self.sizes if share * size >= SMALL_ON_DETECTOR_PX] or self.sizes[-1:]


def _detector_input(shape: Sequence[int], size: int) -> tuple[int, int]:
    """Return (width, height) of the smallest detector input that holds a picture scaled to this longer side.

    A square would fill the rest with black, which costs as much to search as a face.

    >>> _detector_input((1250, 1000, 3), 320), _detector_input((1080, 1920, 3), 320)
    ((256, 320), (320, 192))
    """
    shorter = round(size * next(side for side in _SHORTER_SIDES if _share(shape) <= side))
    return _as_wide((shorter, size), shape)


def _glance_input(shape: Sequence[int]) -> tuple[int, int]:
    """Return (width, height) of the detector input for a first, cheap look at a picture.

    >>> _glance_input((1250, 1000, 3)), _glance_input((1080, 1920, 3)), _glance_input((500, 500, 3))
    ((192, 256), (256, 160), (224, 224))
    """
    return _as_wide(next(sides for most, sides in _GLANCES_PX if _share(shape) <= most), shape)


def _share(shape: Sequence[int]) -> float:
    """Return the shorter side of a picture over its longer one."""
    return min(shape[:2]) / max(shape[:2])


def _as_wide(portrait: tuple[int, int], shape: Sequence[int]) -> tuple[int, int]:
    """Return the sides of an input, laid on its side for a picture that is wider than high."""
    return portrait if shape[0] >= shape[1] else portrait[::-1]


def _scale(shape: Sequence[int], model_input: tuple[int, int]) -> float:
    """Return by how much a picture is scaled to fit into a detector input."""
    return min(model_input[0] / shape[1], model_input[1] / shape[0])


def _largest_px(boxes: Array) -> float:
    """Return the smaller side of the largest face in pixels of the picture, 0 if there is none."""
    sides = np.minimum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
    return float(sides.max(initial=0.0))


def _surroundings(box: Array, shape: Sequence[int]) -> tuple[int, int, int, int]:
    """Return x0, y0, x1, y1 of the square around a box, within the picture."""
    half = SURROUNDINGS / 2 * float(max(box[2] - box[0], box[3] - box[1]))
    x, y = float(box[0] + box[2]) / 2, float(box[1] + box[3]) / 2
    height_px, width_px = shape[:2]
    x0, y0, x1, y1 = (round(value) for value in (x - half, y - half, x + half, y + half))
    return max(0, x0), max(0, y0), min(width_px, x1), min(height_px, y1)

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

_GLANCES_PX = ((0.6, (128, 224)), (0.8, (160, 192)), (1.0, (160, 160)))
# Inputs of about 30,000 pixels, and up to which share of the longer side the shorter one fits into them.

CLEAR_AT_A_GLANCE_PX = 48.0
CONFIDENT_AT_A_GLANCE = 0.75
"""A single face of this smaller side in detector pixels, found with this confidence, needs no closer look (own
measurement on rendered headshots: key points off by 4.0 instead of 3.1 % of the eye distance; cosine .99 to the face as
found at 320 px, as between 320 and 640 px; neither genuine nor impostor similarities move by more than .002)."""

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
        if min(image.shape[:2]) < MIN_FACE_PX:
            return _NO_BOXES, _NO_POINTS  # no room for a face that could be measured
        glance = glance_input(image.shape)
        if not _has_room(image.shape, glance):
            return self.search(image, self.sizes)
        boxes, points = self.detector.detect(image, input_size=glance)
        if len(boxes) != 1 or boxes[0, 4] < CONFIDENT_AT_A_GLANCE:
            return self.search(image, self.sizes)
        face_px = _largest_px(boxes)
        if face_px * _scale(image.shape, glance) >= CLEAR_AT_A_GLANCE_PX:
            return boxes, points
        closer = self.search(image, self._sizes_for(face_px / max(image.shape[:2])))
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

    def search(self, image: Picture, sizes: Sequence[int]) -> tuple[Array, Array]:
        """Return what the first of these sizes finds at which a face is large enough, else the last one."""
        boxes, points = _NO_BOXES, _NO_POINTS
        for size in sizes:
            model_input = detector_input(image.shape, size)
            if not _has_room(image.shape, model_input):
                continue
            found, found_points = self.detector.detect(image, input_size=model_input)
            if len(found):
                boxes, points = found, found_points
            scale = _scale(image.shape, model_input)
            if _largest_px(boxes) * scale >= SMALL_ON_DETECTOR_PX or scale >= 1:
                break  # a larger input would only cost more, or magnify the picture
        return boxes, points

    def _sizes_for(self, share: float) -> Sequence[int]:
        """Return the sizes at which a face of this share of the longer side is large enough, at least the largest."""
        return [size for size in self.sizes if share * size >= SMALL_ON_DETECTOR_PX] or self.sizes[-1:]


def detector_input(shape: Sequence[int], size: int) -> tuple[int, int]:
    """Return (width, height) of the smallest detector input that holds a picture scaled to this longer side.

    A square would fill the rest with black, which costs as much to search as a face.

    >>> detector_input((1250, 1000, 3), 320), detector_input((1080, 1920, 3), 320), detector_input((500, 500, 3), 640)
    ((256, 320), (320, 192), (640, 640))
    """
    shorter = round(size * next(side for side in _SHORTER_SIDES if _share(shape) <= side))
    return _as_wide((shorter, size), shape)


def glance_input(shape: Sequence[int]) -> tuple[int, int]:
    """Return (width, height) of the detector input for a first, cheap look at a picture.

    >>> glance_input((1250, 1000, 3)), glance_input((1080, 1920, 3)), glance_input((500, 500, 3))
    ((160, 192), (224, 128), (160, 160))
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


def _has_room(shape: Sequence[int], model_input: tuple[int, int]) -> bool:
    """Return whether something is left of a picture in this input: InsightFace would fail on a strip without width."""
    return min(shape[:2]) * _scale(shape, model_input) >= _MIN_ON_DETECTOR_PX


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

"""A picture cut to a channel's shape without cutting the face."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from personalab_core.errors import InputError

Picture = npt.NDArray[np.uint8]
Box = tuple[float, float, float, float]
"""x0, y0, x1, y1 in pixels of the upright picture."""

# Room around the detected face, in units of its size. A detector's box ends at the hairline and the chin.
_ABOVE, _BELOW, _BESIDE = 0.55, 0.35, 0.35
_FACE_HEIGHT_IN_CROP = 0.40
"""Where the face's centre goes, from the top: a little above the middle, as portraits are framed. Not calibrated."""


@dataclass(frozen=True, slots=True)
class CropPlan:
    """The part of a picture that is kept.

    Attributes:
        box: x0, y0, x1, y1, whole pixels inside the picture.
        padded: Whether the part has another shape than was asked for, because the face needs all of
            it; what is missing is filled with a blurred copy.
    """

    box: tuple[int, int, int, int]
    padded: bool = False

    @property
    def width_px(self) -> int:
        """Width of the part."""
        return self.box[2] - self.box[0]

    @property
    def height_px(self) -> int:
        """Height of the part."""
        return self.box[3] - self.box[1]


def plan_crop(width_px: int, height_px: int, aspect: float, face: Box | None) -> CropPlan:
    """Return the largest part of the wanted shape that keeps the face.

    The face with hair and chin is kept if it fits, else the bare face box; if not even that
    fits, the whole width or height of the face is kept and the plan says ``padded``.

    Args:
        width_px: Of the picture.
        height_px: Of the picture.
        aspect: Wanted width over height.
        face: The persona's face, or ``None`` if it is not known (then the part is centred, towards the top).

    Raises:
        InputError: A size or the aspect is not above 0.
    """
    if min(width_px, height_px) < 1 or aspect <= 0:
        raise InputError(f"cannot crop {width_px} x {height_px} px to an aspect of {aspect}.")
    width = min(width_px, max(1, round(height_px * aspect)))
    height = min(height_px, max(1, round(width_px / aspect)))
    if face is None:
        return CropPlan(_placed(width, height, width_px, height_px, None))
    bare = _inside(face, width_px, height_px)
    for keep in (_inside(_with_hair(face), width_px, height_px), bare):
        if keep[2] - keep[0] <= width and keep[3] - keep[1] <= height:
            return CropPlan(_placed(width, height, width_px, height_px, keep))
    wider, higher = max(width, bare[2] - bare[0]), max(height, bare[3] - bare[1])
    return CropPlan(_placed(wider, higher, width_px, height_px, bare), padded=True)


def cut(bgr: Picture, plan: CropPlan, aspect: float) -> Picture:
    """Return that part of the picture in exactly the wanted shape, within a pixel."""
    x0, y0, x1, y1 = plan.box
    part = bgr[y0:y1, x0:x1]
    return _padded(part, aspect) if plan.padded else np.ascontiguousarray(part)


def face_box(box: Box, landmarks: Sequence[tuple[float, float]]) -> Box:
    """Return the smallest box around a detector's box and all landmarks."""
    xs = [box[0], box[2], *(x for x, _ in landmarks)]
    ys = [box[1], box[3], *(y for _, y in landmarks)]
    return min(xs), min(ys), max(xs), max(ys)


def _with_hair(face: Box) -> Box:
    x0, y0, x1, y1 = face
    width, height = x1 - x0, y1 - y0
    return x0 - _BESIDE * width, y0 - _ABOVE * height, x1 + _BESIDE * width, y1 + _BELOW * height


def _inside(box: Box, width_px: int, height_px: int) -> tuple[int, int, int, int]:
    """Return the whole pixels a box touches, as far as they are in the picture."""
    x0, y0 = (max(0, int(np.floor(value))) for value in box[:2])
    x1, y1 = min(width_px, int(np.ceil(box[2]))), min(height_px, int(np.ceil(box[3])))
    if x1 <= x0 or y1 <= y0:
        raise InputError(f"the face box {box} is outside of the picture ({width_px} x {height_px} px).")
    return x0, y0, x1, y1


def _placed(
    width: int, height: int, width_px: int, height_px: int, keep: tuple[int, int, int, int] | None
) -> tuple[int, int, int, int]:
    if keep is None:
        x0, y0 = (width_px - width) / 2, (height_px - height) / 3
    else:
        x0 = (keep[0] + keep[2]) / 2 - width / 2
        y0 = (keep[1] + keep[3]) / 2 - height * _FACE_HEIGHT_IN_CROP
        x0, y0 = min(max(x0, keep[2] - width), keep[0]), min(max(y0, keep[3] - height), keep[1])
    left, top = round(min(max(x0, 0), width_px - width)), round(min(max(y0, 0), height_px - height))
    return left, top, left + width, top + height


def _padded(part: Picture, aspect: float) -> Picture:
    """Put the part in the middle of a blurred copy of itself that has the wanted shape."""
    import cv2

    height, width = part.shape[:2]
    full_width, full_height = max(width, round(height * aspect)), max(height, round(width / aspect))
    # A tiny copy, magnified over the whole shape: nobody takes it for the picture.
    small = cv2.resize(part, (24, 24), interpolation=cv2.INTER_AREA)
    ground = cv2.GaussianBlur(cv2.resize(small, (full_width, full_height), interpolation=cv2.INTER_CUBIC), (0, 0), 9)
    left, top = (full_width - width) // 2, (full_height - height) // 2
    ground[top : top + height, left : left + width] = part
    return ground.astype(np.uint8, copy=False)

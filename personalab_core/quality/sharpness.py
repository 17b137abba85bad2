"""Sharpness by the variance of the Laplacian, relative to the anchor's.

Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy" (ICPR 2000): the
variance of the Laplacian response falls when a picture loses fine detail.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from personalab_core.errors import InputError
from personalab_core.quality.schemas import FrameSharpness

DEFAULT_MIN_SHARPNESS_RATIO = 0.4
"""From the specification's measured runs: below it a frame counts as overly smoothed."""

FACE_HEIGHT_PX = 112
"""Face regions are compared at no more than this height, the recognisers' own."""
_LEAST_VARIANCE = 1e-6
MIN_CROP_PX = 16
"""A region with a smaller side says nothing about sharpness."""

Picture = npt.NDArray[np.uint8]
Box = tuple[float, float, float, float]


def as_grey(image: Picture) -> Picture:
    """Return ``image`` ((H, W, 3) uint8 BGR, or (H, W) uint8) as (H, W) uint8 luma.

    Raises:
        InputError: Wrong dtype or shape.
    """
    import cv2

    if image.dtype != np.uint8 or image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3):
        raise InputError(f"a frame must be uint8 of shape (H, W, 3) or (H, W), got {image.dtype} {image.shape}.")
    return image if image.ndim == 2 else np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)


def laplacian_variance(image: Picture) -> float:
    """Return the variance of the 3x3 Laplacian of the picture's luma; 0 for a flat picture.

    It depends on the picture's size: compare pictures of one size only.
    """
    import cv2

    # Whole numbers of at most 4 * 255: 16 bits hold them exactly, and sums of them are a tenth of the cost of
    # OpenCV's standard deviation.
    response = cv2.Laplacian(as_grey(image), cv2.CV_16S)
    mean = cv2.sumElems(response)[0] / response.size
    return float(max(0.0, cv2.norm(response, cv2.NORM_L2SQR) / response.size - mean * mean))


class SharpnessEvaluator:
    """Compares frames with the anchor: ``sharpness_ratio = frame variance / anchor variance``.

    Both are compared at one height, because the variance depends on the scale: at most half of the smaller one's,
    because a picture that is hardly reduced is softened by it, and one that is not reduced is not. Equally sharp
    pictures of whatever sizes then differ by a ratio of 1.0 to 1.45 (compared at the smaller one's own height: .4
    to 2.3; own measurement on a 1/f scene).
    """

    def __init__(self, min_sharpness_ratio: float = DEFAULT_MIN_SHARPNESS_RATIO) -> None:
        if min_sharpness_ratio <= 0:
            raise InputError(f"min_sharpness_ratio must be positive, got {min_sharpness_ratio}.")
        self.min_sharpness_ratio = min_sharpness_ratio

    def evaluate(self, frames: list[Picture], *, anchor: Picture) -> tuple[FrameSharpness, ...]:
        """Return one result per frame, in order.

        Args:
            frames: (H, W, 3) uint8 BGR pictures.
            anchor: (H, W, 3) uint8 BGR picture to compare with.

        Raises:
            InputError: The anchor is flat, so that no ratio exists.
        """
        against = self.against(anchor)
        return tuple(against.frame(Halvings(as_grey(frame))) for frame in frames)

    def against(self, anchor: Picture, *, face_box: Box | None = None) -> AnchorSharpness:
        """Return what compares frames with this anchor, one by one.

        Args:
            anchor: (H, W, 3) uint8 BGR picture.
            face_box: x0, y0, x1, y1 of its face in pixels, if the face regions are to be compared.

        Raises:
            InputError: The anchor is flat, so that no ratio exists.
        """
        return AnchorSharpness(anchor, face_box, self.min_sharpness_ratio)


class Halvings:
    """A grey picture, and what is left of it when it is halved again and again, each made once when it is asked for."""

    def __init__(self, grey: Picture) -> None:
        self._levels = [grey]

    def level(self, n: int) -> Picture:
        """Return the picture halved ``n`` times: means of 2x2 pixels, for which OpenCV needs hardly any time."""
        while len(self._levels) <= n:
            self._levels.append(_halved(self._levels[-1]))
        return self._levels[n]


class AnchorSharpness:
    """The sharpness of one anchor, whole and of its face, with which frames are compared."""

    def __init__(self, anchor: Picture, face_box: Box | None, min_sharpness_ratio: float) -> None:
        grey = as_grey(anchor)
        self._min_ratio = min_sharpness_ratio
        self._whole = _Reference(grey)
        if self._whole.variance_at(grey.shape[0]) == 0:
            raise InputError("the anchor has no detail at all (one flat colour); no sharpness ratio exists.")
        face = _crop(grey, face_box) if face_box is not None else None
        self._face = _Reference(face) if face is not None else None

    def frame(self, frame: Halvings, *, face_box: Box | None = None) -> FrameSharpness:
        """Return the sharpness of a frame, and of its face if its box is given."""
        grey = frame.level(0)
        factor = _factor(grey.shape[0], min(grey.shape[0], self._whole.height) // 2)
        reduced = _reduced(frame, factor + factor % 2)  # even: a large picture is halved first, which is quickest
        variance = laplacian_variance(reduced)
        ratio = variance / max(self._whole.variance_at(reduced.shape[0]), _LEAST_VARIANCE)
        return FrameSharpness(
            laplacian_variance=variance,
            sharpness_ratio=ratio,
            sharp_enough=ratio >= self._min_ratio,
            face_sharpness_ratio=self._face_ratio(grey, face_box) if face_box is not None else None,
        )

    def _face_ratio(self, grey: Picture, box: Box) -> float | None:
        face = _crop(grey, box)
        if face is None or self._face is None:
            return None
        # What a small face cannot show is not counted against it.
        factor = _factor(face.shape[0], min(FACE_HEIGHT_PX, face.shape[0] // 2, self._face.height // 2))
        reduced = _reduced(Halvings(face), factor)
        reference = self._face.variance_at(_one_of_few(reduced.shape[0]))
        return laplacian_variance(reduced) / reference if reference else None


class _Reference:
    """A grey picture and its Laplacian variance at each height it was asked for."""

    def __init__(self, grey: Picture) -> None:
        self._grey = grey
        self._variances: dict[int, float] = {}

    @property
    def height(self) -> int:
        return int(self._grey.shape[0])

    def variance_at(self, height: int) -> float:
        if height not in self._variances:
            self._variances[height] = laplacian_variance(_to_height(self._grey, height))
        return self._variances[height]


def _crop(grey: Picture, box: Box) -> Picture | None:
    """Return the part of a picture inside a box, ``None`` if hardly anything of it is."""
    x0, y0, x1, y1 = (max(0, round(value)) for value in box)
    part = grey[y0:y1, x0:x1]
    return part if min(part.shape) >= MIN_CROP_PX else None


def _one_of_few(height: int) -> int:
    """Return a height less than 5 % smaller: faces come in every size, and scaling the anchor to each is dear."""
    return height - height % 4 if height > FACE_HEIGHT_PX // 2 else height


def _factor(height: int, most: int) -> int:
    """Return by which whole number a height has to be divided to be no more than another."""
    return -(-height // max(1, most))


def _reduced(picture: Halvings, factor: int) -> Picture:
    """Return a picture made smaller by a whole number: means of squares of pixels, halved first as far as it goes."""
    import cv2

    twice = 0
    while factor % 2 == 0:
        factor, twice = factor // 2, twice + 1
    image = picture.level(twice)
    if factor == 1:
        return image
    rows, columns = image.shape[0] // factor, max(1, image.shape[1] // factor)
    part = image[: rows * factor, : columns * factor]
    return np.asarray(cv2.resize(part, (columns, rows), interpolation=cv2.INTER_AREA), np.uint8)


def _halved(image: Picture) -> Picture:
    import cv2

    rows, columns = max(1, image.shape[0] // 2), max(1, image.shape[1] // 2)
    even = image[: 2 * rows, : 2 * columns]
    return np.asarray(cv2.resize(even, (columns, rows), interpolation=cv2.INTER_AREA), np.uint8)


def _to_height(image: Picture, height: int) -> Picture:
    import cv2

    width = max(1, round(image.shape[1] * height / image.shape[0]))
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)

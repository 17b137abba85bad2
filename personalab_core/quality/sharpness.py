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

Picture = npt.NDArray[np.uint8]


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

    return float(cv2.Laplacian(as_grey(image), cv2.CV_64F).var())


class SharpnessEvaluator:
    """Compares frames with the anchor: ``sharpness_ratio = frame variance / anchor variance``.

    A frame is brought to the anchor's height first, because the variance depends on the scale.
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
        reference = laplacian_variance(anchor)
        if reference == 0:
            raise InputError("the anchor has no detail at all (one flat colour); no sharpness ratio exists.")
        return tuple(self._one(frame, anchor.shape[0], reference) for frame in frames)

    def _one(self, frame: Picture, anchor_height: int, reference: float) -> FrameSharpness:
        variance = laplacian_variance(_to_height(frame, anchor_height))
        ratio = variance / reference
        return FrameSharpness(
            laplacian_variance=variance, sharpness_ratio=ratio, sharp_enough=ratio >= self.min_sharpness_ratio
        )


def _to_height(image: Picture, height: int) -> Picture:
    import cv2

    if image.shape[0] == height:
        return image
    width = max(1, round(image.shape[1] * height / image.shape[0]))
    shrink = height < image.shape[0]
    return np.asarray(
        cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if shrink else cv2.INTER_LINEAR), np.uint8
    )

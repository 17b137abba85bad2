"""Results of looking at pixels, never at who is in them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from personalab_core.schemas import Contract

HistogramMethod = Literal["bhattacharyya", "chi_squared", "correlation"]
Degradation = Literal["none", "textural", "illumination", "both"]


class FrameSharpness(Contract):
    """Sharpness of one frame: its Laplacian variance, and that over the anchor's.

    ``face_sharpness_ratio`` compares the face regions alone, both at one size: a sharp
    background cannot hide a soft face. ``None`` where no face was seen; no limit of it is
    calibrated. ``duplicate`` says that the frame shows nothing new against the one before.
    """

    laplacian_variance: float = Field(ge=0)
    sharpness_ratio: float = Field(ge=0)
    sharp_enough: bool
    face_sharpness_ratio: float | None = None
    duplicate: bool = False


class VideoQualityResult(Contract):
    """Sharpness and steadiness of light over the sampled frames. Advisory only.

    ``max_histogram_distance`` and ``mean_histogram_distance`` are ``None`` for fewer than two
    frames, ``mean_face_sharpness_ratio`` where no face was seen. ``longest_frozen_s`` is the
    longest time over which sampled frames show nothing new.
    """

    frames: tuple[FrameSharpness, ...] = Field(min_length=1)
    mean_sharpness_ratio: float
    min_sharpness_ratio: float
    sharpness_ok: bool
    histogram_method: HistogramMethod
    histogram_distances: tuple[float, ...]
    mean_histogram_distance: float | None
    max_histogram_distance: float | None
    illumination_ok: bool
    mean_face_sharpness_ratio: float | None = None
    n_duplicate_frames: int = Field(default=0, ge=0)
    longest_frozen_s: float = Field(default=0.0, ge=0)

    @property
    def degradation(self) -> Degradation:
        """Which of the two axes is degraded."""
        if self.sharpness_ok:
            return "none" if self.illumination_ok else "illumination"
        return "textural" if self.illumination_ok else "both"


class PostProcessingAdvice(Contract):
    """What may be done to the pixels. Identity thresholds are never part of it."""

    identity_stable: bool
    quality_degraded: bool
    degradation: Degradation
    recommend_sharpening: bool
    recommend_super_resolution: bool
    manual_review: bool
    sentence: str

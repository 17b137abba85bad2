"""Sharpness and light of one set of frames, together."""

from __future__ import annotations

from statistics import fmean

from personalab_core.errors import InputError
from personalab_core.quality.illumination import IlluminationEvaluator
from personalab_core.quality.schemas import VideoQualityResult
from personalab_core.quality.sharpness import Picture, SharpnessEvaluator


class VideoQualityEvaluator:
    """Judges frames that somebody else extracted; it never looks at who is in them."""

    def __init__(
        self, sharpness: SharpnessEvaluator | None = None, illumination: IlluminationEvaluator | None = None
    ) -> None:
        self.sharpness = sharpness or SharpnessEvaluator()
        self.illumination = illumination or IlluminationEvaluator()

    def evaluate(self, frames: list[Picture], *, anchor: Picture) -> VideoQualityResult:
        """Return the quality of ``frames`` ((H, W, 3) uint8 BGR, in order of time) against ``anchor``.

        The mean sharpness ratio decides ``sharpness_ok``, the largest step ``illumination_ok``.

        Raises:
            InputError: No frames were handed in.
        """
        if not frames:
            raise InputError("no frames to judge: extract at least one first.")
        sharpness = self.sharpness.evaluate(frames, anchor=anchor)
        ratios = [f.sharpness_ratio for f in sharpness]
        distances = self.illumination.evaluate(frames)
        return VideoQualityResult(
            frames=sharpness,
            mean_sharpness_ratio=fmean(ratios),
            min_sharpness_ratio=min(ratios),
            sharpness_ok=fmean(ratios) >= self.sharpness.min_sharpness_ratio,
            histogram_method=self.illumination.method,
            histogram_distances=distances,
            mean_histogram_distance=fmean(distances) if distances else None,
            max_histogram_distance=max(distances) if distances else None,
            illumination_ok=self.illumination.steady(distances),
        )

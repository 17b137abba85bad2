"""Sharpness and light of one set of frames, together."""

from __future__ import annotations

from statistics import fmean

import numpy as np
import numpy.typing as npt

from personalab_core.errors import InputError
from personalab_core.quality.frozen import longest_frozen_s, shows_nothing_new, thumb
from personalab_core.quality.illumination import IlluminationEvaluator, grey_histogram, histogram_distance
from personalab_core.quality.schemas import FrameSharpness, VideoQualityResult
from personalab_core.quality.sharpness import Box, Halvings, Picture, SharpnessEvaluator, as_grey

_NO_FRAMES = "no frames to judge: extract at least one first."


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
        Frames without times count as one second apart.

        Raises:
            InputError: No frames were handed in.
        """
        if not frames:
            raise InputError(_NO_FRAMES)
        watch = self.watch(anchor)
        for number, frame in enumerate(frames):
            watch.add(frame, time_s=float(number))
        return watch.result()

    def watch(self, anchor: Picture, *, face_box: Box | None = None) -> QualityWatch:
        """Return what takes frames one by one, so that none has to be kept.

        Args:
            anchor: (H, W, 3) uint8 BGR picture.
            face_box: x0, y0, x1, y1 of its face in pixels, if the face regions are to be compared.

        Raises:
            InputError: The anchor is flat, so that no ratio exists.
        """
        return QualityWatch(self, anchor, face_box)


class QualityWatch:
    """The quality of the frames seen so far. Of the last one only a histogram and a thumb are kept."""

    def __init__(self, evaluator: VideoQualityEvaluator, anchor: Picture, face_box: Box | None) -> None:
        self._illumination = evaluator.illumination
        self._min_ratio = evaluator.sharpness.min_sharpness_ratio
        self._anchor = evaluator.sharpness.against(anchor, face_box=face_box)
        self._frames: list[FrameSharpness] = []
        self._times_s: list[float] = []
        self._distances: list[float] = []
        self._last: tuple[npt.NDArray[np.float32], Picture] | None = None

    def add(self, image: Picture, *, time_s: float, face_box: Box | None = None) -> None:
        """Take the next frame ((H, W, 3) uint8 BGR or (H, W) grey), with its time and the box of the persona's face."""
        frame = Halvings(as_grey(image))
        histogram, small = grey_histogram(frame.level(0)), thumb(frame)
        sharpness = self._anchor.frame(frame, face_box=face_box)
        if self._last is not None:
            distance = histogram_distance(self._last[0], histogram, method=self._illumination.method)
            self._distances.append(distance)
            sharpness = sharpness.model_copy(update={"duplicate": shows_nothing_new(self._last[1], small)})
        self._frames.append(sharpness)
        self._times_s.append(time_s)
        self._last = (histogram, small)

    def result(self) -> VideoQualityResult:
        """Return the quality of all frames.

        Raises:
            InputError: There was none.
        """
        if not self._frames:
            raise InputError(_NO_FRAMES)
        ratios = [f.sharpness_ratio for f in self._frames]
        of_faces = [f.face_sharpness_ratio for f in self._frames if f.face_sharpness_ratio is not None]
        duplicates = [f.duplicate for f in self._frames]
        distances = tuple(self._distances)
        return VideoQualityResult(
            frames=tuple(self._frames),
            mean_sharpness_ratio=fmean(ratios),
            min_sharpness_ratio=min(ratios),
            sharpness_ok=fmean(ratios) >= self._min_ratio,
            histogram_method=self._illumination.method,
            histogram_distances=distances,
            mean_histogram_distance=fmean(distances) if distances else None,
            max_histogram_distance=max(distances) if distances else None,
            illumination_ok=self._illumination.steady(distances),
            mean_face_sharpness_ratio=fmean(of_faces) if of_faces else None,
            n_duplicate_frames=sum(duplicates),
            longest_frozen_s=longest_frozen_s(self._times_s, duplicates),
        )

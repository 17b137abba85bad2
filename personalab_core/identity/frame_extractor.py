"""Frames of a video with their times, decoded once and in order.

Sequential decoding: on ordinary H.264 (one key frame in 250) seeking to each sampled
frame costs about six times as much as decoding through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from personalab_core.errors import InputError, MissingDependencyError
from personalab_core.schemas.video import SampledFrame

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame

DEFAULT_FRAMES_PER_SECOND = 5.0
"""Dense enough to meet an event of 0.2 s; the result states what could still be missed."""
Picture = npt.NDArray[np.uint8]
Strategy = Literal["uniform", "face_detected"]


@dataclass(frozen=True, slots=True, eq=False)
class ExtractedFrame:
    """One frame: where it stands, and its picture as (H, W, 3) uint8 BGR, upright."""

    position: SampledFrame
    image: Picture = field(repr=False)


class FrameExtractor:
    """Samples frames evenly in time, or only those on which ``has_face`` says yes.

    Args:
        frames_per_second: Sampling rate in frames per second of video.
        max_frames: Upper bound; sampling is thinned evenly to it when the duration is known.
        strategy: ``uniform``, or ``face_detected`` (needs ``has_face``).
        has_face: Tells whether a (H, W, 3) uint8 BGR picture shows a face.
    """

    def __init__(
        self,
        frames_per_second: float = DEFAULT_FRAMES_PER_SECOND,
        *,
        max_frames: int | None = None,
        strategy: Strategy = "uniform",
        has_face: Callable[[Picture], bool] | None = None,
    ) -> None:
        if frames_per_second <= 0:
            raise InputError(f"frames_per_second must be positive, got {frames_per_second}.")
        if strategy == "face_detected" and has_face is None:
            raise InputError("the face_detected strategy needs has_face, a function that finds faces.")
        self.frames_per_second = frames_per_second
        self.max_frames = max_frames
        self.strategy: Strategy = strategy
        self._has_face = has_face

    def extract(self, video_path: str | Path) -> tuple[ExtractedFrame, ...]:
        """Return the sampled frames in order of time; at least one.

        Raises:
            InputError: The file is missing, is no video, or no frame of it can be decoded.
        """
        frames = tuple(self.frames(video_path))
        if not frames:
            raise InputError(f"{Path(video_path).name} holds no frame that can be used; is it a complete video?")
        return frames

    def frames(self, video_path: str | Path) -> Iterator[ExtractedFrame]:
        """Yield sampled frames one by one, so that a long video never sits in memory."""
        with _open(Path(video_path)) as container:
            interval_s = self._interval_s(container)
            due_s = 0.0
            for index, (time_s, frame) in enumerate(_decoded(container, Path(video_path).name)):
                if time_s + 1e-6 < due_s:
                    continue
                due_s = max(due_s + interval_s, time_s + interval_s / 2)
                image = _upright_bgr(frame)
                if self.strategy == "uniform" or (self._has_face is not None and self._has_face(image)):
                    yield ExtractedFrame(SampledFrame(index=index, time_s=time_s), image)

    def _interval_s(self, container: InputContainer) -> float:
        interval_s = 1.0 / self.frames_per_second
        duration_s = (container.duration or 0) / 1_000_000
        if self.max_frames and duration_s:
            interval_s = max(interval_s, duration_s / self.max_frames)
        return interval_s


def _open(path: Path) -> InputContainer:
    try:
        import av
    except ImportError as error:
        raise MissingDependencyError(
            "Reading videos needs the 'av' package, which is not installed. Install it with: pip install av"
        ) from error
    if not path.is_file():
        raise InputError(f"there is no video at {path}.")
    try:
        container = av.open(str(path))
    except (av.FFmpegError, ValueError) as error:
        raise InputError(f"{path.name} is not a video that can be opened.") from error
    if not container.streams.video:
        container.close()
        raise InputError(f"{path.name} has no picture track (sound only).")
    return container


def _decoded(container: InputContainer, name: str) -> Iterator[tuple[float, VideoFrame]]:
    """Yield (time_s, frame); a damaged tail ends the video there, if anything was decoded before."""
    import av

    stream = container.streams.video[0]
    stream.thread_type = "AUTO"
    first: float | None = None
    try:
        for frame in container.decode(stream):
            time_s = float(frame.time or 0.0)
            first = time_s if first is None else first
            yield max(0.0, time_s - first), frame
    except av.FFmpegError as error:
        if first is None:
            raise InputError(f"{name} is damaged: no frame of it can be decoded.") from error


def _upright_bgr(frame: VideoFrame) -> Picture:
    image = frame.to_ndarray(format="bgr24")
    quarter_turns = round((frame.rotation or 0) / 90) % 4
    return np.ascontiguousarray(np.rot90(image, quarter_turns), dtype=np.uint8)

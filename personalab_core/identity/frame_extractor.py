"""Frames of a video with their times, decoded once and in order.

Sequential decoding: on ordinary H.264 (one key frame in 250) seeking to each sampled
frame costs about six times as much as decoding through.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from personalab_core.errors import InputError, MissingDependencyError
from personalab_core.identity.face_runtime import available_threads
from personalab_core.schemas.video import SampledFrame

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

DEFAULT_FRAMES_PER_SECOND = 5.0
"""Dense enough to meet an event of 0.2 s; the result states what could still be missed."""
MISSING_TAIL_S = 0.5
MISSING_TAIL_SHARE = 0.05
"""A file whose last frame comes this much before its stated end breaks off (sound may run a little longer)."""
_INTERVALS_KEPT = 512
_PLANAR_8_BIT = frozenset({"yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "nv12"})
_FULL_RANGE = 2
# H.264 and its kin keep luma in 16 to 235 unless they say otherwise (ITU-R BT.601 and BT.709).
_TO_FULL_RANGE = np.clip(np.round((np.arange(256) - 16) * 255 / 219), 0, 255).astype(np.uint8)
_FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,ogg,asf,gif,h264,hevc,mp3,wav,flac,aac"
"""Formats that are opened; sounds only to say that they are."""
MAX_DECODER_THREADS = 4
"""Each decoding thread holds frames of its own: with all 64 cores of a server, 4K would fill gigabytes."""

Picture = npt.NDArray[np.uint8]
Strategy = Literal["uniform", "face_detected"]


@dataclass(frozen=True, slots=True, eq=False)
class ExtractedFrame:
    """One frame: where it stands, and its picture.

    Attributes:
        position: Number and time.
        image: (H, W, 3) uint8 BGR, upright.
        luma: (H, W) uint8, the same in grey levels from 0 to 255.
    """

    position: SampledFrame
    image: Picture = field(repr=False)
    luma: Picture = field(repr=False)


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """What reading a video found out about it.

    Attributes:
        width_px: Width of the upright frame.
        height_px: Height of the upright frame.
        container: Name of the file format, as FFmpeg calls it.
        stated_duration_s: What the file says it lasts; ``None`` if it does not say.
        decoded_duration_s: From the first decoded frame to the end of the last one.
        n_decoded: Frames decoded so far.
        n_skipped: Frames that were due, but left out for having no face.
        has_sound: Whether there is a sound track.
        variable_frame_rate: Whether frames come at uneven times.
        complete: False if decoding broke off, or frames are missing at the stated end.
    """

    width_px: int
    height_px: int
    container: str
    stated_duration_s: float | None
    decoded_duration_s: float
    n_decoded: int
    n_skipped: int
    has_sound: bool
    variable_frame_rate: bool
    complete: bool


class VideoReading:
    """One pass over a video: iterate once for the sampled frames, then ask for :attr:`facts`.

    Only the frame handed out is held in memory, whatever the length of the video.
    """

    def __init__(self, source: Path | bytes, name: str, extractor: FrameExtractor) -> None:
        self._source = source
        self._name = name
        self._extractor = extractor
        self._facts: VideoFacts | None = None

    @property
    def facts(self) -> VideoFacts:
        """What was found so far; whole only after the last frame was handed out.

        Raises:
            InputError: No frame was decoded yet.
        """
        if self._facts is None:
            raise InputError(f"no frame of {self._name} was decoded yet.")
        return self._facts

    def __iter__(self) -> Iterator[ExtractedFrame]:
        with _open(self._source, self._name) as container:
            pass_over = _Pass(container)
            interval_s = self._extractor.interval_s(pass_over.stated_duration_s)
            due_s = 0.0
            for index, (time_s, frame) in enumerate(pass_over.decoded(self._name)):
                if time_s + 1e-6 < due_s:
                    continue
                due_s = max(due_s + interval_s, time_s + interval_s / 2)
                image = pass_over.bgr(frame)
                pass_over.size = (image.shape[1], image.shape[0])
                wanted = self._extractor.wants(image)
                pass_over.n_skipped += not wanted
                self._facts = pass_over.facts(ended=False)
                if wanted:
                    yield ExtractedFrame(SampledFrame(index=index, time_s=time_s), image, pass_over.luma(frame, image))
            if pass_over.n_decoded:
                self._facts = pass_over.facts(ended=True)


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
        if max_frames is not None and max_frames < 1:
            raise InputError(f"max_frames must be at least 1, got {max_frames}.")
        if strategy == "face_detected" and has_face is None:
            raise InputError("the face_detected strategy needs has_face, a function that finds faces.")
        self.frames_per_second = frames_per_second
        self.max_frames = max_frames
        self.strategy: Strategy = strategy
        self._has_face = has_face

    def extract(self, video_path: str | Path) -> tuple[ExtractedFrame, ...]:
        """Return the sampled frames in order of time; at least one. All of them are held in memory.

        Raises:
            InputError: The file is missing, is no video, or no frame of it can be decoded.
        """
        frames = tuple(self.read(video_path))
        if not frames:
            raise InputError(f"{Path(video_path).name} holds no frame that can be used; is it a complete video?")
        return frames

    def frames(self, video_path: str | Path) -> Iterator[ExtractedFrame]:
        """Yield sampled frames one by one, so that a long video never sits in memory."""
        return iter(self.read(video_path))

    def read(self, video_path: str | Path) -> VideoReading:
        """Return one pass over a video, which also tells what the file was like."""
        return VideoReading(Path(video_path), Path(video_path).name, self)

    def interval_s(self, duration_s: float | None) -> float:
        """Return the seconds between two sampled frames of a video of this length."""
        interval_s = 1.0 / self.frames_per_second
        if self.max_frames and duration_s:
            interval_s = max(interval_s, duration_s / self.max_frames)
        return interval_s

    def wants(self, image: Picture) -> bool:
        """Return whether the strategy takes a frame that is due."""
        return self.strategy == "uniform" or (self._has_face is not None and self._has_face(image))


def first_frame(data: bytes, *, name: str) -> tuple[VideoFacts, Picture]:
    """Return what a video in memory is, and its first frame as (H, W, 3) uint8 BGR, upright.

    Raises:
        InputError: It is no video, or no frame of it can be decoded.
    """
    reading = VideoReading(data, name, FrameExtractor())
    for frame in reading:
        return reading.facts, frame.image
    raise InputError(f"{name} holds no frame that can be decoded; is it a complete video?")


def picture_at(video_path: str | Path, index: int) -> Picture:
    """Return the frame with this number in decoding order as (H, W, 3) uint8 BGR, upright.

    Decodes up to it.

    Raises:
        InputError: The video cannot be decoded that far.
    """
    for _, image in pictures_at(video_path, [index]):
        return image
    raise InputError(f"{Path(video_path).name} has no frame {index}.")


def pictures_at(video_path: str | Path, indices: Collection[int]) -> Iterator[tuple[int, Picture]]:
    """Yield the frames with these numbers in decoding order, as :func:`picture_at` does, in one pass.

    Raises:
        InputError: The file is no video, or no frame of it can be decoded.
    """
    path, wanted = Path(video_path), set(indices)
    with _open(path, path.name) as container:
        pass_over = _Pass(container)
        for number, (_, frame) in enumerate(pass_over.decoded(path.name)):
            if number in wanted:
                yield number, pass_over.bgr(frame)
            if number >= max(wanted, default=0):
                return


class _Pass:
    """Decodes a container once and counts on the way."""

    def __init__(self, container: InputContainer) -> None:
        from av.video.reformatter import VideoReformatter

        self._container = container
        self._stream = _pictures_of(container)[0]
        self._stream.thread_type = "AUTO"
        self._stream.codec_context.thread_count = min(MAX_DECODER_THREADS, available_threads())
        self._pixel_aspect = _pixel_aspect(self._stream)
        # One for all frames: each opened for its own would start threads of its own, too (3 ms).
        self._reformatter = VideoReformatter()
        self._times_s: list[float] = []
        self._broken = False
        self.stated_duration_s = container.duration / 1_000_000 if container.duration else None
        self.size = (self._stream.width, self._stream.height)
        self.n_decoded = 0
        self.n_skipped = 0
        self._last_s = 0.0

    def decoded(self, name: str) -> Iterator[tuple[float, VideoFrame]]:
        """Yield (time_s, frame); a damaged tail ends the video there, if anything was decoded before."""
        import av

        first: float | None = None
        try:
            for frame in self._container.decode(self._stream):
                time_s = float(frame.time or 0.0)
                first = time_s if first is None else first
                self._last_s = max(0.0, time_s - first)
                self.n_decoded += 1
                if len(self._times_s) < _INTERVALS_KEPT:
                    self._times_s.append(self._last_s)
                yield self._last_s, frame
        except av.FFmpegError as error:
            if first is None:
                raise InputError(f"{name} is damaged: no frame of it can be decoded.") from error
            self._broken = True
        if first is None:
            raise InputError(f"{name} holds no frame that can be decoded; is it a complete video?")

    def bgr(self, frame: VideoFrame) -> Picture:
        """Return a frame as (H, W, 3) uint8 BGR, upright, its pixels square."""
        return self._upright(
            frame, np.asarray(self._reformatter.reformat(frame, format="bgr24").to_ndarray(), np.uint8)
        )

    def luma(self, frame: VideoFrame, image: Picture) -> Picture:
        """Return the grey levels of a frame: the decoder's own if it has them in 8 bits, else those of ``image``."""
        import cv2

        if frame.format.name not in _PLANAR_8_BIT:
            return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
        plane = frame.planes[0]
        grey = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)[:, : frame.width]
        full_range = frame.format.name.startswith("yuvj") or int(frame.color_range) == _FULL_RANGE
        # Copied: the plane belongs to the decoder.
        return self._upright(frame, grey.copy() if full_range else np.asarray(cv2.LUT(grey, _TO_FULL_RANGE), np.uint8))

    def _upright(self, frame: VideoFrame, image: Picture) -> Picture:
        import cv2

        if self._pixel_aspect != 1:
            wide = (max(1, round(image.shape[1] * self._pixel_aspect)), image.shape[0])
            image = np.asarray(cv2.resize(image, wide, interpolation=cv2.INTER_AREA), np.uint8)
        quarter_turns = round((frame.rotation or 0) / 90) % 4
        return np.ascontiguousarray(np.rot90(image, quarter_turns))

    def facts(self, *, ended: bool) -> VideoFacts:
        """Return what was found so far."""
        intervals = [b - a for a, b in pairwise(self._times_s)]
        typical_s = sorted(intervals)[len(intervals) // 2] if intervals else 0.0
        decoded_s = self._last_s + typical_s
        stated_s = self.stated_duration_s or decoded_s
        missing = ended and stated_s - decoded_s > max(MISSING_TAIL_S, MISSING_TAIL_SHARE * stated_s)
        return VideoFacts(
            width_px=self.size[0],
            height_px=self.size[1],
            container=self._container.format.name,
            stated_duration_s=self.stated_duration_s,
            decoded_duration_s=decoded_s,
            n_decoded=self.n_decoded,
            n_skipped=self.n_skipped,
            has_sound=bool(self._container.streams.audio),
            variable_frame_rate=any(abs(i - typical_s) > 0.1 * typical_s + 1e-4 for i in intervals),
            complete=not (self._broken or missing),
        )


def _open(source: Path | bytes, name: str) -> InputContainer:
    try:
        import av
    except ImportError as error:
        raise MissingDependencyError(
            "Reading videos needs the 'av' package, which is not installed. Install it with: pip install av"
        ) from error
    if isinstance(source, Path) and not source.is_file():
        raise InputError(f"there is no video at {source}.")
    try:
        # Only files, and only formats that hold a video themselves: a playlist could name files and addresses.
        container = av.open(
            str(source) if isinstance(source, Path) else io.BytesIO(source),
            mode="r",
            container_options={"format_whitelist": _FORMATS},
        )
    except (av.FFmpegError, ValueError) as error:
        raise InputError(f"{name} is not a video that can be opened.") from error
    if not _pictures_of(container):
        container.close()
        raise InputError(f"{name} has no picture track (sound only).")
    return container


def _pictures_of(container: InputContainer) -> list[VideoStream]:
    """Return the picture tracks; the cover of a piece of music is none."""
    from av.stream import Disposition

    return [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]


def _pixel_aspect(stream: VideoStream) -> Fraction:
    """Return how much wider than high a pixel is to be shown; 1 if the file does not say, or says nonsense."""
    aspect = stream.sample_aspect_ratio
    return Fraction(aspect) if aspect and Fraction(1, 4) <= aspect <= 4 else Fraction(1)

"""A video in a channel's shape: one crop for all frames, encoded anew; its sound is copied.

What asks for nothing of the pixels, such as the channel ``original``, leaves a video bit for bit as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ConfigDict, ValidationError

from personalab_core.config.atomic_files import workspace_errors
from personalab_core.identity.frame_extractor import ExtractedFrame, FrameExtractor
from personalab_core.publishing.channels import Channel
from personalab_core.publishing.crop import Box, CropPlan, face_box
from personalab_core.publishing.finishing import Finish, Picture, channel_crop, finish_pixels
from personalab_core.schemas.contract import Contract
from personalab_core.schemas.video import VideoIdentityResult

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer

EVERY_FRAME = 1000.0
"""More frames a second than any video has, so that none is left out."""
_CLOCK = Fraction(1, 90_000)
_QUALITY = {"crf": "18", "preset": "medium"}
"""x264's constant rate factor; FFmpeg's own guide calls 17 to 18 visually lossless."""


@dataclass(frozen=True, slots=True)
class FinishedVideo:
    """What was done to a video.

    Attributes:
        width_px: Of the frames.
        height_px: Of the frames.
        crop: Part of every frame that was kept, ``None`` if all of it.
        edits: What was done, in order.
    """

    width_px: int
    height_px: int
    crop: CropPlan | None
    edits: tuple[str, ...]


class _Report(Contract):
    """The part of a measured video's report that says where the face is."""

    model_config = ConfigDict(extra="ignore")

    identity: VideoIdentityResult


def needs_finishing(width_px: int, height_px: int, channel: Channel, finish: Finish) -> bool:
    """Return whether anything is to be done to the pixels of a video of this size."""
    resized = channel.size is not None and channel.size != (width_px, height_px)
    return resized or finish.sharpen_amount > 0 or finish.super_resolve


def faces_of_report(report: Path) -> Box | None:
    """Return the box around the persona's face in all measured frames; ``None`` if the report does not say.

    Args:
        report: JSON beside the video, as the orchestrator writes it.
    """
    try:
        frames = _Report.model_validate_json(report.read_bytes()).identity.frames
    except (OSError, ValidationError):
        return None
    faces = [face_box(f.result.face.box, f.result.face.landmarks) for f in frames if f.result.face]
    if not faces:
        return None
    x0, y0, x1, y1 = zip(*faces, strict=True)
    return min(x0), min(y0), max(x1), max(y1)


def finish_video(source: Path, target: Path, channel: Channel, finish: Finish, *, faces: Box | None) -> FinishedVideo:
    """Write the video in a channel's shape as H.264; frames keep their times, sound is copied unchanged.

    Args:
        source: The video as it came.
        target: MP4 to write.
        channel: Shape; its format and quality are those of pictures.
        finish: What else is done; a look is left out, as its noise would flicker.
        faces: Box around the face in all frames, which the crop keeps; ``None`` if it is not known.

    Raises:
        InputError: The video cannot be decoded, or would have to be enlarged more than four times.
        WorkspaceError: ``target`` cannot be written.
    """
    frames = FrameExtractor(EVERY_FRAME).frames(source)
    first = next(frames)  # says so in a sentence if the decoder is not installed
    import av

    plan = channel_crop(first.image.shape[1], first.image.shape[0], channel, faces)
    pixels, edits = _even(finish_pixels(first.image, channel, finish, plan))
    with workspace_errors("write", target), av.open(str(source)) as old, av.open(str(target), "w", "mp4") as new:
        video = new.add_stream("libx264", rate=old.streams.video[0].average_rate or 25, options=_QUALITY)
        video.height, video.width = pixels.shape[:2]
        video.pix_fmt = "yuv420p"
        video.codec_context.time_base = _CLOCK
        sound = _Sound(old, new)
        for frame in chain([first], frames):
            sound.copy_until(frame.position.time_s)
            pixels, _ = _even(finish_pixels(frame.image, channel, finish, plan))
            new.mux(video.encode(_picture(pixels, frame)))
        new.mux(video.encode())
        sound.copy_until(float("inf"))
    return FinishedVideo(video.width, video.height, plan, edits)


class _Sound:
    """Copies the first sound track beside the pictures, so that the file can be played while it loads."""

    def __init__(self, old: InputContainer, new: OutputContainer) -> None:
        self._new = new
        self._stream = new.add_stream_from_template(old.streams.audio[0]) if old.streams.audio else None
        self._packets: Iterator[Any] = old.demux(audio=0) if old.streams.audio else iter(())
        self._next = next(self._packets, None)

    def copy_until(self, time_s: float) -> None:
        while self._next is not None and (self._next.dts is None or self._time_s() <= time_s):
            if self._next.dts is not None:  # the last packet only says that there is no more
                self._next.stream = self._stream
                self._new.mux(self._next)
            self._next = next(self._packets, None)

    def _time_s(self) -> float:
        return float(self._next.dts * self._next.time_base) if self._next is not None else 0.0


def _picture(pixels: Picture, frame: ExtractedFrame) -> Any:
    import av

    picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="bgr24")
    picture.pts, picture.time_base = round(frame.position.time_s / _CLOCK), _CLOCK
    return picture


def _even(finished: tuple[Picture, tuple[str, ...]]) -> tuple[Picture, tuple[str, ...]]:
    """Leave out the last row or column of an odd size: 4:2:0 video has none."""
    pixels, edits = finished
    return pixels[: pixels.shape[0] // 2 * 2, : pixels.shape[1] // 2 * 2], edits

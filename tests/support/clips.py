"""Small real videos whose every frame is known, and a client that answers with videos."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from personalab_core.errors import CapabilityError
from personalab_core.identity.facts import FaceFacts
from personalab_core.llm import ImagePart, LLMVideoResponse, Part
from tests.support.faces import FakeAnalyser
from tests.support.fakes import FakeLLMClient


def level_frame(level: int, *, width: int = 160, height: int = 200) -> npt.NDArray[np.uint8]:
    """A grey frame of this level with a checkerboard in its lower half, so that it has detail."""
    frame = np.full((height, width, 3), level, np.uint8)
    rows, columns = np.indices((height // 2, width))
    frame[height // 2 :] = (64 + 128 * ((rows // 8 + columns // 8) % 2)).astype(np.uint8)[..., None]
    return frame


def clip(
    frames: Sequence[npt.NDArray[np.uint8]],
    *,
    fps: int = 10,
    times_ms: Sequence[int] | None = None,
    options: dict[str, str] | None = None,
    sound: bool = False,
) -> bytes:
    """An H.264 mp4 of these BGR frames; at uneven times if ``times_ms`` gives them."""
    import av

    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4", options=options or {}) as container:
        stream = container.add_stream("libx264", rate=fps, options={"preset": "ultrafast", "crf": "12"})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.thread_count = 1
        if times_ms is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        audio = container.add_stream("aac", rate=8000, layout="mono") if sound else None
        for number, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="bgr24")
            if times_ms is not None:
                picture.pts, picture.time_base = times_ms[number], Fraction(1, 1000)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
        if audio is not None:
            _add_silence(container, audio, round(8000 * len(frames) / fps))
    return buffer.getvalue()


def faststart(data: bytes) -> bytes:
    """The same video remuxed with its index before the pictures."""
    import av

    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "a.mp4", Path(folder) / "b.mp4"
        source.write_bytes(data)
        with av.open(str(source)) as old, av.open(str(target), "w", options={"movflags": "+faststart"}) as new:
            stream = new.add_stream_from_template(old.streams.video[0])
            for packet in old.demux(video=0):
                if packet.dts is not None:
                    packet.stream = stream
                    new.mux(packet)
        return target.read_bytes()


def sound_only(seconds: float = 1.0) -> bytes:
    """An mp4 without pictures."""
    import av

    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        _add_silence(container, container.add_stream("aac", rate=8000, layout="mono"), round(8000 * seconds))
    return buffer.getvalue()


def _add_silence(container: Any, stream: Any, n_samples: int) -> None:
    import av

    silence = av.AudioFrame.from_ndarray(np.zeros((1, n_samples), np.float32), format="fltp", layout="mono")
    silence.sample_rate = 8000
    container.mux(stream.encode(silence))
    container.mux(stream.encode())


def level_clip(levels: Sequence[int], *, fps: int = 10) -> bytes:
    """A clip with one :func:`level_frame` per level."""
    return clip([level_frame(level) for level in levels], fps=fps)


class NearestAnalyser(FakeAnalyser):
    """Answers a frame with the faces of the nearest known brightness: encoding shifts levels a little."""

    def analyse(self, image_bgr: npt.NDArray[np.uint8]) -> FaceFacts:
        self.looks += 1
        height_px, width_px = image_bgr.shape[:2]
        level = min(self.faces, key=lambda known: abs(known - int(image_bgr[0, 0, 0])))
        return FaceFacts.of_faces(self.faces[level], width_px=width_px, height_px=height_px)


@dataclass(frozen=True)
class VideoRequest:
    """What a fake was asked to film; ``text`` joins all text parts."""

    parts: tuple[Part, ...]
    resolution: str
    aspect_ratio: str
    model_name: str
    seed: int | None

    @property
    def text(self) -> str:
        return "\n".join(part for part in self.parts if isinstance(part, str))

    @property
    def pictures(self) -> list[ImagePart]:
        return [part for part in self.parts if isinstance(part, ImagePart)]


@dataclass
class FakeVideoClient(FakeLLMClient):
    """Answers videos in the given order; the last answer comes back for ever."""

    videos: Sequence[bytes | LLMVideoResponse | Exception] = field(default=(), repr=False)
    video_requests: list[VideoRequest] = field(default_factory=list, repr=False)

    def with_seed(self, seed: int) -> Self:
        return type(self)(seed=seed, provider=self.provider, videos=self.videos, video_requests=self.video_requests)

    def generate_video(
        self, *, prompt: str | Sequence[Part], resolution: str, aspect_ratio: str, model_name: str
    ) -> LLMVideoResponse:
        if not self.videos:
            raise CapabilityError("the fake makes no video", provider=self.provider)
        parts = (prompt,) if isinstance(prompt, str) else tuple(prompt)
        self.video_requests.append(VideoRequest(parts, resolution, aspect_ratio, model_name, self.seed))
        answer = self.videos[min(len(self.video_requests), len(self.videos)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, LLMVideoResponse) else LLMVideoResponse(video_data=answer)

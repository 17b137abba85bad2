"""Frames come in order, with their own times, and bad files are named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from personalab_core.errors import InputError
from personalab_core.identity.frame_extractor import FrameExtractor

av = pytest.importorskip("av")
GREY_STEP = 10


def write_clip(path: Path, *, n_frames: int = 20, fps: int = 10) -> Path:
    """A 48x64 clip whose frame i is flat grey of level 10 * i."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = 48, 64, "yuv420p"
        for i in range(n_frames):
            picture = np.full((64, 48, 3), GREY_STEP * i, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode())
    return path


def level(image: np.ndarray) -> int:
    return round(float(image.mean()) / GREY_STEP)


def test_uniform_sampling_gives_every_second_frame(tmp_path: Path) -> None:
    """10 frames a second sampled at 5 a second: frames 0, 2, 4 ... at 0.0, 0.2, 0.4 ... s."""
    frames = FrameExtractor(5).extract(write_clip(tmp_path / "clip.mp4"))
    assert [level(f.image) for f in frames] == list(range(0, 20, 2))
    assert [f.position.time_s for f in frames] == pytest.approx([0.2 * i for i in range(10)])
    assert [f.position.index for f in frames] == list(range(0, 20, 2))
    assert frames[0].image.shape == (64, 48, 3)


def test_a_limit_thins_evenly_instead_of_cutting(tmp_path: Path) -> None:
    frames = FrameExtractor(10, max_frames=4).extract(write_clip(tmp_path / "clip.mp4"))
    assert [level(f.image) for f in frames] == [0, 5, 10, 15]


def test_only_frames_with_a_face_are_kept(tmp_path: Path) -> None:
    extractor = FrameExtractor(10, strategy="face_detected", has_face=lambda image: image.mean() > 100)
    assert min(level(f.image) for f in extractor.extract(write_clip(tmp_path / "clip.mp4"))) >= 10


def test_a_truncated_video_gives_what_can_be_decoded_or_a_clear_sentence(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "clip.mp4").read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"cut\.mp4"):
        FrameExtractor().extract(cut)


@pytest.mark.parametrize("content", [b"", b"not a video at all" * 50])
def test_what_is_no_video_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"clip\.mp4"):
        FrameExtractor().extract(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no video"):
        FrameExtractor().extract(tmp_path / "gone.mp4")


def test_sampling_by_faces_needs_a_face_finder() -> None:
    with pytest.raises(InputError, match="has_face"):
        FrameExtractor(strategy="face_detected")

"""Frames come in order, with their own times, and bad files are named."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from personalab_core.errors import InputError
from personalab_core.identity.frame_extractor import FrameExtractor, first_frame, picture_at
from tests.support.clips import clip, faststart, level_clip, level_frame, sound_only

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


def test_uneven_frame_times_are_kept_and_sampled_by_time(tmp_path: Path) -> None:
    """Frames at 0, 0.1, 0.2, then every 0.5 s: sampling at 5 a second takes each that is due."""
    path = tmp_path / "uneven.mp4"
    times_ms = [0, 100, 200, 700, 1200, 1700]
    path.write_bytes(clip([level_frame(20 * i) for i in range(6)], times_ms=times_ms))
    reading = FrameExtractor(5).read(path)
    frames = list(reading)
    assert [f.position.time_s for f in frames] == pytest.approx([0, 0.2, 0.7, 1.2, 1.7], abs=0.01)
    assert [f.position.index for f in frames] == [0, 2, 3, 4, 5]
    assert reading.facts.variable_frame_rate


def test_a_whole_video_says_so(tmp_path: Path) -> None:
    path = tmp_path / "whole.mp4"
    path.write_bytes(level_clip([50] * 20))
    reading = FrameExtractor().read(path)
    with pytest.raises(InputError, match="no frame"):
        _ = reading.facts
    assert len(list(reading)) == 10
    facts = reading.facts
    assert (facts.n_decoded, facts.complete, facts.variable_frame_rate, facts.has_sound) == (20, True, False, False)
    assert facts.decoded_duration_s == pytest.approx(2.0)


def test_a_video_that_breaks_off_is_read_as_far_as_it_goes_and_says_so(tmp_path: Path) -> None:
    """6 s of noise whose index stands at the front, cut after two thirds."""
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 255, (96, 64, 3), dtype=np.uint8) for _ in range(60)]
    path = tmp_path / "long.mp4"
    path.write_bytes(faststart(clip(noise)))
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    reading = FrameExtractor().read(cut)
    assert 10 <= len(list(reading)) <= 22
    assert not reading.facts.complete
    assert reading.facts.decoded_duration_s < 5 < (reading.facts.stated_duration_s or 0)


@pytest.mark.parametrize(("matrix", "corner"), [("quarter", "top right"), ("half", "bottom right")])
def test_a_rotated_video_comes_out_upright(tmp_path: Path, matrix: str, corner: str) -> None:
    """A frame stored 160x96 with a white corner at its top left, shown turned clockwise."""
    frame = np.full((96, 160, 3), 30, np.uint8)
    frame[:32, :32] = 220
    path = tmp_path / "turned.mp4"
    path.write_bytes(turned(clip([frame] * 4), matrix))
    image = FrameExtractor().extract(path)[0].image
    assert image.shape == ((160, 96, 3) if matrix == "quarter" else (96, 160, 3))
    bright = np.argwhere(image[..., 0] > 150).mean(axis=0) / image.shape[:2]
    where = f"{'top' if bright[0] < 0.5 else 'bottom'} {'left' if bright[1] < 0.5 else 'right'}"
    assert where == corner


def turned(data: bytes, matrix: str) -> bytes:
    """The same mp4 with the display matrix of its track set to a turn clockwise."""
    rows = {"quarter": (0, 1, 0, -1, 0, 0, 0, 0, 0x4000), "half": (-1, 0, 0, 0, -1, 0, 0, 0, 0x4000)}[matrix]
    encoded = b"".join((value * 0x10000).to_bytes(4, "big", signed=True) for value in rows)
    start = data.index(b"tkhd") + 4 + 40
    return data[:start] + encoded + data[start + 36 :]


def test_sound_beside_the_picture_does_not_matter_and_sound_alone_is_named(tmp_path: Path) -> None:
    both, alone = tmp_path / "both.mp4", tmp_path / "alone.mp4"
    both.write_bytes(clip([level_frame(60)] * 10, sound=True))
    reading = FrameExtractor().read(both)
    assert len(list(reading)) == 5
    assert reading.facts.has_sound
    alone.write_bytes(sound_only())
    with pytest.raises(InputError, match="sound only"):
        FrameExtractor().extract(alone)


def test_frames_without_a_face_are_counted_when_they_are_left_out(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4")
    reading = FrameExtractor(10, strategy="face_detected", has_face=lambda image: image.mean() > 100).read(path)
    assert len(list(reading)) + reading.facts.n_skipped == 20


def test_one_frame_can_be_fetched_by_its_number(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4")
    assert level(picture_at(path, 7)) == 7
    with pytest.raises(InputError, match="no frame 20"):
        picture_at(path, 20)


def test_the_first_frame_of_bytes_in_memory(tmp_path: Path) -> None:
    facts, image = first_frame(level_clip([40, 200]), name="x")
    assert (facts.width_px, facts.height_px, image.shape) == (160, 200, (200, 160, 3))
    with pytest.raises(InputError, match="x is not a video"):
        first_frame(b"", name="x")


def test_grey_levels_are_those_of_the_picture(tmp_path: Path) -> None:
    """The decoder's own luma, brought to the full range, is within 3 levels of the converted picture's."""
    rng = np.random.default_rng(1)
    picture = np.repeat(np.repeat(rng.integers(0, 255, (6, 8), dtype=np.uint8), 16, 0), 16, 1)
    path = tmp_path / "grey.mp4"
    path.write_bytes(clip([np.repeat(picture[..., None], 3, axis=2)] * 3))
    (frame, *_) = FrameExtractor().extract(path)
    assert frame.luma.shape == frame.image.shape[:2] == (96, 128)
    assert np.abs(frame.luma.astype(int) - frame.image[..., 1]).max() <= 3


def lossless(width: int, height: int) -> bytes:
    """Three frames in colour, losslessly, of any size."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv444p"
        for i in range(3):
            picture = np.full((height, width, 3), 40 * i, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode())
    return buffer.getvalue()


def test_odd_sizes_keep_every_pixel(tmp_path: Path) -> None:
    path = tmp_path / "odd.mkv"
    path.write_bytes(lossless(161, 99))
    frame = FrameExtractor().extract(path)[-1]
    assert frame.image.shape == (99, 161, 3)
    assert frame.luma.shape == (99, 161)
    assert level(frame.image) == 8


def test_pixels_that_are_not_square_are_made_so(tmp_path: Path) -> None:
    """Stored 120x100 with pixels half as wide again: shown 180 wide. Otherwise every face would be too narrow."""
    path = tmp_path / "anamorphic.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.codec_context.sample_aspect_ratio = Fraction(3, 2)
        stream.width, stream.height, stream.pix_fmt = 120, 100, "yuv420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((100, 120, 3), np.uint8), format="bgr24")))
        container.mux(stream.encode())
    (frame,) = FrameExtractor().extract(path)
    assert frame.image.shape == (100, 180, 3)
    assert frame.luma.shape == (100, 180)


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_picture_is_no_video(tmp_path: Path, suffix: str) -> None:
    from PIL import Image

    path = tmp_path / f"still.{suffix}"
    Image.new("RGB", (64, 64)).save(path)
    with pytest.raises(InputError, match="not a video"):
        FrameExtractor().extract(path)


@pytest.mark.parametrize(
    "text", ["ffconcat version 1.0\nfile clip.mp4\n", "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nclip.mp4\n"]
)
def test_a_playlist_cannot_make_other_files_be_read(tmp_path: Path, text: str) -> None:
    write_clip(tmp_path / "clip.mp4")
    path = tmp_path / "list.mp4"
    path.write_text(text)
    with pytest.raises(InputError, match="not a video"):
        FrameExtractor().extract(path)


def test_a_file_with_a_header_and_no_frame_is_named(tmp_path: Path) -> None:
    whole = clip([level_frame(60)] * 10, options={"movflags": "frag_keyframe+empty_moov"})
    path = tmp_path / "header.mp4"
    path.write_bytes(whole[: whole.index(b"moof") - 4])
    with pytest.raises(InputError, match="no frame"):
        FrameExtractor().extract(path)

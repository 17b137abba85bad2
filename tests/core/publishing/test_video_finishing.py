"""A video in a channel's shape: every frame, its time and its sound; the face of all frames is kept."""

from __future__ import annotations

import itertools
from pathlib import Path

import av
import numpy as np
import pytest

from personalab_core.errors import InputError
from personalab_core.publishing import Channel, Finish, Marker, read_mark
from personalab_core.publishing.certificates import SigningCredentials, development_credentials
from personalab_core.publishing.video_finishing import faces_of_report, finish_video, needs_finishing
from personalab_core.schemas import EvaluatorInfo, FaceSummary
from personalab_core.schemas.video import FrameResult, SampledFrame, VideoIdentityResult
from tests.core.publishing.test_xmp import disclosure
from tests.support.clips import clip, level_frame
from tests.support.loop_fakes import candidate

pytest.importorskip("c2pa")

WIDE = Channel(width_px=128, height_px=64)


@pytest.fixture(scope="module")
def credentials(tmp_path_factory: pytest.TempPathFactory) -> SigningCredentials:
    return development_credentials(tmp_path_factory.mktemp("certificate"))


def moving_square(n: int = 8) -> tuple[bytes, list[tuple[int, int]]]:
    """A white square of 24 px that moves over a dark frame of 160 x 200 px, and where it is in each frame."""
    frames, places = [], []
    for number in range(n):
        frame = np.full((200, 160, 3), 40, np.uint8)
        x, y = 10 + 14 * number, 120
        frame[y : y + 24, x : x + 24] = 250
        frames.append(frame)
        places.append((x, y))
    return clip(frames, times_ms=[round(100 * number + 7 * (number % 2)) for number in range(n)]), places


def frames_of(path: Path) -> list[tuple[float, np.ndarray]]:
    with av.open(path) as container:
        return [(float(f.time), f.to_ndarray(format="bgr24")) for f in container.decode(video=0)]


def test_every_frame_is_cropped_alike_and_keeps_its_time_and_the_face(tmp_path: Path) -> None:
    source, target = tmp_path / "a.mp4", tmp_path / "b.mp4"
    data, places = moving_square()
    source.write_bytes(data)
    faces = (min(x for x, _ in places), 120, max(x for x, _ in places) + 24, 144)
    done = finish_video(source, target, WIDE, Finish(), faces=faces)
    assert (done.width_px, done.height_px, done.edits) == (128, 64, ("crop", "resize 128x64"))
    before, after = frames_of(source), frames_of(target)
    assert [time for time, _ in after] == pytest.approx([time for time, _ in before], abs=0.002)
    for _, frame in after:
        assert (frame > 200).sum() / 3 == pytest.approx(24 * 24 * 0.8**2, rel=0.15)  # 160 px became 128: all of it


def test_a_videos_sound_is_copied_packet_by_packet(tmp_path: Path) -> None:
    source, target = tmp_path / "a.mp4", tmp_path / "b.mp4"
    source.write_bytes(clip([level_frame(level) for level in range(60, 160, 10)], sound=True))

    def sound(path: Path) -> list[bytes]:
        with av.open(path) as container:
            return [bytes(packet) for packet in container.demux(audio=0) if packet.size]

    finish_video(source, target, WIDE, Finish(sharpen_amount=0.5), faces=None)
    assert sound(target) == sound(source) != []


def test_sharpening_raises_the_detail_of_frames(tmp_path: Path) -> None:
    source, target = tmp_path / "a.mp4", tmp_path / "b.mp4"
    source.write_bytes(clip([level_frame(90)] * 3))
    done = finish_video(source, target, Channel(), Finish(sharpen_amount=1.0), faces=None)
    assert (done.width_px, done.height_px, done.crop, done.edits) == (160, 200, None, ("sharpen 1",))
    (_, before), (_, after) = frames_of(source)[1], frames_of(target)[1]
    assert np.abs(np.diff(after.astype(int), axis=1)).max() > np.abs(np.diff(before.astype(int), axis=1)).max()


def test_an_odd_size_loses_a_row(tmp_path: Path) -> None:
    source, target = tmp_path / "a.mp4", tmp_path / "b.mp4"
    source.write_bytes(clip([level_frame(90)] * 3))
    done = finish_video(source, target, Channel(width_px=101, height_px=75), Finish(), faces=None)
    assert (done.width_px, done.height_px) == (100, 74)


@pytest.mark.parametrize(
    ("channel", "finish", "expected"),
    [
        (Channel(), Finish(), False),
        (Channel(width_px=160, height_px=200), Finish(), False),
        (Channel(width_px=200, height_px=160), Finish(), True),
        (Channel(), Finish(sharpen_amount=0.1), True),
        (Channel(), Finish(super_resolve=True), True),
    ],
)
def test_pixels_are_touched_only_where_something_is_asked_of_them(
    channel: Channel, finish: Finish, expected: bool
) -> None:
    assert needs_finishing(160, 200, channel, finish) is expected


VIDEO_FILTERS = {
    "crop": (WIDE, Finish()),
    "sharpen": (Channel(), Finish(sharpen_amount=0.5)),
    "super-resolution": (Channel(), Finish(super_resolve=True)),
}


@pytest.mark.parametrize("order", list(itertools.permutations(VIDEO_FILTERS)))
def test_a_videos_mark_survives_every_order_of_filters(
    order: tuple[str, ...], tmp_path: Path, credentials: SigningCredentials
) -> None:
    """Each step opens the marked file of the step before, which loses its mark, and marks its own result."""
    marker, marked, bare = Marker(credentials=credentials), tmp_path / "marked.mp4", tmp_path / "bare.mp4"
    bare.write_bytes(clip([level_frame(90)] * 2))
    marker.mark_video(bare, marked, disclosure(edits=()))
    for n, name in enumerate(order, start=1):
        channel, finish = VIDEO_FILTERS[name]
        finish_video(marked, bare, channel, finish, faces=None)
        assert not read_mark(bare).marked  # encoded anew: nobody may take it for a marked file
        before = marked.rename(tmp_path / f"{n}.mp4")
        _, upstream = marker.mark_video(bare, marked, disclosure(edits=order[:n]), parent=before)
        assert upstream == "kept"
    found = read_mark(marked)
    assert (found.marked, found.in_xmp, found.c2pa) == (True, True, "development")
    assert found.disclosure is not None
    assert found.disclosure.edits == order


def test_what_is_no_video_ends_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"hello")
    with pytest.raises(InputError):
        finish_video(tmp_path / "a.mp4", tmp_path / "b.mp4", WIDE, Finish(), faces=None)


def test_the_face_of_all_frames_comes_from_the_report(tmp_path: Path) -> None:
    def frame(index: int, box: tuple[float, float, float, float] | None) -> FrameResult:
        face = FaceSummary(box=box, size_fraction=0.2, frame_size="half") if box else None
        measured = candidate(0.8).model_copy(update={"face": face})
        return FrameResult(frame=SampledFrame(index=index, time_s=index / 5), result=measured)

    info = EvaluatorInfo(name="x", version="1", pack="p", pack_hash="0", metric="cosine_similarity")
    identity = VideoIdentityResult(
        anchor_path="a.png",
        video_path="a.mp4",
        evaluator=info,
        frames=(frame(0, (10, 20, 30, 40)), frame(1, None), frame(2, (50, 10, 70, 35))),
        coverage=0.66,
    )
    report = tmp_path / "a.json"
    report.write_text(f'{{"identity": {identity.model_dump_json()}, "quality": null}}')
    assert faces_of_report(report) == (10, 10, 70, 40)
    assert faces_of_report(tmp_path / "absent.json") is None
    report.write_text("{}")
    assert faces_of_report(report) is None

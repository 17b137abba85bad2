"""Addresses of videos and frames lead to files of that content only, and each video is decoded once."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from personalab_core.views.frames import FrameShelf, find_video, frame_address, video_address
from tests.support.clips import level_clip

pytest.importorskip("av")


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "mara" / "videos" / "one.mp4"
    path.parent.mkdir(parents=True)
    path.write_bytes(level_clip([20, 60, 120, 200]))
    return path


def test_an_address_leads_to_the_video_of_that_content(video: Path, tmp_path: Path) -> None:
    sha256 = hashlib.sha256(video.read_bytes()).hexdigest()
    relative = "mara/videos/one.mp4"
    assert video_address(relative, sha256) == f"/videos/output/{sha256[:16]}/{relative}"
    assert frame_address(relative, sha256, 7) == f"/frames/output/{sha256[:16]}/7/{relative}"
    rooms = {"output": tmp_path}
    assert find_video(rooms, "output", sha256[:16], relative) == video.resolve()
    assert find_video(rooms, "output", "0" * 16, relative) is None
    assert find_video(rooms, "elsewhere", sha256[:16], relative) is None
    assert find_video(rooms, "output", sha256[:16], "../mara/videos/one.mp4") is None


def test_a_picture_is_no_video(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"x")
    digest = hashlib.sha256(b"x").hexdigest()[:16]
    assert find_video({"output": tmp_path}, "output", digest, "a.png") is None


def test_frames_come_from_one_pass(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = FrameShelf()
    first = shelf.frame(video, 0, [1, 2, 3])
    monkeypatch.setattr("personalab_core.views.frames.pictures_at", lambda *_: pytest.fail("decoded again"))
    third = shelf.frame(video, 2, [])
    levels = [
        int(cv2.imdecode(np.frombuffer(jpeg or b"", np.uint8), cv2.IMREAD_GRAYSCALE)[20, 20]) for jpeg in (first, third)
    ]
    assert levels == [pytest.approx(20, abs=6), pytest.approx(120, abs=6)]


def test_a_frame_that_is_not_there_is_none(video: Path) -> None:
    assert FrameShelf().frame(video, 99, []) is None

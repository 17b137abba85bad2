"""A long video in 4K takes no more memory than a short one; measured in processes of their own."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import pytest

pytest.importorskip("av")

from benchmarks.video_memory import drawn_portrait, peak_of, write_long_video

FRAMES_PER_SECOND = 6
SHORT_S, LONG_S = 8, 32
GROWTH = 1.2
"""Twenty-four seconds more are 120 sampled frames of 33 MB: kept, they would be 4 GB."""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="peak memory is asked for as POSIX systems tell it")
def test_peak_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    anchor = tmp_path / "anchor.png"
    cv2.imwrite(str(anchor), drawn_portrait())
    peaks_mb = []
    for duration_s in (SHORT_S, LONG_S):
        path = write_long_video(
            tmp_path / f"{duration_s}.mp4", minutes=duration_s / 60, frames_per_second=FRAMES_PER_SECOND
        )
        n, coverage, measured_s, peak_mb = peak_of(path, anchor)
        assert (n, coverage) == (pytest.approx(5 * duration_s, abs=duration_s), 1.0)
        assert measured_s == pytest.approx(duration_s, abs=0.5)
        peaks_mb.append(peak_mb)
    assert peaks_mb[1] < GROWTH * peaks_mb[0]

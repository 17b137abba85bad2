"""Frames one by one: soft faces, repeated frames, and the same result as all at once."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from personalab_core.quality import VideoQualityEvaluator
from personalab_core.quality.frozen import longest_frozen_s

RNG = np.random.default_rng(3)
ANCHOR = RNG.integers(0, 255, (200, 160, 3), dtype=np.uint8)
BOX = (40.0, 40.0, 120.0, 150.0)


def soft_face(picture: np.ndarray) -> np.ndarray:
    out = picture.copy()
    out[40:150, 40:120] = cv2.GaussianBlur(picture, (0, 0), 3)[40:150, 40:120]
    return out


def test_a_sharp_background_cannot_hide_a_soft_face() -> None:
    watch = VideoQualityEvaluator().watch(ANCHOR, face_box=BOX)
    watch.add(ANCHOR, time_s=0.0, face_box=BOX)
    watch.add(soft_face(ANCHOR), time_s=0.2, face_box=BOX)
    sharp, soft = watch.result().frames
    assert (sharp.sharpness_ratio, sharp.face_sharpness_ratio) == (pytest.approx(1), pytest.approx(1))
    assert soft.sharpness_ratio > 0.4
    assert soft.face_sharpness_ratio is not None
    assert soft.face_sharpness_ratio < 0.1


def test_without_a_face_there_is_no_ratio_of_faces() -> None:
    watch = VideoQualityEvaluator().watch(ANCHOR, face_box=BOX)
    watch.add(ANCHOR, time_s=0.0)
    assert watch.result().mean_face_sharpness_ratio is None


def test_repeated_frames_are_counted_and_timed() -> None:
    other = np.ascontiguousarray(ANCHOR[::-1])
    watch = VideoQualityEvaluator().watch(ANCHOR)
    for number, picture in enumerate((ANCHOR, other, other, other, ANCHOR)):
        watch.add(picture, time_s=0.2 * number)
    result = watch.result()
    assert [f.duplicate for f in result.frames] == [False, False, True, True, False]
    assert result.n_duplicate_frames == 2
    assert result.longest_frozen_s == pytest.approx(0.4)


def test_a_frozen_stretch_by_hand() -> None:
    assert longest_frozen_s([0, 1, 2, 4, 5], [False, True, False, True, True]) == 3
    assert longest_frozen_s([], []) == 0


def test_one_by_one_is_the_same_as_all_at_once() -> None:
    pictures = [ANCHOR, soft_face(ANCHOR), np.ascontiguousarray(ANCHOR[::-1])]
    watch = VideoQualityEvaluator().watch(ANCHOR)
    for number, picture in enumerate(pictures):
        watch.add(picture, time_s=float(number))
    assert watch.result() == VideoQualityEvaluator().evaluate(pictures, anchor=ANCHOR)

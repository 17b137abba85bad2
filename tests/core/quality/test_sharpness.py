"""Sharpness is a ratio to the anchor, and blur lowers it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalab_core.errors import InputError
from personalab_core.quality import SharpnessEvaluator, laplacian_variance


def checkerboard(height: int = 96, width: int = 64, square: int = 4) -> np.ndarray:
    rows, columns = np.indices((height, width)) // square
    return np.repeat((((rows + columns) % 2) * 255).astype(np.uint8)[..., None], 3, axis=2)


def test_a_single_bright_pixel_by_hand() -> None:
    """The 3x3 Laplacian of one pixel of 1 is -4 there and 1 at its four neighbours."""
    image = np.zeros((5, 5), np.uint8)
    image[2, 2] = 1
    response = np.zeros((5, 5))
    response[2, 2] = -4
    response[1, 2] = response[3, 2] = response[2, 1] = response[2, 3] = 1
    assert laplacian_variance(image) == pytest.approx(response.var())


def test_a_picture_is_as_sharp_as_itself() -> None:
    board = checkerboard()
    (result,) = SharpnessEvaluator().evaluate([board], anchor=board)
    assert result.sharpness_ratio == pytest.approx(1.0)
    assert result.sharp_enough


@settings(max_examples=15, deadline=None)
@given(st.floats(0.6, 2.0), st.floats(1.2, 2.0))
def test_more_blur_is_never_sharper(sigma: float, factor: float) -> None:
    board = checkerboard(square=8)
    little = cv2.GaussianBlur(board, (0, 0), sigma)
    more = cv2.GaussianBlur(board, (0, 0), sigma * factor)
    assert laplacian_variance(more) < laplacian_variance(little) < laplacian_variance(board)


def test_scale_is_taken_out_before_comparing() -> None:
    """The same picture at twice the size, non-square, is about as sharp as the anchor."""
    anchor = cv2.GaussianBlur(checkerboard(120, 80, 20), (0, 0), 2)
    double = cv2.resize(anchor, (160, 240), interpolation=cv2.INTER_LINEAR)
    (result,) = SharpnessEvaluator().evaluate([double], anchor=anchor)
    assert result.sharpness_ratio == pytest.approx(1.0, abs=0.15)


def test_a_flat_anchor_has_no_ratio() -> None:
    with pytest.raises(InputError, match="flat"):
        SharpnessEvaluator().evaluate([checkerboard()], anchor=np.zeros((8, 8, 3), np.uint8))


def test_a_float_frame_is_refused_in_one_sentence() -> None:
    with pytest.raises(InputError, match=r"uint8 of shape .* got float32"):
        laplacian_variance(np.zeros((4, 4, 3), np.float32))  # type: ignore[arg-type]


@pytest.mark.parametrize("anchor_height", [300, 417, 500, 667, 800])
def test_equally_sharp_pictures_of_any_two_sizes_have_about_the_same_sharpness(anchor_height: int) -> None:
    """One scene photographed at two sizes: the ratio is 1 to 1.45, blur is far below."""
    scene = fractal(1600, 900)
    frame, anchor = photographed(scene, 640), photographed(scene, anchor_height)
    evaluator = SharpnessEvaluator()
    sharp, soft = evaluator.evaluate([frame, cv2.GaussianBlur(frame, (0, 0), 4)], anchor=anchor)
    assert 0.95 < sharp.sharpness_ratio < 1.45
    assert not soft.sharp_enough


def fractal(height: int, width: int) -> np.ndarray:
    """Grey levels with the spectrum of natural pictures (1/f in amplitude)."""
    spectrum = np.fft.rfft2(np.random.default_rng(0).standard_normal((height, width)))
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    frequency[0, 0] = 1.0
    levels = np.fft.irfft2(spectrum / frequency**1.2, s=(height, width))
    scaled = (levels - levels.mean()) / levels.std() * 45 + 127
    return np.clip(scaled, 0, 255).astype(np.uint8)


def photographed(scene: np.ndarray, height: int) -> np.ndarray:
    width = round(scene.shape[1] * height / scene.shape[0])
    return cv2.resize(scene, (width, height), interpolation=cv2.INTER_AREA)

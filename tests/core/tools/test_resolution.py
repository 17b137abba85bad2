"""Sharpening raises edges and nothing else; upscaling keeps what is there; refusals are sentences."""

from __future__ import annotations

import numpy as np
import pytest

from personalab_core.errors import ConfigError, InputError
from personalab_core.tools import sharpen, upscale, upscaler


def edge(width: int = 64) -> np.ndarray:
    picture = np.full((64, width, 3), 60, np.uint8)
    picture[:, width // 2 :] = 180
    return picture


def test_sharpening_raises_the_contrast_of_an_edge_and_leaves_flat_parts() -> None:
    sharper = sharpen(edge(), amount=1.0)
    assert np.ptp(sharper[32, :, 0]) > 120
    assert (sharper[:, :20] == 60).all()
    assert (sharper[:, 44:] == 180).all()


def test_no_amount_changes_nothing() -> None:
    assert np.array_equal(sharpen(edge(), amount=0.0), edge())


def test_upscaling_keeps_levels_and_gives_the_asked_size() -> None:
    larger = upscale(edge(), 128, 96)
    assert larger.shape == (96, 128, 3)
    assert abs(int(larger[48, 10, 0]) - 60) <= 1
    assert abs(int(larger[48, 118, 0]) - 180) <= 1


@pytest.mark.parametrize(("size", "why"), [((32, 64), "would make it smaller"), ((640, 640), "4 times as large")])
def test_sizes_that_make_no_sense_are_refused(size: tuple[int, int], why: str) -> None:
    with pytest.raises(InputError, match=why):
        upscale(edge(), *size)


def test_an_unknown_upscaler_is_named_with_those_that_are_there() -> None:
    assert upscaler("lanczos") is upscale
    with pytest.raises(ConfigError, match="no upscaler is called 'esrgan'; installed: lanczos"):
        upscaler("esrgan")

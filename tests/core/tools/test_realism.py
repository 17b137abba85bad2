"""The phone look: noise, fringes and JPEG in the strength asked for, reproducible, without wrapping around."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalab_core.errors import ConfigError, InputError
from personalab_core.tools import RealismFilter, RealismPreset, load_realism_presets


def grey(level: int, *, width: int = 320, height: int = 400) -> npt.NDArray[np.uint8]:
    return np.full((height, width, 3), level, np.uint8)


@pytest.mark.parametrize("sigma", [2.0, 4.0, 9.0])
def test_noise_has_the_asked_strength(sigma: float) -> None:
    look = RealismFilter(RealismPreset(noise_sigma=sigma, aberration_px=0, jpeg_quality=100))
    noise = look._noisy(grey(128), 1).astype(float) - 128
    assert abs(noise.mean()) < 0.1
    assert noise.std() == pytest.approx(sigma, rel=0.03)


@pytest.mark.parametrize("level", [0, 255])
def test_noise_never_wraps_around_at_black_and_white(level: int) -> None:
    noisy = RealismFilter(RealismPreset(noise_sigma=4, aberration_px=0)).apply(grey(level), seed=3)
    assert abs(noisy.astype(int) - level).max() < 40


def test_noise_is_not_the_same_in_two_channels_or_for_two_seeds() -> None:
    look = RealismFilter(RealismPreset(noise_sigma=4))
    one, other = (look._noisy(grey(128), seed).astype(float) - 128 for seed in (1, 2))
    assert abs(np.corrcoef(one[..., 0].ravel(), one[..., 2].ravel())[0, 1]) < 0.02
    assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.02


def test_red_moves_outwards_and_blue_inwards_and_green_stays() -> None:
    """A white square in the middle: its edges part by the shift that their distance from the centre asks for."""
    picture = np.zeros((200, 200, 3), np.uint8)
    picture[20:180, 20:180] = 255
    fringed = RealismFilter(RealismPreset(noise_sigma=0, aberration_px=4))._aberrated(picture.copy())
    row = fringed[100].astype(int)
    right_edge = {channel: int(np.flatnonzero(row[:, channel] > 127)[-1]) for channel in range(3)}
    # Half way out is .8 of the way to the border, where the shift is 4 px: 3.2.
    assert right_edge == {0: 176, 1: 179, 2: 182}


def test_same_seed_gives_the_same_bytes_and_the_picture_is_left_alone() -> None:
    picture = grey(90)
    before = picture.copy()
    look = RealismFilter(load_realism_presets()["phone"])
    assert look.encode(picture, seed=5) == RealismFilter(look.preset).encode(picture, seed=5)
    assert look.encode(picture, seed=5) != look.encode(picture, seed=6)
    assert np.array_equal(picture, before)


def test_apply_shows_what_the_file_holds() -> None:
    look = RealismFilter(RealismPreset(jpeg_quality=60))
    data = np.frombuffer(look.encode(grey(90), seed=5), np.uint8)
    assert np.array_equal(look.apply(grey(90), seed=5), cv2.imdecode(data, cv2.IMREAD_COLOR))


@settings(max_examples=20, deadline=None)
@given(st.integers(32, 90), st.integers(32, 90), st.integers(0, 8), st.integers(0, 2**63))
def test_every_size_and_seed_keeps_shape_and_type(width: int, height: int, shift: int, seed: int) -> None:
    look = RealismFilter(RealismPreset(noise_sigma=3, aberration_px=shift))
    finished = look.apply(grey(120, width=width, height=height), seed=seed)
    assert finished.shape == (height, width, 3)
    assert finished.dtype == np.uint8


def test_a_picture_larger_than_the_noise_plate_is_covered() -> None:
    look = RealismFilter(RealismPreset(noise_sigma=4))
    assert look._noise((2400, 2400, 3), 1).std() == pytest.approx(4, rel=0.03)


@pytest.mark.parametrize("picture", [np.zeros((400, 320), np.uint8), np.zeros((400, 320, 3), np.float32)])
def test_what_is_no_picture_is_refused_in_a_sentence(picture: npt.NDArray[np.uint8]) -> None:
    with pytest.raises(InputError, match="expected an 8-bit picture"):
        RealismFilter(RealismPreset()).encode(picture, seed=0)


def test_a_users_own_look_is_added_and_replaces(tmp_path: Path) -> None:
    (tmp_path / "realism.yml").write_text("phone: { noise_sigma: 1.5 }\nfilm: { noise_sigma: 6 }\n")
    looks = load_realism_presets(tmp_path)
    assert looks["phone"].noise_sigma == 1.5
    assert {"film", "social", "night"} <= set(looks)


def test_a_broken_look_names_file_and_place(tmp_path: Path) -> None:
    (tmp_path / "realism.yml").write_text("film: { jpeg_quality: 900 }\n")
    with pytest.raises(ConfigError, match=r"realism\.yml: film\.jpeg_quality: Input should be less"):
        load_realism_presets(tmp_path)

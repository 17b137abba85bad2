"""Backgrounds are painted window by window, with the very pixels of painting the whole plate."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalab_core.simulation.background import _Plate, paint_background
from personalab_core.simulation.curves import F32, FloatArray, smoothstep
from personalab_core.simulation.scene import Scene

COLOUR = (0.9, 0.4, 0.2)
places = st.floats(-0.3, 1.3)
sizes = st.floats(0.005, 0.4)


def plate() -> _Plate:
    made = _Plate(np.random.default_rng(7))
    made.image = made.rng.random(made.image.shape, dtype=F32)
    return made


def mixed(image: FloatArray, mask: FloatArray, strength: float) -> FloatArray:
    """The blend over the whole plate."""
    return image + (np.asarray(COLOUR, F32) - image) * (mask * F32(strength))[..., None]


@settings(max_examples=25)
@given(places, places, sizes, st.floats(0.1, 1))
def test_a_disc_is_the_same_as_over_the_whole_plate(x: float, y: float, r: float, strength: float) -> None:
    windowed, whole = plate(), plate()
    height, width = whole.x.shape
    d = np.hypot(whole.x - F32(x), (whole.y - F32(y)) * F32(height / width)) / F32(r)
    mask = smoothstep(1.12, 0.9, d) * (F32(0.75) + F32(0.25) * np.clip(d, 0, 1))
    windowed.disc(x, y, r, COLOUR, strength)
    assert np.array_equal(windowed.image, mixed(whole.image, mask, strength))


@settings(max_examples=25)
@given(places, places, sizes, sizes, st.floats(0.1, 1))
def test_a_box_is_the_same_as_over_the_whole_plate(x: float, y: float, w: float, h: float, strength: float) -> None:
    windowed, whole = plate(), plate()
    mask = ((whole.x > x) & (whole.x < x + w) & (whole.y > y) & (whole.y < y + h)).astype(F32)
    windowed.box(x, y, x + w, y + h, COLOUR, strength)
    assert np.array_equal(windowed.image, mixed(whole.image, mask, strength))


@pytest.mark.parametrize("place", ["studio", "street", "nature", "night"])
def test_a_place_is_decided_by_its_seed(place: str) -> None:
    first, again, other = (
        paint_background(Scene(background=place, background_seed=seed), 96, 120)  # type: ignore[arg-type]
        for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)

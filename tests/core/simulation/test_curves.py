"""The shortcuts of the renderer's arithmetic give the very bits of the plain way."""

import numpy as np
import pytest

from personalab_core.simulation.curves import (
    F32,
    blend,
    bump,
    filled,
    in_rgb,
    mix_in,
    normals_in,
    ridge,
    smoothstep,
    surface_frame,
    tinted,
)

SHAPE = (23, 31)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


@pytest.mark.parametrize(("low", "high"), [(-0.3, 0.8), (0.8, -0.3)])
def test_smoothstep_is_the_cubic(rng: np.random.Generator, low: float, high: float) -> None:
    x = rng.uniform(-2, 2, SHAPE).astype(F32)
    t = np.clip((x - F32(low)) / F32(high - low), 0, 1)
    assert np.array_equal(smoothstep(low, high, x), t * t * (3 - 2 * t))
    assert smoothstep(low, high, low) == 0
    assert smoothstep(low, high, high) == 1


def test_bump_and_ridge_are_one_at_the_centre_and_nothing_outside(rng: np.random.Generator) -> None:
    x, y = rng.uniform(-3, 3, (2, *SHAPE)).astype(F32)
    hill = bump(x, y, 0.5, -0.5, 1.5, 0.75)
    outside = ((x - F32(0.5)) / F32(1.5)) ** 2 + ((y + F32(0.5)) / F32(0.75)) ** 2 > 1 + 1e-6
    assert outside.any()
    assert (hill[outside] == 0).all()
    assert bump(np.array([0.5], F32), np.array([-0.5], F32), 0.5, -0.5, 1.5, 0.75) == 1
    assert ridge(0.5, 0.5, 0.25) == 1
    assert ridge(0.75, 0.5, 0.25) == 0


def test_colours_are_mixed_as_numpy_would(rng: np.random.Generator) -> None:
    base, mask = rng.random((*SHAPE, 3), dtype=F32), rng.random(SHAPE, dtype=F32)
    colour = np.array([0.3, 0.2, 0.1], F32)
    assert np.array_equal(base * in_rgb(mask), base * mask[..., None])
    assert np.array_equal(tinted(colour, mask), colour * mask[..., None])
    assert np.array_equal(filled(colour, SHAPE), np.broadcast_to(colour, (*SHAPE, 3)))
    for target in (colour, rng.random((*SHAPE, 3), dtype=F32)):
        mixed, wanted = base.copy(), base + (target - base) * mask[..., None]
        mix_in(mixed, target, mask)
        assert np.array_equal(mixed, wanted)


def test_blend_touches_only_where_the_mask_is(rng: np.random.Generator) -> None:
    base = rng.random((*SHAPE, 3), dtype=F32)
    mask = np.zeros(SHAPE, F32)
    mask[5:9, 12:20] = 1
    mixed = base.copy()
    blend(mixed, (1.0, 1.0, 1.0), mask)
    assert np.allclose(mixed[5:9, 12:20], 1)
    mixed[5:9, 12:20] = base[5:9, 12:20]
    assert np.array_equal(mixed, base)


@pytest.mark.parametrize(
    "window",
    [
        (slice(4, 11), slice(7, 20)),
        (slice(0, 6), slice(0, 31)),
        (slice(15, 23), slice(28, 31)),
        # Windows may name more than there is, as slices may.
        (slice(20, 99), slice(30, 99)),
    ],
)
def test_normals_of_a_window_are_those_of_the_whole(rng: np.random.Generator, window: tuple[slice, slice]) -> None:
    points = rng.random((*SHAPE, 3), dtype=F32)
    assert np.array_equal(normals_in(window, points), surface_frame(points)[0][window])

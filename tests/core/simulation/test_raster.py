"""Drawing flat meshes: what is covered, what hides what."""

from dataclasses import replace

import numpy as np
import pytest

from personalab_core.simulation.raster import FAR, Canvas, rasterise

CELLS, SIDE_PX = 4, 40
BLUE, RED = (0, 0, 255), (255, 0, 0)

Mesh = tuple[np.ndarray, np.ndarray, np.ndarray]


def square(depth_cm: float, corner: float = 10.0, side: float = 20.0) -> Mesh:
    """A square facing the viewer, `corner` pixels from the left and the top."""
    rows, columns = np.mgrid[0 : CELLS + 1, 0 : CELLS + 1].astype(np.float32)
    step = np.float32(side / CELLS)
    return corner + columns * step, corner + rows * step, np.full_like(rows, depth_cm)


def plain(colour: tuple[int, int, int]) -> np.ndarray:
    return np.full((CELLS + 1, CELLS + 1, 3), colour, np.uint8)


def draw(canvas: Canvas, mesh: Mesh, texture: np.ndarray, alpha: np.ndarray | None = None) -> None:
    seen = canvas.place(*mesh)
    if seen is not None:
        canvas.paint(seen, texture[seen.texels], alpha)


@pytest.fixture
def canvas() -> Canvas:
    return Canvas(np.full((SIDE_PX, SIDE_PX, 3), 40, np.uint8))


def test_a_mesh_covers_its_pixels_and_no_others(canvas: Canvas) -> None:
    draw(canvas, square(0.0), plain(BLUE))
    assert (canvas.image[12:28, 12:28] == BLUE).all()
    assert np.allclose(canvas.depth[12:28, 12:28], 0.0, atol=1e-4)
    outside = np.ones((SIDE_PX, SIDE_PX), bool)
    outside[9:32, 9:32] = False
    assert (canvas.image[outside] == 40).all()
    assert (canvas.depth[outside] == np.float32(FAR)).all()


def test_grid_coordinates_run_evenly_over_a_flat_mesh() -> None:
    patch = rasterise(*square(3.0), SIDE_PX, SIDE_PX)
    assert patch is not None
    centre = patch.column[20 - patch.y0, 20 - patch.x0], patch.row[20 - patch.y0, 20 - patch.x0]
    # The middle of pixel 20 lies 10.5 px into a square of 5 px a cell.
    assert centre == pytest.approx((2.1, 2.1), abs=0.02)
    assert set(np.unique(patch.covered)) <= {0, 255}


def test_a_mesh_seen_from_behind_is_only_drawn_as_such() -> None:
    assert rasterise(*square(0.0), SIDE_PX, SIDE_PX, back=True) is None


@pytest.mark.parametrize(("second_cm", "seen"), [(5.0, RED), (-5.0, BLUE)])
def test_the_nearer_of_two_meshes_is_seen(canvas: Canvas, second_cm: float, seen: tuple[int, int, int]) -> None:
    draw(canvas, square(0.0), plain(BLUE))
    draw(canvas, square(second_cm), plain(RED))
    assert (canvas.image[14:26, 14:26] == seen).all()


def test_a_transparent_texture_changes_nothing_and_a_half_opaque_one_mixes(canvas: Canvas) -> None:
    before = canvas.image.copy()
    draw(canvas, square(0.0), plain(RED), alpha=np.zeros((CELLS + 1, CELLS + 1), np.uint8))
    assert np.array_equal(canvas.image, before)
    draw(canvas, square(0.0), plain(RED), alpha=np.full((CELLS + 1, CELLS + 1), 128, np.uint8))
    # 255 and 0 over 40 at 128 / 255.
    assert np.abs(canvas.image[20, 20].astype(int) - [148, 20, 20]).max() <= 1


@pytest.mark.parametrize("corner", [-13.0, 10.0, 27.0])
@pytest.mark.parametrize("behind_cm", [-5.0, 5.0])
def test_the_texels_named_are_all_that_the_seen_pixels_need(corner: float, behind_cm: float) -> None:
    """Painting from the whole texture, or from the named part of it, gives the same picture."""
    texture = np.random.default_rng(1).integers(0, 256, (CELLS + 1, CELLS + 1, 3), np.uint8)
    pictures = []
    for whole in (True, False):
        canvas = Canvas(np.full((SIDE_PX, SIDE_PX, 3), 40, np.uint8))
        draw(canvas, square(behind_cm, corner=15.0, side=9.0), plain(BLUE))
        seen = canvas.place(*square(0.0, corner=corner))
        assert seen is not None
        everything = (slice(0, CELLS + 1), slice(0, CELLS + 1))
        canvas.paint(replace(seen, texels=everything) if whole else seen, texture[everything if whole else seen.texels])
        pictures.append(canvas.image)
    assert np.array_equal(*pictures)


def test_nothing_is_placed_behind_everything_or_outside(canvas: Canvas) -> None:
    draw(canvas, square(0.0, corner=0.0, side=40.0), plain(BLUE))
    assert canvas.place(*square(-1.0)) is None
    assert canvas.place(*square(1.0, corner=50.0)) is None


def test_a_mesh_is_hidden_when_everything_before_it_is_nearer(canvas: Canvas) -> None:
    draw(canvas, square(0.0), plain(BLUE))
    assert canvas.hides(*square(-1.0, corner=13.0, side=10.0))
    assert not canvas.hides(*square(1.0, corner=13.0, side=10.0))
    assert not canvas.hides(*square(-1.0, corner=13.0, side=25.0)), "it reaches beyond"

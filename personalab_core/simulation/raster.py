"""Painter's rasteriser for grid meshes and the canvas it draws on.

Quads of one grid are sorted by depth and their numbers written with `cv2.fillConvexPoly`; where several overlap, the
nearest remains. Grid coordinates then follow from each quad's affine map, and the part's texture is fetched by
`cv2.remap`. Meshes are composited by a depth buffer.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from personalab_core.simulation.curves import F32, FloatArray, Window

FAR = -1e8
_SUBPIXEL_BITS = 3


@dataclass(frozen=True, eq=False)
class Patch:
    """One drawn mesh within the picture: grid coordinates and depth of each pixel, valid where `covered` is 255."""

    x0: int
    y0: int
    column: FloatArray
    row: FloatArray
    depth: FloatArray
    covered: NDArray[np.uint8]


def _corners(a: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    return a[:-1, :-1], a[:-1, 1:], a[1:, 1:], a[1:, :-1]


def _touching(corners: tuple[FloatArray, ...], size: int) -> NDArray[np.bool_]:
    """Which quads reach between 0 and `size`, from the coordinates of their corners."""
    a, b, c, d = corners
    reach = np.maximum(np.maximum(a, b), np.maximum(c, d)) >= 0
    return np.asarray(reach & (np.minimum(np.minimum(a, b), np.minimum(c, d)) < size))


def _median(values: FloatArray) -> FloatArray:
    """`np.median` without its wrappers, which take longer than these few values do."""
    flat = values.ravel()
    low, high = (flat.size - 1) // 2, flat.size // 2
    return np.asarray(np.partition(flat, (low, high))[[low, high]].mean(), F32)


def rasterise(
    sx: FloatArray, sy: FloatArray, depth: FloatArray, width: int, height: int, *, back: bool = False
) -> Patch | None:
    """Draw a grid mesh given in pixels (h, w); None when nothing of it is visible.

    Args:
        sx: Column of each vertex in pixels (pixel centres at .5).
        sy: Row of each vertex in pixels.
        depth: Larger is nearer.
        width: Picture width.
        height: Picture height.
        back: Draw the faces seen from behind instead of those seen from the front.
    """
    x0, y0 = max(0, int(np.floor(sx.min())) - 1), max(0, int(np.floor(sy.min())) - 1)
    x1, y1 = min(width, int(np.ceil(sx.max())) + 2), min(height, int(np.ceil(sy.max())) + 2)
    if x1 - x0 <= 1 or y1 - y0 <= 1:
        return None
    xs, ys = _corners(sx - F32(x0 + 0.5)), _corners(sy - F32(y0 + 0.5))
    area = (xs[2] - xs[0]) * (ys[1] - ys[3]) - (xs[1] - xs[3]) * (ys[2] - ys[0])
    facing = area if back else -area
    # Quads that straddle the outline are kept, or it would be jagged by whole quads.
    visible = facing > -0.25 * _median(np.abs(area))
    if sx.min() < x0 + 0.5 or sy.min() < y0 + 0.5 or sx.max() >= x1 or sy.max() >= y1:
        visible &= _touching(xs, x1 - x0) & _touching(ys, y1 - y0)
    rows, columns = np.nonzero(visible)
    if len(rows) == 0:
        return None
    first, width_of_grid = rows * sx.shape[1] + columns, sx.shape[1]
    flat = np.ascontiguousarray(depth).ravel()
    order = np.argsort(flat.take(first) + flat.take(first + width_of_grid + 1), kind="stable")
    rows, columns, first = rows[order], columns[order], first[order]
    corners = first + np.array([0, 1, width_of_grid + 1, width_of_grid])[:, None]
    px, py = sx.ravel().take(corners) - F32(x0 + 0.5), sy.ravel().take(corners) - F32(y0 + 0.5)
    pz = flat.take(corners)
    owner = np.zeros((y1 - y0, x1 - x0), np.int32)
    polygons = np.rint(np.stack([px.T, py.T], 2) * (1 << _SUBPIXEL_BITS)).astype(np.int32, order="C")
    fill = cv2.fillConvexPoly
    for number, polygon in enumerate(polygons, 1):
        fill(owner, polygon, number, 8, _SUBPIXEL_BITS)
    table = _affine_maps(px, py, pz, rows, columns)
    fields = _resolve(owner, table)
    return Patch(x0, y0, *fields, (owner > 0).view(np.uint8) * np.uint8(255))


def _affine_maps(
    px: FloatArray, py: FloatArray, pz: FloatArray, rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> FloatArray:
    """Each quad's mean affine map from pixels to grid coordinates and depth: (11, quads), from (4, quads) corners."""
    ux, uy = px[1] + px[2] - px[0] - px[3], py[1] + py[2] - py[0] - py[3]
    vx, vy = px[3] + px[2] - px[0] - px[1], py[3] + py[2] - py[0] - py[1]
    det = ux * vy - uy * vx
    inverse = 2 / np.where(np.abs(det) < 4e-3, np.copysign(F32(4e-3), det), det)
    zu, zv = pz[1] + pz[2] - pz[0] - pz[3], pz[3] + pz[2] - pz[0] - pz[1]
    table = np.empty((11, len(rows)), F32)
    for place, part in enumerate(
        (_centre(px), _centre(py), vy * inverse, -vx * inverse, -uy * inverse, ux * inverse,
         _centre(pz), zu / 2, zv / 2, columns + 0.5, rows + 0.5),
    ):  # fmt: skip
        table[place] = part
    return table


def _centre(corners: FloatArray) -> FloatArray:
    return np.asarray((corners[0] + corners[1] + corners[2] + corners[3]) / 4, F32)


def _resolve(owner: NDArray[np.int32], table: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Grid column, grid row and depth of every pixel that a quad owns.

    Found on every second pixel and enlarged: grid coordinates are smooth, only coverage needs every pixel.
    """
    h, w = owner.shape
    small = np.ascontiguousarray(owner[::2, ::2])
    grown = cv2.dilate(small.astype(F32), np.ones((3, 3), np.uint8)).astype(np.int32)
    fields = _evaluate(np.where(small == 0, grown, small), table)
    size = (small.shape[1] * 2, small.shape[0] * 2)
    column, row, depth = (cv2.resize(f, size, interpolation=cv2.INTER_LINEAR)[:h, :w] for f in fields)
    return np.asarray(column), np.asarray(row), np.asarray(depth)


def _evaluate(owner: NDArray[np.int32], table: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The quads' affine maps at every second pixel of the picture (between it and its neighbours)."""
    h, w = owner.shape
    y, x = np.nonzero(owner)
    pixels = y * w + x
    quad = owner.ravel().take(pixels) - 1
    cx, cy, ux, uy, vx, vy, z, zu, zv, first_column, first_row = (
        part.take(quad, mode="clip")
        for part in table  # in range anyway; "clip" spares the check
    )
    dx, dy = x.astype(F32) * F32(2) + F32(0.5) - cx, y.astype(F32) * F32(2) + F32(0.5) - cy
    u = np.clip(ux * dx + uy * dy, F32(-0.6), F32(0.6))
    v = np.clip(vx * dx + vy * dy, F32(-0.6), F32(0.6))
    column, row, depth = np.zeros(h * w, F32), np.zeros(h * w, F32), np.full(h * w, FAR, F32)
    column[pixels] = first_column + u
    row[pixels] = first_row + v
    depth[pixels] = z + u * zu + v * zv
    return column.reshape(h, w), row.reshape(h, w), depth.reshape(h, w)


@dataclass(frozen=True, eq=False)
class Placement:
    """Where a mesh is seen.

    Attributes:
        window: Rows and columns of the canvas; the arrays below are of its size.
        column: Texel column of each pixel.
        row: Texel row.
        depth: Centimetres.
        opacity: 255 = opaque.
        texels: Rows and columns of the texture that are fetched for any visible pixel.
    """

    window: Window
    column: FloatArray
    row: FloatArray
    depth: FloatArray
    opacity: NDArray[np.uint8]
    texels: Window


def _fetched(coordinate: FloatArray, seen: NDArray[Any]) -> slice:
    """Texels between which the seen pixels lie, each with the next one, with which it is mixed."""
    low, high, _, _ = cv2.minMaxLoc(coordinate, mask=seen)
    return slice(max(0, int(low)), int(high) + 3)


class Canvas:
    """A uint8 RGB picture with a depth buffer (larger is nearer, `FAR` where nothing was drawn)."""

    def __init__(self, background: NDArray[np.uint8]) -> None:
        self.image: NDArray[np.uint8] = background
        self.depth: FloatArray = np.full(background.shape[:2], FAR, F32)

    def hides(self, sx: FloatArray, sy: FloatArray, depth: FloatArray) -> bool:
        """Whether every vertex of a mesh (pixels, centimetres) lies behind something drawn."""
        height, width = self.depth.shape
        column, row = sx.astype(int).clip(0, width - 1), sy.astype(int).clip(0, height - 1)
        return bool((self.depth[row, column] > depth).all())

    def place(
        self,
        sx: FloatArray,
        sy: FloatArray,
        depth: FloatArray,
        *,
        step: int = 1,
        back: bool = False,
        bias: float = 0.0,
        inset: bool = False,
    ) -> Placement | None:
        """Where one mesh will be seen in front of what is drawn; None when nothing of it is.

        Args:
            sx: Vertex columns in pixels, taken every `step`-th texel of the texture's grid.
            sy: Vertex rows in pixels.
            depth: Vertex depths in centimetres.
            step: Texels per mesh cell.
            back: Draw back faces.
            bias: Centimetres by which the mesh is favoured in the depth test.
            inset: Leave out the outermost pixels (a dark lining that must not show as an outline).
        """
        height, width = self.depth.shape
        patch = rasterise(sx, sy, depth, width, height, back=back)
        if patch is None:
            return None
        h, w = patch.depth.shape
        window = (slice(patch.y0, patch.y0 + h), slice(patch.x0, patch.x0 + w))
        covered = cv2.erode(patch.covered, np.ones((5, 5), np.uint8)) if inset else patch.covered
        soft = cv2.blur(covered, (3, 3), borderType=cv2.BORDER_REPLICATE)
        # Twice the blurred coverage less one: the outermost pixels fade, none beyond them is touched.
        opacity = cv2.bitwise_and(cv2.addWeighted(soft, 2, soft, 0, -255), covered)
        opacity = cv2.bitwise_and(opacity, cv2.compare(patch.depth + F32(bias), self.depth[window], cv2.CMP_GT))
        if not opacity.any():
            return None
        u, v = patch.column * F32(step), patch.row * F32(step)
        texels = _fetched(v, opacity), _fetched(u, opacity)
        return Placement(window, u, v, patch.depth, np.asarray(opacity, np.uint8), texels)

    def paint(self, placement: Placement, texture: NDArray[np.uint8], alpha: NDArray[np.uint8] | None = None) -> None:
        """Composite a placed mesh.

        Args:
            placement: Of this canvas as it is.
            texture: uint8 RGB of `Placement.texels`; the rest of the grid is not seen.
            alpha: Opacity on the full grid, 255 = opaque.
        """
        rows, columns = placement.texels
        # Four channels at once: OpenCV fetches them faster than three.
        texels = cv2.cvtColor(texture, cv2.COLOR_RGB2RGBA)
        if alpha is not None:
            texels[..., 3] = alpha[rows, columns]
        u, v = placement.column - F32(columns.start), placement.row - F32(rows.start)
        drawn = cv2.remap(texels, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        opacity: NDArray[Any] = placement.opacity
        if alpha is not None:
            opacity = cv2.multiply(opacity, cv2.extractChannel(drawn, 3), scale=1 / 255)
        window = placement.window
        self.image[window] = _mix(self.image[window], cv2.cvtColor(drawn, cv2.COLOR_RGBA2RGB), opacity)
        np.copyto(self.depth[window], placement.depth, where=opacity > 127)


def _mix(below: NDArray[np.uint8], above: NDArray[Any], opacity: NDArray[Any]) -> NDArray[Any]:
    """`above` over `below` (both uint8 RGB) by a uint8 opacity."""
    share = cv2.cvtColor(opacity, cv2.COLOR_GRAY2RGB)
    return cv2.add(cv2.multiply(above, share, scale=1 / 255), cv2.multiply(below, 255 - share, scale=1 / 255))

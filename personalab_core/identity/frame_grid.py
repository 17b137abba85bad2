"""Frames of a video as grids of mean grey levels, by which is told whether something has moved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from personalab_core.identity.facts import Array

GRID_CELLS = 64
"""Cells of the grid over the smaller side of a frame, by whose mean grey levels frames are compared."""
MARGIN = 0.25
"""Share of a face's size by which its surroundings reach beyond its box: hair, chin, a hand that comes near."""

Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Mean grey levels of a frame's square cells, in which its noise is averaged out.

    Attributes:
        levels: (h, w) uint8.
        cell_px: Side of a cell.
    """

    levels: Picture
    cell_px: int

    @classmethod
    def of(cls, luma: Picture) -> Self:
        """Return the grid of a frame's (H, W) uint8 grey levels."""
        import cv2

        cell_px = max(1, min(luma.shape) // GRID_CELLS)
        height, width = luma.shape[0] // cell_px, luma.shape[1] // cell_px
        covered = luma[: height * cell_px, : width * cell_px]
        return cls(np.asarray(cv2.resize(covered, (width, height), interpolation=cv2.INTER_AREA), np.uint8), cell_px)

    def change(self, other: Grid, *, around: Array | None = None) -> tuple[float, float]:
        """Return mean and peak of the change to another frame, of all of it or around a box in pixels."""
        import cv2

        if self.levels.shape != other.levels.shape:
            return np.inf, np.inf
        part = np.s_[:, :] if around is None else self._place(around)
        before, now = self.levels[part], other.levels[part]
        return cv2.norm(before, now, cv2.NORM_L1) / now.size, cv2.norm(before, now, cv2.NORM_INF)

    def _place(self, box: Array) -> tuple[slice, slice]:
        """Return the cells of a box and its surroundings, at least one."""
        margin = MARGIN * max(float(box[2] - box[0]), float(box[3] - box[1]))
        x0, y0 = (max(0, int((float(value) - margin) / self.cell_px)) for value in box[:2])
        x1, y1 = (int((float(value) + margin) / self.cell_px) + 1 for value in box[2:4])
        last_y, last_x = self.levels.shape[0] - 1, self.levels.shape[1] - 1
        return slice(min(y0, last_y), max(y1, 1)), slice(min(x0, last_x), max(x1, 1))

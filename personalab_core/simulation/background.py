"""Soft-focus places behind a person, painted small and enlarged: the blur of a fast lens costs nothing that way."""

from collections.abc import Callable
from functools import lru_cache, partial

import cv2
import numpy as np
from numpy.typing import NDArray

from personalab_core.simulation.curves import F32, FloatArray, in_rgb, mix_in, smoothstep, tinted, value_noise
from personalab_core.simulation.scene import Scene

_W, _H = 96, 120


@lru_cache(maxsize=1)
def _unit_grid() -> tuple[FloatArray, FloatArray]:
    """Column and row of every texel in [0, 1]; never written to."""
    yy, xx = np.mgrid[0:_H, 0:_W].astype(F32)
    return (xx + F32(0.5)) / _W, (yy + F32(0.5)) / _H


class _Plate:
    """A small float RGB picture (display values) with a unit coordinate grid: x, y in [0, 1], y down."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.x, self.y = _unit_grid()
        self.image: FloatArray = np.zeros((_H, _W, 3), F32)

    def gradient(self, *stops: tuple[float, tuple[float, float, float]]) -> None:
        """Vertical gradient through (y, RGB) stops."""
        at, y = [s[0] for s in stops], self.y[:, 0]
        self.image[...] = np.stack([np.interp(y, at, [s[1][c] for s in stops]) for c in range(3)], 1)[:, None]

    def mix(
        self,
        mask: FloatArray,
        colour: tuple[float, float, float] | FloatArray,
        strength: float = 1.0,
        window: tuple[slice, slice] = (slice(None), slice(None)),
    ) -> None:
        """Blend a colour in by the mask of a window (rows, columns) of the plate."""
        if mask.size:
            mix_in(self.image[window], colour, mask * F32(strength))

    def box(
        self,
        x0: float,
        y0: float,
        x1: float,
        y1: float,
        colour: tuple[float, float, float] | FloatArray,
        strength: float = 1.0,
    ) -> None:
        """A rectangle in unit coordinates."""
        rows, columns = self._between(y0, y1, _H), self._between(x0, x1, _W)
        x, y = self.x[rows, columns], self.y[rows, columns]
        self.mix(((x > x0) & (x < x1) & (y > y0) & (y < y1)).astype(F32), colour, strength, (rows, columns))

    def disc(
        self, x: float, y: float, r: float, colour: tuple[float, float, float] | FloatArray, strength: float
    ) -> None:
        """A bokeh disc, slightly brighter at its rim."""
        across, down = 1.12 * r, 1.12 * r * _W / _H
        window = self._between(y - down, y + down, _H), self._between(x - across, x + across, _W)
        d = np.hypot(self.x[window] - F32(x), (self.y[window] - F32(y)) * F32(_H / _W)) / F32(r)
        mask = smoothstep(1.12, 0.9, d) * (F32(0.75) + F32(0.25) * np.minimum(d, 1))
        self.mix(mask, colour, strength, window)

    @staticmethod
    def _between(low: float, high: float, length: int) -> slice:
        """Rows or columns that may lie between two unit coordinates, with one to spare at each end."""
        return slice(max(0, int(low * length) - 1), max(0, int(high * length) + 2))

    def blur(self, sigma: float) -> None:
        """Defocus."""
        self.image = np.asarray(cv2.GaussianBlur(self.image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE), F32)

    def mottle(self, amount: float, rows: int, columns: int) -> None:
        """Uneven brightness."""
        self.image *= in_rgb(1 + F32(amount) * value_noise(self.rng, _H, _W, rows, columns))


_STUDIO_TONES = (
    (0.70, 0.72, 0.75), (0.78, 0.74, 0.69), (0.52, 0.58, 0.64), (0.62, 0.67, 0.62), (0.83, 0.81, 0.79),
    (0.40, 0.44, 0.50), (0.72, 0.62, 0.58), (0.58, 0.55, 0.64),
)  # fmt: skip


def _tone(plate: _Plate) -> FloatArray:
    return np.array(_STUDIO_TONES[int(plate.rng.integers(len(_STUDIO_TONES)))], F32)


def _studio(plate: _Plate) -> None:
    plate.image += _tone(plate)
    x0, y0 = plate.rng.uniform(0.25, 0.75), plate.rng.uniform(0.3, 0.5)
    glow = 1.18 - 0.62 * np.hypot(plate.x - F32(x0), (plate.y - F32(y0)) * F32(1.1))
    plate.image *= in_rgb(glow)
    plate.mottle(0.10, 6, 5)


def _room(plate: _Plate, wall: FloatArray, accents: tuple[tuple[float, float, float], ...], sigma: float) -> None:
    """Wall, window light, furniture-like blocks, a few warm lamps."""
    r = plate.rng
    plate.image += wall
    plate.image *= in_rgb(1.08 - 0.28 * plate.y)
    if r.random() < 0.75:
        x0 = r.uniform(-0.1, 0.75)
        for k in range(2):
            plate.box(x0 + 0.17 * k, 0.04, x0 + 0.15 + 0.17 * k, r.uniform(0.42, 0.55), (0.96, 0.97, 0.95), 0.85)
    for _ in range(8):
        x0, y0 = r.uniform(-0.1, 0.95), r.uniform(0.35, 0.9)
        colour = np.array(accents[int(r.integers(len(accents)))], F32) * F32(r.uniform(0.75, 1.15))
        plate.box(x0, y0, x0 + r.uniform(0.08, 0.35), y0 + r.uniform(0.08, 0.5), colour, 0.7)
    plate.blur(sigma)
    for _ in range(int(r.integers(1, 5))):
        plate.disc(r.uniform(0, 1), r.uniform(0.05, 0.45), r.uniform(0.02, 0.05), (1.0, 0.88, 0.66), 0.6)
    plate.blur(1.0)


def _street(plate: _Plate) -> None:
    r = plate.rng
    plate.gradient(
        (0, (0.80, 0.86, 0.92)), (0.5, (0.86, 0.85, 0.82)), (0.72, (0.62, 0.61, 0.60)), (1, (0.50, 0.50, 0.51))
    )
    x = -0.1
    while x < 1.0:
        width, top = r.uniform(0.12, 0.3), r.uniform(0.0, 0.35)
        facade = np.array(
            [(0.66, 0.55, 0.47), (0.56, 0.58, 0.62), (0.72, 0.67, 0.58), (0.48, 0.45, 0.46)][int(r.integers(4))], F32
        )
        if abs(x + width / 2 - 0.5) > 0.1:
            plate.box(x, top, x + width, 0.74, facade, 0.85)
            for k in range(4):
                plate.box(
                    x + 0.02, top + 0.05 + 0.14 * k, x + width - 0.02, top + 0.11 + 0.14 * k, facade * F32(0.68), 0.6
                )
        x += width
    plate.blur(3.2)
    for _ in range(9):
        colour = ((1, 0.9, 0.7), (1, 0.6, 0.5), (0.85, 0.93, 1))[int(r.integers(3))]
        plate.disc(r.uniform(0, 1), r.uniform(0.4, 0.72), r.uniform(0.015, 0.04), colour, 0.5)
    plate.blur(0.9)


def _nature(plate: _Plate) -> None:
    r = plate.rng
    plate.gradient(
        (0, (0.80, 0.88, 0.90)), (0.3, (0.66, 0.76, 0.58)), (0.65, (0.42, 0.55, 0.36)), (1, (0.36, 0.46, 0.28))
    )
    for _ in range(34):
        green = np.array((r.uniform(0.35, 0.75), r.uniform(0.55, 0.82), r.uniform(0.28, 0.5)), F32)
        plate.disc(r.uniform(0, 1), r.uniform(0.0, 0.85), r.uniform(0.03, 0.10), green, r.uniform(0.15, 0.5))
    plate.blur(2.0)
    for _ in range(9):
        plate.disc(r.uniform(0, 1), r.uniform(0, 0.5), r.uniform(0.012, 0.04), (0.98, 0.97, 0.82), 0.45)
    plate.blur(0.8)


def _beach(plate: _Plate) -> None:
    horizon = plate.rng.uniform(0.44, 0.56)
    plate.gradient(
        (0, (0.58, 0.76, 0.90)), (horizon - 0.01, (0.86, 0.92, 0.94)), (horizon, (0.36, 0.60, 0.70)),
        (horizon + 0.16, (0.46, 0.72, 0.74)), (horizon + 0.2, (0.90, 0.84, 0.72)), (1, (0.84, 0.75, 0.60)),
    )  # fmt: skip
    clouds = smoothstep(0.05, 0.4, value_noise(plate.rng, _H, _W, 9, 4)) * smoothstep(horizon, 0.0, plate.y)
    plate.mix(clouds, (0.97, 0.97, 0.97), 0.7)
    plate.blur(1.6)


def _golden_hour(plate: _Plate) -> None:
    r = plate.rng
    plate.gradient(
        (0, (0.78, 0.66, 0.58)), (0.42, (0.98, 0.80, 0.54)), (0.62, (0.74, 0.52, 0.32)), (1, (0.36, 0.27, 0.20))
    )
    x0, y0 = r.uniform(0.1, 0.9), r.uniform(0.2, 0.42)
    glow = np.exp(-np.hypot(plate.x - F32(x0), plate.y - F32(y0)) * F32(4.2))
    plate.mix(glow, (1.0, 0.95, 0.80), 0.95)
    for _ in range(18):
        plate.disc(
            r.uniform(0, 1),
            r.uniform(0.25, 0.95),
            r.uniform(0.02, 0.07),
            (1.0, r.uniform(0.65, 0.85), 0.45),
            r.uniform(0.12, 0.35),
        )
    plate.blur(1.4)


def _night(plate: _Plate) -> None:
    r = plate.rng
    plate.gradient((0, (0.10, 0.12, 0.20)), (0.6, (0.17, 0.16, 0.23)), (1, (0.10, 0.09, 0.12)))
    for _ in range(30):
        colour = ((1.0, 0.72, 0.40), (1.0, 0.45, 0.42), (0.55, 0.75, 1.0), (0.95, 0.9, 0.8), (0.5, 0.95, 0.8))[
            int(r.integers(5))
        ]
        plate.disc(
            r.uniform(0, 1),
            float(np.clip(r.normal(0.5, 0.2), 0, 1)),
            r.uniform(0.015, 0.06),
            colour,
            r.uniform(0.25, 0.7),
        )
    plate.blur(0.9)


_WOODS = ((0.52, 0.36, 0.24), (0.38, 0.27, 0.20), (0.62, 0.48, 0.34), (0.28, 0.33, 0.29))
_FURNITURE = ((0.60, 0.52, 0.46), (0.46, 0.50, 0.54), (0.70, 0.64, 0.56), (0.36, 0.42, 0.36))
_DESKS = ((0.62, 0.64, 0.67), (0.42, 0.47, 0.53), (0.78, 0.77, 0.74), (0.34, 0.44, 0.50))
_RACKS = ((0.22, 0.23, 0.25), (0.34, 0.35, 0.37), (0.70, 0.30, 0.24), (0.50, 0.51, 0.53))

_PLACES: dict[str, Callable[[_Plate], None]] = {
    "studio": _studio,
    "interior": partial(_room, wall=np.array([0.80, 0.76, 0.70], F32), accents=_FURNITURE, sigma=3.6),
    "cafe": partial(_room, wall=np.array([0.66, 0.55, 0.45], F32), accents=_WOODS, sigma=3.2),
    "office": partial(_room, wall=np.array([0.80, 0.82, 0.84], F32), accents=_DESKS, sigma=3.4),
    "gym": partial(_room, wall=np.array([0.56, 0.58, 0.60], F32), accents=_RACKS, sigma=2.8),
    "street": _street,
    "nature": _nature,
    "beach": _beach,
    "golden_hour": _golden_hour,
    "night": _night,
}


def paint_background(scene: Scene, width: int, height: int, floor_y: float | None = None) -> NDArray[np.uint8]:
    """The place, out of focus: uint8 RGB (height, width, 3).

    Args:
        scene: Background name and seed, silhouette.
        width: Picture width in pixels.
        height: Picture height in pixels.
        floor_y: Where the floor begins as a fraction of the height (full bodies stand on it); None = no floor.
    """
    plate = _Plate(np.random.default_rng([3, scene.background_seed]))
    _PLACES[scene.background](plate)
    if scene.silhouette:
        glow = np.exp(-3.0 * ((plate.x - F32(0.5)) ** 2 + (plate.y - F32(0.4)) ** 2))
        plate.image = plate.image * F32(0.35) + glow[..., None] * np.array([0.75, 0.70, 0.62], F32) + F32(0.12)
    if floor_y is not None:
        _lay_floor(plate, floor_y)
    image = np.clip(plate.image, 0, 1)
    small = cv2.resize(image, (max(8, width // 4), max(8, height // 4)), interpolation=cv2.INTER_CUBIC)
    big = cv2.resize(cv2.convertScaleAbs(small, alpha=255.0), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(big, np.uint8)


def _lay_floor(plate: _Plate, floor_y: float) -> None:
    """A plain floor in the place's own lower colours, lighter towards the viewer, with a soft edge."""
    near = plate.image[int(0.8 * _H) :].mean(axis=(0, 1))
    floor = near * F32(0.55) + near.mean() * F32(0.35)
    depth = np.clip((plate.y - F32(floor_y)) / F32(1 - floor_y), 0, 1)
    mask = smoothstep(floor_y - 0.015, floor_y + 0.015, plate.y)
    plate.mix(mask, tinted(floor, F32(0.86) + F32(0.34) * depth), 0.92)

"""Key, fill, sky and rim light: shading of a grid of normals and the tone curve."""

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from personalab_core.simulation.curves import F32, FloatArray
from personalab_core.simulation.scene import Scene

SKIN_WRAP = (0.42, 0.24, 0.18)
"""Wrapped diffuse per channel: red light travels furthest under skin, a cheap stand-in for subsurface scattering."""
_TEXELS_AT_ONCE = 22_000
"""As many as keep all intermediate arrays in the processor's second cache."""


def _direction(azimuth_deg: float, elevation_deg: float) -> FloatArray:
    a, e = math.radians(azimuth_deg), math.radians(elevation_deg)
    return np.array([math.sin(a) * math.cos(e), math.sin(e), math.cos(a) * math.cos(e)], F32)


def _half_way(direction: FloatArray, view: FloatArray) -> FloatArray:
    h = direction + view
    return np.asarray(h / np.linalg.norm(h), F32)


@dataclass(frozen=True, eq=False)
class Light:
    """Directions (unit, towards the light) in the frame of what is shaded, and colours (linear RGB)."""

    key: FloatArray
    fill: FloatArray
    back: FloatArray
    up: FloatArray
    view: FloatArray
    key_colour: FloatArray
    fill_colour: FloatArray
    sky_colour: FloatArray
    ground_colour: FloatArray
    rim_colour: FloatArray
    exposure: float
    rim: float = 1.0

    def seen_from(self, rotation: FloatArray) -> "Light":
        """The same light in the frame of an object turned by `rotation`, so that its normals need not be turned."""
        return replace(
            self,
            key=self.key @ rotation,
            fill=self.fill @ rotation,
            back=self.back @ rotation,
            up=self.up @ rotation,
            view=self.view @ rotation,
        )

    def shade(
        self,
        normals: FloatArray,
        albedo: FloatArray,
        *,
        occlusion: FloatArray | None = None,
        specular: FloatArray | float = 0.03,
        gloss_doublings: int = 4,
        wrap: tuple[float, float, float] = (0.34, 0.28, 0.24),
        rim: float = 1.0,
    ) -> FloatArray:
        """Linear RGB (h, w, 3) of a surface.

        Args:
            normals: (h, w, 3) unit normals in this light's frame.
            albedo: (h, w, 3) linear RGB.
            occlusion: (h, w), 1 = open, 0 = hidden from the sky.
            specular: Strength of the highlight, a number or (h, w).
            gloss_doublings: The highlight's exponent is 2 to this power.
            wrap: Per-channel wrap of the key light.
            rim: Strength of the back light along the outline.
        """
        out = np.empty(albedo.shape, F32)
        rows_at_once = max(1, _TEXELS_AT_ONCE // normals.shape[1])
        for start in range(0, len(normals), rows_at_once):
            rows = slice(start, start + rows_at_once)
            out[rows] = self._shade_rows(
                normals[rows],
                albedo[rows],
                None if occlusion is None else occlusion[rows],
                specular[rows] if isinstance(specular, np.ndarray) else specular,
                gloss_doublings,
                wrap,
                rim,
            )
        return out

    def _shade_rows(
        self,
        normals: FloatArray,
        albedo: FloatArray,
        occlusion: FloatArray | None,
        specular: FloatArray | float,
        gloss_doublings: int,
        wrap: tuple[float, float, float],
        rim: float,
    ) -> FloatArray:
        """`shade` for a few rows, so that all intermediate arrays stay in the processor's cache."""
        h, w = normals.shape[:2]
        axes = np.stack(
            [
                self.key,
                self.fill,
                self.up,
                self.back,
                _half_way(self.key, self.view),
                _half_way(self.fill, self.view),
                self.view,
            ]
        )
        dots = (axes @ normals.reshape(-1, 3).T).reshape(7, h, w)
        key, fill, up, back, half_key, half_fill, facing = dots
        fill = np.maximum((fill + F32(0.4)) * F32(1 / 1.4), 0)
        up = up * F32(0.5) + F32(0.5)
        direct = F32(1.0) if occlusion is None else occlusion * F32(0.55) + F32(0.45)
        shine = self._highlight(half_key, half_fill, gloss_doublings) * specular
        edge = np.clip(1 - facing, 0, 1)
        edge = edge * edge * edge * np.maximum(back + F32(0.15), 0) * F32(rim * self.rim * 0.55)
        planes = []
        for c in range(3):
            diffuse = np.maximum((key + F32(wrap[c])) * F32(1 / (1 + wrap[c])), 0)
            diffuse *= (diffuse * F32(0.35) + F32(0.65)) * self.key_colour[c]
            ambient = up * (self.sky_colour[c] - self.ground_colour[c]) + self.ground_colour[c]
            if occlusion is not None:
                ambient *= occlusion
            a = albedo[..., c]
            energy = (diffuse + fill * self.fill_colour[c]) * direct + ambient
            plane = a * energy * F32(0.62) + shine * (self.key_colour[c] * F32(0.5))
            plane += edge * (a * F32(0.6) + F32(0.15)) * self.rim_colour[c]
            planes.append(plane)
        return np.asarray(cv2.merge(planes), F32)

    @staticmethod
    def _highlight(half_key: FloatArray, half_fill: FloatArray, doublings: int) -> FloatArray:
        a, b = np.maximum(half_key, 0), np.maximum(half_fill, 0)
        for _ in range(doublings):
            a, b = a * a, b * b
        return np.asarray(a + F32(0.35) * b, F32)

    def develop(self, linear_rgb: FloatArray) -> NDArray[np.uint8]:
        """Exposure, soft shoulder and gamma: linear RGB to uint8 RGB of the same shape."""
        c = np.maximum(linear_rgb, 0) * F32(self.exposure)
        c *= (F32(1.0) + c * F32(0.18)) / (F32(1.0) + c * F32(0.62))
        np.minimum(c, 1, out=c)
        root = cv2.sqrt(c)
        return np.asarray(cv2.convertScaleAbs(cv2.addWeighted(root, 0.93, c, 0.07, 0), alpha=255.0), np.uint8)


def build_light(scene: Scene) -> Light:
    """The scene's light in camera coordinates."""
    w = scene.warmth
    dim = 0.02 if scene.silhouette else 1.0
    return Light(
        key=_direction(scene.light_azimuth_deg, scene.light_elevation_deg),
        fill=_direction(-0.9 * scene.light_azimuth_deg + 8, 8),
        back=_direction(180 - 0.6 * scene.light_azimuth_deg, 35),
        up=np.array([0, 1, 0], F32),
        view=np.array([0, 0, 1], F32),
        key_colour=np.array([1 + 0.13 * w, 1.0, 1 - 0.22 * w], F32) * F32(1.62 * scene.key * dim),
        fill_colour=np.array([0.95 - 0.04 * w, 1.0, 1.06 + 0.06 * w], F32) * F32(0.78 * scene.fill * dim),
        sky_colour=np.array([0.96, 1.0, 1.06], F32) * F32(0.42 * dim),
        ground_colour=np.array([1.05, 0.92, 0.82], F32) * F32(0.24 * dim),
        rim_colour=np.array([1.0, 1.01, 1.04], F32) * F32(0.55),
        exposure=scene.exposure,
        rim=0.9 if scene.silhouette else 1.0,
    )

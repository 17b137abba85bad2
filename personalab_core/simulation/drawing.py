"""One layer at a time onto the canvas: placed first, then only what will be seen of it is lit and painted."""

from dataclasses import dataclass

import cv2
import numpy as np

from personalab_core.simulation.body import BodyPart
from personalab_core.simulation.camera import Camera
from personalab_core.simulation.curves import F32, FloatArray
from personalab_core.simulation.ears import Ear
from personalab_core.simulation.hair import HAIR_STEP, Hair, paint_hair, paint_lining
from personalab_core.simulation.light import Light
from personalab_core.simulation.raster import Canvas


def draw_part(canvas: Canvas, part: BodyPart, camera: Camera, light: Light) -> None:
    """A tube of the body; `light` in the body's frame."""
    seen = canvas.place(*camera.project_body(part.points[:: part.step, :: part.step]), step=part.step)
    if seen is None:
        return
    at = seen.texels
    colour = light.shade(
        part.normals[at],
        part.albedo[at],
        occlusion=part.occlusion[at],
        specular=part.specular[at],
        wrap=(0.38, 0.26, 0.2),
    )
    canvas.paint(seen, light.develop(colour))


def draw_ear(canvas: Canvas, ear: Ear, camera: Camera, light: Light) -> None:
    """One ear; `light` in the head's frame, as below."""
    mesh = camera.project(ear.points[::2, ::2], camera.head)
    seen = None if canvas.hides(*mesh) else canvas.place(*mesh, step=2)
    if seen is None:
        return
    at = seen.texels
    colour = light.shade(ear.normals[at], ear.albedo[at], occlusion=ear.occlusion[at], specular=0.08)
    canvas.paint(seen, light.develop(colour))


@dataclass(frozen=True, eq=False)
class Shell:
    """Hair where it is in one picture."""

    hair: Hair
    mesh: tuple[FloatArray, FloatArray, FloatArray]

    @classmethod
    def of(cls, hair: Hair, camera: Camera) -> "Shell":
        """The hair as the camera sees it."""
        return cls(hair, camera.project(hair.points[::HAIR_STEP, ::HAIR_STEP], camera.head))

    def draw_lining(self, canvas: Canvas, light: Light) -> None:
        """The shell's inside, drawn before the head."""
        seen = canvas.place(*self.mesh, step=HAIR_STEP, back=True, inset=True)
        if seen is not None:
            canvas.paint(seen, paint_lining(self.hair, light, seen.texels), self.hair.inner_alpha)

    def draw(self, canvas: Canvas, light: Light) -> None:
        """The shell's outside."""
        seen = canvas.place(*self.mesh, step=HAIR_STEP, bias=0.05)
        if seen is not None:
            canvas.paint(seen, paint_hair(self.hair, light, seen.texels), self.hair.alpha)


def draw_wisps(canvas: Canvas, hair: Hair, camera: Camera, light: Light) -> None:
    """Loose strands over the outline, thinner than a pixel in small pictures and then fainter."""
    if len(hair.wisps) == 0:
        return
    sx, sy, depth = camera.project(hair.wisps, camera.head)
    h, w = canvas.depth.shape
    column, row = sx[:, 1].astype(int), sy[:, 1].astype(int)
    seen = (column >= 0) & (column < w) & (row >= 0) & (row < h)
    # Only strands at the outline: inside it they would read as scratches.
    seen &= np.abs(hair.wisp_normals @ light.view) < 0.45
    seen[seen] &= canvas.depth[row[seen], column[seen]] <= depth[seen, 1] + F32(0.6)
    lines = np.rint(np.stack([sx, sy], -1)[seen] * 8).astype(np.int32)
    if len(lines) == 0:
        return
    (left, top), (right, bottom) = lines.min(axis=(0, 1)) // 8 - 2, lines.max(axis=(0, 1)) // 8 + 3
    window = (slice(max(0, top), max(0, bottom)), slice(max(0, left), max(0, right)))
    image = canvas.image[window]
    lines -= np.array([max(0, left), max(0, top)], np.int32) * 8
    strength = min(0.6, 0.022 * camera.px_per_cm)
    lit = 0.30 + 0.40 * float(light.key_colour[1]) / 1.62
    for part, gain in ((lines[::2], 0.7), (lines[1::2], 1.3)):
        mask = np.zeros(image.shape[:2], np.uint8)
        cv2.polylines(mask, list(part), isClosed=False, color=255, thickness=1, lineType=cv2.LINE_AA, shift=3)
        pixels = np.nonzero(mask)
        weight = mask[pixels].astype(F32)[:, None] * F32(strength / 255)
        colour = light.develop((hair.colour * F32(gain * lit)).reshape(1, 1, 3))[0]
        image[pixels] = np.rint(image[pixels] * (1 - weight) + colour * weight).astype(np.uint8)

"""From persons and scenes to a picture with its ground truth."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from personalab_core.simulation.background import paint_background
from personalab_core.simulation.body import FLOOR_Y_CM, build_figure
from personalab_core.simulation.camera import Camera, aim
from personalab_core.simulation.clothes import dress
from personalab_core.simulation.curves import F32, FloatArray, in_rgb
from personalab_core.simulation.drawing import Shell, draw_ear, draw_part, draw_wisps
from personalab_core.simulation.ears import Ear, build_ear
from personalab_core.simulation.expression import PosedHead, pose_head
from personalab_core.simulation.hair import HAIR_STEP, Hair, build_hair, hair_line, length_of
from personalab_core.simulation.head import Head, build_head
from personalab_core.simulation.identity import SimulatedIdentity, Style
from personalab_core.simulation.light import Light, build_light
from personalab_core.simulation.post import cast_shadows, finish
from personalab_core.simulation.raster import Canvas
from personalab_core.simulation.scene import Scene
from personalab_core.simulation.skin import Skin, build_skin, paint_head
from personalab_core.simulation.truth import TURNED_AWAY_DEG, FaceTruth, find_visible, locate_landmarks, occlusion_of

RENDERER_VERSION = 2
"""Rises whenever pixels, geometry or ground truth change; part of every file and cache key."""

_HEAD_STEP = 4
"""Texels per mesh cell; every grid size is a multiple of it plus one."""
_HEAP_HINT_BYTES = 30 << 20
_SUPERSAMPLING = 1.25
"""Canvas pixels per picture pixel where faces are small: bodies in small pictures."""
MIN_SIDE_PX, MAX_SIDE_PX = 64, 4096
Person = tuple[SimulatedIdentity, Style, Scene]


@dataclass(frozen=True, eq=False)
class Rendering:
    """A simulated picture.

    Attributes:
        image: (height, width, 3) uint8, BGR.
        faces: Ground truth of every person, the subject first.
        identity: The subject.
        style: The subject's hair style.
        scene: The subject's scene.
    """

    image: NDArray[np.uint8]
    faces: tuple[FaceTruth, ...]
    identity: SimulatedIdentity
    style: Style
    scene: Scene


@dataclass(frozen=True, eq=False)
class _Layers:
    """What of a person can be kept between pictures."""

    head: Head
    skin: Skin
    hair: Hair | None
    ears: tuple[Ear, Ear]


def _build_layers(identity: SimulatedIdentity, style: Style, size: int) -> _Layers:
    head = build_head(identity, size)
    columns = int(size * 0.9) // HAIR_STEP * HAIR_STEP + 1
    line = hair_line(head, style, columns)
    hairline = np.interp(head.azimuth, line.azimuth, np.maximum(line.root_y, line.end_y)).astype(F32)
    scalp = min(0.9, 0.30 + 1.6 * length_of(style))
    skin = build_skin(head, style, hairline, scalp)
    ear_size = 41 if size > 250 else 21
    return _Layers(
        head, skin, build_hair(head, style, columns), (build_ear(head, -1, ear_size), build_ear(head, 1, ear_size))
    )


def _grid_size(px_per_cm: float) -> int:
    """Texels along the head grid for a resolution; few steps, so that cached layers are shared."""
    for size, least in ((289, 17.0), (193, 11.0), (145, 7.5)):
        if px_per_cm >= least:
            return size
    return 109


def _let_the_heap_stay() -> None:
    """Free one large block, after which glibc no longer returns and refetches the heap's top for every picture.

    Its threshold for doing so follows the largest block ever freed (mallopt(3), dynamic mmap threshold). Measured:
    14,800 page faults and about a fifth of the time of a 768x960 picture; elsewhere it does nothing.
    """
    np.empty(_HEAP_HINT_BYTES, np.uint8)


class PortraitRenderer:
    """Renders portraits and keeps the layers that depend on identity and style only.

    Layers are immutable and the caches lock themselves, so one renderer may serve several threads.
    """

    def __init__(self, cache_size: int = 8) -> None:
        """Keep the layers of up to `cache_size` persons (about 10 MB each at full size)."""
        _let_the_heap_stay()
        self._layers = lru_cache(maxsize=cache_size)(_build_layers)
        self._figures = lru_cache(maxsize=cache_size)(build_figure)
        self._dressed = lru_cache(maxsize=cache_size)(dress)

    def render(
        self,
        identity: SimulatedIdentity,
        style: Style,
        scene: Scene,
        *,
        width: int,
        height: int,
        others: Sequence[Person] = (),
    ) -> Rendering:
        """Draw one picture.

        Args:
            identity: The subject.
            style: The subject's hair style.
            scene: The subject's scene; place, light, framing and camera are taken from it.
            width: Picture width in pixels, 64 to 4096.
            height: Picture height in pixels, 64 to 4096.
            others: Further persons placed beside the subject; of their scenes pose, expression and clothes count.

        Returns:
            The picture and the ground truth of all persons, the subject first.

        Raises:
            ValueError: Width or height is out of range.
        """
        for side in (width, height):
            if not MIN_SIDE_PX <= side <= MAX_SIDE_PX:
                raise ValueError(
                    f"expected width and height within {MIN_SIDE_PX}..{MAX_SIDE_PX} px, got {width}x{height}"
                )
        sampling = _SUPERSAMPLING if height < 700 and scene.framing != "headshot" else 1.0
        w, h = round(width * sampling), round(height * sampling)
        scenes = _place(scene, [other[2] for other in others])
        people = [(identity, style), *((other[0], other[1]) for other in others)]
        light = build_light(scene)
        cameras = [aim(s, w, h) for s in scenes]
        canvas = Canvas(self._backdrop(scenes, cameras, w, h))
        posed = [
            self._draw_person(canvas, who, how, s, camera, light)
            for (who, how), s, camera in reversed(list(zip(people, scenes, cameras, strict=True)))
        ][::-1]
        image = cast_shadows(canvas, light, cameras[0].px_per_cm, width, height)
        faces = tuple(
            _truth(p, camera, s, canvas.depth, sampling) for p, camera, s in zip(posed, cameras, scenes, strict=True)
        )
        return Rendering(finish(image, scene), faces, identity, style, scene)

    @staticmethod
    def _backdrop(scenes: list[Scene], cameras: list[Camera], width: int, height: int) -> NDArray[np.uint8]:
        """The place, with a floor and contact shadows under full bodies."""
        if scenes[0].framing != "full_body":
            return paint_background(scenes[0], width, height)
        camera = cameras[0]
        wall = camera.centre_y - FLOOR_Y_CM * camera.px_per_cm * 520 / 690
        image = paint_background(scenes[0], width, height, wall / height)
        shade: FloatArray = np.zeros((height // 4, width // 4), F32)
        for c in cameras:
            feet = np.array([[-9.5, FLOOR_Y_CM, -1.0], [9.5, FLOOR_Y_CM, -1.0], [0.0, FLOOR_Y_CM, -3.0]], F32)
            sx, sy, _ = c.project_body(feet)
            for x, y, radius, dark in zip(sx, sy, (9.0, 9.0, 24.0), (0.75, 0.75, 0.45), strict=True):
                axes = (max(1, int(radius * c.px_per_cm / 4)), max(1, int(radius * 0.26 * c.px_per_cm / 4)))
                spot = np.zeros_like(shade)
                cv2.ellipse(spot, (int(x / 4), int(y / 4)), axes, 0, 0, 360, dark, -1)
                np.maximum(shade, spot, out=shade)
        soft = cv2.GaussianBlur(shade, (0, 0), max(0.8, 1.1 * camera.px_per_cm))
        keep = cv2.resize(1 - soft, (width, height), interpolation=cv2.INTER_LINEAR)
        return np.asarray(cv2.convertScaleAbs(image * in_rgb(keep)), np.uint8)

    def _draw_person(
        self, canvas: Canvas, identity: SimulatedIdentity, style: Style, scene: Scene, camera: Camera, light: Light
    ) -> PosedHead:
        size = _grid_size(camera.px_per_cm)
        layers = self._layers(identity, style, size)
        in_head, in_body = light.seen_from(camera.head), light.seen_from(camera.body)
        posed = pose_head(layers.head, scene)
        shell = None if layers.hair is None else Shell.of(layers.hair, camera)
        if shell is not None:
            # The shell's inside first: dark hair behind the face, which also closes gaps between shell and scalp.
            shell.draw_lining(canvas, in_head)
        figure = self._figures(identity, scene.framing, fine=size > 250)
        for part in self._dressed(figure, scene.clothes_seed):
            draw_part(canvas, part, camera, in_body)
        mesh = camera.project(posed.points[::_HEAD_STEP, ::_HEAD_STEP], camera.head)
        seen = canvas.place(*mesh, step=_HEAD_STEP)
        if seen is not None:
            canvas.paint(seen, paint_head(posed, layers.skin, in_head, scene, seen.texels))
        for ear in layers.ears:
            draw_ear(canvas, ear, camera, in_head)
        if shell is not None:
            shell.draw(canvas, in_head)
            draw_wisps(canvas, shell.hair, camera, in_head)
        return posed


def _place(scene: Scene, others: list[Scene]) -> list[Scene]:
    """Scenes with their places in the picture: the subject moves left, the others stand beside, a little behind."""
    if not others:
        return [scene]
    gap = {"headshot": 0.40, "half_body": 0.36, "full_body": 0.26}[scene.framing]
    room = gap * len(others)
    zoom = scene.zoom * (0.72 if scene.framing == "headshot" else 0.8 if scene.framing == "half_body" else 0.92)
    down = {"headshot": 0.08, "half_body": 0.10, "full_body": 0.03}[scene.framing]
    placed = [replace(scene, shift=(scene.shift[0] - room / 2, scene.shift[1] + down), zoom=zoom)]
    for k, other in enumerate(others, 1):
        shift = (other.shift[0] - room / 2 + gap * k, other.shift[1] + down - 0.01)
        placed.append(replace(other, framing=scene.framing, shift=shift, zoom=zoom * 0.95 * other.zoom))
    return placed


def _truth(posed: PosedHead, camera: Camera, scene: Scene, depth: FloatArray, sampling: float) -> FaceTruth:
    marks = locate_landmarks(posed, camera.head)
    x, y, z = camera.project(marks.points106, camera.head)
    on_canvas = np.stack([x, y], 1)
    visible = find_visible(on_canvas, z, depth)
    x5, y5, _ = camera.project(marks.points5, camera.head)
    bx, by, _ = camera.project(marks.outline, camera.head)
    box = tuple(float(v) / sampling for v in (bx.min(), by.min(), bx.max(), by.max()))
    return FaceTruth(
        box=box,  # type: ignore[arg-type]  # four floats by construction
        points5=(np.stack([x5, y5], 1) / F32(sampling)).astype(F32),
        points106=(on_canvas / F32(sampling)).astype(F32),
        visible106=visible,
        yaw_deg=scene.yaw_deg,
        pitch_deg=scene.pitch_deg,
        roll_deg=scene.roll_deg,
        occluded_fraction=occlusion_of(visible),
        turned_away=abs(scene.yaw_deg) > TURNED_AWAY_DEG,
    )


def render(
    identity: SimulatedIdentity, style: Style, scene: Scene, *, width: int, height: int, others: Sequence[Person] = ()
) -> Rendering:
    """Draw one picture without keeping anything; see `PortraitRenderer.render`."""
    return PortraitRenderer(1 + len(others)).render(identity, style, scene, width=width, height=height, others=others)

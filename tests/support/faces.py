"""Faces without pictures, pictures without a model, and the one shared model of the test run."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from personalab_core.identity.face_runtime import FaceRuntime
from personalab_core.identity.facts import Face, FaceFacts, facts_of_file, obstacle
from personalab_core.identity.pose import Pose
from personalab_core.schemas.evaluation import MeasurementStatus
from personalab_core.simulation import PortraitRenderer, Scene, encode_png, sample_identity, sample_style


@cache
def shared_runtime() -> FaceRuntime:
    """The bundled pack, loaded once per test process."""
    return FaceRuntime.load("simface", n_threads=1)


@cache
def shared_renderer() -> PortraitRenderer:
    return PortraitRenderer()


@cache
def portrait_png(person: int, scene: Scene = Scene(), *, width: int = 256, height: int = 320) -> bytes:  # noqa: B008 - frozen
    """A simulated portrait of person number ``person``."""
    identity = sample_identity(person)
    rendering = shared_renderer().render(identity, sample_style(identity, person), scene, width=width, height=height)
    return encode_png(rendering)


@cache
def couple_png(first: int, second: int) -> bytes:
    """Two persons side by side in a half-body picture."""
    one, two = sample_identity(first), sample_identity(second)
    scene = Scene(framing="half_body")
    others = ((two, sample_style(two, second), scene),)
    return encode_png(
        shared_renderer().render(one, sample_style(one, first), scene, width=512, height=640, others=others)
    )


def write_portrait(path: Path, person: int, scene: Scene = Scene(), *, width: int = 256, height: int = 320) -> Path:  # noqa: B008 - frozen
    path.write_bytes(portrait_png(person, scene, width=width, height=height))
    return path


def unit(*values: float) -> npt.NDArray[np.float32]:
    """The direction of ``values`` as a float32 vector of length 1."""
    vector = np.array(values, dtype=np.float32)
    return vector / np.linalg.norm(vector)


def make_face(
    *,
    box: Sequence[float] = (100, 100, 200, 220),
    embedding: npt.NDArray[np.float32] | None = None,
    points5: npt.NDArray[np.float32] | None = None,
    points106: npt.NDArray[np.float32] | None = None,
    yaw_deg: float = 0.0,
) -> Face:
    """A face as a runtime would report it; measurable unless its box or pose says otherwise."""
    corners, pose = np.array(box, dtype=np.float32), Pose(yaw_deg, 0.0, 0.0)
    status, reason = obstacle(corners, pose)
    measured = status is MeasurementStatus.MEASURED
    vector = (embedding if embedding is not None else unit(1, 0, 0)) if measured else None
    return Face(corners, points5, points106, 0.9, pose, vector, status, reason)


class FakeAnalyser:
    """Looks at no pixels: answers each picture with the faces its mean brightness stands for.

    A plain grey picture of brightness ``b`` has the faces ``faces[b]``; any other has none.
    """

    def __init__(self, faces: dict[int, Sequence[Face]]) -> None:
        self.faces = faces
        self.looks = 0

    def analyse(self, image_bgr: npt.NDArray[np.uint8]) -> FaceFacts:
        self.looks += 1
        height_px, width_px = image_bgr.shape[:2]
        found = self.faces.get(int(image_bgr[0, 0, 0]), ())
        return FaceFacts.of_faces(found, width_px=width_px, height_px=height_px)

    def analyse_file(self, path: str | Path) -> FaceFacts:
        return facts_of_file(path, self.analyse)


def write_grey(path: Path, brightness: int, *, width: int = 400, height: int = 500) -> Path:
    """A plain grey PNG, for ``FakeAnalyser``."""
    from PIL import Image

    Image.new("L", (width, height), brightness).save(path)
    return path

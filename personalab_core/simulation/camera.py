"""Where the camera stands for each framing, and perspective from the head's frame to the canvas."""

import math
from dataclasses import dataclass

import numpy as np

from personalab_core.simulation.curves import F32, FloatArray, rotation
from personalab_core.simulation.scene import Scene

_PIVOT = np.array([0, -8.0, -2.5], F32)
"""Where the head turns on the neck (cm)."""
_BODY_OFFSET = np.array([0, 2.2, 0], F32)
_VIEW = {"headshot": (0.0252, 0.435, 150.0), "half_body": (0.0125, 0.27, 260.0), "full_body": (0.0052, 0.115, 520.0)}
"""Per framing: centimetre in picture heights, eye line as a fraction of the height, camera distance in cm."""


@dataclass(frozen=True, eq=False)
class Camera:
    """Perspective from head-frame centimetres to canvas pixels."""

    centre_x: float
    centre_y: float
    px_per_cm: float
    distance_cm: float
    head: FloatArray
    body: FloatArray

    def project_body(self, points: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """`project` for parts of the body, whose frame sits a little below the head's."""
        return self.project(points + _BODY_OFFSET, self.body)

    def project(self, points: FloatArray, turn: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Columns, rows and depths of points (..., 3) turned about the neck."""
        turned = ((points.reshape(-1, 3) - _PIVOT) @ turn.T + _PIVOT).astype(F32, copy=False)
        scale = F32(self.px_per_cm * self.distance_cm) / (F32(self.distance_cm) - turned[:, 2])
        shape = points.shape[:-1]
        sx: FloatArray = F32(self.centre_x) + turned[:, 0] * scale
        sy: FloatArray = F32(self.centre_y) - turned[:, 1] * scale
        return sx.reshape(shape), sy.reshape(shape), turned[:, 2].reshape(shape)


def _body_yaw(yaw_deg: float) -> float:
    """Shoulders follow the head: a third up to 60 degrees, then almost all of it."""
    size = abs(yaw_deg)
    followed = 0.35 * size if size <= 60 else 21 + (size - 60) * (150 - 21) / 120
    return math.copysign(followed, yaw_deg)


def aim(scene: Scene, width: int, height: int) -> Camera:
    """The camera of a scene for a canvas of width x height pixels."""
    scale, eye_line, distance = _VIEW[scene.framing]
    return Camera(
        centre_x=width * (0.5 + scene.shift[0]),
        centre_y=height * (eye_line + scene.shift[1]),
        px_per_cm=height * scale * scene.zoom,
        distance_cm=distance,
        head=rotation(scene.yaw_deg, scene.pitch_deg, scene.roll_deg),
        body=rotation(_body_yaw(scene.yaw_deg), 0, 0),
    )

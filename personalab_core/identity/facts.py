"""What one look at a picture found: every face in it, and what could not be measured.

A picture is looked at once. Evaluators are pure functions of these facts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from personalab_core.errors import UnreadableImageError
from personalab_core.identity.images import read_image
from personalab_core.identity.pose import Pose
from personalab_core.schemas.evaluation import FrameSize, MeasurementStatus

MIN_FACE_PX = 40.0
"""Smaller side of the face box below which nothing is measured.

On real photographs trouble starts at faces of about 40 px: a quarter of the gap between one person and
another is lost at 30 px (own study of 61 photographs of 13 people, dlib recogniser).
"""

MAX_YAW_DEG = 60.0
"""Head turn beyond which nothing is measured. Not calibrated: the studied photographs end at 21 degrees."""

HEAD_FRACTION = 0.30
HALF_FRACTION = 0.10
"""Cuts of the face-size fraction: head, half, full; those of the adaptive geometric threshold."""

Array = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One face; coordinates in pixels of the upright picture.

    Attributes:
        box: (4,) float32, x0, y0, x1, y1.
        points5: (5, 2) float32: image-left eye, image-right eye, nose tip, mouth corners; ``None``
            if the recogniser's own alignment has other points.
        points106: (106, 2) float32, or ``None`` without a landmark model.
        detection_confidence: [0, 1], or ``None`` if the detector has none on that scale.
        pose: Estimated head pose, or ``None``.
        embedding: L2-normalised float32 (512,), or the recogniser's own length; ``None`` if unmeasurable.
        status: ``measured``, or what stands against measuring this face.
        reason: That in words; empty if measured.
        fine_detail: Of the aligned face, see :func:`fine_detail`; ``None`` if it was not aligned.
    """

    box: Array
    points5: Array | None
    points106: Array | None
    detection_confidence: float | None
    pose: Pose | None
    embedding: Array | None
    status: MeasurementStatus
    reason: str = ""
    fine_detail: float | None = None

    @property
    def size_px(self) -> float:
        """Smaller side of the box."""
        return float(min(self.box[2] - self.box[0], self.box[3] - self.box[1]))

    @property
    def area_px2(self) -> float:
        """Area of the box."""
        return float((self.box[2] - self.box[0]) * (self.box[3] - self.box[1]))


@dataclass(frozen=True, slots=True, eq=False)
class FaceFacts:
    """Everything found in one picture.

    Attributes:
        faces: Largest first.
        status: ``measured`` if at least one face can be measured, else why not.
        reason: That in words; empty if measured.
        width_px: Width of the upright picture; ``None`` if unreadable.
        height_px: Height of the upright picture; ``None`` if unreadable.
        sha256: SHA-256 of the file, if it came from one.
    """

    faces: tuple[Face, ...]
    status: MeasurementStatus
    reason: str = ""
    width_px: int | None = None
    height_px: int | None = None
    sha256: str | None = None

    @classmethod
    def of_faces(cls, faces: Sequence[Face], *, width_px: int, height_px: int) -> FaceFacts:
        """Return the facts of a readable picture with these faces."""
        ordered = tuple(sorted(faces, key=lambda face: -face.area_px2))
        if not ordered:
            return cls((), MeasurementStatus.NO_FACE, "no face was found", width_px, height_px)
        first = next((f for f in ordered if f.status is MeasurementStatus.MEASURED), ordered[0])
        return cls(ordered, first.status, first.reason, width_px, height_px)

    @property
    def measurable(self) -> tuple[Face, ...]:
        """The faces that have an embedding, largest first."""
        return tuple(face for face in self.faces if face.embedding is not None)


def facts_of_file(path: str | Path, analyse: Callable[[npt.NDArray[np.uint8]], FaceFacts]) -> FaceFacts:
    """Return the facts of a picture file; an unreadable file is a status, not an error."""
    try:
        image = read_image(path)
    except UnreadableImageError as error:
        return FaceFacts((), MeasurementStatus.UNREADABLE, str(error))
    return replace(analyse(image.bgr), sha256=image.sha256)


def obstacle(box: npt.NDArray[Any], pose: Pose | None) -> tuple[MeasurementStatus, str]:
    """Return ``measured`` and an empty reason, or what stands against measuring a face.

    Args:
        box: (4,) x0, y0, x1, y1 in pixels.
        pose: Estimated pose; without one the head turn is not judged.
    """
    size_px = float(min(box[2] - box[0], box[3] - box[1]))
    if size_px < MIN_FACE_PX:
        reason = f"the face is only {size_px:.0f} px wide; {MIN_FACE_PX:.0f} px are needed"
        return MeasurementStatus.FACE_TOO_SMALL, reason
    if pose is not None and abs(pose.yaw_deg) > MAX_YAW_DEG:
        return MeasurementStatus.TURNED_AWAY, f"the face is turned away by {abs(pose.yaw_deg):.0f}°"
    return MeasurementStatus.MEASURED, ""


def fine_detail(aligned_bgr: npt.NDArray[np.uint8]) -> float:
    """Return how much of an aligned face's contrast is fine detail: variance of the Laplacian over variance.

    The variance of the Laplacian falls when detail is lost (Pech-Pacheco et al., ICPR 2000); dividing by the
    face's own contrast makes dim and bright pictures comparable. 0 for a flat picture.

    Args:
        aligned_bgr: (112, 112, 3) uint8, BGR; faces of another size are not comparable.
    """
    import cv2

    grey = cv2.cvtColor(aligned_bgr, cv2.COLOR_BGR2GRAY)
    contrast = float(np.var(grey))
    return float(np.var(cv2.Laplacian(grey, cv2.CV_16S))) / contrast if contrast > 0 else 0.0


def size_fraction(box: npt.NDArray[Any], width_px: int, height_px: int) -> float:
    """Return the diagonal of the face box over the diagonal of the picture, in [0, 1]."""
    diagonal = float(np.hypot(box[2] - box[0], box[3] - box[1]))
    return min(diagonal / float(np.hypot(width_px, height_px)), 1.0)


def frame_size(fraction: float) -> FrameSize:
    """Return how a face of this size fraction is framed.

    >>> frame_size(0.30), frame_size(0.2), frame_size(0.09)
    ('head', 'half', 'full')
    """
    if fraction >= HEAD_FRACTION:
        return "head"
    return "half" if fraction >= HALF_FRACTION else "full"

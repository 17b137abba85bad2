"""What InsightFace makes of one test picture, compared with the renderer's ground truth."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.simface_shots import TestShot

DETECTOR_SIZE = (320, 320)
FALLBACK_SIZE = (640, 640)
SMALL_FACE_PX = 36
"""A face whose smaller box side is below this at detector scale is looked for again at the larger size.

This is what `FaceRuntime` does.
"""

SAME_FACE_IOU = 0.5
OTHER_FACE_IOU = 0.3
HEAVY_BLURS = (0.15, 0.2, 0.3)
LIGHT_BLUR = 0.02
"""Gaussian sigma as a fraction of the face width."""

CONTOUR = slice(0, 33)


@dataclass
class Finding:
    """One picture's result; errors are fractions of the inter-ocular distance (between the eye centres)."""

    shot: TestShot
    found: bool = False
    extra: int = 0
    iou: float = 0.0
    points5_error: float = float("nan")
    points106_error: float = float("nan")
    contour_error: float = float("nan")
    embedding: NDArray[np.float32] | None = None
    false_faces: dict[str, bool] = field(default_factory=dict)
    found_lightly_blurred: bool | None = None


def load_pack(pack: Path) -> Any:
    """InsightFace's `FaceAnalysis` on the pack, one thread."""
    import onnxruntime as ort
    from insightface.app import FaceAnalysis

    cv2.setNumThreads(1)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    app = FaceAnalysis(name=str(pack.resolve()), sess_options=options, providers=["CPUExecutionProvider"])
    app.prepare(ctx_id=0, det_size=DETECTOR_SIZE)
    return app


def find_faces(app: Any, image: NDArray[np.uint8]) -> list[Any]:
    """`FaceAnalysis.get` at 320 x 320, and at 640 x 640 when that finds nothing or only small faces."""
    faces = app.get(image)
    scale = DETECTOR_SIZE[0] / max(image.shape[:2])
    largest = max((min(f.bbox[2] - f.bbox[0], f.bbox[3] - f.bbox[1]) for f in faces), default=0.0)
    if largest * scale >= SMALL_FACE_PX or scale >= 1:
        return list(faces)
    return list(_get_at(app, image, FALLBACK_SIZE)) or list(faces)


def _get_at(app: Any, image: NDArray[np.uint8], size: tuple[int, int]) -> list[Any]:
    """`FaceAnalysis.get` with another detector size."""
    from insightface.app.common import Face

    boxes, points = app.det_model.detect(image, input_size=size)
    faces = [Face(bbox=b[:4], kps=p, det_score=b[4]) for b, p in zip(boxes, points, strict=True)]
    for face in faces:
        for task, model in app.models.items():
            if task != "detection":
                model.get(image, face)
    return faces


def overlap(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    """Intersection over union of two boxes."""
    width = max(0.0, float(min(a[2], b[2]) - max(a[0], b[0])))
    height = max(0.0, float(min(a[3], b[3]) - max(a[1], b[1])))
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - width * height
    return width * height / float(union)


def measure_away(app: Any, shot: TestShot, image: NDArray[np.uint8]) -> Finding:
    """A head from behind: anything found is false."""
    return Finding(shot, false_faces={"hair_only": _any_face(app, image)})


def measure_face(app: Any, shot: TestShot, image: NDArray[np.uint8], truth: Any, *, blur: float | None) -> Finding:
    """Compare with the truth, and try the picture's hard negatives.

    Args:
        app: From `load_pack`.
        shot: What was rendered.
        image: uint8 BGR.
        truth: The renderer's `FaceTruth` of the person.
        blur: Heavy blur to try as a negative, or None to skip the negatives.
    """
    finding = Finding(shot)
    faces = find_faces(app, image)
    overlaps = [overlap(f.bbox, truth.box) for f in faces]
    finding.extra = sum(v <= OTHER_FACE_IOU for v in overlaps)
    finding.iou = max(overlaps, default=0.0)
    finding.found = finding.iou > SAME_FACE_IOU
    if finding.found:
        _compare(finding, faces[int(np.argmax(overlaps))], truth)
    if blur is not None:
        width = float(truth.box[2] - truth.box[0])
        finding.false_faces["upside_down"] = _any_face(app, np.ascontiguousarray(image[::-1, ::-1]))
        finding.false_faces["blurred"] = _any_face(app, blurred(image, blur * width))
        finding.found_lightly_blurred = _any_face(app, blurred(image, LIGHT_BLUR * width))
    return finding


def _compare(finding: Finding, face: Any, truth: Any) -> None:
    points5, points106 = np.asarray(truth.points5), np.asarray(truth.points106)
    eyes_px = float(np.linalg.norm(points5[0] - points5[1]))
    errors = np.linalg.norm(face.landmark_2d_106 - points106, axis=1) / eyes_px
    finding.points5_error = float(np.linalg.norm(face.kps - points5, axis=1).mean() / eyes_px)
    finding.points106_error = float(errors.mean())
    finding.contour_error = float(errors[CONTOUR].mean())
    finding.embedding = face.normed_embedding


def blurred(image: NDArray[np.uint8], sigma_px: float) -> NDArray[np.uint8]:
    """The whole picture out of focus."""
    return cv2.GaussianBlur(image, (0, 0), max(0.1, sigma_px)).astype(np.uint8, copy=False)


def _any_face(app: Any, image: NDArray[np.uint8]) -> bool:
    """Whether the detector sees a face at either size, as a user of both would."""
    if len(app.det_model.detect(image, input_size=DETECTOR_SIZE)[0]):
        return True
    if max(image.shape[:2]) <= DETECTOR_SIZE[0]:
        return False
    return len(app.det_model.detect(image, input_size=FALLBACK_SIZE)[0]) > 0

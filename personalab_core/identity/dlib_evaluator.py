"""Identity on real photographs with nothing to download: dlib's 128-d recogniser.

Both packages of the extra ``dlib`` bring their weights along. Faces are aligned by the free 5-point
model (eye corners and nose base), which has no mouth, so there is no geometric result.

D. E. King, *Dlib-ml*, JMLR 10 (2009), and its example ``dnn_face_recognition_ex``: two faces are the
same person at a Euclidean distance of 0.6 or less, 99.38 % on LFW. The raw cosines of these vectors
are all above .8, so ArcFace's thresholds say nothing about them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from personalab_core.errors import MissingDependencyError, ModelPackError
from personalab_core.identity.calibration import CalibrationRow, calibration
from personalab_core.identity.composite import CompositeScorer
from personalab_core.identity.facts import MIN_FACE_PX, Array, Face, FaceFacts, facts_of_file, obstacle
from personalab_core.identity.matching import FaceMatcher
from personalab_core.schemas.evaluation import EmbeddingScore, EvaluationResult, EvaluatorInfo, MeasurementStatus

SCORING_VERSION = "1"
PACK = "dlib_resnet_v1"
LICENCE = "dlib models (D. King): public domain (CC0) weights for the recogniser and the 5-point model."

_RECOGNISER = "dlib_face_recognition_resnet_model_v1.dat"
_LANDMARKS = "shape_predictor_5_face_landmarks.dat"
_INSTALL = "pip install dlib-bin face_recognition_models"

MAX_DETECTOR_PX = 1600
"""Longest side given to the detector; larger pictures are reduced."""

CERTAIN_SCORE = 0.5
SECOND_LOOK_SCORE = 0.3
"""Detector scores. A face below the first is looked at again, enlarged, and needs the second there. Not calibrated:
on the photographs of the tests false faces score up to .26 at first and .17 enlarged, the weakest true one .21 and .37.
"""


class DlibRuntime:
    """dlib's frontal detector, 5-point landmarks and 128-d recogniser, loaded once."""

    def __init__(self, detector: Any, landmarks: Any, recogniser: Any, *, pack_hash: str, version: str) -> None:
        self._detector, self._landmarks, self._recogniser = detector, landmarks, recogniser
        self.pack_hash = pack_hash
        self.version = version

    @classmethod
    def load(cls) -> DlibRuntime:
        """Return a loaded runtime.

        Raises:
            MissingDependencyError: The extra ``dlib`` is not installed.
            ModelPackError: Its model files are damaged.
        """
        folder = models_folder()
        try:
            import dlib
        except ImportError as error:
            raise MissingDependencyError(_missing()) from error
        files = [folder / _LANDMARKS, folder / _RECOGNISER]
        try:
            landmarks = dlib.shape_predictor(str(files[0]))
            recogniser = dlib.face_recognition_model_v1(str(files[1]))
            digest = hashlib.sha256(b"".join(hashlib.sha256(f.read_bytes()).digest() for f in files)).hexdigest()[:16]
        except (RuntimeError, OSError) as error:
            raise ModelPackError(
                f"The dlib models in {folder} cannot be loaded. Reinstall them with: {_INSTALL}"
            ) from error
        detector = dlib.get_frontal_face_detector()
        return cls(detector, landmarks, recogniser, pack_hash=digest, version=f"dlib {dlib.__version__}")

    def analyse_file(self, path: str | Path) -> FaceFacts:
        """Return the facts of a picture file; an unreadable file is a status, not an error."""
        return facts_of_file(path, self.analyse)

    def analyse(self, image_bgr: npt.NDArray[np.uint8]) -> FaceFacts:
        """Return every face in a (H, W, 3) uint8 BGR picture, with unit-free 128-d embeddings."""
        rgb = np.ascontiguousarray(image_bgr[:, :, ::-1])
        height_px, width_px = rgb.shape[:2]
        faces = [self._measure(rgb, rectangle) for rectangle in self._detect(rgb)]
        return FaceFacts.of_faces(faces, width_px=width_px, height_px=height_px)

    def _detect(self, rgb: npt.NDArray[np.uint8]) -> list[Any]:
        """Return dlib rectangles of faces from 80 px on, or, where there are none, from 40 px on.

        Upsampling finds the smaller ones; it takes four times as long and finds more that are none.
        """
        import cv2
        import dlib

        if min(rgb.shape[:2]) < MIN_FACE_PX:
            return []
        scale = min(MAX_DETECTOR_PX / max(rgb.shape[:2]), 1.0)
        searched: Any = rgb
        if scale < 1:
            searched = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        found = self._faces(searched, 0) or self._faces(searched, 1)
        return [
            dlib.rectangle(*(round(side / scale) for side in (r.left(), r.top(), r.right(), r.bottom()))) for r in found
        ]

    def _faces(self, rgb: Any, n_upsample: int) -> list[Any]:
        rectangles, scores, _kinds = self._detector.run(rgb, n_upsample, 0.0)
        certain = zip(rectangles, scores, strict=True)
        return [r for r, score in certain if score >= CERTAIN_SCORE or self._second_look(rgb, r) >= SECOND_LOOK_SCORE]

    def _second_look(self, rgb: Any, rectangle: Any) -> float:
        """Return the best detector score in the enlarged surroundings of a doubtful face."""
        margin = rectangle.width() // 2
        top, left = max(rectangle.top() - margin, 0), max(rectangle.left() - margin, 0)
        cut = np.ascontiguousarray(rgb[top : rectangle.bottom() + margin, left : rectangle.right() + margin])
        _rectangles, scores, _kinds = self._detector.run(cut, 1, 0.0)
        return max(scores, default=0.0)

    def _measure(self, rgb: npt.NDArray[np.uint8], rectangle: Any) -> Face:
        sides = (rectangle.left(), rectangle.top(), rectangle.right(), rectangle.bottom())
        box = np.array(sides, dtype=np.float32)
        status, reason = obstacle(box, None)
        embedding = None
        if status is MeasurementStatus.MEASURED:
            shape = self._landmarks(rgb, rectangle)
            embedding = np.array(self._recogniser.compute_face_descriptor(rgb, shape), dtype=np.float32)
        return Face(box, None, None, None, None, embedding, status, reason)


class DlibEvaluator:
    """Scores candidates by the Euclidean distance of dlib descriptors; at most 0.6 is the same person."""

    def __init__(self, runtime: DlibRuntime | None = None, *, composite: CompositeScorer | None = None) -> None:
        self.runtime = runtime or DlibRuntime.load()
        row = calibration("dlib")
        self.info = EvaluatorInfo(
            name="dlib",
            version=f"{SCORING_VERSION} ({self.runtime.version})",
            pack=PACK,
            pack_hash=self.runtime.pack_hash,
            metric="euclidean_distance",
            thresholds_source=row.source,
        )
        self.matcher = FaceMatcher(
            analyser=self.runtime,
            compare=partial(distance_score, row=row),
            composite=composite or CompositeScorer(),
            geometric=None,
        )

    def evaluate(self, anchor_path: str | Path, candidate_paths: Sequence[str | Path]) -> EvaluationResult:
        """Return one result per candidate, in the order given.

        Raises:
            AnchorMissingError: There is no anchor file.
            UnreadableImageError: The anchor cannot be decoded.
            InputError: The anchor has no measurable face.
        """
        return self.matcher.evaluate(anchor_path, candidate_paths, evaluator=self.info)


def distance_score(anchor: Array, candidate: Array, *, row: CalibrationRow) -> EmbeddingScore:
    """Return the distance of two descriptors, judged and mapped to a similarity by ``row``."""
    distance = float(np.linalg.norm(anchor - candidate))
    threshold = row.accept_distance or 0.0
    return EmbeddingScore(
        cosine_similarity=row.similarity(distance),
        threshold=threshold,
        passed=distance <= threshold,
        euclidean_distance=distance,
    )


def models_folder() -> Path:
    """Return the folder with dlib's model files.

    The package is located, not imported: its ``__init__`` needs ``pkg_resources``.

    Raises:
        MissingDependencyError: The extra ``dlib`` is not installed.
    """
    spec = find_spec("face_recognition_models")
    if spec is None or spec.origin is None or find_spec("dlib") is None:
        raise MissingDependencyError(_missing())
    return Path(spec.origin).parent / "models"


def _missing() -> str:
    return f"The dlib evaluator needs dlib and its models, which are not installed. Install them with: {_INSTALL}"

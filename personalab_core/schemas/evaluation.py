"""What was measured, and what could not be."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field

from personalab_core.schemas.contract import Contract

FrameSize = Literal["head", "half", "full"]
"""Measured framing: face-box diagonal over picture diagonal >= .30, .10-.30, below."""


class MeasurementStatus(StrEnum):
    """Whether a picture could be measured, and if not, why not."""

    MEASURED = "measured"
    NO_FACE = "no_face"
    FACE_TOO_SMALL = "face_too_small"
    TURNED_AWAY = "turned_away"
    UNREADABLE = "unreadable"
    NOT_MEASURED = "not_measured"
    """No evaluator is installed, or no anchor exists; says nothing about the picture."""


class EvaluatorInfo(Contract):
    """Which instrument measured: results of two instruments are never mixed.

    ``pack_hash`` is the first 16 hex digits of a SHA-256 over the model files.
    """

    name: str
    version: str
    pack: str
    pack_hash: str
    metric: Literal["cosine_similarity", "euclidean_distance", "none"]
    thresholds_source: str = "not calibrated"


class FaceSummary(Contract):
    """Where the measured face is and how it is seen; pixels of the upright picture.

    ``box`` is (x0, y0, x1, y1). ``size_fraction`` is the diagonal of the face box over
    the diagonal of the picture, clipped to [0, 1]. Angles in degrees: yaw > 0 turns to the viewer's right,
    pitch > 0 chin down, roll > 0 clockwise; ``None`` where the evaluator has no pose.
    ``landmarks`` are 106 (or 5) points ``((x, y), ...)`` rounded to 0.1 px.
    """

    box: tuple[float, float, float, float]
    size_fraction: float = Field(ge=0, le=1)
    frame_size: FrameSize
    detection_confidence: float | None = None
    inter_ocular_distance_px: float | None = None
    yaw_deg: float | None = None
    pitch_deg: float | None = None
    roll_deg: float | None = None
    landmarks: tuple[tuple[float, float], ...] = ()
    sharpness_ratio: float | None = None
    """Fine detail of the aligned face over that of the anchor's; ``None`` where a face is too small to tell."""


class EmbeddingScore(Contract):
    """How alike two faces are to the recogniser.

    ``cosine_similarity`` is clamped to [0, 1], higher is more alike. For evaluators that
    decide on a distance (dlib), ``euclidean_distance`` is set and decides; ``cosine_similarity``
    then holds the evaluator's documented mapping of it, and ``threshold`` is in distance units.
    """

    cosine_similarity: float = Field(ge=0, le=1)
    threshold: float
    passed: bool
    euclidean_distance: float | None = None


class RatioScore(Contract):
    """One landmark ratio in the anchor and in the candidate (units of eye distance)."""

    name: str
    anchor: float
    candidate: float

    @property
    def relative_error(self) -> float:
        """|candidate - anchor| / anchor."""
        return abs(self.candidate - self.anchor) / self.anchor


class GeometricScore(Contract):
    """How far the face proportions differ from the anchor's.

    ``normalized_error`` is the mean relative error of the ratios, clipped to [0, 1];
    ``threshold`` is the adaptive one in force for this face size.
    """

    normalized_error: float = Field(ge=0, le=1)
    threshold: float
    passed: bool
    n_points: Literal[106, 5]
    ratios: tuple[RatioScore, ...]


class CandidateResult(Contract):
    """One candidate against one anchor.

    ``composite_score`` is ``None`` unless ``status`` is ``measured``. ``n_faces`` counts all
    faces seen; the one most like the anchor is the one measured.
    """

    path: str
    status: MeasurementStatus
    reason: str = ""
    n_faces: int = Field(default=0, ge=0)
    composite_score: float | None = Field(default=None, ge=0, le=1)
    embedding: EmbeddingScore | None = None
    geometric: GeometricScore | None = None
    face: FaceSummary | None = None
    width_px: int | None = None
    height_px: int | None = None
    image_sha256: str | None = None
    embedding_vector: tuple[float, ...] | None = Field(default=None, repr=False, exclude=True)
    """L2-normalised embedding; kept beside the records, never inside a JSON line."""


class EvaluationResult(Contract):
    """Several candidates against one anchor, in the order they were given."""

    anchor_path: str
    anchor_sha256: str | None = None
    evaluator: EvaluatorInfo
    candidates: tuple[CandidateResult, ...]

    @property
    def best(self) -> CandidateResult | None:
        """The measured candidate with the highest composite score, or ``None``."""
        scored = [c for c in self.candidates if c.composite_score is not None]
        return max(scored, key=lambda c: c.composite_score or 0.0, default=None)

    @property
    def final_score(self) -> float | None:
        """Composite score of the best candidate, or ``None`` if nothing was measured."""
        return self.best.composite_score if self.best else None

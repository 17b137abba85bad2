"""What was measured of a video, frame by frame, against the anchor."""

from __future__ import annotations

from pydantic import Field

from personalab_core.schemas.contract import Contract
from personalab_core.schemas.evaluation import CandidateResult, EvaluatorInfo


class SampledFrame(Contract):
    """Which frame was looked at: its number in decoding order and its presentation time."""

    index: int = Field(ge=0)
    time_s: float = Field(ge=0)


class FrameResult(Contract):
    """One sampled frame against the anchor; uncovered frames stay in the list with their reason."""

    frame: SampledFrame
    result: CandidateResult


class EmbeddingTemporalStats(Contract):
    """Cosine similarity to the anchor over the measured frames (population standard deviation)."""

    mean_cosine: float
    std_cosine: float
    min_cosine: float
    n_frames: int = Field(ge=1)


class GeometricTemporalStats(Contract):
    """Variance over frames of each ratio's deviation from the anchor's ratio.

    ``ratio_variances`` maps a ratio's name to the population variance of
    (frame - anchor) in units of the eye distance.
    """

    ratio_variances: dict[str, float]
    mean_ratio_variance: float
    max_ratio_variance: float
    n_frames: int = Field(ge=1)


class VideoIdentityResult(Contract):
    """Is it the same person in the video, and how much of it was seen.

    ``coverage`` is the share of sampled frames with a usable face.
    ``shortest_missable_event_s`` is the longest gap between two sampled frames: anything
    shorter can hide between them. Statistics are ``None`` when no frame could be measured.
    """

    anchor_path: str
    video_path: str
    evaluator: EvaluatorInfo
    frames: tuple[FrameResult, ...]
    coverage: float = Field(ge=0, le=1)
    shortest_missable_event_s: float | None = None
    embedding_stats: EmbeddingTemporalStats | None = None
    geometric_stats: GeometricTemporalStats | None = None
    mean_composite_score: float | None = None
    std_composite_score: float | None = None
    worst_frame: SampledFrame | None = None

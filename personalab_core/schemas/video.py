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
    """One sampled frame against the anchor; uncovered frames stay in the list with their reason.

    ``carried``: the face had not moved since an earlier frame, whose embedding is used.
    """

    frame: SampledFrame
    result: CandidateResult
    carried: bool = False


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


class IdentitySwap(Contract):
    """The face became somebody else's from one sampled frame to the next.

    ``start_s`` and ``end_s`` lie halfway between the frames on either side of each change;
    ``end_s`` is ``None`` if the person did not come back before the video ended. A swap with which the
    video begins starts at its first frame with a face; ``similarity_before`` is then the persona's later level.
    """

    start_s: float = Field(ge=0)
    end_s: float | None = None
    similarity_before: float
    similarity_during: float


class VideoIdentityResult(Contract):
    """Is it the same person in the video, and how much of it was seen.

    Statistics are ``None`` when no frame could be measured.

    Attributes:
        anchor_path: What every frame was compared with.
        video_path: The video.
        evaluator: Which instrument measured.
        frames: Every sampled frame, uncovered ones included, in order of time.
        coverage: Share of sampled frames with a usable face.
        n_frames_skipped: Frames that a face-detected sampling left out; they count as uncovered.
        shortest_missable_event_s: The longest gap between two sampled frames: anything shorter
            can hide between them.
        longest_unseen_s: The longest time without a usable face: whoever is shown then is not known.
        embedding_stats: Cosine similarity over time.
        geometric_stats: Proportions over time.
        mean_composite_score: What the policy decides on.
        std_composite_score: Population standard deviation.
        fifth_percentile_composite: Nineteen frames in twenty are better (linear interpolation).
        worst_frame: Where the composite is lowest.
        below_threshold: The composite that the next value counts from.
        longest_below_threshold_s: Longest time that the measured frames stayed below it, each
            frame standing for the time up to halfway to its neighbours; uncovered frames end it.
        swaps: Abrupt changes to somebody else's face, in order of time.
    """

    anchor_path: str
    video_path: str
    evaluator: EvaluatorInfo
    frames: tuple[FrameResult, ...]
    coverage: float = Field(ge=0, le=1)
    n_frames_skipped: int = Field(default=0, ge=0)
    shortest_missable_event_s: float | None = None
    longest_unseen_s: float | None = None
    embedding_stats: EmbeddingTemporalStats | None = None
    geometric_stats: GeometricTemporalStats | None = None
    mean_composite_score: float | None = None
    std_composite_score: float | None = None
    fifth_percentile_composite: float | None = None
    worst_frame: SampledFrame | None = None
    below_threshold: float | None = None
    longest_below_threshold_s: float | None = None
    swaps: tuple[IdentitySwap, ...] = ()


class VideoIdentitySummary(Contract):
    """The numbers of a :class:`VideoIdentityResult` that an attempt's record carries."""

    n_frames: int = Field(ge=0)
    coverage: float = Field(ge=0, le=1)
    shortest_missable_event_s: float | None = None
    longest_unseen_s: float | None = None
    mean_composite_score: float | None = None
    std_composite_score: float | None = None
    fifth_percentile_composite: float | None = None
    mean_cosine: float | None = None
    std_cosine: float | None = None
    min_cosine: float | None = None
    mean_ratio_variance: float | None = None
    max_ratio_variance: float | None = None
    worst_frame: SampledFrame | None = None
    longest_below_threshold_s: float | None = None
    swaps: tuple[IdentitySwap, ...] = ()

    @classmethod
    def of(cls, result: VideoIdentityResult) -> VideoIdentitySummary:
        """Return the summary of a result."""
        embedding, geometric = result.embedding_stats, result.geometric_stats
        return cls(
            n_frames=len(result.frames),
            coverage=result.coverage,
            shortest_missable_event_s=result.shortest_missable_event_s,
            longest_unseen_s=result.longest_unseen_s,
            mean_composite_score=result.mean_composite_score,
            std_composite_score=result.std_composite_score,
            fifth_percentile_composite=result.fifth_percentile_composite,
            mean_cosine=embedding.mean_cosine if embedding else None,
            std_cosine=embedding.std_cosine if embedding else None,
            min_cosine=embedding.min_cosine if embedding else None,
            mean_ratio_variance=geometric.mean_ratio_variance if geometric else None,
            max_ratio_variance=geometric.max_ratio_variance if geometric else None,
            worst_frame=result.worst_frame,
            longest_below_threshold_s=result.longest_below_threshold_s,
            swaps=result.swaps,
        )


class VideoQualitySummary(Contract):
    """The numbers of a quality result that an attempt's record carries. Advisory only."""

    mean_sharpness_ratio: float
    sharpness_ok: bool
    mean_face_sharpness_ratio: float | None = None
    histogram_method: str
    max_histogram_distance: float | None = None
    illumination_ok: bool
    n_duplicate_frames: int = 0
    longest_frozen_s: float = 0.0


class VideoAdvice(Contract):
    """What the post-processing gate said."""

    identity_stable: bool
    degradation: str
    recommend_sharpening: bool
    recommend_super_resolution: bool
    manual_review: bool
    sentence: str


class VideoAttempt(Contract):
    """The part of an attempt's record that only videos have.

    Paths are relative to the workspace output folder, POSIX separators. The record's own
    ``image_path`` is the poster: the measured frame whose score is nearest to the mean, else
    the first frame. Every frame's numbers are in the report file.

    Attributes:
        video_path: The video as it came.
        video_sha256: Of its bytes.
        duration_s: Seconds, as far as frames could be decoded once it was measured.
        width_px: Width of the upright frame.
        height_px: Height of the upright frame.
        complete: False if the file breaks off before its stated end.
        report_path: JSON with the whole results, ``None`` before measuring.
        poster_frame: Which frame the poster is.
        identity: Who is in it.
        quality: How its pixels are; ``None`` if switched off.
        advice: What may be done to the pixels; ``None`` if switched off.
    """

    video_path: str
    video_sha256: str
    duration_s: float | None = None
    width_px: int
    height_px: int
    complete: bool = True
    report_path: str | None = None
    poster_frame: SampledFrame | None = None
    identity: VideoIdentitySummary | None = None
    quality: VideoQualitySummary | None = None
    advice: VideoAdvice | None = None

"""From frames in order of time to what they say together: level, spread, lows, and moments of change."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean, pstdev, pvariance, quantiles

from personalab_core.identity.swaps import find_swaps
from personalab_core.schemas.evaluation import CandidateResult, EvaluatorInfo, GeometricScore
from personalab_core.schemas.video import (
    EmbeddingTemporalStats,
    FrameResult,
    GeometricTemporalStats,
    VideoIdentityResult,
)

DEFAULT_BELOW_THRESHOLD = 0.55
"""The specification's accept threshold for ``buffalo_l``."""


def summarise_frames(
    frames: Sequence[FrameResult],
    *,
    anchor_path: str,
    video_path: str,
    evaluator: EvaluatorInfo,
    below_threshold: float = DEFAULT_BELOW_THRESHOLD,
    n_skipped: int = 0,
    duration_s: float | None = None,
) -> VideoIdentityResult:
    """Return coverage and temporal statistics of frames in order of time.

    Args:
        frames: Every sampled frame.
        anchor_path: What they were compared with.
        video_path: Where they are from.
        evaluator: Which instrument measured.
        below_threshold: Composite score that low stretches are counted from.
        n_skipped: Frames that sampling left out for having no face.
        duration_s: Length of the video, if known, so that its end counts, too.
    """
    measured = [f for f in frames if f.result.composite_score is not None]
    scores = [_composite(f) for f in measured]
    n_due = len(frames) + n_skipped
    return VideoIdentityResult(
        anchor_path=anchor_path,
        video_path=video_path,
        evaluator=evaluator,
        frames=tuple(frames),
        coverage=len(measured) / n_due if n_due else 0.0,
        n_frames_skipped=n_skipped,
        shortest_missable_event_s=longest_gap_s([f.frame.time_s for f in frames], duration_s),
        longest_unseen_s=longest_gap_s([f.frame.time_s for f in measured], duration_s) if measured else duration_s,
        embedding_stats=embedding_stats([f.result for f in measured]),
        geometric_stats=geometric_stats([f.result.geometric for f in measured if f.result.geometric]),
        mean_composite_score=fmean(scores) if scores else None,
        std_composite_score=pstdev(scores) if scores else None,
        fifth_percentile_composite=fifth_percentile(scores) if scores else None,
        worst_frame=min(measured, key=_composite).frame if measured else None,
        below_threshold=below_threshold,
        longest_below_threshold_s=longest_below_s(frames, below_threshold) if measured else None,
        swaps=find_swaps(frames, below_threshold),
    )


def embedding_stats(results: Sequence[CandidateResult]) -> EmbeddingTemporalStats | None:
    """Return mean, population standard deviation and minimum of the cosine similarities."""
    cosines = [r.embedding.cosine_similarity for r in results if r.embedding is not None]
    if not cosines:
        return None
    return EmbeddingTemporalStats(
        mean_cosine=fmean(cosines), std_cosine=pstdev(cosines), min_cosine=min(cosines), n_frames=len(cosines)
    )


def geometric_stats(scores: Sequence[GeometricScore]) -> GeometricTemporalStats | None:
    """Return the population variance over frames of each ratio's deviation from the anchor.

    Only ratios that every frame has are compared (a frame may have fallen back to 5 points).
    """
    if not scores:
        return None
    deltas = [{r.name: r.candidate - r.anchor for r in score.ratios} for score in scores]
    shared = [name for name in deltas[0] if all(name in d for d in deltas)]
    if not shared:
        return None
    variances = {name: pvariance([d[name] for d in deltas]) for name in shared}
    return GeometricTemporalStats(
        ratio_variances=variances,
        mean_ratio_variance=fmean(variances.values()),
        max_ratio_variance=max(variances.values()),
        n_frames=len(scores),
    )


def fifth_percentile(values: Sequence[float]) -> float:
    """Return the 5th percentile, linearly interpolated (Hyndman and Fan's type 7); of one value, itself."""
    return quantiles(values, n=20, method="inclusive")[0] if len(values) > 1 else values[0]


def longest_below_s(frames: Sequence[FrameResult], threshold: float) -> float:
    """Return the longest time in seconds that measured frames in a row score below ``threshold``.

    A frame stands for the time from halfway to the frame before to halfway to the next; the
    first and the last stand for half a gap beyond themselves, too.
    """
    longest_s = current_s = 0.0
    for frame, span_s in zip(frames, _spans_s([f.frame.time_s for f in frames]), strict=True):
        low = frame.result.composite_score is not None and _composite(frame) < threshold
        current_s = current_s + span_s if low else 0.0
        longest_s = max(longest_s, current_s)
    return longest_s


def _spans_s(times_s: Sequence[float]) -> list[float]:
    if len(times_s) < 2:
        return [0.0] * len(times_s)
    gaps = [b - a for a, b in pairwise(times_s)]
    return [(left + right) / 2 for left, right in pairwise([gaps[0], *gaps, gaps[-1]])]


def longest_gap_s(times_s: Sequence[float], duration_s: float | None = None) -> float | None:
    """Return the longest time between two neighbouring frames, the video's begin and end counting as such.

    The end counts if it is known. ``None`` if there is no such time.

    >>> longest_gap_s([0.0, 0.2, 0.8], 1.0)
    0.6000000000000001
    """
    edges = [0.0, *times_s] if duration_s is None else [0.0, *times_s, duration_s]
    return max((b - a for a, b in pairwise(edges) if b > a), default=None)


def _composite(frame: FrameResult) -> float:
    return frame.result.composite_score or 0.0

"""From frames in order of time to what they say together: level, spread, lows, and moments of change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, median, pstdev, pvariance, quantiles

from personalab_core.schemas.evaluation import CandidateResult, EvaluatorInfo, GeometricScore
from personalab_core.schemas.video import (
    EmbeddingTemporalStats,
    FrameResult,
    GeometricTemporalStats,
    IdentitySwap,
    SampledFrame,
    VideoIdentityResult,
)

DEFAULT_BELOW_THRESHOLD = 0.55
"""The specification's accept threshold for ``buffalo_l``."""

MIN_FALL = 0.15
"""Cosine similarity lost from one sampled frame to the next that counts as another face; not calibrated."""
NOISE_FACTOR = 4.0
"""The fall must also be this many times the usual change between neighbouring frames; not calibrated."""
_NORMAL_FROM_MEDIAN = 1.4826
_FRAMES_OF_LEVEL = 3


def summarise_frames(
    frames: Sequence[FrameResult],
    *,
    anchor_path: str,
    video_path: str,
    evaluator: EvaluatorInfo,
    below_threshold: float = DEFAULT_BELOW_THRESHOLD,
    n_skipped: int = 0,
) -> VideoIdentityResult:
    """Return coverage and temporal statistics of frames in order of time.

    Args:
        frames: Every sampled frame.
        anchor_path: What they were compared with.
        video_path: Where they are from.
        evaluator: Which instrument measured.
        below_threshold: Composite score that low stretches are counted from.
        n_skipped: Frames that sampling left out for having no face.
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
        shortest_missable_event_s=_longest_gap_s([f.frame for f in frames]),
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


def find_swaps(frames: Sequence[FrameResult], threshold: float) -> tuple[IdentitySwap, ...]:
    """Return the abrupt changes to somebody else's face.

    A swap begins where the similarity to the anchor falls from one measured frame to the
    next by ``MIN_FALL``, by ``NOISE_FACTOR`` times the usual change, and below ``threshold``
    (of the composite). It ends where half of the fall is made up for. A slow slide is no swap.
    """
    looks = [
        _Look(f.frame.time_s, f.result.embedding.cosine_similarity, _composite(f))
        for f in frames
        if f.result.embedding is not None and f.result.composite_score is not None
    ]
    least_fall = max(MIN_FALL, NOISE_FACTOR * _usual_change(looks))
    swaps: list[IdentitySwap] = []
    i = 1
    while i < len(looks):
        before = median(look.similarity for look in looks[max(0, i - _FRAMES_OF_LEVEL) : i])
        if before - looks[i].similarity >= least_fall and looks[i].composite < threshold:
            back = _back_at(looks, i, (before + looks[i].similarity) / 2)
            swaps.append(_swap(looks, i, back, before))
            i = back
        i += 1
    return tuple(swaps)


@dataclass(frozen=True, slots=True)
class _Look:
    time_s: float
    similarity: float
    composite: float


def _back_at(looks: Sequence[_Look], start: int, level: float) -> int:
    return next((j for j in range(start, len(looks)) if looks[j].similarity >= level), len(looks))


def _swap(looks: Sequence[_Look], start: int, back: int, before: float) -> IdentitySwap:
    return IdentitySwap(
        start_s=(looks[start - 1].time_s + looks[start].time_s) / 2,
        end_s=(looks[back - 1].time_s + looks[back].time_s) / 2 if back < len(looks) else None,
        similarity_before=before,
        similarity_during=fmean(look.similarity for look in looks[start:back]),
    )


def _usual_change(looks: Sequence[_Look]) -> float:
    """Return the robust standard deviation of the change between neighbours."""
    changes = [abs(b.similarity - a.similarity) for a, b in pairwise(looks)]
    return _NORMAL_FROM_MEDIAN * median(changes) if changes else 0.0


def _spans_s(times_s: Sequence[float]) -> list[float]:
    if len(times_s) < 2:
        return [0.0] * len(times_s)
    gaps = [b - a for a, b in pairwise(times_s)]
    return [(left + right) / 2 for left, right in pairwise([gaps[0], *gaps, gaps[-1]])]


def _longest_gap_s(frames: Sequence[SampledFrame]) -> float | None:
    return max((b.time_s - a.time_s for a, b in pairwise(frames)), default=None)


def _composite(frame: FrameResult) -> float:
    return frame.result.composite_score or 0.0

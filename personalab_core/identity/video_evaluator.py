"""Identity in a video: every sampled frame against the anchor, never frame to frame."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import fmean, pstdev, pvariance
from typing import Protocol

from personalab_core.identity.frame_extractor import ExtractedFrame, FrameExtractor
from personalab_core.identity.matching import FaceMatcher
from personalab_core.schemas.evaluation import CandidateResult, EvaluatorInfo, GeometricScore
from personalab_core.schemas.video import (
    EmbeddingTemporalStats,
    FrameResult,
    GeometricTemporalStats,
    SampledFrame,
    VideoIdentityResult,
)


class MatchingEvaluator(Protocol):
    """An identity evaluator that can also look at pictures in memory."""

    @property
    def info(self) -> EvaluatorInfo:
        """Which instrument this is."""
        ...

    @property
    def matcher(self) -> FaceMatcher:
        """Compares one look at a picture with an anchor."""
        ...


class VideoIdentityEvaluator:
    """Scores the frames of a video against the original anchor and summarises them over time.

    A frame without a usable face counts as uncovered and stays in the result with its
    reason. The statistics are informational: the policy decides on the mean composite score.
    """

    def __init__(self, evaluator: MatchingEvaluator, frame_extractor: FrameExtractor | None = None) -> None:
        self.evaluator = evaluator
        self.frame_extractor = frame_extractor or FrameExtractor()

    def evaluate(self, anchor_path: str | Path, video_path: str | Path) -> VideoIdentityResult:
        """Return the identity of the video's sampled frames against the anchor.

        Raises:
            AnchorMissingError: There is no anchor file.
            InputError: The anchor has no measurable face, or the video cannot be decoded.
        """
        return self.evaluate_frames(anchor_path, self.frame_extractor.extract(video_path), video_path=video_path)

    def evaluate_frames(
        self, anchor_path: str | Path, frames: Iterable[ExtractedFrame], *, video_path: str | Path
    ) -> VideoIdentityResult:
        """Return the same for frames that were extracted already, so that nothing decodes twice."""
        matcher = self.evaluator.matcher
        anchor = matcher.anchor_facts(anchor_path).measurable[0]
        results = tuple(
            FrameResult(
                frame=frame.position,
                result=matcher.score(anchor, matcher.analyser.analyse(frame.image), path=str(video_path)),
            )
            for frame in frames
        )
        return summarise_frames(
            results, anchor_path=str(anchor_path), video_path=str(video_path), evaluator=self.evaluator.info
        )


def summarise_frames(
    frames: Sequence[FrameResult], *, anchor_path: str, video_path: str, evaluator: EvaluatorInfo
) -> VideoIdentityResult:
    """Return coverage and temporal statistics of frames in order of time."""
    measured = [f for f in frames if f.result.composite_score is not None]
    scores = [f.result.composite_score or 0.0 for f in measured]
    return VideoIdentityResult(
        anchor_path=anchor_path,
        video_path=video_path,
        evaluator=evaluator,
        frames=tuple(frames),
        coverage=len(measured) / len(frames) if frames else 0.0,
        shortest_missable_event_s=_longest_gap_s([f.frame for f in frames]),
        embedding_stats=embedding_stats([f.result for f in measured]),
        geometric_stats=geometric_stats([f.result.geometric for f in measured if f.result.geometric]),
        mean_composite_score=fmean(scores) if scores else None,
        std_composite_score=pstdev(scores) if scores else None,
        worst_frame=min(measured, key=lambda f: f.result.composite_score or 0.0).frame if measured else None,
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


def _longest_gap_s(frames: Sequence[SampledFrame]) -> float | None:
    return max((b.time_s - a.time_s for a, b in pairwise(frames)), default=None)

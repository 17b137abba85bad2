"""Statistics over frames, worked out by hand; uncovered frames are kept."""

from __future__ import annotations

import pytest

from personalab_core.identity.temporal import geometric_stats, summarise_frames
from personalab_core.schemas import (
    CandidateResult,
    EmbeddingScore,
    EvaluatorInfo,
    GeometricScore,
    MeasurementStatus,
    RatioScore,
)
from personalab_core.schemas.video import FrameResult, SampledFrame

INFO = EvaluatorInfo(name="fake", version="1", pack="fake", pack_hash="0" * 16, metric="cosine_similarity")


def frame(time_s: float, cosine: float | None) -> FrameResult:
    measured = cosine is not None
    result = CandidateResult(
        path="v.mp4",
        status=MeasurementStatus.MEASURED if measured else MeasurementStatus.TURNED_AWAY,
        reason="" if measured else "the face is turned away by 80°",
        composite_score=cosine,
        embedding=EmbeddingScore(cosine_similarity=cosine, threshold=0.5, passed=True) if measured else None,
    )
    return FrameResult(frame=SampledFrame(index=round(time_s * 10), time_s=time_s), result=result)


def geometry(**candidates: float) -> GeometricScore:
    ratios = tuple(RatioScore(name=name, anchor=1.0, candidate=value) for name, value in candidates.items())
    return GeometricScore(normalized_error=0.0, threshold=0.08, passed=True, n_points=106, ratios=ratios)


def test_statistics_by_hand() -> None:
    """Cosines .6 and .8: mean .7, population deviation .1, minimum .6, worst at 0.0 s."""
    result = summarise_frames(
        [frame(0.0, 0.6), frame(0.2, None), frame(0.5, 0.8), frame(0.6, None)],
        anchor_path="a.png",
        video_path="v.mp4",
        evaluator=INFO,
    )
    assert result.embedding_stats is not None
    assert result.embedding_stats.mean_cosine == pytest.approx(0.7)
    assert result.embedding_stats.std_cosine == pytest.approx(0.1)
    assert result.embedding_stats.min_cosine == 0.6
    assert result.std_composite_score == pytest.approx(0.1)
    assert result.worst_frame == SampledFrame(index=0, time_s=0.0)
    assert result.coverage == 0.5
    assert len(result.frames) == 4
    assert result.shortest_missable_event_s == pytest.approx(0.3)


def test_nothing_measured_is_not_zero() -> None:
    result = summarise_frames([frame(0.0, None)], anchor_path="a", video_path="v", evaluator=INFO)
    assert result.coverage == 0.0
    assert result.mean_composite_score is result.embedding_stats is result.geometric_stats is None
    assert result.worst_frame is result.shortest_missable_event_s is None


def test_a_ratio_that_wanders_shows_although_its_mean_does_not() -> None:
    """Jaw 0.9, 1.1: variance .01 around a mean that equals the anchor's; nose is constant."""
    stats = geometric_stats([geometry(jaw_width=0.9, nose_width=1.2), geometry(jaw_width=1.1, nose_width=1.2)])
    assert stats is not None
    assert stats.ratio_variances["jaw_width"] == pytest.approx(0.01)
    assert stats.ratio_variances["nose_width"] == pytest.approx(0.0)
    assert stats.max_ratio_variance == pytest.approx(0.01)
    assert stats.mean_ratio_variance == pytest.approx(0.005)


def test_only_ratios_that_every_frame_has_are_compared() -> None:
    stats = geometric_stats([geometry(jaw_width=0.9, mouth_width=1.0), geometry(mouth_width=1.2)])
    assert stats is not None
    assert list(stats.ratio_variances) == ["mouth_width"]

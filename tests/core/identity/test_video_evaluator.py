"""Statistics over frames, worked out by hand; uncovered frames are kept."""

from __future__ import annotations

import pytest

from personalab_core.identity.swaps import find_swaps
from personalab_core.identity.temporal import (
    fifth_percentile,
    geometric_stats,
    longest_below_s,
    summarise_frames,
)
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


def frames(*cosines: float | None) -> list[FrameResult]:
    """One frame every 0.2 s."""
    return [frame(round(0.2 * i, 3), cosine) for i, cosine in enumerate(cosines)]


def test_the_fifth_percentile_by_hand() -> None:
    """Of 0.00, 0.01 ... 1.00 it is 0.05; of one value, itself."""
    assert fifth_percentile([i / 100 for i in range(101)]) == pytest.approx(0.05)
    assert fifth_percentile([0.4]) == 0.4


def test_the_longest_low_stretch_counts_half_a_gap_on_either_side() -> None:
    """Two frames at 0.2 s stand for 0.4 s; a frame without a face ends the stretch."""
    assert longest_below_s(frames(0.8, 0.3, 0.3, 0.8, 0.3, None, 0.3), 0.55) == pytest.approx(0.4)
    assert longest_below_s(frames(0.8, 0.8), 0.55) == 0


def test_a_swap_has_begin_end_and_both_levels() -> None:
    (swap,) = find_swaps(frames(0.8, 0.8, 0.82, 0.1, 0.12, 0.8, 0.8), 0.55)
    assert (swap.start_s, swap.end_s) == (pytest.approx(0.5), pytest.approx(0.9))
    assert (swap.similarity_before, swap.similarity_during) == (0.8, pytest.approx(0.11))


def test_a_swap_that_stays_has_no_end() -> None:
    (swap,) = find_swaps(frames(0.8, 0.8, 0.8, 0.1, 0.1), 0.55)
    assert swap.end_s is None


@pytest.mark.parametrize(
    "cosines",
    [
        (0.8, 0.75, 0.7, 0.62, 0.55, 0.47, 0.4, 0.33),  # a slide
        (0.95, 0.95, 0.7, 0.95),  # a dip that still is the person
        (0.3, 0.7, 0.35, 0.75, 0.3, 0.7),  # as unsteady as always
        (0.8,),
        (),
    ],
)
def test_what_is_no_swap(cosines: tuple[float, ...]) -> None:
    assert find_swaps(frames(*cosines), 0.55) == ()

"""The specification's truth table, every row."""

from __future__ import annotations

import numpy as np
import pytest

from personalab_core.errors import InputError
from personalab_core.quality import PostProcessingGate, VideoQualityEvaluator, VideoQualityResult
from personalab_core.quality.schemas import FrameSharpness
from personalab_core.schemas import EvaluatorInfo
from personalab_core.schemas.video import EmbeddingTemporalStats, GeometricTemporalStats, VideoIdentityResult

INFO = EvaluatorInfo(name="fake", version="1", pack="fake", pack_hash="0" * 16, metric="cosine_similarity")


def identity(mean: float | None = 0.7, std: float = 0.02, variance: float | None = 0.001) -> VideoIdentityResult:
    embedding = EmbeddingTemporalStats(mean_cosine=0.7, std_cosine=std, min_cosine=0.5, n_frames=4)
    geometric = variance is not None and GeometricTemporalStats(
        ratio_variances={"jaw_width": variance}, mean_ratio_variance=variance, max_ratio_variance=variance, n_frames=4
    )
    return VideoIdentityResult(
        anchor_path="a.png",
        video_path="v.mp4",
        evaluator=INFO,
        frames=(),
        coverage=1.0,
        embedding_stats=embedding if mean is not None else None,
        geometric_stats=geometric or None,
        mean_composite_score=mean,
    )


def quality(*, sharp: bool, steady: bool) -> VideoQualityResult:
    return VideoQualityResult(
        frames=(FrameSharpness(laplacian_variance=1, sharpness_ratio=1, sharp_enough=sharp),),
        mean_sharpness_ratio=1,
        min_sharpness_ratio=1,
        sharpness_ok=sharp,
        histogram_method="bhattacharyya",
        histogram_distances=(),
        mean_histogram_distance=None,
        max_histogram_distance=None,
        illumination_ok=steady,
    )


@pytest.mark.parametrize(
    ("sharp", "steady", "degradation", "sharpen", "review"),
    [
        (True, True, "none", False, False),
        (False, True, "textural", True, False),
        (True, False, "illumination", False, True),
        (False, False, "both", False, True),
    ],
)
def test_rows_with_stable_identity(sharp: bool, steady: bool, degradation: str, sharpen: bool, review: bool) -> None:
    advice = PostProcessingGate().advise(identity(), quality(sharp=sharp, steady=steady))
    assert advice.identity_stable
    assert advice.degradation == degradation
    assert advice.recommend_sharpening is advice.recommend_super_resolution is sharpen
    assert advice.manual_review is review


@pytest.mark.parametrize("sharp", [True, False])
@pytest.mark.parametrize("steady", [True, False])
@pytest.mark.parametrize("shaken", [identity(mean=0.5), identity(std=0.07), identity(variance=0.003), identity(None)])
def test_nothing_is_repaired_while_identity_is_unstable(shaken: VideoIdentityResult, sharp: bool, steady: bool) -> None:
    advice = PostProcessingGate().advise(shaken, quality(sharp=sharp, steady=steady))
    assert not advice.identity_stable
    assert not (advice.recommend_sharpening or advice.recommend_super_resolution or advice.manual_review)


def test_an_evaluator_without_geometry_can_still_be_stable() -> None:
    assert PostProcessingGate().identity_stable(identity(variance=None))


def test_both_axes_come_from_the_same_frames() -> None:
    rng = np.random.default_rng(4)
    anchor = rng.integers(0, 255, (40, 30, 3), dtype=np.uint8)
    result = VideoQualityEvaluator().evaluate([anchor, anchor], anchor=anchor)
    assert result.mean_sharpness_ratio == pytest.approx(1.0)
    assert result.max_histogram_distance == pytest.approx(0.0, abs=1e-3)
    assert result.degradation == "none"


def test_no_frames_is_an_error_of_the_caller() -> None:
    with pytest.raises(InputError, match="no frames"):
        VideoQualityEvaluator().evaluate([], anchor=np.zeros((4, 4, 3), np.uint8))

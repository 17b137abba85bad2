"""Measure pixels: sharpness and steadiness of light, apart from identity.

Good means: results are advice, they never move an identity threshold, and a
distance without a calibrated limit says so.
"""

from personalab_core.quality.illumination import IlluminationEvaluator, grey_histogram, histogram_distance
from personalab_core.quality.post_processing_gate import PostProcessingGate
from personalab_core.quality.schemas import (
    Degradation,
    FrameSharpness,
    HistogramMethod,
    PostProcessingAdvice,
    VideoQualityResult,
)
from personalab_core.quality.sharpness import SharpnessEvaluator, laplacian_variance
from personalab_core.quality.video_quality_evaluator import VideoQualityEvaluator

__all__ = [
    "Degradation",
    "FrameSharpness",
    "HistogramMethod",
    "IlluminationEvaluator",
    "PostProcessingAdvice",
    "PostProcessingGate",
    "SharpnessEvaluator",
    "VideoQualityEvaluator",
    "VideoQualityResult",
    "grey_histogram",
    "histogram_distance",
    "laplacian_variance",
]

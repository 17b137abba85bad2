"""What one measuring process has loaded, and how it answers; shared by pool workers and cluster actors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol, Self

from personalab_core.identity import FaceRuntime, IdentityEvaluator, build_evaluator
from personalab_core.identity.evaluator import can_measure_faces
from personalab_core.identity.frame_extractor import FrameExtractor
from personalab_core.identity.video_evaluator import VideoIdentityEvaluator
from personalab_core.orchestration.unmeasured import measured_or_why_not
from personalab_core.orchestration.video_measurement import VideoMeasurement, VideoMeter
from personalab_core.quality import (
    IlluminationEvaluator,
    PostProcessingGate,
    SharpnessEvaluator,
    VideoQualityEvaluator,
)
from personalab_core.schemas import EvaluationResult, EvaluatorInfo


class MeasuringPool(Protocol):
    """Measures beside the event loop; :class:`EvaluationPool` is the one that uses processes.

    What it raises ends the job. A file that an evaluator cannot cope with is a result, as
    :func:`~personalab_core.orchestration.unmeasured.measured_or_why_not` gives it.
    """

    async def evaluate_async(self, anchor_path: str, candidate_paths: Sequence[str]) -> EvaluationResult:
        """Return one result per candidate picture."""
        ...

    async def evaluate_video_async(
        self, anchor_path: str, video_path: str, *, accept_threshold: float
    ) -> VideoMeasurement | EvaluationResult:
        """Return both axes of a video, or only why there are none."""
        ...


@dataclass(frozen=True, slots=True)
class PictureTask:
    """Measure these pictures against this anchor."""

    anchor_path: str
    candidate_paths: tuple[str, ...]

    @property
    def paths(self) -> tuple[str, ...]:
        """The files to measure."""
        return self.candidate_paths


@dataclass(frozen=True, slots=True)
class VideoTask:
    """Measure this video against this anchor; low stretches are counted from ``accept_threshold``."""

    anchor_path: str
    video_path: str
    accept_threshold: float

    @property
    def paths(self) -> tuple[str, ...]:
        """The files to measure."""
        return (self.video_path,)


@dataclass(frozen=True, slots=True)
class InfoTask:
    """Say which instrument measures."""


Task = PictureTask | VideoTask | InfoTask
TaskResult = EvaluationResult | VideoMeasurement | EvaluatorInfo


class MeasuringStation:
    """One evaluator, loaded once, and everything that is measured with it.

    Args:
        evaluator: Measures faces.
        evaluation: The configuration's ``evaluation`` section, for videos.
    """

    def __init__(self, evaluator: IdentityEvaluator, evaluation: Mapping[str, Any]) -> None:
        self._evaluator = evaluator
        self._meter = build_video_meter(evaluation, evaluator)

    @classmethod
    def build(cls, evaluation: Mapping[str, Any], *, n_threads: int) -> Self:
        """Return a station with the configured evaluator, which uses that many threads.

        Raises:
            ConfigError: The backend is unknown.
            ModelPackError: The configured face model pack is absent or damaged.
            MissingDependencyError: A package that the backend needs is not installed.
        """
        limit_threads(n_threads)
        embedding = evaluation.get("embedding", {})
        runtime = None
        if embedding.get("backend", "arcface") == "arcface" and can_measure_faces():
            name = embedding.get("model_name")
            runtime = FaceRuntime.load(name, n_threads=n_threads) if name else FaceRuntime.load(n_threads=n_threads)
        return cls(build_evaluator(evaluation, runtime=runtime), evaluation)

    def carry_out(self, task: Task) -> TaskResult:
        """Return what a task asks for, or why its files cannot be measured."""
        info = self._evaluator.info
        if isinstance(task, InfoTask):
            return info
        measure = partial(self._measure, task)
        return measured_or_why_not(measure, anchor_path=task.anchor_path, paths=task.paths, evaluator=info)

    def _measure(self, task: PictureTask | VideoTask) -> EvaluationResult | VideoMeasurement:
        if isinstance(task, PictureTask):
            return self._evaluator.evaluate(task.anchor_path, task.candidate_paths)
        return replace(self._meter, accept_threshold=task.accept_threshold).measure(task.anchor_path, task.video_path)


def limit_threads(n_threads: int) -> None:
    """Keep OpenCV from starting one thread per core in every one of several processes."""
    import cv2

    cv2.setNumThreads(n_threads)


def build_video_meter(evaluation: Mapping[str, Any], evaluator: IdentityEvaluator) -> VideoMeter:
    """Return what measures videos as the ``evaluation`` section says; absent keys mean the defaults."""
    quality = evaluation.get("quality", {})
    enabled = quality.get("enabled", True)
    scoring = evaluation.get("scoring", {})
    accept_threshold = scoring.get("accept_threshold", 0.55)
    advice = quality.get("post_processing", {})
    extractor = FrameExtractor()
    return VideoMeter(
        evaluator=VideoIdentityEvaluator(evaluator, extractor),
        extractor=extractor,
        quality=_quality(quality) if enabled else None,
        gate=PostProcessingGate(
            identity_accept_threshold=accept_threshold,
            max_embedding_std=advice.get("max_embedding_std", 0.06),
            max_geometric_variance=advice.get("max_geometric_variance", 0.002),
        )
        if enabled
        else None,
        accept_threshold=accept_threshold,
        retry_threshold=scoring.get("retry_threshold", 0.35),
    )


def _quality(quality: Mapping[str, Any]) -> VideoQualityEvaluator:
    illumination = quality.get("illumination", {})
    return VideoQualityEvaluator(
        sharpness=SharpnessEvaluator(min_sharpness_ratio=quality.get("sharpness", {}).get("min_ratio", 0.4)),
        illumination=IlluminationEvaluator(
            max_histogram_distance=illumination.get("max_histogram_distance", 0.35),
            method=illumination.get("method", "bhattacharyya"),
        ),
    )

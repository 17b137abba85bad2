"""One pass over a video for both axes: who is in it, and how its pixels are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from personalab_core.identity.frame_extractor import FrameExtractor, VideoFacts
from personalab_core.identity.images import read_image
from personalab_core.identity.temporal import summarise_frames
from personalab_core.identity.video_evaluator import DEFAULT_RETRY_THRESHOLD, VideoIdentityEvaluator
from personalab_core.quality import PostProcessingAdvice, PostProcessingGate, VideoQualityEvaluator, VideoQualityResult
from personalab_core.quality.video_quality_evaluator import QualityWatch
from personalab_core.schemas import CandidateResult, EmbeddingScore, GeometricScore, MeasurementStatus
from personalab_core.schemas.video import FrameResult, VideoIdentityResult

MIN_COVERAGE = 0.25
"""Share of frames with a usable face below which a video is not measurable; a decision, not calibrated."""

COMPANY_SHARE = 0.25
"""A number of faces counts for the video if at least this share of its frames shows so many."""


@dataclass(frozen=True, slots=True)
class VideoMeasurement:
    """Everything one pass found out.

    Attributes:
        identity: Who is in it, frame by frame.
        quality: How its pixels are; ``None`` if switched off.
        advice: What may be done to them; ``None`` if switched off.
        facts: What kind of file it is, and whether it is whole.
        candidate: The video as the policy judges it.
        typical: The measured frame whose score is nearest to the mean; ``None`` if none was measured.
    """

    identity: VideoIdentityResult
    quality: VideoQualityResult | None
    advice: PostProcessingAdvice | None
    facts: VideoFacts
    candidate: CandidateResult
    typical: FrameResult | None


@dataclass(frozen=True, slots=True)
class VideoMeter:
    """Measures videos: each frame is decoded and looked at once, and only one is held in memory.

    Attributes:
        evaluator: Measures identity.
        extractor: Samples frames.
        quality: Measures pixels; ``None`` leaves that out.
        gate: Turns both into advice; ``None`` leaves that out.
        accept_threshold: Composite score that low stretches are counted from.
        retry_threshold: The policy's; frames near it, too, are looked at as carefully as a picture.
    """

    evaluator: VideoIdentityEvaluator
    extractor: FrameExtractor
    quality: VideoQualityEvaluator | None
    gate: PostProcessingGate | None
    accept_threshold: float
    retry_threshold: float = DEFAULT_RETRY_THRESHOLD

    def measure(self, anchor_path: str | Path, video_path: str | Path) -> VideoMeasurement:
        """Return both axes of a video against an anchor.

        Raises:
            AnchorMissingError: There is no anchor file.
            InputError: The anchor has no measurable face, or the video cannot be decoded.
        """
        watch = self._watch(anchor_path)
        reading = self.extractor.read(video_path)
        results: list[FrameResult] = []
        looks = self.evaluator.look(
            anchor_path, reading, accept_threshold=self.accept_threshold, retry_threshold=self.retry_threshold
        )
        for frame, seen in looks:
            results.append(seen)
            if watch is not None:
                box = seen.result.face.box if seen.result.face else None
                watch.add(frame.luma, time_s=frame.position.time_s, face_box=box)
        identity = summarise_frames(
            results,
            anchor_path=str(anchor_path),
            video_path=str(video_path),
            evaluator=self.evaluator.info,
            below_threshold=self.accept_threshold,
            n_skipped=reading.facts.n_skipped,
            duration_s=reading.facts.decoded_duration_s,
        )
        quality = watch.result() if watch is not None and results else None
        return VideoMeasurement(
            identity=identity,
            quality=quality,
            advice=self.gate.advise(identity, quality) if self.gate is not None and quality is not None else None,
            facts=reading.facts,
            candidate=as_candidate(identity),
            typical=typical_frame(identity),
        )

    def _watch(self, anchor_path: str | Path) -> QualityWatch | None:
        if self.quality is None:
            return None
        return self.quality.watch(read_image(anchor_path).bgr, face_box=self.evaluator.anchor_face_box(anchor_path))


def typical_frame(identity: VideoIdentityResult) -> FrameResult | None:
    """Return the measured frame whose composite score is nearest to the mean, the earliest of equals."""
    mean = identity.mean_composite_score
    measured = [f for f in identity.frames if f.result.composite_score is not None]
    if mean is None:
        return None
    return min(measured, key=lambda f: abs((f.result.composite_score or 0.0) - mean), default=None)


def as_candidate(identity: VideoIdentityResult) -> CandidateResult:
    """Return a video as the policy judges it: the means over its measured frames, or why there are none.

    The face, its landmarks and its embedding are those of the typical frame.
    """
    typical = typical_frame(identity)
    n_faces = _company([f.result.n_faces for f in identity.frames])
    if typical is None or identity.coverage < MIN_COVERAGE:
        status, reason = _why_not(identity)
        return CandidateResult(path=identity.video_path, status=status, reason=reason, n_faces=n_faces)
    measured = [f.result for f in identity.frames if f.result.composite_score is not None]
    return typical.result.model_copy(
        update={
            "path": identity.video_path,
            "n_faces": n_faces,
            "composite_score": identity.mean_composite_score,
            "embedding": _mean_embedding([r.embedding for r in measured if r.embedding]),
            "geometric": _mean_geometric(typical.result.geometric, [r.geometric for r in measured if r.geometric]),
        }
    )


def _company(counts: Sequence[int]) -> int:
    """Return the largest number of faces that at least a quarter of the frames show."""
    if not counts:
        return 0
    most_first = sorted(counts, reverse=True)
    return most_first[max(0, round(COMPANY_SHARE * len(counts)) - 1)]


def _why_not(identity: VideoIdentityResult) -> tuple[MeasurementStatus, str]:
    uncovered = [f.result for f in identity.frames if f.result.composite_score is None]
    if not uncovered:
        return MeasurementStatus.NO_FACE, "no frame with a face was found"
    (status, _), *_ = Counter(result.status for result in uncovered).most_common()
    reason = next(result.reason for result in uncovered if result.status is status)
    if status is MeasurementStatus.NOT_MEASURED:
        return status, reason
    return status, (
        f"only {identity.coverage:.0%} of the frames looked at show a usable face, {MIN_COVERAGE:.0%} are needed; "
        f"most often {reason}"
    )


def _mean_embedding(scores: Sequence[EmbeddingScore]) -> EmbeddingScore:
    similarity = fmean(s.cosine_similarity for s in scores)
    distances = [s.euclidean_distance for s in scores if s.euclidean_distance is not None]
    distance = fmean(distances) if distances else None
    threshold = scores[0].threshold
    passed = similarity >= threshold if distance is None else distance <= threshold
    return EmbeddingScore(cosine_similarity=similarity, threshold=threshold, passed=passed, euclidean_distance=distance)


def _mean_geometric(typical: GeometricScore | None, scores: Sequence[GeometricScore]) -> GeometricScore | None:
    if typical is None:
        return None
    error = fmean(s.normalized_error for s in scores)
    return typical.model_copy(update={"normalized_error": error, "passed": error <= typical.threshold})

"""What the post-processing gate says of an accepted asset on its way out, and why.

It only ever offers: whether anything is sharpened or enlarged is the caller's choice, off by default, and no
threshold of the identity is touched by it.
"""

from __future__ import annotations

from dataclasses import dataclass

from personalab_core.config import Config
from personalab_core.quality import PostProcessingGate
from personalab_core.quality.post_processing_gate import DEFAULT_ACCEPT_THRESHOLD
from personalab_core.schemas import AttemptRecord
from personalab_core.schemas.video import VideoAttempt


@dataclass(frozen=True, slots=True)
class Advice:
    """What may be done to the pixels of one asset.

    Attributes:
        sentence: The gate's finding.
        why: The numbers behind it.
        sharpen: Whether sharpening is safe to try.
        super_resolve: Whether super-resolution is.
        repairable: False where identity is not sure, or light needs a person's look.
    """

    sentence: str
    why: str
    sharpen: bool = False
    super_resolve: bool = False
    repairable: bool = True

    @property
    def text(self) -> str:
        """Finding and numbers, for records."""
        return f"{self.sentence} {self.why}".strip()


@dataclass(frozen=True, slots=True)
class Adviser:
    """Asks the gate about accepted attempts, from what their records hold; nothing is measured anew.

    Attributes:
        min_sharpness_ratio: Share of the anchor's detail from which a picture counts as sharp.
    """

    min_sharpness_ratio: float

    def advise(self, attempt: AttemptRecord) -> Advice | None:
        """Return the advice; ``None`` where the record says nothing about sharpness."""
        return _of_video(attempt.video) if attempt.video else self._of_picture(attempt)

    def _of_picture(self, attempt: AttemptRecord) -> Advice | None:
        if attempt.measurement is None or attempt.measurement.face is None:
            return None
        threshold = attempt.accept_threshold
        gate = PostProcessingGate(DEFAULT_ACCEPT_THRESHOLD if threshold is None else threshold)
        found = gate.advise_picture(attempt.measurement, min_sharpness_ratio=self.min_sharpness_ratio)
        if found is None:
            return None
        ratio, score = attempt.measurement.face.sharpness_ratio or 0.0, attempt.measurement.composite_score or 0.0
        return Advice(
            sentence=found.sentence,
            why=f"Its face has {ratio:.0%} of the anchor's detail, sharp is from {self.min_sharpness_ratio:.0%}; "
            f"score {score:.2f}, accepted from {gate.identity_accept_threshold:.2f}.",
            sharpen=found.recommend_sharpening,
            super_resolve=found.recommend_super_resolution,
            repairable=found.identity_stable,
        )


def adviser_of(config: Config) -> Adviser | None:
    """Return what advises in a workspace, ``None`` where quality is switched off in the configuration."""
    quality = config.evaluation.quality
    return Adviser(quality.sharpness.min_ratio) if quality.enabled else None


def _of_video(video: VideoAttempt) -> Advice | None:
    if video.advice is None:
        return None
    why = ""
    if video.quality is not None:
        light = "steady" if video.quality.illumination_ok else "jumping"
        why = f"Its frames have {video.quality.mean_sharpness_ratio:.0%} of the anchor's detail; the light is {light}."
    return Advice(
        sentence=video.advice.sentence,
        why=why,
        sharpen=video.advice.recommend_sharpening,
        super_resolve=video.advice.recommend_super_resolution,
        repairable=video.advice.identity_stable and not video.advice.manual_review,
    )

"""When pixels may be repaired: only if identity is stable and only texture is lost."""

from __future__ import annotations

from personalab_core.quality.schemas import Degradation, PostProcessingAdvice, VideoQualityResult
from personalab_core.quality.sharpness import DEFAULT_MIN_SHARPNESS_RATIO
from personalab_core.schemas.evaluation import CandidateResult
from personalab_core.schemas.video import VideoIdentityResult

DEFAULT_ACCEPT_THRESHOLD = 0.55
DEFAULT_MAX_EMBEDDING_STD = 0.06
DEFAULT_MAX_GEOMETRIC_VARIANCE = 0.002
"""All three from the specification's measured runs with buffalo_l."""

_SENTENCES: dict[Degradation, str] = {
    "none": "Same person, sharp and steady. Nothing to repair.",
    "textural": "Same person, but soft. Sharpening and super-resolution are safe to try.",
    "illumination": "Same person, but the light jumps. No automatic repair; look at it.",
    "both": "Same person, but soft and the light jumps. Look at it.",
}
_UNSTABLE = "Identity is not stable; repairing pixels would hide that. Generate again."
_SHARP_PICTURE = "Same person, and sharp. Nothing to repair."
_UNSURE_PICTURE = "Not surely the same person; repairing pixels would hide that. Generate again."


class PostProcessingGate:
    """Combines both verdicts into advice; it never touches a threshold of either."""

    def __init__(
        self,
        identity_accept_threshold: float = DEFAULT_ACCEPT_THRESHOLD,
        max_embedding_std: float = DEFAULT_MAX_EMBEDDING_STD,
        max_geometric_variance: float = DEFAULT_MAX_GEOMETRIC_VARIANCE,
    ) -> None:
        self.identity_accept_threshold = identity_accept_threshold
        self.max_embedding_std = max_embedding_std
        self.max_geometric_variance = max_geometric_variance

    def identity_stable(self, identity: VideoIdentityResult) -> bool:
        """Return True if the mean passes and neither embedding nor geometry wanders.

        What was not measured is not stable, except geometry, which an evaluator may not have.
        """
        if identity.mean_composite_score is None or identity.embedding_stats is None:
            return False
        geometry = identity.geometric_stats
        return (
            identity.mean_composite_score >= self.identity_accept_threshold
            and identity.embedding_stats.std_cosine <= self.max_embedding_std
            and (geometry is None or geometry.max_ratio_variance <= self.max_geometric_variance)
        )

    def advise(self, identity: VideoIdentityResult, quality: VideoQualityResult) -> PostProcessingAdvice:
        """Return the row of the specification's truth table that applies."""
        stable, lost = self.identity_stable(identity), quality.degradation
        return _advice(lost, stable=stable, sentence=_SENTENCES[lost] if stable else _UNSTABLE)

    def advise_picture(
        self, measured: CandidateResult, *, min_sharpness_ratio: float = DEFAULT_MIN_SHARPNESS_RATIO
    ) -> PostProcessingAdvice | None:
        """Return the same for one picture, by its face alone; ``None`` where its sharpness is not known.

        Identity is stable if the composite score passes; light has nothing to be compared with. The limit of the
        sharpness is that of frames; for the fine detail of aligned faces it is not calibrated (rendered sharp faces
        have .53 and more, see ``identity.policy.BLURRED_BELOW``).

        Args:
            measured: The picture against its anchor.
            min_sharpness_ratio: Share of the anchor's fine detail from which a face counts as sharp.
        """
        ratio = measured.face.sharpness_ratio if measured.face else None
        if measured.composite_score is None or ratio is None:
            return None
        stable = measured.composite_score >= self.identity_accept_threshold
        lost: Degradation = "none" if ratio >= min_sharpness_ratio else "textural"
        sentence = _SENTENCES[lost] if lost != "none" else _SHARP_PICTURE
        return _advice(lost, stable=stable, sentence=sentence if stable else _UNSURE_PICTURE)


def _advice(lost: Degradation, *, stable: bool, sentence: str) -> PostProcessingAdvice:
    """Return a row of the truth table: only lost texture of a sure identity may be repaired."""
    textural = stable and lost == "textural"
    return PostProcessingAdvice(
        identity_stable=stable,
        quality_degraded=lost != "none",
        degradation=lost,
        recommend_sharpening=textural,
        recommend_super_resolution=textural,
        manual_review=stable and lost in ("illumination", "both"),
        sentence=sentence,
    )

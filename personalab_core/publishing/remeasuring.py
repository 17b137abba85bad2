"""Identity, measured once more on the file that leaves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from personalab_core.identity import IdentityEvaluator
from personalab_core.identity.images import content_hash
from personalab_core.identity.video_evaluator import VideoIdentityEvaluator
from personalab_core.schemas import AttemptRecord
from personalab_core.schemas.evaluation import MeasurementStatus
from personalab_core.schemas.publishing import IdentityAfter


@dataclass(frozen=True, slots=True)
class Remeasurer:
    """Measures finished files as their attempts were measured; no threshold is involved.

    Attributes:
        evaluator: The instrument.
        references_root: Folder of the personas' anchors.
    """

    evaluator: IdentityEvaluator
    references_root: Path

    def measure(self, attempt: AttemptRecord, file: Path) -> IdentityAfter | None:
        """Return the scores before and after; ``None`` if the attempt had no anchor.

        Nothing is measured, and the status says so, where another instrument measured the attempt or the anchor of
        then is not there any more: the two numbers would not be comparable.
        """
        if attempt.anchor_path is None:
            return None
        anchor, info, before = self.references_root / attempt.anchor_path, self.evaluator.info, attempt.scores
        found = IdentityAfter(
            status=MeasurementStatus.NOT_MEASURED,
            composite_before=before.composite,
            similarity_before=before.cosine_similarity,
            evaluator=info,
        )
        if not self._comparable(attempt, anchor):
            return found
        status, composite, similarity = (
            self._of_video(anchor, file) if attempt.video else self._of_picture(anchor, file)
        )
        return found.model_copy(update={"status": status, "composite_after": composite, "similarity_after": similarity})

    def _of_picture(self, anchor: Path, file: Path) -> tuple[MeasurementStatus, float | None, float | None]:
        candidate = self.evaluator.evaluate(anchor, [file]).candidates[0]
        similarity = candidate.embedding.cosine_similarity if candidate.embedding else None
        return candidate.status, candidate.composite_score, similarity

    def _of_video(self, anchor: Path, file: Path) -> tuple[MeasurementStatus, float | None, float | None]:
        """Return the means over the sampled frames, as the attempt's scores are."""
        found = VideoIdentityEvaluator(self.evaluator).evaluate(anchor, file)
        if found.mean_composite_score is None:
            return MeasurementStatus.NO_FACE, None, None
        similarity = found.embedding_stats.mean_cosine if found.embedding_stats else None
        return MeasurementStatus.MEASURED, found.mean_composite_score, similarity

    def _comparable(self, attempt: AttemptRecord, anchor: Path) -> bool:
        """Return whether the same instrument can measure against the very anchor of then."""
        info, then = self.evaluator.info, attempt.evaluator
        same_instrument = then is not None and (then.name, then.pack_hash) == (info.name, info.pack_hash)
        return same_instrument and anchor.is_file() and content_hash(anchor.read_bytes()) == attempt.anchor_sha256

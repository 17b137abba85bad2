"""Identity by ArcFace embeddings: cosine similarity, landmark ratios, composite.

J. Deng et al., *ArcFace: Additive Angular Margin Loss for Deep Face Recognition*, CVPR 2019.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from personalab_core.identity.calibration import calibration
from personalab_core.identity.composite import CompositeScorer
from personalab_core.identity.face_runtime import FaceRuntime
from personalab_core.identity.facts import Array
from personalab_core.identity.geometric import GeometricEvaluator
from personalab_core.identity.matching import FaceMatcher
from personalab_core.schemas.evaluation import EmbeddingScore, EvaluationResult, EvaluatorInfo

SCORING_VERSION = "2"
"""Raised when the same picture would get another number."""

DEFAULT_SIMILARITY_THRESHOLD = 0.55
"""Specification default for ``buffalo_l``; not calibrated on anyone's own pictures."""


class ArcFaceEvaluator:
    """Scores candidates against an anchor with one shared ``FaceRuntime``."""

    def __init__(
        self,
        runtime: FaceRuntime,
        *,
        similarity_threshold: float = DEFAULT_SIMILARITY_THRESHOLD,
        geometric: GeometricEvaluator | None = None,
        composite: CompositeScorer | None = None,
    ) -> None:
        self.runtime = runtime
        self.info = EvaluatorInfo(
            name="arcface",
            version=f"{SCORING_VERSION} ({runtime.library_versions})",
            pack=runtime.pack.name,
            pack_hash=runtime.pack_hash,
            metric="cosine_similarity",
            thresholds_source=calibration("arcface", runtime.pack.name).source,
        )
        self.matcher = FaceMatcher(
            analyser=runtime,
            compare=partial(embedding_score, threshold=similarity_threshold),
            composite=composite or CompositeScorer(),
            geometric=geometric,
        )

    def evaluate(self, anchor_path: str | Path, candidate_paths: Sequence[str | Path]) -> EvaluationResult:
        """Return one result per candidate, in the order given.

        Raises:
            AnchorMissingError: There is no anchor file.
            UnreadableImageError: The anchor cannot be decoded.
            InputError: The anchor has no measurable face.
        """
        return self.matcher.evaluate(anchor_path, candidate_paths, evaluator=self.info)


def cosine_similarity(first: Array, second: Array) -> float:
    """Return the cosine of two L2-normalised vectors, clamped to [0, 1]; higher is more alike.

    >>> cosine_similarity(np.array([1.0, 0.0], np.float32), np.array([-1.0, 0.0], np.float32))
    0.0
    """
    return float(min(max(float(np.dot(first, second)), 0.0), 1.0))


def embedding_score(anchor: Array, candidate: Array, *, threshold: float) -> EmbeddingScore:
    """Return the cosine score of two L2-normalised embeddings."""
    similarity = cosine_similarity(anchor, candidate)
    return EmbeddingScore(cosine_similarity=similarity, threshold=threshold, passed=similarity >= threshold)

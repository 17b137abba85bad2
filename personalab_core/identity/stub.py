"""The evaluator for a machine without a face recogniser: it measures nothing, and says so."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from personalab_core.schemas.evaluation import CandidateResult, EvaluationResult, EvaluatorInfo, MeasurementStatus

NO_RECOGNISER = "no face recogniser is installed"


class StubEvaluator:
    """Answers every candidate with ``not_measured`` and no number."""

    def __init__(self, reason: str = NO_RECOGNISER) -> None:
        self._reason = reason
        self.info = EvaluatorInfo(name="stub", version="1", pack="none", pack_hash="0" * 16, metric="none")

    def evaluate(self, anchor_path: str | Path, candidate_paths: Sequence[str | Path]) -> EvaluationResult:
        """Return ``not_measured`` for each candidate; no file is opened."""
        candidates = tuple(
            CandidateResult(path=str(path), status=MeasurementStatus.NOT_MEASURED, reason=self._reason)
            for path in candidate_paths
        )
        return EvaluationResult(anchor_path=str(anchor_path), evaluator=self.info, candidates=candidates)

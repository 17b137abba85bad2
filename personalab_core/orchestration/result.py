"""How the attempts for one asset ended."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from personalab_core.schemas import AssetOutcome, AttemptRecord, Decision


@dataclass(frozen=True, slots=True)
class GenerationResult:
    """One asset: every attempt, and how it ended.

    Attributes:
        persona: Id of the persona.
        asset_id: Id of the asset.
        outcome: How it ended.
        sentence: The same for a person.
        attempts: The records as they were written, in order.
        output_dir: Folder that the records' picture paths are relative to.
    """

    persona: str
    asset_id: str
    outcome: AssetOutcome
    sentence: str
    attempts: tuple[AttemptRecord, ...]
    output_dir: Path

    @property
    def accepted(self) -> bool:
        """Whether a picture was accepted."""
        return self.outcome is AssetOutcome.ACCEPTED

    @property
    def best_attempt(self) -> AttemptRecord | None:
        """The accepted attempt, else the measured one with the highest composite score, else ``None``."""
        measured = [a for a in self.attempts if a.scores.composite is not None]
        accepted = [a for a in measured if a.decision is Decision.ACCEPT]
        return max(accepted or measured, key=lambda a: a.scores.composite or 0.0, default=None)

    @property
    def final_score(self) -> float | None:
        """Composite score in [0, 1] of :attr:`best_attempt`; ``None`` if nothing was measured."""
        best = self.best_attempt
        return best.scores.composite if best else None

    @property
    def final_attempt(self) -> int:
        """Number of the last attempt; 0 if none was begun."""
        return self.attempts[-1].attempt if self.attempts else 0

    @property
    def image_path(self) -> Path | None:
        """Picture of the best attempt, or of the last one that has a picture; ``None`` if none came."""
        pictured = [a for a in self.attempts if a.image_path is not None]
        chosen = self.best_attempt or (pictured[-1] if pictured else None)
        return self.output_dir / chosen.image_path if chosen and chosen.image_path else None

"""One call to a provider, and what is known of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from personalab_core.schemas import SubmissionAnswer, SubmissionEvent
from personalab_core.schemas.records import CallType


@dataclass(frozen=True, slots=True)
class Call:
    """What is asked of a provider for one attempt; equal calls differ in ``attempt_id`` only."""

    persona: str
    asset_id: str
    attempt_id: str
    provider: str
    model: str
    simulated: bool
    seed: int | None
    prompt_hash: str
    anchor_sha256: str | None
    asset_type: CallType = "image"
    run_id: str | None = None

    def asks_the_same(self, other: Call) -> bool:
        """Return whether both ask the same of the same provider for the same asset."""
        return self._essence() == other._essence()

    def _essence(self) -> tuple[object, ...]:
        asset = (self.persona, self.asset_id, self.asset_type)
        return (*asset, self.provider, self.model, self.seed, self.prompt_hash, self.anchor_sha256)


@dataclass(slots=True)
class Submission:
    """One call and what became of it.

    Attributes:
        id: Of this submission.
        call: What was asked for.
        event: The last that is known.
        day: What day's budget pays (UTC).
        submitted_at: When it was about to be sent.
        worst_case_usd: What it counts as until its price is known.
        operation_id: The provider's id of the long operation, once there is one.
        answer: What came, if it is answered.
        error: Why nothing came, if it is known.
    """

    id: str
    call: Call
    event: SubmissionEvent
    day: date
    worst_case_usd: float
    submitted_at: datetime
    operation_id: str | None = None
    answer: SubmissionAnswer | None = None
    error: str | None = None

    @property
    def counts_usd(self) -> float:
        """What it counts as in a budget now."""
        if self.event == "refused" or self.call.simulated:
            return 0.0
        known = self.answer.cost.amount_usd if self.answer else None
        return self.worst_case_usd if known is None else known

    @property
    def possibly_paid(self) -> bool:
        """Whether nobody knows if it was carried out, and nobody can be asked."""
        return self.event == "unanswered" or (self.event == "submitted" and self.operation_id is None)

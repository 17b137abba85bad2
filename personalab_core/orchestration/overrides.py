"""A person's decisions beside the measured ones: recorded, never overwriting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from personalab_core.errors import InputError
from personalab_core.observability import Journal
from personalab_core.orchestration.registry import RegistryWriter
from personalab_core.schemas import AttemptRecord, Decision, OverrideRecord, check_slug

OVERRIDES_FILE = "overrides.jsonl"

_MEANINGFUL = (None, Decision.ACCEPT, Decision.REJECT_FINAL)


class OverrideWriter:
    """Appends a person's decisions to ``{output_dir}/{persona}/overrides.jsonl``.

    The attempt's own record, its scores and the timeline stay as they are. What changes is what
    counts as accepted: the registry gets a line for an attempt that a person accepted, and one
    that withdraws an asset that a person rejected.

    Args:
        output_dir: The workspace's output folder.
        clock: Time of the decision.
    """

    def __init__(self, output_dir: str | Path, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._output_dir = Path(output_dir)
        self._clock = clock

    def path(self, persona: str) -> Path:
        """Return the file of one persona."""
        return self._output_dir / check_slug(persona) / OVERRIDES_FILE

    def override(
        self, attempt: AttemptRecord, decision: Decision | None, *, reason: str, by: str = "person"
    ) -> OverrideRecord:
        """Record a person's decision and return its line; the registry follows.

        Args:
            attempt: What was decided on.
            decision: ``ACCEPT`` or ``REJECT_FINAL``; ``None`` takes an earlier override back.
            reason: Why, in the person's own words.
            by: Who decided.

        Raises:
            InputError: There is no reason, the decision is another one, or there is no picture to accept.
            WorkspaceError: The file cannot be written; nothing was recorded.
        """
        words = " ".join(reason.split())
        if not words:
            raise InputError("A decision of your own needs a reason; it is kept with the record.")
        if decision not in _MEANINGFUL:
            raise InputError(f"A person decides 'accept' or 'reject_final', got {decision!r}.")
        if decision is Decision.ACCEPT and attempt.image_path is None:
            raise InputError("There is no picture to accept: this attempt ended without one.")
        record = OverrideRecord(
            timestamp=self._clock(),
            persona=attempt.persona,
            attempt_id=attempt.attempt_id,
            asset_id=attempt.asset_id,
            measured=attempt.decision,
            decision=decision,
            reason=words[:400],
            by=by,
        )
        written = Journal(self.path(attempt.persona), OverrideRecord, fsync=True).append(record)
        self._follow(attempt, decision)
        return written

    def read(self, persona: str) -> Mapping[str, OverrideRecord]:
        """Return the overrides in force, by attempt."""
        return in_force(Journal(self.path(persona), OverrideRecord).read().records)

    def _follow(self, attempt: AttemptRecord, decision: Decision | None) -> None:
        """Let the registry hold the asset if and only if it counts as accepted now."""
        registry = RegistryWriter(self._output_dir)
        accepted = (decision or attempt.decision) is Decision.ACCEPT
        present = any(record.attempt_id == attempt.attempt_id for record in registry.read(attempt.persona))
        if accepted and not present:
            registry.register(attempt, accepted_by="measurement" if decision is None else "person", at=self._clock())
        elif present and not accepted:
            registry.withdraw(attempt, at=self._clock())


def in_force(records: list[OverrideRecord]) -> dict[str, OverrideRecord]:
    """Return the last override of every attempt; those that were taken back are left out."""
    newest = {record.attempt_id: record for record in records}
    return {attempt_id: record for attempt_id, record in newest.items() if record.decision is not None}

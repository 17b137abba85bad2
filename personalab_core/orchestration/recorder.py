"""Where a finished attempt is written: attempts log, drift timeline, registry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from personalab_core.schemas import AssetOutcome, AttemptRecord, DriftRecord, RegistryRecord


class AttemptLog(Protocol):
    """Writes attempts; ``GenerationMetricsLogger`` is the one that ships."""

    def log(self, record: AttemptRecord, embedding: Sequence[float] | None = None) -> AttemptRecord:
        """Return the record as written."""
        ...


@runtime_checkable
class AttemptArchive(AttemptLog, Protocol):
    """A log that gives back what it holds; only with one can a job be taken up again."""

    def attempts_of(self, persona: str, asset_id: str) -> list[AttemptRecord]:
        """Return the attempts of one asset in order."""
        ...


@runtime_checkable
class Holds(Protocol):
    """A log that can say whether it has an attempt already."""

    def holds(self, persona: str, attempt_id: str) -> bool:
        """Return whether there is a record of this attempt."""
        ...


class Timeline(Protocol):
    """Writes measured attempts on the persona's timeline; ``DriftTracker`` is the one that ships."""

    def record(self, attempt: AttemptRecord, /) -> DriftRecord | None:
        """Return the timeline's own record, ``None`` if there was nothing to add."""
        ...


class Registry(Protocol):
    """Writes accepted assets; ``RegistryWriter`` is the one that ships."""

    def register(self, attempt: AttemptRecord, /) -> RegistryRecord:
        """Return the registry's own record."""
        ...


@dataclass(frozen=True, slots=True)
class AttemptRecorder:
    """Writes each finished attempt; a log that is ``None`` is not written.

    The attempts log comes first: it is the system of record, the other two can be
    rebuilt from it.
    """

    metrics_logger: AttemptLog | None
    drift_tracker: Timeline | None
    registry: Registry | None

    def write(self, record: AttemptRecord, embedding: Sequence[float] | None) -> AttemptRecord:
        """Return the record as written, numbered and chained.

        Raises:
            WorkspaceError: A file cannot be written.
        """
        written = self.metrics_logger.log(record, embedding) if self.metrics_logger else record
        if self.drift_tracker is not None and _is_measured(written):
            self.drift_tracker.record(written)
        if self.registry is not None and _is_accepted(written):
            self.registry.register(written)
        return written

    def complete(self, written: AttemptRecord) -> None:
        """Write what a crash has kept from being written after the attempts log.

        Raises:
            WorkspaceError: A file cannot be read or written.
        """
        persona, attempt_id = written.persona, written.attempt_id
        timeline, registry = self.drift_tracker, self.registry
        if isinstance(timeline, Holds) and _is_measured(written) and not timeline.holds(persona, attempt_id):
            timeline.record(written)
        if isinstance(registry, Holds) and _is_accepted(written) and not registry.holds(persona, attempt_id):
            registry.register(written)


def _is_measured(record: AttemptRecord) -> bool:
    return record.scores.composite is not None


def _is_accepted(record: AttemptRecord) -> bool:
    return record.outcome is AssetOutcome.ACCEPTED

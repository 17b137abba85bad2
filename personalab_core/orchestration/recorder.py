"""Where a finished attempt is written: attempts log, drift timeline, registry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from personalab_core.schemas import AssetOutcome, AttemptRecord, DriftRecord, RegistryRecord


class AttemptLog(Protocol):
    """Writes attempts; ``GenerationMetricsLogger`` is the one that ships."""

    def log(self, record: AttemptRecord, embedding: Sequence[float] | None = None) -> AttemptRecord:
        """Return the record as written."""
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
        if self.drift_tracker is not None and written.scores.composite is not None:
            self.drift_tracker.record(written)
        if self.registry is not None and written.outcome is AssetOutcome.ACCEPTED:
            self.registry.register(written)
        return written

"""The list of a persona's accepted assets."""

from __future__ import annotations

import threading
from datetime import datetime
from pathlib import Path
from typing import Literal

from personalab_core.observability import Journal
from personalab_core.observability.line_index import LineIndex
from personalab_core.schemas import AttemptRecord, RegistryRecord, check_slug


class RegistryWriter:
    """Appends accepted assets to ``{output_dir}/{persona}/registry.jsonl``; safe across threads and processes.

    Args:
        output_dir: The workspace's output folder.
    """

    def __init__(self, output_dir: str | Path) -> None:
        self._output_dir = Path(output_dir)
        self._journals: dict[str, Journal[RegistryRecord]] = {}
        self._indexes: dict[str, LineIndex] = {}
        self._lock = threading.Lock()

    def path(self, persona: str) -> Path:
        """Return the file of one persona."""
        return self._output_dir / check_slug(persona) / "registry.jsonl"

    def append(self, record: RegistryRecord) -> RegistryRecord:
        """Return the record as written, numbered and chained.

        Raises:
            WorkspaceError: The file cannot be written; nothing was added.
        """
        return self._journal(record.persona).append(record)

    def register(
        self,
        attempt: AttemptRecord,
        *,
        accepted_by: Literal["measurement", "person"] = "measurement",
        at: datetime | None = None,
    ) -> RegistryRecord:
        """Add the asset whose accepted attempt this is.

        Args:
            attempt: The attempt.
            accepted_by: Whether the policy or a person accepted it.
            at: When, if not with the attempt.
        """
        changed = {"timestamp": at or attempt.timestamp, "accepted_by": accepted_by}
        return self.append(_entry(attempt).model_copy(update=changed))

    def withdraw(self, attempt: AttemptRecord, *, at: datetime) -> RegistryRecord:
        """Take back the asset whose accepted attempt this is; its earlier line stays in the file."""
        changed = {"timestamp": at, "accepted_by": "person", "withdrawn": True}
        return self.append(_entry(attempt).model_copy(update=changed))

    def holds(self, persona: str, attempt_id: str) -> bool:
        """Return whether this attempt's asset is in the list."""
        path = self.path(persona)
        with self._lock:
            index = self._indexes.setdefault(persona, LineIndex(path, "attempt_id"))
        return attempt_id in index

    def read(self, persona: str) -> list[RegistryRecord]:
        """Return a persona's assets that count as accepted now, oldest first; of an attempt the last line holds."""
        records = self._journal(persona).read().records
        newest = {record.attempt_id: record for record in records}
        return [record for record in newest.values() if not record.withdrawn]

    def _journal(self, persona: str) -> Journal[RegistryRecord]:
        # One for all threads: they take turns at its lock, instead of asking the system for the file's again and again.
        path = self.path(persona)
        with self._lock:
            if persona not in self._journals:
                self._journals[persona] = Journal(path, RegistryRecord, fsync=True)
            return self._journals[persona]


def _entry(attempt: AttemptRecord) -> RegistryRecord:
    if attempt.image_path is None or attempt.image_sha256 is None:
        raise ValueError(f"attempt {attempt.attempt_id} has no picture to register")
    evaluator = attempt.evaluator
    return RegistryRecord(
        timestamp=attempt.timestamp,
        persona=attempt.persona,
        asset_id=attempt.asset_id,
        attempt_id=attempt.attempt_id,
        image_path=attempt.image_path,
        image_sha256=attempt.image_sha256,
        asset_type=attempt.asset_type,
        thumbnail_path=attempt.thumbnail_path,
        video_path=attempt.video.video_path if attempt.video else None,
        video_sha256=attempt.video.video_sha256 if attempt.video else None,
        composite_score=attempt.scores.composite,
        attempts=attempt.attempt,
        simulated=attempt.context.simulated,
        evaluator=evaluator.name if evaluator else None,
        pack_hash=evaluator.pack_hash if evaluator else None,
    )

"""The list of a persona's accepted assets."""

from __future__ import annotations

from pathlib import Path

from personalab_core.observability import Journal
from personalab_core.schemas import AttemptRecord, RegistryRecord, check_slug


class RegistryWriter:
    """Appends accepted assets to ``{output_dir}/{persona}/registry.jsonl``; safe across threads and processes.

    Args:
        output_dir: The workspace's output folder.
    """

    def __init__(self, output_dir: str | Path) -> None:
        self._output_dir = Path(output_dir)

    def path(self, persona: str) -> Path:
        """Return the file of one persona."""
        return self._output_dir / check_slug(persona) / "registry.jsonl"

    def append(self, record: RegistryRecord) -> RegistryRecord:
        """Return the record as written, numbered and chained.

        Raises:
            WorkspaceError: The file cannot be written; nothing was added.
        """
        return Journal(self.path(record.persona), RegistryRecord, fsync=True).append(record)

    def register(self, attempt: AttemptRecord) -> RegistryRecord:
        """Add the asset whose accepted attempt this is."""
        if attempt.image_path is None or attempt.image_sha256 is None:
            raise ValueError(f"attempt {attempt.attempt_id} has no picture to register")
        evaluator = attempt.evaluator
        return self.append(
            RegistryRecord(
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
        )

    def read(self, persona: str) -> list[RegistryRecord]:
        """Return the accepted assets of a persona, oldest first."""
        return list(Journal(self.path(persona), RegistryRecord).read().records)

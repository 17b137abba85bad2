"""The attempts of every persona, with the embedding of each measured picture beside them."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from personalab_core.observability.embeddings import EmbeddingStore
from personalab_core.observability.journal import Journal
from personalab_core.observability.line_index import LineIndex
from personalab_core.schemas import AttemptRecord, EvaluatorInfo, check_slug

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

METRICS_FILE = "metrics.jsonl"


class GenerationMetricsLogger:
    """Writes and reads ``<output>/<persona>/metrics.jsonl``, one line per attempt.

    Every attempt is on the disk itself before :meth:`log` returns. Safe between threads and
    processes.

    Args:
        output_dir: The workspace's output folder (``config.paths["output"]``).
    """

    def __init__(self, output_dir: str | Path) -> None:
        self.output_dir = Path(output_dir)
        self._journals: dict[str, Journal[AttemptRecord]] = {}
        self._stores: dict[Path, EmbeddingStore] = {}
        self._indexes: dict[tuple[str, str], LineIndex] = {}
        self._lock = threading.Lock()

    def log(
        self, record: AttemptRecord, embedding: Sequence[float] | NDArray[np.floating] | None = None
    ) -> AttemptRecord:
        """Write an attempt and return it as written: numbered, chained, pointing to its embedding.

        Args:
            record: The finished attempt.
            embedding: L2-normalised embedding of its picture; else that of ``record.measurement``.

        Raises:
            InputError: The record's persona is not a valid id, or the embedding is malformed.
            WorkspaceError: The disk is full or cannot be written; the log is as before.
        """
        journal = self.journal(record.persona)
        if embedding is None and record.measurement is not None:
            embedding = record.measurement.embedding_vector
        if embedding is not None and record.evaluator is not None:
            row = self.embeddings(record.persona, record.evaluator).append(embedding)
            record = record.model_copy(update={"embedding_row": row})
        return journal.append(record)

    def read_log(self, persona: str) -> list[AttemptRecord]:
        """Return the persona's attempts in order; ``[]`` if there are none. :meth:`problems` has what is missing.

        Raises:
            InputError: ``persona`` is not a valid persona id.
            WorkspaceError: The log cannot be read.
        """
        return self.journal(persona).read().records

    def attempts_of(self, persona: str, asset_id: str) -> list[AttemptRecord]:
        """Return the readable attempts of one asset in order, looking through what is new in the log only.

        Raises:
            InputError: ``persona`` is not a valid persona id.
            WorkspaceError: The log cannot be read.
        """
        return self._attempts_with(persona, "asset_id", asset_id)

    def attempts_of_job(self, persona: str, job_id: str) -> list[AttemptRecord]:
        """Do the same for one job of the workspace."""
        return self._attempts_with(persona, "job_id", job_id)

    def _attempts_with(self, persona: str, field: str, value: str) -> list[AttemptRecord]:
        path = self.journal(persona).path
        with self._lock:
            index = self._indexes.setdefault((persona, field), LineIndex(path, field))
        attempts = []
        for line in index.lines(value):
            with contextlib.suppress(ValidationError):  # what cannot be read is told by problems()
                attempts.append(AttemptRecord.model_validate_json(line))
        return attempts

    def problems(self, persona: str) -> tuple[str, ...]:
        """Return one sentence for every piece of the persona's log that cannot be read."""
        return self.journal(persona).read().problems

    def journal(self, persona: str) -> Journal[AttemptRecord]:
        """Return the persona's log itself, to verify it or to read its end.

        Raises:
            InputError: ``persona`` is not a valid persona id.
        """
        path = self.output_dir / check_slug(persona) / METRICS_FILE
        with self._lock:
            if persona not in self._journals:
                self._journals[persona] = Journal(path, AttemptRecord, fsync=True)
            return self._journals[persona]

    def embeddings(self, persona: str, evaluator: EvaluatorInfo) -> EmbeddingStore:
        """Return the store of the persona's embeddings of one instrument.

        Raises:
            InputError: ``persona`` is not a valid persona id.
        """
        store = EmbeddingStore.of(self.output_dir, persona, evaluator)
        with self._lock:
            return self._stores.setdefault(store.path, store)

"""A line of the timeline as the monitor takes it: source, standardised face size, embedding."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from personalab_core.errors import PersonalabError
from personalab_core.identity.drift.parameters import Usual
from personalab_core.identity.drift.residuals import Observation
from personalab_core.observability import EmbeddingStore
from personalab_core.schemas import DriftRecord, EvaluatorInfo

LARGEST_FACE = 3.0
"""Standard deviations of face size beyond which a face counts as no larger or smaller."""


def source_of(record: DriftRecord) -> str:
    """Return what made a picture: provider and model."""
    return f"{record.provider}/{record.model}"


def observe(record: DriftRecord, usual: Usual) -> Observation:
    """Return a record as the monitor takes it."""
    size = usual.log_face_size[record.frame_size]
    off = (math.log(max(record.face_size_fraction, 1e-6)) - size.mean) / size.sd
    return Observation(
        score=record.composite_score,
        framing=record.frame_size,
        source=source_of(record),
        face_size=max(-LARGEST_FACE, min(LARGEST_FACE, off)),
        patch_level=record.patch_level,
    )


class EmbeddingRows:
    """Reads the embeddings that the records of one persona point to."""

    def __init__(self, output_dir: Path, persona: str) -> None:
        self._output_dir, self._persona = output_dir, persona

    def of(self, records: Sequence[DriftRecord]) -> Callable[[DriftRecord], NDArray[np.float32] | None]:
        """Return a look-up for some records; ``None`` for one whose embedding is not there."""
        wanted: dict[tuple[str, str], list[int]] = {}
        for record in records:
            if record.embedding_row is not None:
                wanted.setdefault((record.evaluator, record.pack_hash), []).append(record.embedding_row)
        found = {key: self._read(*key, rows) for key, rows in wanted.items()}

        def face(record: DriftRecord) -> NDArray[np.float32] | None:
            rows = found.get((record.evaluator, record.pack_hash), {})
            return rows.get(record.embedding_row) if record.embedding_row is not None else None

        return face

    def _read(self, evaluator: str, pack_hash: str, rows: list[int]) -> dict[int, NDArray[np.float32]]:
        info = EvaluatorInfo(name=evaluator, version="", pack="", pack_hash=pack_hash, metric="none")
        store = EmbeddingStore.of(self._output_dir, self._persona, info)
        try:
            there = [row for row in rows if row < len(store)]
            return dict(zip(there, store.read(there), strict=True))
        except PersonalabError:
            # A damaged or missing file costs the chart of direction, not the other three.
            return {}

"""Timelines on disk, written by the real writers from the simulated process of the drift benchmark."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from benchmarks.drift_process import FRAMINGS, Case, Series, embeddings, simulate
from personalab_core.identity.drift import DriftTracker
from personalab_core.observability import EmbeddingStore
from personalab_core.schemas import Decision, DriftRecord, EvaluatorInfo

START = datetime(2026, 9, 1, tzinfo=UTC)
PACK = EvaluatorInfo(name="arcface", version="1", pack="p", pack_hash="c" * 16, metric="cosine_similarity")


def drift_record(number: int, score: float, **changes: object) -> DriftRecord:
    """One picture of mara; every ten minutes there is one."""
    fields: dict[str, object] = {
        "timestamp": START + timedelta(minutes=10 * number),
        "persona": "mara",
        "attempt_id": f"mara-{number:05d}",
        "composite_score": score,
        "embedding_similarity": score,
        "geometric_error": 0.05,
        "decision": Decision.ACCEPT if score >= 0.55 else Decision.RETRY,
        "provider": "gemini",
        "model": "image-1",
        "simulated": True,
        "frame_size": "half",
        "face_size_fraction": 0.2,
        "evaluator": PACK.name,
        "pack_hash": PACK.pack_hash,
        "anchor_sha256": "f" * 64,
    }
    return DriftRecord.model_validate({**fields, **changes})


def timeline_of(case: Case, seed: int, length: int) -> tuple[Series, np.ndarray]:
    """One simulated timeline and its (length, 512) embeddings."""
    rng = np.random.default_rng(seed)
    series = simulate(rng, case, 1, length)
    return series, next(embeddings(rng, series, case))


def write_timeline(
    root: Path,
    case: Case,
    *,
    seed: int,
    length: int,
    persona: str = "mara",
    first: int = 0,
    faces: bool = True,
    **changes: object,
) -> Series:
    """Write a simulated timeline below ``root/drift`` and its embeddings below ``root``; return what it is of."""
    series, rows = timeline_of(case, seed, length)
    store = EmbeddingStore.of(root, persona, PACK)
    tracker = DriftTracker(root / "drift")
    journal = tracker.journal(persona)
    for i, seen in enumerate(series.observations(0)):
        row = store.append(rows[i]) if faces else None
        own = {"persona": persona, "frame_size": FRAMINGS[series.framing[0, i]], "embedding_row": row}
        source = {"model": f"image-{seen.source}", "attempt_id": f"{persona}-{first + i:05d}"}
        journal.append(drift_record(first + i, round(seen.score, 4), **{**own, **source, **changes}))
    return series

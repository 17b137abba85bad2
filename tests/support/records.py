"""Records as a finished attempt leaves them, and a second process that writes some."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from personalab_core.observability import Journal
from personalab_core.schemas import AttemptRecord, Decision, EvaluatorInfo, GenerationContext, Reason, Scores

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ARCFACE = EvaluatorInfo(
    name="arcface", version="1", pack="simface", pack_hash="0123456789abcdef", metric="cosine_similarity"
)


def make_attempt(**changes: Any) -> AttemptRecord:
    """An accepted first attempt of persona ``daniperez``, with some fields replaced."""
    fields: dict[str, Any] = {
        "timestamp": NOON,
        "attempt_id": "asset-1.1",
        "asset_id": "asset-1",
        "persona": "daniperez",
        "attempt": 1,
        "max_attempts": 3,
        "final": True,
        "context": GenerationContext(
            provider="simulated",
            model="portrait-image-1",
            profile="simulated",
            simulated=True,
            config_hash="0" * 16,
            package_version="0.1.0",
        ),
        "prompt": "A headshot portrait.",
        "prompt_hash": "1" * 64,
        "scores": Scores(composite=0.62, cosine_similarity=0.55, geometric_error=0.04),
        "decision": Decision.ACCEPT,
        "reason": Reason.NONE,
        "sentence": "Accepted.",
        "evaluator": ARCFACE,
    }
    return AttemptRecord(**{**fields, **changes})


def append_attempts(path: Path, writer: str, n: int) -> None:
    """Append ``n`` attempts of one writer; run in processes of its own."""
    journal = Journal(path, AttemptRecord)
    for i in range(n):
        journal.append(make_attempt(attempt_id=f"{writer}-{i}"))

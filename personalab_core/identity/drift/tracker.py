"""A persona's timeline: one line per measured picture, and a summary of the newest ones.

The trend label is the specification's: the least-squares slope over the last 20 records. Its noise is
about .003 per record where pictures scatter by .06 to .09, so at a threshold of .001 it is close to a coin
toss on a steady persona (own simulation); it is kept because it is specified, and shown as what it is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean, linear_regression, stdev
from typing import Literal

from personalab_core.observability import Journal, JournalContents
from personalab_core.observability.line_index import LineIndex
from personalab_core.schemas.contract import Contract
from personalab_core.schemas.records import AssetType, AttemptRecord, DriftRecord
from personalab_core.schemas.slugs import check_slug

TREND_WINDOW = 20
"""Records that a summary looks at, newest last (specification)."""

TREND_SLOPE = 0.001
"""Change of the composite score per record beyond which a trend is named (specification; not calibrated)."""

Trend = Literal["improving", "degrading", "stable"]


class DriftSummary(Contract):
    """The newest records of one instrument; numbers are ``None`` where there are too few.

    ``n`` counts all records of that instrument, ``n_window`` those the numbers are of.
    ``slope`` is the change of the composite score per record. Records of other instruments
    (another evaluator or model pack), and those of the other asset type (pictures or videos, whose
    scores are lower), are counted in ``n_other_instruments`` and left out.
    """

    persona: str
    n: int
    n_window: int
    mean_score: float | None = None
    std_score: float | None = None
    min_score: float | None = None
    max_score: float | None = None
    slope: float | None = None
    trend: Trend | None = None
    evaluator: str | None = None
    pack_hash: str | None = None
    n_other_instruments: int = 0


class DriftTracker:
    """Writes and reads ``<log_dir>/<persona>_drift.jsonl``. Safe between threads and processes.

    Args:
        log_dir: The folder of all timelines (``config.evaluation["drift"]["log_dir"]``).
        told: Called with the persona after a record was written; it must return at once.
    """

    def __init__(self, log_dir: str | Path, *, told: Callable[[str], None] | None = None) -> None:
        self.log_dir = Path(log_dir)
        self._told = told
        self._journals: dict[str, Journal[DriftRecord]] = {}
        self._indexes: dict[str, LineIndex] = {}
        self._lock = threading.Lock()

    def append(self, record: DriftRecord) -> DriftRecord:
        """Write a record and return it as written: numbered and chained.

        Raises:
            InputError: The record's persona is not a persona id.
            WorkspaceError: The timeline cannot be written; it is as before.
        """
        written = self.journal(record.persona).append(record)
        if self._told is not None:
            self._told(record.persona)
        return written

    def record(self, attempt: AttemptRecord) -> DriftRecord | None:
        """Write a measured attempt on its persona's timeline; ``None`` if it was not measured.

        Raises:
            WorkspaceError: The timeline cannot be written; it is as before.
        """
        entry = drift_record(attempt)
        return self.append(entry) if entry is not None else None

    def holds(self, persona: str, attempt_id: str) -> bool:
        """Return whether this attempt is on the timeline, looking through what is new in it only."""
        path = self.journal(persona).path
        with self._lock:
            index = self._indexes.setdefault(persona, LineIndex(path, "attempt_id"))
        return attempt_id in index

    def read(self, persona: str) -> list[DriftRecord]:
        """Return the timeline in order; ``[]`` if there is none. :meth:`problems` has what is missing."""
        return self.journal(persona).read().records

    def problems(self, persona: str) -> tuple[str, ...]:
        """Return one sentence for every piece of the timeline that cannot be read."""
        return self.contents(persona).problems

    def contents(self, persona: str) -> JournalContents[DriftRecord]:
        """Return the timeline and what of it cannot be read, from one reading."""
        return self.journal(persona).read()

    def summary(
        self,
        persona: str,
        *,
        evaluator: str | None = None,
        pack_hash: str | None = None,
        asset_type: AssetType | None = None,
        window: int = TREND_WINDOW,
    ) -> DriftSummary:
        """Return mean, standard deviation, extremes and trend of the newest records.

        Args:
            persona: Id of the persona.
            evaluator: Name of the instrument; by default that of the newest record.
            pack_hash: Model pack of the instrument; by default that of its newest record.
            asset_type: Pictures or videos; by default what the newest record is of.
            window: How many of the newest records count.
        """
        return summarise(
            persona,
            self.read(persona),
            evaluator=evaluator,
            pack_hash=pack_hash,
            asset_type=asset_type,
            window=window,
        )

    def journal(self, persona: str) -> Journal[DriftRecord]:
        """Return the timeline itself, to verify it or to read its end.

        Raises:
            InputError: ``persona`` is not a persona id.
        """
        path = self.log_dir / f"{check_slug(persona)}_drift.jsonl"
        with self._lock:
            if persona not in self._journals:
                self._journals[persona] = Journal(path, DriftRecord)
            return self._journals[persona]


def drift_record(attempt: AttemptRecord) -> DriftRecord | None:
    """Return what a timeline keeps of an attempt, ``None`` if it was not measured."""
    scores, measured, evaluator = attempt.scores, attempt.measurement, attempt.evaluator
    if scores.composite is None or scores.cosine_similarity is None or evaluator is None:
        return None
    if measured is None or measured.face is None:
        return None
    return DriftRecord(
        timestamp=attempt.timestamp,
        persona=attempt.persona,
        attempt_id=attempt.attempt_id,
        asset_type=attempt.asset_type,
        composite_score=scores.composite,
        embedding_similarity=scores.cosine_similarity,
        geometric_error=scores.geometric_error,
        decision=attempt.decision,
        provider=attempt.context.provider,
        model=attempt.context.model,
        simulated=attempt.context.simulated,
        requested_framing=attempt.requested_framing,
        frame_size=measured.face.frame_size,
        face_size_fraction=measured.face.size_fraction,
        patch_level=max((patch.level for patch in attempt.patches), default=0),
        evaluator=evaluator.name,
        pack_hash=evaluator.pack_hash,
        anchor_sha256=attempt.anchor_sha256,
        embedding_row=attempt.embedding_row,
    )


def summarise(
    persona: str,
    records: Sequence[DriftRecord],
    *,
    evaluator: str | None = None,
    pack_hash: str | None = None,
    asset_type: AssetType | None = None,
    window: int = TREND_WINDOW,
) -> DriftSummary:
    """Return the summary of records in timeline order; instruments and asset types are never mixed."""
    fitting = [
        r
        for r in records
        if evaluator in (None, r.evaluator) and pack_hash in (None, r.pack_hash) and asset_type in (None, r.asset_type)
    ]
    if not fitting:
        return DriftSummary(persona=persona, n=0, n_window=0, n_other_instruments=len(records))
    newest = fitting[-1]
    same = [r for r in fitting if _kind(r) == _kind(newest)]
    scores = [r.composite_score for r in same[-window:]]
    slope = _slope(scores)
    return DriftSummary(
        persona=persona,
        n=len(same),
        n_window=len(scores),
        mean_score=fmean(scores),
        std_score=stdev(scores) if len(scores) > 1 else None,
        min_score=min(scores),
        max_score=max(scores),
        slope=slope,
        trend=_trend(slope),
        evaluator=newest.evaluator,
        pack_hash=newest.pack_hash,
        n_other_instruments=len(records) - len(same),
    )


def _kind(record: DriftRecord) -> tuple[str, str, AssetType]:
    return record.evaluator, record.pack_hash, record.asset_type


def _slope(scores: Sequence[float]) -> float | None:
    """Return the least-squares slope per record, ``None`` below two records."""
    return linear_regression(range(len(scores)), scores).slope if len(scores) > 1 else None


def _trend(slope: float | None) -> Trend | None:
    if slope is None:
        return None
    if slope > TREND_SLOPE:
        return "improving"
    return "degrading" if slope < -TREND_SLOPE else "stable"

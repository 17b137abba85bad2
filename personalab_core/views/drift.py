"""Drift: has this person slowly become someone else?

The timeline itself, and a plain comparison of its newest part with its first. The statistics
that can name a moment of change have their own place; nothing here claims one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from itertools import islice

from personalab_core.identity.drift import summarise
from personalab_core.identity.drift.tracker import TREND_WINDOW
from personalab_core.schemas import AttemptRecord, Decision, DriftRecord
from personalab_core.views import numbers, words
from personalab_core.views.cuts import FaceCut, anchor_cut, attempt_cut
from personalab_core.views.history import DriftPoint, PersonaHistory, attempt_picture
from personalab_core.views.levels import (
    CALIBRATION_RECORDS,
    RECENT_RECORDS,
    LevelChange,
    accepted,
    level_change,
    rolling_mean,
)
from personalab_core.views.pictures import Picture
from personalab_core.views.thinning import thinned, thinned_line

_SLOPES = {"improving": "rising", "degrading": "falling", "stable": "flat"}

MIN_MEAN = 5
"""The mean of fewer records than this would only show chance, so the line starts after them."""


@dataclass(frozen=True, slots=True)
class DriftFilter:
    """Which records to show; empty means all."""

    frame_sizes: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DriftView:
    """The page without the picked record."""

    answer: str
    detail: str
    mark: words.Mark
    anchor: Picture | None
    title: str
    lead: str
    points: tuple[DriftPoint, ...]
    mean: tuple[tuple[int, float], ...]
    n_records: int
    accept_threshold: float | None
    retry_threshold: float | None
    calibrated_at: int | None
    before: float | None
    frame_sizes: tuple[str, ...]
    providers: tuple[str, ...]
    last_attempt_id: str | None
    simulated: bool
    alt: str
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PickedRecord:
    """One record beside the anchor: faces cut to one size, the whole picture, the facts."""

    title: str
    anchor: FaceCut | None
    face: FaceCut | None
    whole: Picture | None
    mark: words.Mark
    facts: tuple[tuple[str, str], ...]
    attempt_id: str


def build_drift_view(history: PersonaHistory, wanted: DriftFilter) -> DriftView:
    """Return the timeline of a persona.

    Args:
        history: The persona and its records.
        wanted: Which records to draw; numbers stay those of the whole timeline.
    """
    timeline = history.timeline
    change = level_change(timeline)
    points = [p for p in history.points if _wanted(p, wanted)]
    thresholds = history.attempts.thresholds or (None, None)
    answer, detail = _sentences(history, change)
    sizes = {p.frame_size for p in history.points}
    kept = [p for p in points if p.decision == Decision.ACCEPT]
    mean = rolling_mean([p.score for p in kept])[MIN_MEAN - 1 :]
    title = _title(timeline, change)
    return DriftView(
        answer=answer,
        detail=detail,
        mark=_mark(timeline, change),
        anchor=history.anchor_picture if history.anchor else None,
        title=title,
        lead=_lead(history),
        points=tuple(thinned(points)),
        mean=tuple(thinned_line([p.number for p in kept[MIN_MEAN - 1 :]], mean)),
        n_records=len(timeline),
        accept_threshold=thresholds[0],
        retry_threshold=thresholds[1],
        calibrated_at=_calibrated_at(history.points),
        before=change.before if change else None,
        frame_sizes=tuple(size for size in ("head", "half", "full") if size in sizes),
        providers=tuple(dict.fromkeys(p.provider for p in history.points)),
        last_attempt_id=history.points[-1].attempt_id if history.points else None,
        simulated=len(timeline.narrowed("simulated")) > 0,
        alt=f"Scores of {numbers.plural(len(timeline), 'record')}. {title}. {answer}",
        problems=history.problems,
    )


def _wanted(point: DriftPoint, wanted: DriftFilter) -> bool:
    sized = not wanted.frame_sizes or point.frame_size in wanted.frame_sizes
    return sized and (not wanted.providers or point.provider in wanted.providers)


def _calibrated_at(points: Sequence[DriftPoint]) -> int | None:
    """Return the number of the last record that says what is normal, ``None`` without any record."""
    passed = list(islice((p.number for p in points if p.decision == Decision.ACCEPT), CALIBRATION_RECORDS))
    return (passed[-1] if len(passed) == CALIBRATION_RECORDS else len(points)) or None


def _mark(timeline: Sequence[DriftRecord], change: LevelChange | None) -> words.Mark:
    if not timeline:
        return words.Mark("unmeasured", "Not measured")
    if change is None:
        n = min(len(accepted(timeline)), CALIBRATION_RECORDS)
        return words.Mark("busy", f"Calibrating, {n} of {CALIBRATION_RECORDS}")
    return words.Mark("watch", "Scores are lower") if change.noticeable else words.Mark("accept", "Same person")


def _sentences(history: PersonaHistory, change: LevelChange | None) -> tuple[str, str]:
    first, n = history.first_name, len(history.timeline)
    slope = _slope(history)
    if not n and history.drift:
        kept = numbers.plural(len(history.drift), "record")
        return f"{first} has a new anchor, and no picture was measured against it yet.", (
            f"A new anchor starts a new timeline. The {kept} of the one before are kept."
        )
    if not n:
        return f"{first} has no timeline yet.", "Every measured picture adds one point to it."
    n_accepted = len(accepted(history.timeline))
    if change is None:
        if n_accepted < CALIBRATION_RECORDS:
            return f"Too early for a verdict on drift: {n_accepted} of {CALIBRATION_RECORDS} accepted pictures.", (
                f"The first {CALIBRATION_RECORDS} say what is normal for {first}.{slope}"
            )
        return "What is normal is known; the newest pictures are still too few to compare.", slope.strip()
    compared = f"the last {change.n_recent} accepted pictures with the first {CALIBRATION_RECORDS}, framing by framing"
    if change.noticeable:
        return f"{first} scores {numbers.level(-change.change)} lower than at the beginning.", (
            f"This compares {compared}. It names no moment and no cause yet.{slope}"
        )
    by = f"{'+' if change.change >= 0 else numbers.MINUS}{numbers.level(abs(change.change))}"
    return f"{first} scores as at the beginning: level {numbers.level(change.before)}.", (
        f"This compares {compared}: {by}. It is a look, not an alarm.{slope}"
    )


def _slope(history: PersonaHistory) -> str:
    """Return what a straight line through the newest records does, and what that is worth."""
    summary = summarise(history.id, history.timeline.newest(TREND_WINDOW))
    if summary.slope is None or summary.trend is None:
        return ""
    sign = "+" if summary.slope >= 0 else numbers.MINUS
    slope = f"{sign}{abs(summary.slope):.4f} per record"
    return f" The slope of the last {summary.n_window} is {_SLOPES[summary.trend]} ({slope}); it is not an alarm."


def _title(timeline: Sequence[DriftRecord], change: LevelChange | None) -> str:
    if not timeline:
        return "No record yet"
    n_passed = len(accepted(timeline))
    passed = f"{numbers.count(n_passed)} of {numbers.plural(len(timeline), 'measured picture')} passed"
    if change is None:
        return passed
    return f"{passed}; the newest are {'lower' if change.noticeable else 'where the first were'}"


def _lead(history: PersonaHistory) -> str:
    hidden = len(history.drift.narrowed("asset_type='image'")) - len(history.timeline)
    other = f" {numbers.plural(hidden, 'record')} of another anchor or recogniser are left out." if hidden else ""
    line = f"Line: mean of the last {RECENT_RECORDS} accepted pictures. Grey: all pictures."
    return f"{line} Click a point to see its picture.{other}"


def pick_record(history: PersonaHistory, attempt_id: str | None, *, now: datetime, zone: tzinfo) -> PickedRecord | None:
    """Return the record a person clicked, or the newest, beside the anchor; ``None`` without any record."""
    timeline = history.timeline
    if not timeline:
        return None
    number = next((p.number for p in history.points if p.attempt_id == attempt_id), len(timeline))
    record = timeline[number - 1]
    attempt = history.attempts.find(record.attempt_id)
    return PickedRecord(
        title=f"Record {number} beside the anchor",
        anchor=anchor_cut(history),
        face=attempt_cut(attempt, name=history.name, caption=f"Record {number}") if attempt else None,
        whole=attempt_picture(attempt, name=history.name) if attempt else None,
        mark=words.decision_mark(attempt) if attempt else _decided(record),
        facts=_facts(record, attempt, now=now, zone=zone),
        attempt_id=record.attempt_id,
    )


def _decided(record: DriftRecord) -> words.Mark:
    if record.decision is Decision.ACCEPT:
        return words.Mark("accept", "Accepted")
    return (
        words.Mark("reject", "Rejected") if record.decision is Decision.REJECT_FINAL else words.Mark("retry", "Retry")
    )


def _facts(
    record: DriftRecord, attempt: AttemptRecord | None, *, now: datetime, zone: tzinfo
) -> tuple[tuple[str, str], ...]:
    rows = [
        ("Score", numbers.score(record.composite_score)),
        ("Embedding", numbers.score(record.embedding_similarity)),
        ("Framing", words.FRAME_SIZES[record.frame_size]),
        ("Provider", record.provider),
        ("Made", numbers.when(record.timestamp, now=now, zone=zone)),
    ]
    if attempt is None:
        rows.append(("Attempt", "its record could not be read"))
    return tuple(rows)

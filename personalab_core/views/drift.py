"""Drift: has this person slowly become someone else, since when, and why?

What the monitor found in words, the timeline as it draws it, and the record somebody points at.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from personalab_core.identity.drift import summarise
from personalab_core.identity.drift.residuals import BASELINE
from personalab_core.identity.drift.sentences import STATE_WORDS, explanation, headline, named
from personalab_core.identity.drift.trace import DECISIONS, FRAMINGS
from personalab_core.identity.drift.tracker import TREND_WINDOW
from personalab_core.identity.drift.watch import Drift
from personalab_core.schemas import AttemptRecord, Decision, DriftEventRecord, DriftRecord, DriftState
from personalab_core.views import numbers, words
from personalab_core.views.cuts import FaceCut, anchor_cut, attempt_cut
from personalab_core.views.drift_lines import DriftLines, Line, build_lines, level_by_source, level_line
from personalab_core.views.drift_points import DriftFilter, DriftPoint, DriftPoints
from personalab_core.views.history import PersonaHistory, attempt_picture
from personalab_core.views.levels import RECENT_RECORDS
from personalab_core.views.pictures import Picture

__all__ = [
    "BASELINE",
    "Comparison",
    "DriftFilter",
    "DriftView",
    "EventRow",
    "PickedRecord",
    "build_comparison",
    "build_drift_view",
    "event_title",
    "pick_record",
    "timeline_csv",
]

_SLOPES = {"improving": "rising", "degrading": "falling", "stable": "flat"}
_EVENTS = {"alarm": "Found", "accepted": "Accepted as normal", "held": "Held", "new_baseline": "New baseline"}


@dataclass(frozen=True, slots=True)
class Canaries:
    """The fixed prompts: what the monitor says of them, and what that says of the pictures."""

    answer: str
    meaning: str
    lines: tuple[tuple[str, Line], ...]


@dataclass(frozen=True, slots=True)
class EventRow:
    """One line of the table of events."""

    when: str
    what: str
    record: str
    said: str
    reason: str


@dataclass(frozen=True, slots=True)
class DriftView:
    """The page without the picked record.

    Attributes:
        lines: What the monitor draws; ``None`` before it has judged any record.
        slope: What a straight line through the newest records does.
        asks: Whether a change waits for an answer.
        by_source: Adjusted level of each provider and model by itself.
        n_judged: Records that the monitor has judged.
        behind: Whether it has not judged all of them yet.
    """

    answer: str
    detail: str
    mark: words.Mark
    anchor: Picture | None
    title: str
    lead: str
    points: tuple[DriftPoint, ...]
    lines: DriftLines | None
    n_records: int
    accept_threshold: float | None
    retry_threshold: float | None
    frame_sizes: tuple[str, ...]
    providers: tuple[str, ...]
    last_attempt_id: str | None
    simulated: bool
    alt: str
    slope: str
    asks: bool
    events: tuple[EventRow, ...]
    by_source: tuple[tuple[str, Line], ...]
    n_judged: int
    behind: bool
    canaries: Canaries | None
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


def build_drift_view(history: PersonaHistory, wanted: DriftFilter, *, now: datetime, zone: tzinfo) -> DriftView:
    """Return the timeline of a persona.

    Args:
        history: The persona and its records.
        wanted: Which records to draw; numbers and lines stay those of the whole timeline.
        now: Current time (UTC).
        zone: The viewer's time zone.
    """
    points, found = history.points, history.monitored
    thresholds = history.attempts.thresholds or (None, None)
    answer, detail = _sentences(history)
    title = _title(points)
    return DriftView(
        answer=answer,
        detail=detail,
        mark=_mark(found),
        anchor=history.anchor_picture if history.anchor else None,
        title=title,
        lead=_lead(history),
        points=points.drawn(wanted),
        lines=build_lines(found) if found and len(found.trace) else None,
        n_records=len(points),
        accept_threshold=thresholds[0],
        retry_threshold=thresholds[1],
        frame_sizes=points.frame_sizes,
        providers=points.providers,
        last_attempt_id=next((record.attempt_id for record in history.timeline.newest(1)), None),
        simulated=points.simulated,
        alt=f"Scores of {numbers.plural(len(points), 'record')}. {title}. {answer}",
        slope=_slope(history),
        asks=found is not None and found.open_alarm is not None and not history.behind,
        events=tuple(_event(e, history, now=now, zone=zone) for e in reversed(found.events)) if found else (),
        by_source=level_by_source(found) if found and len(found.sources) > 1 else (),
        n_judged=found.status.n if found else 0,
        behind=history.behind,
        canaries=_canaries(history),
        problems=history.problems,
    )


@dataclass(frozen=True, slots=True)
class Comparison:
    """Adjusted levels of several personas."""

    lines: tuple[tuple[str, Line], ...]
    alt: str


def build_comparison(histories: Sequence[PersonaHistory]) -> Comparison:
    """Return the adjusted level of each persona that has a baseline."""
    found = [(h.first_name, h.monitored) for h in histories]
    lines = tuple((name, level_line(drift)) for name, drift in found if drift and drift.status.level is not None)
    return Comparison(lines, f"Adjusted levels of {numbers.listing([name for name, _ in lines]) or 'nobody yet'}.")


def timeline_csv(found: Drift) -> str:
    """Return every record of a timeline with what the monitor made of it, as CSV with a header.

    Levels and limits are score units at half-body framing; ``failures``, ``spread`` and ``direction`` are
    shares of their limits. Empty cells are not known, as while calibrating.
    """
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    columns = ("level", "lower_limit", "upper_limit", "residual_sd", "failures", "spread", "direction")
    table.writerow(("record", "time", "score", "framing", "provider", "decision", "baseline", *columns))
    for number, row in enumerate(found.trace, 1):
        numbers_of_row = (
            row["level"],
            row["centre"] - row["band"],
            row["centre"] + row["band"],
            row["z"],
            *(row[name] for name in ("failures", "spread", "direction")),
        )
        table.writerow(
            (
                number,
                datetime.fromtimestamp(float(row["at"]), UTC).isoformat(timespec="seconds"),
                f"{row['score']:.4f}",
                FRAMINGS[row["framing"]],
                found.sources[row["source"]],
                DECISIONS[row["decision"]].value,
                int(row["segment"]) + 1,
                *("" if value != value else f"{value:.4f}" for value in numbers_of_row),
            )
        )
    return out.getvalue()


def _canaries(history: PersonaHistory) -> Canaries | None:
    found, pictures = history.canaries, history.monitored
    if found is None or found.behind_bytes:
        return None
    scores = tuple((n, float(score)) for n, score in enumerate(found.trace["score"], 1))
    level = level_line(found)
    changed = pictures is not None and pictures.status.state.alarming
    return Canaries(
        answer=headline(found.status, "The same prompts"),
        meaning=_meaning(found.status.state, changed=changed),
        lines=(("scores", scores), *([("level", level)] if level else [])),
    )


def _meaning(state: DriftState, *, changed: bool) -> str:
    if state is DriftState.CALIBRATING:
        return "The fixed prompts cannot tell yet whether the vendor or our prompts changed."
    if state.alarming:
        return "The same prompts give another result: something changed on the vendor's side."
    return "The same prompts still give the same person, so our own prompts changed." if changed else "Nothing changed."


def event_title(event: DriftEventRecord) -> str:
    """Return what an event is, in a few words."""
    found = f": {STATE_WORDS[event.state].lower()}" if event.event == "alarm" else ""
    return f"{_EVENTS[event.event]}{found}"


def _event(event: DriftEventRecord, history: PersonaHistory, *, now: datetime, zone: tzinfo) -> EventRow:
    when = numbers.when(event.timestamp, now=now, zone=zone)
    said = named(event.sentence, history.id, history.first_name)
    return EventRow(when, event_title(event), f"{event.number}", said, event.reason)


def _mark(found: Drift | None) -> words.Mark:
    if found is None:
        return words.Mark("unmeasured", "Not measured")
    if found.behind_bytes:
        return words.Mark("busy", words.BEING_JUDGED)
    state, word = found.status.state, STATE_WORDS[found.status.state]
    if state is DriftState.CALIBRATING:
        return words.Mark("busy", f"{word}, {found.status.n_baseline} of {BASELINE}")
    if state is DriftState.IN_CONTROL:
        return words.Mark("accept", word)
    return words.Mark("watch", f"{word}, held" if found.status.held else word)


def _sentences(history: PersonaHistory) -> tuple[str, str]:
    first, found = history.first_name, history.monitored
    if not history.timeline and history.drift:
        kept = numbers.plural(len(history.drift), "record")
        return f"{first} has a new anchor, and no picture was measured against it yet.", (
            f"A new anchor starts a new timeline. The {kept} of the one before are kept."
        )
    if found is None:
        return f"{first} has no timeline yet.", "Every measured picture adds one point to it."
    if found.behind_bytes:
        return f"Not all records of {first} are judged yet.", "There is no verdict before all of them are."
    if found.status.state is DriftState.CALIBRATING:
        return headline(found.status, first), f"The first {BASELINE} say what is normal for {first}."
    return headline(found.status, first), explanation(found.status)


def _slope(history: PersonaHistory) -> str:
    """Return what a straight line through the newest records does, and what that is worth."""
    summary = summarise(history.id, history.timeline.newest(TREND_WINDOW))
    if summary.slope is None or summary.trend is None:
        return ""
    sign = "+" if summary.slope >= 0 else numbers.MINUS
    slope = f"{sign}{abs(summary.slope):.4f} per record"
    return f"The slope of the last {summary.n_window} is {_SLOPES[summary.trend]} ({slope}); it is not an alarm."


def _title(points: DriftPoints) -> str:
    if not points:
        return "No record yet"
    return f"{numbers.count(points.n_accepted)} of {numbers.plural(len(points), 'measured picture')} passed"


def _lead(history: PersonaHistory) -> str:
    hidden = len(history.drift.narrowed("asset_type='image'")) - len(history.points)
    other = f" {numbers.plural(hidden, 'record')} of another anchor or recogniser are left out." if hidden else ""
    line = (
        f"Line: level adjusted for framing and provider, within its limits. Dotted: mean of the last {RECENT_RECORDS}."
    )
    return f"{line} Click a point to see its picture.{other}"


def pick_record(history: PersonaHistory, attempt_id: str | None, *, now: datetime, zone: tzinfo) -> PickedRecord | None:
    """Return the record a person clicked, or the newest, beside the anchor; ``None`` without any record."""
    timeline = history.timeline
    clicked = timeline.find(attempt_id) if attempt_id else None
    record = clicked or next(iter(timeline.newest(1)), None)
    if record is None:
        return None
    number = history.points.number_of(record.attempt_id)
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

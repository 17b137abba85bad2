"""Attempts: what was tried, where did it fail?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from personalab_core.schemas import AttemptRecord, Decision, Reason
from personalab_core.views import numbers, words
from personalab_core.views.history import PersonaHistory, attempt_picture
from personalab_core.views.lanes import brief_of
from personalab_core.views.pictures import Picture

PAGE_SIZE = 24

DECISIONS: dict[str, str] = {
    "all": "All",
    "accept": "Accepted",
    "retry": "Tried again",
    "reject": "Rejected",
    "unmeasured": "No score",
}


@dataclass(frozen=True, slots=True)
class AttemptFilter:
    """What to show. ``None`` and ``all`` mean everything; ``page`` counts from 1."""

    persona: str | None = None
    decision: str = "all"
    reason: Reason | None = None
    page: int = 1


@dataclass(frozen=True, slots=True)
class AttemptCard:
    """One attempt on the contact sheet."""

    id: str
    picture: Picture | None
    mark: words.Mark
    score: str
    note: str
    second: str
    missing: str


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One attempt in the table."""

    id: str
    thumbnail: str
    persona: str
    when: datetime
    asset: str
    attempt: int
    decision: str
    score: float | None
    reason: str
    framing: str
    provider: str


@dataclass(frozen=True, slots=True)
class AttemptsView:
    """The page. ``cards`` and ``rows`` are the same attempts, newest first."""

    answer: str
    detail: str
    cards: tuple[AttemptCard, ...]
    rows: tuple[AttemptRow, ...]
    n_matching: int
    n_all: int
    n_pages: int
    page: int
    reasons: tuple[Reason, ...]
    simulated: bool
    problems: tuple[str, ...]


def build_attempts_view(
    histories: Sequence[PersonaHistory], wanted: AttemptFilter, *, now: datetime, zone: tzinfo
) -> AttemptsView:
    """Return one page of the attempts that a filter lets through.

    Args:
        histories: All personas.
        wanted: The filter; a page beyond the last one becomes the last one.
        now: Current time (UTC).
        zone: The viewer's time zone.
    """
    chosen = [h for h in histories if wanted.persona in {None, h.id}]
    names = {h.id: h.name for h in histories}
    pool = [r for h in chosen for r in h.attempts]
    matching = sorted((r for r in pool if _matches(r, wanted)), key=lambda r: r.timestamp, reverse=True)
    n_pages = max(1, -(-len(matching) // PAGE_SIZE))
    page = min(max(1, wanted.page), n_pages)
    shown = matching[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
    answer, detail = _sentences(pool, matching, chosen)
    present = Counter(r.reason for r in pool if r.reason is not Reason.NONE)
    several = len(chosen) > 1
    return AttemptsView(
        answer=answer,
        detail=detail,
        cards=tuple(_card(r, names[r.persona], several=several, now=now, zone=zone) for r in shown),
        rows=tuple(_row(r, names[r.persona]) for r in shown),
        n_matching=len(matching),
        n_all=len(pool),
        n_pages=n_pages,
        page=page,
        reasons=tuple(reason for reason, _ in present.most_common()),
        simulated=any(r.context.simulated for r in pool),
        problems=tuple(f"{h.name}: {p}" for h in chosen for p in h.problems),
    )


def _matches(record: AttemptRecord, wanted: AttemptFilter) -> bool:
    if wanted.reason is not None and record.reason is not wanted.reason:
        return False
    return wanted.decision == "all" or words.decision_mark(record).kind == wanted.decision


def _card(record: AttemptRecord, name: str, *, several: bool, now: datetime, zone: tzinfo) -> AttemptCard:
    value = record.scores.composite
    when = numbers.when(record.timestamp, now=now, zone=zone)
    note = "Same person" if record.decision is Decision.ACCEPT else words.REASONS[record.reason]
    return AttemptCard(
        id=record.attempt_id,
        picture=attempt_picture(record, name=name),
        mark=words.decision_mark(record),
        score=numbers.score(value) if value is not None else "",
        note=note,
        second=f"{words.first_name(name)}, {when}"
        if several
        else f"{when}, attempt {record.attempt} of {record.max_attempts}",
        missing=words.REASONS[record.reason],
    )


def _row(record: AttemptRecord, name: str) -> AttemptRow:
    picture = attempt_picture(record, name=name)
    return AttemptRow(
        id=record.attempt_id,
        thumbnail=picture.thumbnail if picture else "",
        persona=name,
        when=record.timestamp,
        asset=brief_of(record) or record.asset_id,
        attempt=record.attempt,
        decision=words.decision_mark(record).word,
        score=record.scores.composite,
        reason=words.REASONS[record.reason] if record.reason is not Reason.NONE else "",
        framing=words.FRAMINGS.get(record.requested_framing or "", ""),
        provider=record.context.provider,
    )


def _sentences(
    pool: Sequence[AttemptRecord], matching: Sequence[AttemptRecord], chosen: Sequence[PersonaHistory]
) -> tuple[str, str]:
    of = f" of {chosen[0].first_name}" if len(chosen) == 1 else ""
    if not pool:
        return f"Nothing{of} has been tried yet.", "Every attempt appears here with its picture, score and reason."
    if not matching:
        return "No attempt matches.", f"{numbers.count(len(pool))} are hidden by the filters."
    refused = Counter(r.reason for r in pool if r.decision is not Decision.ACCEPT)
    n_refused = refused.total()
    if not n_refused:
        return f"All {numbers.count(len(pool))} attempts{of} were accepted.", ""
    reason, times = refused.most_common(1)[0]
    answer = f"{numbers.count(n_refused)} of {numbers.count(len(pool))} attempts{of} were not accepted."
    most = f"Mostly: {words.REASONS[reason].lower()} ({numbers.count(times)} of {numbers.count(n_refused)})."
    hidden = len(pool) - len(matching)
    return answer, most + (f" {numbers.count(hidden)} are hidden by the filters." if hidden else "")

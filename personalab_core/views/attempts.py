"""Attempts: what was tried, where did it fail?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from personalab_core.schemas import AttemptRecord, Decision, OverrideRecord, Reason
from personalab_core.views import numbers, words
from personalab_core.views.history import PersonaHistory, attempt_picture, attempts_together
from personalab_core.views.lanes import brief_of
from personalab_core.views.logs import AttemptLog
from personalab_core.views.pictures import Picture

PAGE_SIZE = 24

DECISIONS: dict[str, str] = {
    "all": "All",
    "accept": "Accepted",
    "retry": "Tried again",
    "reject": "Rejected",
    "unmeasured": "No score",
    "person": "Decided by you",
}


@dataclass(frozen=True, slots=True)
class AttemptFilter:
    """What to show. ``None`` and ``all`` mean everything; ``page`` counts from 1; days are the viewer's own."""

    persona: str | None = None
    decision: str = "all"
    reason: Reason | None = None
    provider: str | None = None
    framing: str | None = None
    first_day: date | None = None
    last_day: date | None = None
    scores: tuple[float, float] = (0.0, 1.0)
    page: int = 1

    @property
    def by_score(self) -> bool:
        """Whether a range of scores is asked for; attempts without a score are then left out."""
        return self.scores != (0.0, 1.0)


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
    providers: tuple[str, ...]
    framings: tuple[str, ...]
    simulated: bool
    problems: tuple[str, ...]


_NOTHING_TRIED = "Every attempt appears here with its picture, score and reason."
_EMPTY = AttemptsView(
    answer="Nothing has been tried yet.",
    detail=_NOTHING_TRIED,
    cards=(),
    rows=(),
    n_matching=0,
    n_all=0,
    n_pages=1,
    page=1,
    reasons=(),
    providers=(),
    framings=(),
    simulated=False,
    problems=(),
)


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
    if not chosen:
        return _EMPTY
    pool = attempts_together(chosen)
    matching = filtered(pool, wanted, zone=zone)
    n_pages = max(1, -(-len(matching) // PAGE_SIZE))
    page = min(max(1, wanted.page), n_pages)
    newest = matching.sorted_by("at", "id").newest_first(PAGE_SIZE, skip=(page - 1) * PAGE_SIZE)
    shown = [(record, pool.overrides.get(record.attempt_id), names[record.persona]) for record in newest]
    answer, detail = _sentences(pool, matching, chosen)
    several = len(chosen) > 1
    framings = pool.values("framing")
    return AttemptsView(
        answer=answer,
        detail=detail,
        cards=tuple(_card(*one, several=several, now=now, zone=zone) for one in shown),
        rows=tuple(_row(*one) for one in shown),
        n_matching=len(matching),
        n_all=len(pool),
        n_pages=n_pages,
        page=page,
        reasons=tuple(pool.reasons),
        providers=tuple(pool.values("provider")),
        framings=tuple(f for f in words.FRAMINGS if f in framings),
        simulated=pool.tally.n_simulated > 0,
        problems=tuple(f"{h.name}: {p}" for h in chosen for p in h.problems),
    )


def filtered(pool: AttemptLog, wanted: AttemptFilter, *, zone: tzinfo = UTC) -> AttemptLog:
    """Return the attempts that a filter lets through; only the index is asked."""
    if wanted.provider is not None:
        pool = pool.narrowed("provider=?", wanted.provider)
    if wanted.framing is not None:
        pool = pool.narrowed("framing=?", wanted.framing)
    if wanted.first_day is not None:
        pool = pool.since(datetime.combine(wanted.first_day, time.min, zone))
    if wanted.last_day is not None:
        pool = pool.narrowed("at<?", datetime.combine(wanted.last_day + timedelta(days=1), time.min, zone).timestamp())
    if wanted.by_score:
        low, high = wanted.scores
        # Pages write two digits: what reads 0.55 belongs to a range that begins with 0.55.
        pool = pool.narrowed("composite>=? AND composite<?", low - 0.005, high + 0.005)
    if wanted.reason is not None:
        pool = pool.narrowed("reason=?", wanted.reason)
    if wanted.decision == "person":
        return pool.decided_by_person
    if wanted.decision != "all":
        pool = pool.narrowed("mark=?", wanted.decision)
    return pool


def _card(
    record: AttemptRecord, override: OverrideRecord | None, name: str, *, several: bool, now: datetime, zone: tzinfo
) -> AttemptCard:
    when = numbers.when(record.timestamp, now=now, zone=zone)
    note = "Same person" if record.decision is Decision.ACCEPT else words.REASONS[record.reason]
    return AttemptCard(
        id=record.attempt_id,
        picture=attempt_picture(record, name=name),
        mark=words.override_mark(override) if override else words.decision_mark(record),
        score=words.score_of(record),
        note=note,
        second=f"{words.first_name(name)}, {when}"
        if several
        else f"{when}, attempt {record.attempt} of {record.max_attempts}",
        missing=words.REASONS[record.reason],
    )


def _row(record: AttemptRecord, override: OverrideRecord | None, name: str) -> AttemptRow:
    picture = attempt_picture(record, name=name)
    return AttemptRow(
        id=record.attempt_id,
        thumbnail=picture.thumbnail if picture else "",
        persona=name,
        when=record.timestamp,
        asset=brief_of(record) or record.asset_id,
        attempt=record.attempt,
        decision=(words.override_mark(override) if override else words.decision_mark(record)).word,
        score=record.scores.composite,
        reason=words.REASONS[record.reason] if record.reason is not Reason.NONE else "",
        framing=words.FRAMINGS.get(record.requested_framing or "", ""),
        provider=record.context.provider,
    )


def _sentences(pool: AttemptLog, matching: AttemptLog, chosen: Sequence[PersonaHistory]) -> tuple[str, str]:
    of = f" of {chosen[0].first_name}" if len(chosen) == 1 else ""
    n = len(pool)
    if not n:
        return f"Nothing{of} has been tried yet.", _NOTHING_TRIED
    if not len(matching):
        return "No attempt matches.", f"{numbers.count(n)} are hidden by the filters."
    n_refused = n - pool.tally.n_accepted
    if not n_refused:
        return f"All {numbers.count(n)} attempts{of} were accepted.", ""
    reason, times = next(iter(pool.refused.items()))
    answer = f"{numbers.count(n_refused)} of {numbers.count(n)} attempts{of} were not accepted."
    most = f"Mostly: {words.REASONS[reason].lower()} ({numbers.count(times)} of {numbers.count(n_refused)})."
    hidden = n - len(matching)
    return answer, most + (f" {numbers.count(hidden)} are hidden by the filters." if hidden else "")

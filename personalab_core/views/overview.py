"""Overview: is everyone still themselves, and who needs me first?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from personalab_core.jobs import Job
from personalab_core.observability.spending import anchors_usd
from personalab_core.views import numbers, words
from personalab_core.views.conditions import Condition, PageName, condition_of
from personalab_core.views.history import PersonaHistory, attempt_picture
from personalab_core.views.logs import AttemptLog, Tally
from personalab_core.views.pictures import Picture
from personalab_core.views.runs import RunRow, rows_to_show

SPARK_RECORDS = 48
RECENT_PICTURES = 4


@dataclass(frozen=True, slots=True)
class Figure:
    """A number on a card, with what it counts and its base."""

    value: str
    what: str
    base: str = ""


@dataclass(frozen=True, slots=True)
class FleetCard:
    """One persona on the overview."""

    id: str
    name: str
    first_name: str
    mark: words.Mark
    why: str
    action: str
    page: PageName
    anchor: Picture | None
    latest: Picture | None
    latest_when: str
    recent: tuple[Picture, ...]
    spark: tuple[float, ...]
    accept_threshold: float | None
    figures: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class OverviewView:
    """The whole page. ``urgent`` comes first and larger."""

    answer: str
    detail: str
    urgent: tuple[FleetCard, ...]
    others: tuple[FleetCard, ...]
    runs: tuple[RunRow, ...]
    week: str
    problems: tuple[str, ...]

    @property
    def empty(self) -> bool:
        """Whether there is no persona at all."""
        return not self.urgent and not self.others

    @property
    def busy(self) -> bool:
        """Whether a job runs or waits."""
        return any(run.active for run in self.runs)


def build_overview_view(
    histories: Sequence[PersonaHistory],
    jobs: Sequence[Job],
    *,
    problems: Sequence[str] = (),
    now: datetime,
    zone: tzinfo,
) -> OverviewView:
    """Return the overview of a fleet.

    Args:
        histories: All personas, in the order to show them.
        jobs: Newest first.
        problems: What could not be read, one sentence each.
        now: Current time (UTC).
        zone: The viewer's time zone.
    """
    states = [(history, condition_of(history)) for history in histories]
    urgent = sorted((s for s in states if s[1].urgency is not None), key=lambda s: s[1].urgency or 0)
    others = [s for s in states if s[1].urgency is None]
    names = {history.id: history.name for history in histories}
    runs = rows_to_show(jobs, names, now=now)
    answer, detail = _sentences(urgent, others, runs)
    return OverviewView(
        answer=answer,
        detail=detail,
        urgent=tuple(_card(*state, now=now, zone=zone) for state in urgent),
        others=tuple(_card(*state, now=now, zone=zone) for state in others),
        runs=runs,
        week=_week(histories, since=now - timedelta(days=7)),
        problems=tuple(problems) + tuple(f"{h.name}: {p}" for h in histories for p in h.problems),
    )


def _card(history: PersonaHistory, state: Condition, *, now: datetime, zone: tzinfo) -> FleetCard:
    shown = history.attempts.with_picture(RECENT_PICTURES)
    recent = [p for r in reversed(shown) if (p := attempt_picture(r, name=history.name))]
    thresholds = history.attempts.thresholds
    return FleetCard(
        id=history.id,
        name=history.name,
        first_name=history.first_name,
        mark=state.mark,
        why=state.why,
        action=state.action,
        page=state.page,
        anchor=history.anchor_picture,
        latest=recent[0] if recent else None,
        latest_when=numbers.ago(shown[-1].timestamp, now=now, zone=zone) if shown else "",
        recent=tuple(recent),
        spark=tuple(round(score, 3) for score in history.timeline.last_scores(SPARK_RECORDS)),
        accept_threshold=thresholds[0] if thresholds else None,
        figures=_figures(history.attempts, anchors_usd(history.anchors)) if history.attempts else (),
    )


def _figures(attempts: AttemptLog, anchors: float | None) -> tuple[Figure, ...]:
    score, tally = attempts.last_score, attempts.tally
    return (
        Figure("–", "not measured") if score is None else Figure(numbers.score(score), "last score"),
        Figure(numbers.percent(tally.n_accepted, tally.n), "accepted", f"of {numbers.count(tally.n)}"),
        _cost_figure(tally, anchors),
    )


def _cost_figure(tally: Tally, anchors: float | None) -> Figure:
    if tally.simulated:
        return Figure("$0.00", "simulated")
    if tally.known_usd is None or not tally.n_accepted:
        return Figure("–", "price unknown" if tally.known_usd is None else "none accepted")
    spent = tally.known_usd + (anchors or 0.0)
    return Figure(numbers.money(spent / tally.n_accepted, digits=3), "per accepted")


def _sentences(
    urgent: Sequence[tuple[PersonaHistory, Condition]],
    others: Sequence[tuple[PersonaHistory, Condition]],
    runs: Sequence[RunRow],
) -> tuple[str, str]:
    n = len(urgent) + len(others)
    if not n:
        if any(run.active for run in runs):
            return "The first personas are being made.", "They appear here as soon as they exist. " + words.GOES_ON
        return "No persona yet. The first one takes about two minutes.", (
            "A persona is a name and a description. It gets an anchor picture, and every picture after that is "
            "measured against it."
        )
    example = next((run for run in runs if run.active and run.kind == "demo_history"), None)
    if example and not urgent:
        left = f" {example.time_left}." if example.time_left.startswith("About") else ""
        return "The example personas are being made.", f"Nothing for you to do.{left} {words.GOES_ON}"
    parts = _clauses([*urgent, *others])
    parts += _steady([h.first_name for h, state in others if not state.clause], first=not parts)
    return _answer(urgent, n, so_far=any(h.behind for h, _ in others)), f"{', '.join(parts)}." if parts else ""


_PLURAL = {"has": "have", "is": "are", "scores": "score"}


def _clauses(states: Sequence[tuple[PersonaHistory, Condition]]) -> list[str]:
    """Return what holds of whom, those in the same state together."""
    who: dict[str, list[str]] = {}
    for history, state in states:
        if state.clause:
            who.setdefault(state.clause, []).append(history.first_name)
    parts = []
    for clause, names in who.items():
        verb, _, rest = clause.partition(" ")
        parts.append(f"{numbers.listing(names)} {verb if len(names) == 1 else _PLURAL[verb]} {rest}")
    return parts


def _steady(names: Sequence[str], *, first: bool) -> list[str]:
    """Return the clause about those with whom all is well; one is named, several are counted."""
    if not names:
        return []
    if len(names) == 1:
        return [f"{names[0]} is the same person as the anchor"]
    many = numbers.spelled(len(names))
    return [f"{many if first else many.lower()} are the same person as their anchors"]


def _answer(urgent: Sequence[tuple[PersonaHistory, Condition]], n: int, *, so_far: bool) -> str:
    """Return who needs a person; ``so_far`` where records of somebody are still to be judged."""
    if not urgent:
        return f"{'Nobody' if n > 1 else 'Nothing'} needs you{' so far' if so_far else ''}."
    first = urgent[0][0].first_name
    of = numbers.spelled(n).lower()
    if len(urgent) == 1:
        return f"{first} needs a look." if n == 1 else f"One of {of} personas needs you: {first}."
    return f"{numbers.spelled(len(urgent))} of {of} personas need you. {first} first."


def _week(histories: Sequence[PersonaHistory], *, since: datetime) -> str:
    tallies = [history.attempts.since(since).tally for history in histories]
    anchors = anchors_usd(record for h in histories for record in h.anchors if record.timestamp >= since)
    n = sum(tally.n for tally in tallies)
    if not n:
        return ""
    n_accepted = sum(tally.n_accepted for tally in tallies)
    tried = f"{numbers.count(n_accepted)} accepted of {numbers.count(n)} tried"
    return f"Last 7 days: {tried} ({numbers.percent(n_accepted, n)}), {_spent(tallies, anchors)}. {words.UNCALIBRATED}"


def _spent(tallies: Sequence[Tally], anchors: float | None) -> str:
    if all(tally.simulated for tally in tallies):
        return "nothing spent (simulated)"
    total = numbers.total_usd([*(tally.known_usd for tally in tallies if tally.n), anchors])
    return f"{numbers.money(total)} spent" if total is not None else "price unknown"

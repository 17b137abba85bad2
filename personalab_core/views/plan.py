"""Plan: what will a persona post, what is made of it, and what did it cost?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from personalab_core.errors import ConfigError
from personalab_core.generation import PlanStore
from personalab_core.schemas import AttemptRecord, ContentPlan, Decision, PlannedContent
from personalab_core.views import numbers, words
from personalab_core.views.history import PersonaHistory, attempt_picture, spent_on
from personalab_core.views.pictures import Picture

MARKS: Mapping[str, words.Mark] = {
    "idea": words.Mark("unmeasured", "Idea"),
    "approved": words.Mark("busy", "Approved"),
    "made": words.Mark("accept", "Made"),
    "dropped": words.Mark("unmeasured", "Dropped"),
}
_NOT_ACCEPTED = words.Mark("watch", "Not accepted")
_BEING_MADE = words.Mark("busy", "Being made")
_KINDS = {"image": "Picture", "video": "Video"}


@dataclass(frozen=True, slots=True)
class ItemCard:
    """One planned piece as calendar and list show it.

    Attributes:
        id: Of the item.
        title: As planned.
        line: Pillar and kind.
        caption: As planned.
        day: Such as ``Tue 1 Dec``; empty without a day.
        mark: How far it is.
        picture: The accepted one, else the newest that came.
        score: Composite score of that picture, ``–`` without one.
        cost: Of all attempts, or a word.
        attempt_id: The attempt that the picture is from, to open it.
        faded: Whether it was dropped.
    """

    id: str
    title: str
    line: str
    caption: str
    day: str
    mark: words.Mark
    picture: Picture | None
    score: str
    cost: str
    n_attempts: int
    attempt_id: str
    faded: bool


@dataclass(frozen=True, slots=True)
class Day:
    """One day of a week. ``past`` and ``today`` are as the viewer's calendar has them."""

    name: str
    today: bool
    past: bool
    items: tuple[ItemCard, ...]


@dataclass(frozen=True, slots=True)
class Week:
    """One ISO week. ``due`` are the ids of its approved items that are still to be made."""

    id: str
    title: str
    days: tuple[Day, ...]
    due: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlanView:
    """The page."""

    answer: str
    detail: str
    weeks: tuple[Week, ...]
    cards: tuple[ItemCard, ...]
    unscheduled: tuple[ItemCard, ...]
    due: tuple[str, ...]
    undecided: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    sources: tuple[tuple[str, str], ...]
    repeated: str
    simulated: bool


def load_plan(plans: PlanStore, persona: str) -> tuple[ContentPlan | None, str]:
    """Return the plan in force and what is wrong with its file: at most one of the two."""
    if not plans.exists(persona):
        return None, ""
    try:
        return plans.load(persona), ""
    except ConfigError as error:
        return None, str(error)


def build_plan_view(history: PersonaHistory, plan: ContentPlan, *, today: date, busy: Sequence[str] = ()) -> PlanView:
    """Return a plan with what became of it.

    Args:
        history: The persona it is for.
        plan: In force.
        today: The viewer's day.
        busy: Ids of the items that a job is making now.
    """
    attempts = {item.id: _attempts(history, item) for item in plan.planned_content}
    cards = {i.id: _card(history, i, attempts[i.id], busy=i.id in busy) for i in plan.planned_content}
    due = tuple(i.id for i in plan.planned_content if i.status == "approved" and i.id not in busy)
    answer, detail = _sentences(history, plan, today=today, busy=len(busy))
    return PlanView(
        answer=answer,
        detail=detail,
        weeks=_weeks(plan, cards, due, today=today),
        cards=tuple(cards[item.id] for item in sorted(plan.planned_content, key=_by_day)),
        unscheduled=tuple(cards[item.id] for item in plan.planned_content if item.scheduled is None),
        due=due,
        undecided=tuple(item.id for item in plan.planned_content if item.status == "idea"),
        facts=_facts(plan, [record for made in attempts.values() for record in made]),
        sources=tuple((source.title, source.url) for source in plan.sources),
        repeated=_repeated(plan),
        simulated=plan.simulated,
    )


def item_card(history: PersonaHistory, item: PlannedContent, *, busy: bool = False) -> ItemCard:
    """Return one item with its picture, score and cost."""
    return _card(history, item, _attempts(history, item), busy=busy)


def _attempts(history: PersonaHistory, item: PlannedContent) -> list[AttemptRecord]:
    return [record for asset in item.assets for record in history.attempts.of_asset(asset)]


def _card(history: PersonaHistory, item: PlannedContent, attempts: Sequence[AttemptRecord], *, busy: bool) -> ItemCard:
    shown = _shown(history, attempts)
    return ItemCard(
        id=item.id,
        title=item.title,
        line=", ".join(part for part in (_KINDS[item.asset_type], item.pillar) if part),
        caption=item.caption,
        day=_day(item.scheduled) if item.scheduled else "",
        mark=_mark(item, tried=bool(attempts), busy=busy),
        picture=attempt_picture(shown, name=history.name) if shown else None,
        score=numbers.score(shown.scores.composite) if shown and shown.scores.composite is not None else "–",
        cost=spent_on(attempts, nothing="–"),
        n_attempts=len(attempts),
        attempt_id=shown.attempt_id if shown else "",
        faded=item.status == "dropped",
    )


def item_answer(item: PlannedContent, card: ItemCard) -> tuple[str, str]:
    """Return the sentence about one item, and what can be done with it."""
    name = f"“{item.title}”"
    if card.mark is _BEING_MADE:
        return f"{name} is being made.", "You can close this page; the run goes on."
    if item.status == "made":
        return f"{name} is made.", f"Score {card.score}, {numbers.plural(card.n_attempts, 'attempt')}, {card.cost}."
    if item.status == "dropped":
        return f"{name} was dropped.", "It stays in the plan, so that the idea does not come again."
    if card.n_attempts:
        tried = numbers.plural(card.n_attempts, "attempt")
        return (
            f"{name} has no accepted picture yet.",
            f"{tried} so far, {card.cost}. Change the scene, or make it again.",
        )
    if item.status == "approved":
        return f"{name} is approved and not made yet.", "Make it now, or with its week."
    return f"{name} is an idea.", "Approve it and it is made with its week; drop it and it does not come again."


def _shown(history: PersonaHistory, attempts: Sequence[AttemptRecord]) -> AttemptRecord | None:
    """Return the accepted attempt, a person's decision before the measured one, else the newest with a picture."""
    decided = history.attempts.overrides
    accepted = [
        r
        for r in attempts
        if (decided[r.attempt_id].decision if r.attempt_id in decided else r.decision) is Decision.ACCEPT
    ]
    pictures = accepted or [r for r in attempts if r.image_path]
    return pictures[-1] if pictures else None


def _mark(item: PlannedContent, *, tried: bool, busy: bool) -> words.Mark:
    if busy:
        return _BEING_MADE
    return _NOT_ACCEPTED if tried and item.status == "approved" else MARKS[item.status]


def _sentences(history: PersonaHistory, plan: ContentPlan, *, today: date, busy: int) -> tuple[str, str]:
    counts = {status: sum(item.status == status for item in plan.planned_content) for status in MARKS}
    wanted = len(plan.planned_content) - counts["dropped"]
    n_made = numbers.spelled(counts["made"]) if counts["made"] else "None"
    made = f"{n_made} of {numbers.plural(wanted, 'planned piece')}"
    answer = f"{made} of {history.first_name} {'is' if counts['made'] == 1 else 'are'} made."
    upcoming = sorted(
        item.scheduled
        for item in plan.planned_content
        if item.scheduled and item.scheduled >= today and item.status in {"idea", "approved"}
    )
    following = f" The next day with something to make is {_day(upcoming[0])}." if upcoming else ""
    if busy:
        return answer, f"{numbers.spelled(busy)} being made now. {words.GOES_ON}"
    if counts["approved"]:
        return answer, f"{numbers.spelled(counts['approved'])} approved and still to be made.{following}"
    if counts["idea"]:
        return answer, f"{numbers.spelled(counts['idea'])} waiting for your decision.{following}"
    return answer, "Nothing for you to do."


def _by_day(item: PlannedContent) -> tuple[bool, date]:
    return item.scheduled is None, item.scheduled or date.min


def _weeks(plan: ContentPlan, cards: Mapping[str, ItemCard], due: Sequence[str], *, today: date) -> tuple[Week, ...]:
    days = [item.scheduled for item in plan.planned_content if item.scheduled]
    if not days:
        return ()
    monday, found = _monday(min(days)), []
    while monday <= max(days):
        week = [monday + timedelta(days=n) for n in range(7)]
        items = {day: [i for i in plan.planned_content if i.scheduled == day] for day in week}
        if any(items.values()):
            year, number, _ = monday.isocalendar()
            found.append(
                Week(
                    id=f"{year}-W{number:02d}",
                    title=f"Week {number}, {_span(monday, week[-1])}",
                    days=tuple(
                        Day(f"{d:%a} {d.day}", d == today, d < today, tuple(cards[i.id] for i in items[d]))
                        for d in week
                    ),
                    due=tuple(i.id for d in week for i in items[d] if i.id in due),
                )
            )
        monday += timedelta(days=7)
    return tuple(found)


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _span(first: date, last: date) -> str:
    start = f"{first.day}" if first.month == last.month else f"{first.day} {first:%b}"
    return f"{start} to {last.day} {last:%b}"


def _day(day: date) -> str:
    return f"{day:%a} {day.day} {day:%b}"


def _facts(plan: ContentPlan, attempts: Sequence[AttemptRecord]) -> tuple[tuple[str, str], ...]:
    made_by = f"{plan.provider}, {plan.model}"
    return (
        ("Planned by", made_by),
        ("Made", f"{sum(item.status == 'made' for item in plan.planned_content)} of {len(plan.planned_content)}"),
        ("Attempts", numbers.count(len(attempts))),
        ("Cost of its pieces", spent_on(attempts, nothing="–")),
        ("Search pages read", str(len(plan.sources)) if plan.sources else "none named"),
    )


def _repeated(plan: ContentPlan) -> str:
    if not plan.repeated:
        return ""
    many = len(plan.repeated) > 1
    titles = numbers.listing([f"“{title}”" for title in plan.repeated])
    return (
        f"{numbers.spelled(len(plan.repeated))} {'ideas were' if many else 'idea was'} left out as near to earlier "
        f"ones: {titles}."
    )

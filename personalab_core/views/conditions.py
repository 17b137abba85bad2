"""How a persona is doing, in one word and one sentence, and whether it needs a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from personalab_core.identity.drift.residuals import BASELINE
from personalab_core.identity.drift.sentences import STATE_WORDS, explanation, headline, since
from personalab_core.schemas import AssetOutcome, DriftState
from personalab_core.views import numbers
from personalab_core.views.history import PersonaHistory, judged_so_far
from personalab_core.views.words import BEING_JUDGED, Mark

PageName = Literal[
    "overview",
    "personas",
    "anchors",
    "plan",
    "prompts",
    "generate",
    "attempts",
    "drift",
    "video",
    "export",
    "evaluate",
    "system",
]

RECENT_ASSETS = 8
MANY_FAILED = 3
"""So many of the last eight assets without an accepted picture are worth a look. Not calibrated."""
_NOTHING = {AssetOutcome.REJECTED, AssetOutcome.EXHAUSTED, AssetOutcome.FAILED}


@dataclass(frozen=True, slots=True)
class Condition:
    """The state of one persona.

    Attributes:
        mark: State word with its icon.
        urgency: Order among those that need a person, lower first; ``None`` if nobody is needed.
        why: One sentence with the evidence.
        clause: The same as part of the overview's sentence, after the first name.
        page: Where the evidence is.
        action: What the link to that page says.
    """

    mark: Mark
    urgency: int | None
    why: str
    clause: str
    page: PageName
    action: str


def condition_of(history: PersonaHistory) -> Condition:
    """Return the first of these that holds: no anchor, a change, many failures, not judged, too early, steady."""
    if history.anchor is None:
        return _no_anchor(history)
    if not history.attempts:
        clause = "has an anchor and no picture yet"
        why = f"The anchor is chosen. The first pictures of {history.first_name} can be made."
        return Condition(Mark("busy", "Ready"), None, why, clause, "generate", "Generate the first pictures")
    looks = (_changed, _failing, _unmeasured, _behind, _too_early)
    return next(filter(None, (look(history) for look in looks)), None) or _steady(history)


def _no_anchor(history: PersonaHistory) -> Condition:
    candidates = [r for r in history.anchors if r.kind == "anchor_candidate" and r.anchor_kind == "frontal"]
    why = (
        f"{numbers.spelled(len(candidates))} candidates wait for a choice."
        if len(candidates) > 1
        else "Nothing can be measured until one picture says who this is."
    )
    mark = Mark("unmeasured", "Not measured: no anchor")
    return Condition(mark, None, why, "has no anchor yet", "anchors", "Choose an anchor")


def _behind(history: PersonaHistory) -> Condition | None:
    """Return that a timeline is not judged to its end, before which nothing that was found may still hold."""
    if not history.behind:
        return None
    why = f"{judged_so_far(history)} are judged so far."
    mark = Mark("busy", BEING_JUDGED)
    return Condition(mark, None, why, "is still being judged", "drift", "See the timeline")


_CLAUSES = {
    DriftState.LEVEL_DOWN: "has changed",
    DriftState.LEVEL_UP: "has changed",
    DriftState.FAILURES: "has more failures than usual",
    DriftState.SPREAD: "scatters more than usual",
    DriftState.DIRECTION: "has a face that has moved",
}


def _changed(history: PersonaHistory) -> Condition | None:
    """Return what the drift monitor found and nobody has answered yet."""
    found = history.monitored
    if found is None or found.open_alarm is None or history.behind:
        return None
    status = found.status
    why = " ".join(filter(None, (headline(status, history.first_name), explanation(status))))
    clause = f"{_CLAUSES[status.state]} {since(status)}"
    return Condition(Mark("watch", STATE_WORDS[status.state]), 0, why, clause, "drift", "See when it changed")


def _failing(history: PersonaHistory) -> Condition | None:
    finished = history.last_outcomes(RECENT_ASSETS)
    failed = [outcome for outcome in finished if outcome in _NOTHING]
    if len(failed) < MANY_FAILED:
        return None
    why = f"{numbers.spelled(len(failed))} of the last {len(finished)} assets ended without an accepted picture."
    mark = Mark("reject", f"{len(failed)} of last {len(finished)} not accepted")
    clause = f"has {len(failed)} of the last {len(finished)} assets without an accepted picture"
    return Condition(mark, 1, why, clause, "attempts", "See the refused pictures")


def _unmeasured(history: PersonaHistory) -> Condition | None:
    if history.timeline:
        return None
    if history.drift:
        why = "The anchor is new; no picture was measured against it yet."
        return Condition(Mark("busy", "New anchor"), None, why, "has a new anchor", "generate", "Generate pictures")
    mark = Mark("unmeasured", "Not measured")
    return Condition(mark, None, "No picture has a score yet.", "is not measured", "attempts", "See the pictures")


def _too_early(history: PersonaHistory) -> Condition | None:
    found = history.monitored
    if found is None or found.status.state is not DriftState.CALIBRATING:
        return None
    mark = Mark("busy", f"{STATE_WORDS[DriftState.CALIBRATING]}, {found.status.n_baseline} of {BASELINE}")
    why = headline(found.status, history.first_name)
    return Condition(mark, None, why, "is calibrating", "drift", "See the timeline")


def _steady(history: PersonaHistory) -> Condition:
    found = history.monitored
    if found is None:
        return Condition(Mark("unmeasured", "Not watched"), None, "", "is not watched", "drift", "See the timeline")
    if found.status.state.alarming:
        mark = Mark("watch", f"{STATE_WORDS[found.status.state]}, held")
        why = headline(found.status, history.first_name)
        return Condition(mark, None, why, "has a change that is held", "drift", "See the timeline")
    why = headline(found.status, history.first_name)
    return Condition(Mark("accept", "Same person"), None, why, "", "drift", "See the timeline")

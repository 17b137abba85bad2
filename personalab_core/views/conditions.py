"""How a persona is doing, in one word and one sentence, and whether it needs a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from personalab_core.schemas import AssetOutcome
from personalab_core.views import numbers
from personalab_core.views.history import PersonaHistory
from personalab_core.views.levels import CALIBRATION_RECORDS, accepted, level_change
from personalab_core.views.words import Mark

PageName = Literal["overview", "personas", "anchors", "generate", "attempts", "drift", "video", "evaluate", "system"]

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
    """Return the first of these that holds: no anchor, scores lower, many failures, too early, steady."""
    if history.anchor is None:
        return _no_anchor(history)
    if not history.attempts:
        clause = "has an anchor and no picture yet"
        why = f"The anchor is chosen. The first pictures of {history.first_name} can be made."
        return Condition(Mark("busy", "Ready"), None, why, clause, "generate", "Generate the first pictures")
    return _lower(history) or _failing(history) or _unmeasured(history) or _too_early(history) or _steady(history)


def _no_anchor(history: PersonaHistory) -> Condition:
    candidates = [r for r in history.anchors if r.kind == "anchor_candidate" and r.anchor_kind == "frontal"]
    why = (
        f"{numbers.spelled(len(candidates))} candidates wait for a choice."
        if len(candidates) > 1
        else "Nothing can be measured until one picture says who this is."
    )
    mark = Mark("unmeasured", "Not measured: no anchor")
    return Condition(mark, None, why, "has no anchor yet", "anchors", "Choose an anchor")


def _lower(history: PersonaHistory) -> Condition | None:
    found = level_change(history.timeline)
    if found is None or not found.noticeable:
        return None
    why = (
        f"The last {found.n_recent} accepted pictures score {numbers.level(-found.change)} lower than the first "
        f"{CALIBRATION_RECORDS} of the same framing."
    )
    mark = Mark("watch", "Scores are lower")
    return Condition(mark, 0, why, "scores lower than at the beginning", "drift", "See the timeline")


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
    n = len(accepted(history.timeline))
    if n >= CALIBRATION_RECORDS:
        return None
    mark = Mark("busy", f"Calibrating, {n} of {CALIBRATION_RECORDS}")
    why = f"Too early for a verdict on drift: {n} of {CALIBRATION_RECORDS} accepted pictures."
    return Condition(mark, None, why, "is calibrating", "drift", "See the timeline")


def _steady(_history: PersonaHistory) -> Condition:
    why = "The newest pictures score as the first ones did."
    return Condition(Mark("accept", "Same person"), None, why, "", "drift", "See the timeline")

"""A status in words: for the page, the command line, the event record and the message to a team."""

from __future__ import annotations

import re

from personalab_core.identity.drift.residuals import BASELINE
from personalab_core.identity.drift.status import DriftStatus, SourceOffset
from personalab_core.schemas.drift import DriftState

STATE_WORDS = {
    DriftState.CALIBRATING: "Calibrating",
    DriftState.IN_CONTROL: "Same person",
    DriftState.LEVEL_DOWN: "Level down",
    DriftState.LEVEL_UP: "Level up",
    DriftState.FAILURES: "Failures",
    DriftState.SPREAD: "Spread",
    DriftState.DIRECTION: "Direction",
}
_NOTICEABLE = 0.03
"""Smaller changes of the score are not found quickly by any chart (``docs/drift.md``)."""
_FRAMING = {"head": "head shots", "half": "half-body pictures", "full": "full-body pictures"}


def headline(status: DriftStatus, name: str) -> str:
    """Return the state in one sentence.

    Args:
        status: Of the timeline.
        name: What to call the persona.
    """
    match status.state:
        case DriftState.CALIBRATING:
            return f"Too early for a verdict on drift: {status.n_baseline} of {BASELINE} records."
        case DriftState.IN_CONTROL:
            return f"{name} is steady. {status.n:,} records, level {status.level or 0:.3f}, no change found."
        case DriftState.LEVEL_DOWN | DriftState.LEVEL_UP:
            return f"{name} has changed {since(status)}."
        case DriftState.FAILURES:
            return f"More pictures fail than usual {since(status)}{_rates(status)}."
        case DriftState.SPREAD:
            return f"Scores scatter {_times(status)}as wide {since(status)}."
        case _:
            scores = ", though its scores have not" if _scores_stay(status) else ""
            return f"The face of {name} has moved {since(status)}{scores}."


def named(sentence: str, persona: str, name: str) -> str:
    """Return a recorded sentence, which calls the persona by its id, with its name."""
    return re.sub(rf"(?<![\w-]){re.escape(persona)}(?![\w-])", lambda _: name, sentence, count=1)


def since(status: DriftStatus) -> str:
    """Return when it began, with its error."""
    if status.since is None:
        return "lately"
    if status.gradual:
        return f"slowly, since about record {status.since}"
    error = f", ±{status.since_error}" if status.since_error else ""
    return f"since about record {status.since}{error}"


def explanation(status: DriftStatus) -> str:
    """Return how much, through what, and from where; empty where there is nothing to explain."""
    parts = []
    if status.state in (DriftState.LEVEL_DOWN, DriftState.LEVEL_UP) and status.size is not None:
        verb = "fell" if status.size < 0 else "rose"
        parts.append(f"The adjusted level {verb} by {abs(status.size):.3f}, {_where(status)}")
    if status.state is DriftState.DIRECTION and status.size:
        parts.append(f"Its embedding moved by {status.size:.2f} of its length from its own baseline, {_where(status)}")
    if status.split is not None and status.state.alarming:
        parts.append(
            f"Raw scores: {_signed(status.split.mix)} through the mix of framings, "
            f"{_signed(status.split.within)} within them"
        )
    if status.also:
        parts.append(f"Beyond its limit, too: {', '.join(STATE_WORDS[state].lower() for state in status.also)}")
    if status.state.alarming and status.within:
        parts.append("By now it is back within its limit")
    if status.held:
        parts.append("Held: the old baseline stays")
    if status.unknown and status.state is not DriftState.CALIBRATING:
        names = ", ".join(_FRAMING.get(name.split(" ", 1)[1], name.split(" ", 1)[1]) for name in status.unknown)
        parts.append(f"Not yet calibrated, so not judged: {names}")
    parts += [_offset(offset) for offset in status.offsets if abs(offset.size) >= _NOTICEABLE]
    return ". ".join(parts) + "." if parts else ""


def _offset(offset: SourceOffset) -> str:
    than = f"{'lower' if offset.size < 0 else 'higher'} than those of {offset.usual}"
    return f"Pictures of {offset.name} score {abs(offset.size):.3f} {than}, which is allowed for"


def _scores_stay(status: DriftStatus) -> bool:
    return status.split is not None and abs(status.split.within) < _NOTICEABLE and not status.also


def _where(status: DriftStatus) -> str:
    place = status.origin
    if place is None:
        return "from where is too early to tell"
    if place.place == "everywhere":
        return "everywhere"
    if place.place == "framing":
        return f"in {_FRAMING.get(place.name or '', place.name or '')} only"
    if place.place == "source":
        return f"in pictures of {place.name} only"
    return "from where is too early to tell"


def _rates(status: DriftStatus) -> str:
    if status.rate is None:
        return ""
    return f": {100 * status.rate[0]:.0f} % instead of {100 * status.rate[1]:.0f} %"


def _times(status: DriftStatus) -> str:
    return f"{status.size:.1f} times " if status.size and status.size > 1 else "more than twice "


def _signed(value: float) -> str:
    return f"{'+' if value >= 0 else '−'}{abs(value):.3f}"

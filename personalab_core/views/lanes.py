"""Assets as lanes: attempts from left to right, and between them what the prompt change was after."""

from __future__ import annotations

from dataclasses import dataclass

from personalab_core.schemas import AttemptRecord, OverrideRecord
from personalab_core.views import words
from personalab_core.views.history import Asset, attempt_picture
from personalab_core.views.pictures import Picture


@dataclass(frozen=True, slots=True)
class Step:
    """One attempt in a lane. ``patch`` is what the next attempt changes."""

    id: str
    number: int
    picture: Picture | None
    mark: words.Mark
    score: str
    note: str
    patch: str = ""
    working: bool = False
    current: bool = False


@dataclass(frozen=True, slots=True)
class Lane:
    """One asset. ``note`` stands in for steps that do not exist yet."""

    title: str
    brief: str
    mark: words.Mark
    steps: tuple[Step, ...]
    note: str = ""


def step_of(attempt: AttemptRecord, *, name: str, said: OverrideRecord | None = None, current: bool = False) -> Step:
    """Return one finished attempt as a step; ``said`` is a person's decision on it."""
    return Step(
        id=attempt.attempt_id,
        number=attempt.attempt,
        picture=attempt_picture(attempt, name=name),
        mark=words.override_mark(said) if said else words.decision_mark(attempt),
        score=words.score_of(attempt),
        note=words.attempt_note(attempt),
        patch="" if attempt.final else f"Next: {words.NEXT_STEPS.get(attempt.reason, 'the same again')}",
        current=current,
    )


def working_step(number: int, *, most: int, word: str = "Generating") -> Step:
    """Return the attempt that is being made."""
    return Step("", number, None, words.Mark("busy", word), "", f"Attempt {number} of {most}", working=True)


def lane_of(asset: Asset, number: int, *, name: str, working: bool = False, current: str = "") -> Lane:
    """Return an asset as a lane.

    Args:
        asset: Its attempts.
        number: Place of the asset in its run, from 1.
        name: The persona's name.
        working: Whether a run is trying this asset now; then the next attempt is shown as a shape.
        current: Id of the attempt the page is about.
    """
    said = asset.overrides
    steps = [
        step_of(r, name=name, said=said.get(r.attempt_id), current=r.attempt_id == current) for r in asset.attempts
    ]
    last = asset.attempts[-1]
    if working and not last.final:
        steps.append(working_step(last.attempt + 1, most=last.max_attempts))
    if asset.said:
        mark = words.override_mark(asset.said)
    elif asset.outcome is not None:
        mark = words.outcome_mark(asset.outcome)
    else:
        mark = words.Mark("busy", "Generating") if working else words.Mark("unmeasured", "Not finished")
    return Lane(title=f"Asset {number}", brief=brief_of(last), mark=mark, steps=tuple(steps))


def brief_of(attempt: AttemptRecord) -> str:
    """Return what the picture was wanted for: scenario and framing."""
    scenario = (attempt.scenario or "").replace("_", " ").strip()
    framing = words.FRAMINGS.get(attempt.requested_framing or "", "").lower()
    return ", ".join(part for part in (scenario[:1].upper() + scenario[1:], framing) if part)

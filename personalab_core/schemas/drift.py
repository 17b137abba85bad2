"""What the drift monitor says of a persona, and what was done about it."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from personalab_core.schemas.records import Record


class DriftState(StrEnum):
    """The state of a persona's identity over time."""

    CALIBRATING = "calibrating"
    IN_CONTROL = "in_control"
    LEVEL_DOWN = "level_down"
    LEVEL_UP = "level_up"
    FAILURES = "failures"
    SPREAD = "spread"
    DIRECTION = "direction"

    @property
    def alarming(self) -> bool:
        """Whether something was found."""
        return self not in {DriftState.CALIBRATING, DriftState.IN_CONTROL}


DriftEventKind = Literal["alarm", "accepted", "held", "new_baseline"]


class DriftEventRecord(Record):
    """Something found on a timeline, or a person's answer to it. Numbers are of records on that timeline, from 1.

    Attributes:
        event: ``alarm``: a chart went beyond its limit. ``accepted``: what is since the change is normal from
            now on. ``held``: it is not, and the baseline stays. ``new_baseline``: another anchor or recogniser.
        series: Instrument and anchor; timelines of different ones are never mixed.
        segment: Baselines of the series before this one.
        line: Line of the timeline's file after which this happened.
        number: The record at which it was noticed.
        since: First changed record.
        since_error: Half the width of the span it may lie in; ``None`` where none can be given.
        size: Change of the adjusted level in score units; of the direction, the length of the shift.
        sentence: The same in words.
        reason: What the person wrote.
    """

    kind: Literal["drift_event"] = "drift_event"
    event: DriftEventKind
    persona: str
    series: str
    segment: int
    state: DriftState
    line: int
    number: int
    attempt_id: str | None = None
    since: int | None = None
    since_error: int | None = None
    since_attempt_id: str | None = None
    size: float | None = None
    sentence: str
    reason: str = ""
    simulated: bool = False

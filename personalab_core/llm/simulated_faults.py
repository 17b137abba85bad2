"""How the simulated provider fails, on purpose and by seed: rates of faults and schedules of drift."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Self

import numpy as np

from personalab_core.schemas import Reason


class Fault(StrEnum):
    """What is wrong with one answer."""

    NO_FACE = "no_face"
    SEVERAL_PEOPLE = "several_people"
    WRONG_PERSON = "wrong_person"
    BLUR = "blur"
    TURNED_AWAY = "turned_away"
    BLOCKED = "blocked"
    EMPTY = "empty"


CURES: Mapping[Fault, tuple[Reason, ...]] = {
    Fault.NO_FACE: (Reason.NO_FACE,),
    Fault.SEVERAL_PEOPLE: (Reason.SEVERAL_FACES,),
    Fault.WRONG_PERSON: (Reason.IDENTITY_LOW, Reason.GEOMETRY_OFF),
    # A face that is blurred or turned away is usually reported as no face at all.
    Fault.BLUR: (Reason.NO_FACE, Reason.UNREADABLE),
    Fault.TURNED_AWAY: (Reason.TURNED_AWAY, Reason.NO_FACE),
    Fault.BLOCKED: (Reason.BLOCKED,),
    Fault.EMPTY: (Reason.EMPTY_ANSWER,),
}
"""Which retry patches, found in a prompt, make a fault rarer."""

CURE_FACTOR = 0.15
"""What one level of the right patch leaves of a fault's rate (chosen for the demo, not measured on any vendor)."""


@dataclass(frozen=True, slots=True)
class FaultRates:
    """Probability of each fault per call, each in [0, 1]. The defaults are those of the demo.

    The first seven spoil the answer and exclude each other; the last three concern the
    transport and are drawn afresh on every call, so that repeating a call can help.

    Attributes:
        no_face: The head is outside the picture.
        several_people: A second person stands beside the persona.
        wrong_person: Somebody else altogether.
        blur: The picture is too blurred to measure.
        turned_away: The person shows the back of the head.
        blocked: A safety block: no picture, with a block reason.
        empty: No picture and no reason.
        rate_limited: HTTP 429 with a time to wait.
        server_error: HTTP 503.
        slow: The answer takes ``SLOW_S`` longer.
    """

    no_face: float = 0.02
    several_people: float = 0.02
    wrong_person: float = 0.015
    blur: float = 0.015
    turned_away: float = 0.02
    blocked: float = 0.015
    empty: float = 0.01
    rate_limited: float = 0.01
    server_error: float = 0.01
    slow: float = 0.01

    def __post_init__(self) -> None:
        for field in fields(self):
            rate = getattr(self, field.name)
            if not 0 <= rate <= 1:
                raise ValueError(f"expected {field.name} within [0, 1], got {rate}")
        if sum(self.of(fault) for fault in Fault) > 1 + 1e-9:
            raise ValueError("expected the rates of faults that exclude each other to sum to at most 1")

    @classmethod
    def none(cls) -> Self:
        """Return a provider that never fails."""
        return cls(**{field.name: 0.0 for field in fields(cls)})

    @classmethod
    def only(cls, **rates: float) -> Self:
        """Return the given rates, all others 0."""
        return cls(**{**{field.name: 0.0 for field in fields(cls)}, **rates})

    def of(self, fault: Fault) -> float:
        """Return the rate of a fault of the picture."""
        rate: float = getattr(self, fault.value)
        return rate


def draw_fault(rates: FaultRates, level_of: Callable[..., int], rng: np.random.Generator) -> Fault | None:
    """Return the fault of one answer, or ``None``; consumes exactly one number of ``rng``.

    Args:
        rates: Probabilities without any patch.
        level_of: Level of the retry patches for some reasons in the prompt; 0 is none.
        rng: Where the number comes from.
    """
    position = float(rng.random())
    for fault in Fault:
        position -= rates.of(fault) * CURE_FACTOR ** level_of(*CURES[fault])
        if position < 0:
            return fault
    return None


@dataclass(frozen=True, slots=True)
class DriftEffect:
    """What a drift schedule asks of one picture.

    Attributes:
        identity: Extra slip towards one fixed look-alike, in [0, 1].
        batch: How far the look of the provider's pictures has changed (light, colour, noise), in [0, 1].
        morph: How far every ordinary slip has turned towards that look-alike, in [0, 1]: pictures stay as
            similar to the anchor, but all stray the same way.
    """

    identity: float = 0.0
    batch: float = 0.0
    morph: float = 0.0


Moment = int | datetime
"""A place on a schedule: the number of a call (0 is the first), or a time of the injected clock."""


@dataclass(frozen=True, slots=True)
class DriftSchedule:
    """How the provider changes over calls or over time; the default never does.

    Use the named constructors. ``start`` and ``end`` are call numbers, or aware
    datetimes (then the client's clock decides).

    Attributes:
        start: From here on something changes.
        end: From here on the change is complete; equal to ``start`` for a step.
        amount: Extra slip of identity when complete, in [0, 1].
        batch: Change of the pictures' look when complete, in [0, 1].
        turn: How far slips have turned towards one look-alike when complete, in [0, 1].
    """

    start: Moment = 0
    end: Moment = 0
    amount: float = 0.0
    batch: float = 0.0
    turn: float = 0.0

    def __post_init__(self) -> None:
        if isinstance(self.start, datetime) != isinstance(self.end, datetime):
            raise ValueError("expected start and end of one kind, both call numbers or both datetimes")
        if _position(self.end) < _position(self.start):
            raise ValueError(f"expected end not before start, got {self.start} to {self.end}")
        for name in ("amount", "batch", "turn"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"expected {name} within [0, 1], got {getattr(self, name)}")

    @classmethod
    def none(cls) -> Self:
        """Return a schedule under which nothing changes."""
        return cls()

    @classmethod
    def step(cls, at: Moment, *, amount: float) -> Self:
        """Return a sudden loss of identity at ``at``."""
        return cls(start=at, end=at, amount=amount)

    @classmethod
    def ramp(cls, start: Moment, end: Moment, *, amount: float) -> Self:
        """Return a loss of identity growing evenly from ``start`` to ``end``, and staying."""
        return cls(start=start, end=end, amount=amount)

    @classmethod
    def provider_change(cls, at: Moment, *, amount: float = 0.06, batch: float = 1.0) -> Self:
        """Return a silent model update at ``at``: another look for every picture, a little less identity."""
        return cls(start=at, end=at, amount=amount, batch=batch)

    @classmethod
    def morph(cls, at: Moment, *, turn: float) -> Self:
        """Return a persona who becomes somebody else at ``at`` without becoming less similar to the anchor."""
        return cls(start=at, end=at, turn=turn)

    @property
    def by_clock(self) -> bool:
        """Whether the schedule is laid out in time and not in calls."""
        return isinstance(self.start, datetime)

    def at(self, moment: Moment) -> DriftEffect:
        """Return the effect at a moment of the schedule's own kind."""
        done = self._done(moment)
        return DriftEffect(identity=self.amount * done, batch=self.batch * done, morph=self.turn * done)

    def _done(self, moment: Moment) -> float:
        """Return the completed fraction in [0, 1]."""
        elapsed = _position(moment) - _position(self.start)
        length = _position(self.end) - _position(self.start)
        if elapsed < 0:
            return 0.0
        return min(elapsed / length, 1.0) if length > 0 else 1.0


def _position(moment: Moment) -> float:
    return moment.timestamp() if isinstance(moment, datetime) else float(moment)


def seeded(*parts: str | int | bytes) -> np.random.Generator:
    """Return a generator that depends on all parts and on nothing else, on any machine."""
    return np.random.default_rng(stable_seed(*parts))


def stable_seed(*parts: str | int | bytes) -> int:
    """Return 56 bits that depend on all parts and on nothing else, on any machine."""
    digest = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else str(part).encode()
        digest.update(len(data).to_bytes(8, "big") + data)
    return int.from_bytes(digest.digest()[:7], "big")

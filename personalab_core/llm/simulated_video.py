"""The simulated provider's videos, planned: how the persona moves and talks, and what goes wrong, by seed."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any, Self

import numpy as np

from personalab_core.errors import InvalidRequestError
from personalab_core.llm.client import Part
from personalab_core.llm.simulated_faults import CURE_FACTOR, Fault
from personalab_core.llm.simulated_picture import Conditions, PicturePlan, plan_picture, somebody
from personalab_core.llm.simulated_prompt import PatchedText
from personalab_core.schemas import Reason
from personalab_core.simulation import Scene, SimulatedIdentity

FRAMES_PER_SECOND = 15
DEFAULT_DURATION_S = 2.0
MIN_DURATION_S, MAX_DURATION_S = 1.0, 8.0
"""Longer requests get a clip of this length: every second is about 1.5 s of one core's time."""

VIDEO_SIZE_PX = 480
"""Long side of a frame, whatever resolution is asked for: quick to draw, faces still large enough to measure."""

SWAP_S = 0.4
"""Length of a swap: short enough to hide in the mean."""

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(?:seconds|sec\b|s\b)", re.I)
_RESOLUTION = re.compile(r"\d{3,4}p|[248]k", re.I)
_MAX_YAW_DEG = 34.0
_STRANGERS = 12
_TALK_HZ = 2.3
_BLINK_S = (0.08, 1.7)
"""How long a blink lasts, and how often one comes."""


class VideoFault(StrEnum):
    """What is wrong with one clip."""

    IDENTITY_SLIDE = "identity_slide"
    SWAP = "swap"
    WRONG_PERSON = "wrong_person"
    FLICKER = "flicker"
    TONAL_DRIFT = "tonal_drift"
    BLUR = "blur"
    TURNED_AWAY = "turned_away"
    HIDDEN = "hidden"
    SECOND_PERSON = "second_person"
    FROZEN = "frozen"
    BLOCKED = "blocked"
    EMPTY = "empty"


_CURES: Mapping[VideoFault, tuple[Reason, ...]] = {
    VideoFault.IDENTITY_SLIDE: (Reason.IDENTITY_LOW, Reason.GEOMETRY_OFF),
    VideoFault.SWAP: (Reason.IDENTITY_LOW, Reason.GEOMETRY_OFF),
    VideoFault.WRONG_PERSON: (Reason.IDENTITY_LOW, Reason.GEOMETRY_OFF),
    VideoFault.FLICKER: (Reason.UNREADABLE,),
    VideoFault.TONAL_DRIFT: (Reason.UNREADABLE,),
    VideoFault.BLUR: (Reason.NO_FACE, Reason.UNREADABLE),
    VideoFault.TURNED_AWAY: (Reason.TURNED_AWAY, Reason.NO_FACE),
    VideoFault.HIDDEN: (Reason.NO_FACE,),
    VideoFault.SECOND_PERSON: (Reason.SEVERAL_FACES,),
    VideoFault.FROZEN: (Reason.UNREADABLE,),
    VideoFault.BLOCKED: (Reason.BLOCKED,),
    VideoFault.EMPTY: (Reason.EMPTY_ANSWER,),
}


@dataclass(frozen=True, slots=True)
class VideoFaultRates:
    """Probability per clip of each :class:`VideoFault`, each in [0, 1]; they exclude each other.

    The defaults are those of the demo, not measured on any vendor.
    """

    identity_slide: float = 0.06
    swap: float = 0.06
    wrong_person: float = 0.02
    flicker: float = 0.03
    tonal_drift: float = 0.03
    blur: float = 0.03
    turned_away: float = 0.04
    hidden: float = 0.02
    second_person: float = 0.03
    frozen: float = 0.03
    blocked: float = 0.02
    empty: float = 0.01

    def __post_init__(self) -> None:
        rates = [getattr(self, fault.value) for fault in VideoFault]
        if any(not 0 <= rate <= 1 for rate in rates) or sum(rates) > 1 + 1e-9:
            raise ValueError("expected rates within [0, 1] that sum to at most 1")

    @classmethod
    def only(cls, **rates: float) -> Self:
        """Return the given rates, all others 0; without any, a provider whose clips are all well."""
        return cls(**{**{field.name: 0.0 for field in fields(cls)}, **rates})


def draw_video_fault(
    rates: VideoFaultRates, level_of: Callable[..., int], rng: np.random.Generator
) -> VideoFault | None:
    """Return the fault of one clip, or ``None``; consumes exactly one number of ``rng``."""
    position = float(rng.random())
    for fault in VideoFault:
        rate: float = getattr(rates, fault.value)
        position -= rate * CURE_FACTOR ** level_of(*_CURES[fault])
        if position < 0:
            return fault
    return None


@dataclass(frozen=True)
class ClipPlan:
    """One clip, decided and not yet drawn.

    Attributes:
        still: Who is shown, and the shot it starts from.
        motion: How it moves.
        fault: What goes wrong.
        window_s: When (start, end in seconds); the whole clip for most faults.
        other: Who a slide or swap leads to.
        duration_s: Length in seconds.
        width: Pixels.
        height: Pixels.
    """

    still: PicturePlan
    motion: Motion
    fault: VideoFault | None
    window_s: tuple[float, float]
    other: SimulatedIdentity
    duration_s: float
    width: int
    height: int

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return round(self.duration_s * FRAMES_PER_SECOND)

    def truth(self) -> dict[str, Any]:
        """Return what a clip's metadata say."""
        return {
            "simulated": True,
            "provider": "simulated",
            "fault": None if self.fault is None else self.fault.value,
            "window_s": [round(value, 4) for value in self.window_s],
            "slip": round(self.still.slip, 4),
            "frames_per_second": FRAMES_PER_SECOND,
        }


@dataclass(frozen=True, slots=True)
class Motion:
    """Seeded movement: amplitudes in degrees, frequencies in hertz, phases in radians."""

    yaw_deg: float
    yaw_hz: float
    yaw_phase: float
    nod_deg: float
    talk: float
    talk_phase: float
    light_deg: float
    blink_phase_s: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        """Return one person's way of moving while talking to a camera."""
        return cls(
            yaw_deg=float(rng.uniform(5, 11)),
            yaw_hz=float(rng.uniform(0.2, 0.45)),
            yaw_phase=float(rng.uniform(0, 2 * math.pi)),
            nod_deg=float(rng.uniform(1, 3)),
            talk=float(rng.uniform(0.15, 0.35)),
            talk_phase=float(rng.uniform(0, 2 * math.pi)),
            light_deg=float(rng.uniform(-14, 14)),
            blink_phase_s=float(rng.uniform(0.2, 1.2)),
        )

    def scene(self, still: Scene, time_s: float, frame: int) -> Scene:
        """Return the shot at a time of the clip."""
        swing = math.sin(2 * math.pi * self.yaw_hz * time_s + self.yaw_phase)
        speech = max(0.0, math.sin(2 * math.pi * _TALK_HZ * time_s + self.talk_phase))
        lasts_s, every_s = _BLINK_S
        blinking = (time_s - self.blink_phase_s) % every_s < lasts_s
        yaw_deg = still.yaw_deg + self.yaw_deg * swing
        facing = abs(still.yaw_deg) <= _MAX_YAW_DEG
        return replace(
            still,
            yaw_deg=float(np.clip(yaw_deg, -_MAX_YAW_DEG, _MAX_YAW_DEG)) if facing else wrapped(yaw_deg),
            pitch_deg=still.pitch_deg + self.nod_deg * math.sin(2 * math.pi * 0.6 * time_s),
            roll_deg=still.roll_deg + 1.2 * swing,
            mouth_open=min(1.0, still.mouth_open + self.talk * speech),
            eye_open=0.15 if blinking else still.eye_open,
            light_azimuth_deg=still.light_azimuth_deg + self.light_deg * time_s / 2,
            exposure=still.exposure * (1 + 0.015 * math.sin(2 * math.pi * 0.5 * time_s)),
            shift=(still.shift[0] + 0.01 * swing, still.shift[1]),
            seed=still.seed + frame,
        )


def check_resolution(resolution: str) -> None:
    """Refuse what is no resolution.

    Raises:
        InvalidRequestError: It is not such as ``720p``.
    """
    if not _RESOLUTION.fullmatch(resolution):
        raise InvalidRequestError(f"expected a resolution such as '720p', got {resolution!r}", provider="simulated")


def plan_clip(
    parts: Sequence[Part],
    prompt: PatchedText,
    conditions: Conditions,
    fault: VideoFault | None,
    rng: np.random.Generator,
) -> ClipPlan:
    """Return what the provider makes of a request; ``conditions.fault`` is not used."""
    spoilt = {VideoFault.WRONG_PERSON: Fault.WRONG_PERSON, VideoFault.SECOND_PERSON: Fault.SEVERAL_PEOPLE}
    still = plan_picture(parts, prompt, replace(conditions, fault=spoilt.get(fault) if fault else None), rng)
    duration_s = _duration_s(prompt.request)
    return ClipPlan(
        still=still,
        motion=Motion.draw(rng),
        fault=fault,
        window_s=_window_s(fault, duration_s, rng),
        other=_quite_another(still.identity, rng),
        duration_s=duration_s,
        width=conditions.width,
        height=conditions.height,
    )


def _quite_another(identity: SimulatedIdentity, rng: np.random.Generator) -> SimulatedIdentity:
    """Return the most different of a dozen people: a swap to somebody alike would be no fault."""
    strangers = [somebody(rng)[0] for _ in range(_STRANGERS)]
    bones = np.asarray(identity.geometry)
    return max(strangers, key=lambda other: float(np.linalg.norm(np.asarray(other.geometry) - bones)))


def _window_s(fault: VideoFault | None, duration_s: float, rng: np.random.Generator) -> tuple[float, float]:
    """Return start and end in seconds of what goes wrong; consumes one number of ``rng``."""
    place = float(rng.random())
    shares = {
        VideoFault.IDENTITY_SLIDE: (0.2, 0.65),
        VideoFault.TURNED_AWAY: (0.25, 0.5),
        VideoFault.HIDDEN: (0.3, 0.3),
        VideoFault.FROZEN: (0.3, 0.4),
    }
    if fault is VideoFault.SWAP:
        start_s = (0.25 + 0.3 * place) * duration_s
        return start_s, start_s + SWAP_S
    if fault in shares:
        start, length = shares[fault]
        start_s = (start + 0.1 * place) * duration_s
        return start_s, start_s + length * duration_s
    return 0.0, duration_s


def _duration_s(text: str) -> float:
    found = _DURATION.search(text)
    return min(max(float(found[1]), MIN_DURATION_S), MAX_DURATION_S) if found else DEFAULT_DURATION_S


def wrapped(angle_deg: float) -> float:
    """Return the same angle within [-180, 180)."""
    return (angle_deg + 180) % 360 - 180

"""What was decided about an attempt, and for which reason."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from personalab_core.schemas.contract import Contract


class Decision(StrEnum):
    """The policy's verdict on one attempt."""

    ACCEPT = "accept"
    RETRY = "retry"
    REJECT_FINAL = "reject_final"
    UNMEASURED = "unmeasured"
    """Nothing could measure it (no evaluator): neither accepted nor retried."""


class Reason(StrEnum):
    """Why an attempt was not accepted; chooses the prompt patch of the next one."""

    NONE = "none"
    IDENTITY_LOW = "identity_low"
    GEOMETRY_OFF = "geometry_off"
    BLURRED = "blurred"
    """The face is much softer than the anchor's, and the score too low to accept."""
    NO_FACE = "no_face"
    SEVERAL_FACES = "several_faces"
    FACE_TOO_SMALL = "face_too_small"
    TURNED_AWAY = "turned_away"
    UNREADABLE = "unreadable"
    BLOCKED = "blocked"
    EMPTY_ANSWER = "empty_answer"
    PROVIDER_ERROR = "provider_error"
    NO_EVALUATOR = "no_evaluator"
    LOCAL_ERROR = "local_error"
    """This machine failed while measuring or storing: the disk is full, an evaluator broke."""
    CANCELLED = "cancelled"
    """A person stopped the attempt."""


FacePart = Literal["eyes", "nose", "mouth", "jaw", "chin"]
"""Part of the face that a landmark ratio measures."""


class PolicyVerdict(Contract):
    """Decision, machine-readable reason, and the sentence a person reads.

    ``part`` is the part of the face whose proportions are off most, if the picture is tried again
    and its proportions fail their threshold; it chooses a prompt patch of its own.
    """

    decision: Decision
    reason: Reason
    sentence: str
    part: FacePart | None = None


class PromptPatch(Contract):
    """Text added to the prompt of a retry. ``level`` starts at 1 and escalates.

    ``part`` is set on the patch for one part of the face.
    """

    reason: Reason
    level: int
    text: str
    part: FacePart | None = None


class AssetOutcome(StrEnum):
    """How the attempts for one asset ended."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    EXHAUSTED = "exhausted"
    """Every allowed attempt asked for a retry."""
    UNMEASURED = "unmeasured"
    FAILED = "failed"
    """The provider failed for good (after transport retries)."""
    CANCELLED = "cancelled"

"""The words of the dashboard: every state has one word, one icon kind and one sentence.

Short main clauses, present tense, names not ids. The measured thing is the subject.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from personalab_core.schemas import (
    AssetOutcome,
    AttemptRecord,
    Decision,
    GeometricScore,
    MeasurementStatus,
    OverrideRecord,
    Reason,
)
from personalab_core.views import numbers

MarkKind = Literal["accept", "retry", "reject", "unmeasured", "busy", "watch"]

SIMULATED = "Simulated"
SIMULATED_WHY = "Pictures and scores come from the simulator. They do not show a real person or a real provider."
PARTLY_SIMULATED_WHY = "What is named here comes from the simulator. What is not is made by a real provider."
UNCALIBRATED = "The thresholds are the defaults. They are not calibrated on your pictures."
NO_EVALUATOR = "Not measured: no face recogniser is installed."
NO_ANCHOR = "Not measured: no anchor yet."
BEING_JUDGED = "Being judged"
GOES_ON = "You can close this page; the run goes on."


_MADE = {"image": "pictures", "video": "videos", "text": "texts"}


def simulated_parts(modalities: Collection[str]) -> str:
    """Return what the badge says where the simulator makes these modalities; empty if it makes none."""
    if not modalities:
        return ""
    if len(modalities) == len(_MADE):
        return SIMULATED
    return f"{SIMULATED}: {numbers.listing([made for name, made in _MADE.items() if name in modalities])}"


@dataclass(frozen=True, slots=True)
class Mark:
    """A decision or state as the page shows it: icon and colour by ``kind``, always with its word."""

    kind: MarkKind
    word: str


MAX_NAMED_RATIOS = 3

REASONS: dict[Reason, str] = {
    Reason.NONE: "Same person",
    Reason.IDENTITY_LOW: "Not alike enough",
    Reason.GEOMETRY_OFF: "Proportions differ",
    Reason.BLURRED: "Face blurred",
    Reason.NO_FACE: "No face found",
    Reason.SEVERAL_FACES: "Several faces",
    Reason.FACE_TOO_SMALL: "Face too small",
    Reason.TURNED_AWAY: "Face turned away",
    Reason.UNREADABLE: "Picture unreadable",
    Reason.BLOCKED: "Blocked by the provider",
    Reason.EMPTY_ANSWER: "Empty answer",
    Reason.PROVIDER_ERROR: "Provider failed",
    Reason.NO_EVALUATOR: "No face recogniser",
    Reason.LOCAL_ERROR: "Failed on this machine",
    Reason.CANCELLED: "Cancelled",
}

_NO_PICTURE = {Reason.BLOCKED, Reason.EMPTY_ANSWER, Reason.PROVIDER_ERROR}

NEXT_STEPS: dict[Reason, str] = {
    Reason.IDENTITY_LOW: "closer to the anchor",
    Reason.GEOMETRY_OFF: "keep the proportions",
    Reason.BLURRED: "a sharp picture",
    Reason.NO_FACE: "a clear face",
    Reason.SEVERAL_FACES: "one person only",
    Reason.FACE_TOO_SMALL: "closer to the camera",
    Reason.TURNED_AWAY: "face towards the camera",
    Reason.UNREADABLE: "the same again",
    Reason.BLOCKED: "milder wording",
    Reason.EMPTY_ANSWER: "the same again",
    Reason.PROVIDER_ERROR: "the same again",
}
"""What the prompt change of the next attempt is after; the full text stands in its record."""

FRAMINGS = {"headshot": "Headshot", "half_body": "Half body", "full_body": "Full body"}
FRAME_SIZES = {"head": "headshot", "half": "half body", "full": "full body"}
ANCHOR_KINDS = {
    "frontal": "Frontal",
    "three_quarter": "Three-quarter",
    "smile": "Smile",
    "silhouette": "Silhouette",
    "natural_light": "Natural light",
}


_BROKEN_OFF = {
    Reason.CANCELLED: "Cancelled before it was measured.",
    Reason.LOCAL_ERROR: "This machine failed while measuring or storing.",
}


_PROVIDERS = {"openai": "OpenAI", "openai_compatible": "OpenAI-compatible", "http": "HTTP endpoint"}


def provider_name(provider: str) -> str:
    """Return a provider's name as pages write it."""
    return _PROVIDERS.get(provider, provider.capitalize())


def decision_mark(attempt: AttemptRecord) -> Mark:
    """Return the mark of one attempt. A retry without a score is not measurable, not doubtful."""
    return mark_of(
        attempt.decision,
        attempt.reason,
        attempt.status,
        has_picture=attempt.image_path is not None,
        scored=attempt.scores.composite is not None,
    )


def mark_of(
    decision: Decision, reason: Reason, status: MeasurementStatus | None, *, has_picture: bool, scored: bool
) -> Mark:
    """Return the mark of an attempt from the few facts that decide it."""
    if reason in _BROKEN_OFF:
        return Mark("unmeasured", "Cancelled" if reason is Reason.CANCELLED else "Failed")
    if decision is Decision.ACCEPT:
        return Mark("accept", "Accepted")
    if decision is Decision.REJECT_FINAL:
        return Mark("reject", "Rejected")
    if not has_picture:
        return Mark("unmeasured", "No picture")
    if decision is Decision.UNMEASURED or status is MeasurementStatus.NOT_MEASURED:
        return Mark("unmeasured", "Not measured")
    return Mark("retry", "Retry") if scored else Mark("unmeasured", "Not measurable")


def override_mark(override: OverrideRecord) -> Mark:
    """Return the mark of an attempt on which a person decided otherwise."""
    if override.decision is Decision.ACCEPT:
        return Mark("accept", "Accepted by you" if override.by == "person" else f"Accepted by {override.by}")
    return Mark("reject", "Rejected by you" if override.by == "person" else f"Rejected by {override.by}")


def outcome_mark(outcome: AssetOutcome) -> Mark:
    """Return the mark of a finished asset."""
    return {
        AssetOutcome.ACCEPTED: Mark("accept", "Accepted"),
        AssetOutcome.REJECTED: Mark("reject", "Rejected"),
        AssetOutcome.EXHAUSTED: Mark("watch", "No attempt left"),
        AssetOutcome.UNMEASURED: Mark("unmeasured", "Not measured"),
        AssetOutcome.FAILED: Mark("watch", "Provider failed"),
        AssetOutcome.CANCELLED: Mark("unmeasured", "Cancelled"),
    }[outcome]


def first_name(name: str) -> str:
    """Return what a sentence calls a persona: the first word of the name."""
    return name.split()[0].strip("\"'“”„") if name.split() else name


def ratio_name(name: str) -> str:
    """Return a landmark ratio as words: ``jaw_width`` is ``Jaw width``."""
    return name.replace("_", " ").replace("-", " ").strip().capitalize()


def ratios_outside(geometric: GeometricScore | None) -> list[str]:
    """Return the ratios farther off than the limit in force, worst first, in lower case."""
    if geometric is None:
        return []
    off = sorted(geometric.ratios, key=lambda ratio: -ratio.relative_error)
    return [ratio_name(ratio.name).lower() for ratio in off if ratio.relative_error > geometric.threshold]


def attempt_answer(attempt: AttemptRecord, name: str) -> str:
    """Return the sentence that says how this attempt came out."""
    if attempt.decision is Decision.ACCEPT:
        return f"This is {name}."
    if attempt.decision is Decision.REJECT_FINAL:
        return "This is someone else."
    if attempt.reason in _BROKEN_OFF:
        return _BROKEN_OFF[attempt.reason]
    if attempt.decision is Decision.UNMEASURED:
        return NO_EVALUATOR if attempt.reason is Reason.NO_EVALUATOR else "Not measured."
    if attempt.reason in _NO_PICTURE:
        return f"No picture came: {_no_picture_because(attempt)}."
    if attempt.scores.composite is None:
        return f"Not measurable: {_unmeasurable_because(attempt)}."
    return f"Not sure it is {name}: {_doubt(attempt)}."


def score_of(attempt: AttemptRecord) -> str:
    """Return an attempt's score with the digits that show its side of the thresholds; empty if it has none."""
    value = attempt.scores.composite
    if value is None:
        return ""
    return numbers.score_beside(value, attempt.accept_threshold, attempt.retry_threshold)


def attempt_detail(attempt: AttemptRecord) -> str:
    """Return the second sentence: the score between its thresholds, and what followed."""
    value, accept, retry = attempt.scores.composite, attempt.accept_threshold, attempt.retry_threshold
    follows = "so it was tried again" if not attempt.final else "and no attempt was left"
    if value is None:
        if attempt.reason in _BROKEN_OFF:
            return "What was there by then is kept."
        if attempt.decision is Decision.UNMEASURED:
            return "The picture is kept; it is neither accepted nor tried again."
        if attempt.final:
            return "No score, and no attempt was left."
        return f"No score; next: {NEXT_STEPS.get(attempt.reason, 'the same again')}."
    shown = f"Score {score_of(attempt)}"
    if attempt.decision is Decision.ACCEPT:
        return f"{shown}, accept from {numbers.score(accept)}." if accept is not None else f"{shown}."
    if attempt.decision is Decision.REJECT_FINAL:
        return f"{shown}; nothing further is tried for this asset."
    if accept is None or retry is None:
        return f"{shown}, {follows}."
    if value >= accept:
        return f"{shown} would do, {REASONS[attempt.reason].lower()}, {follows}."
    between = f"between reject (below {numbers.score(retry)}) and accept (from {numbers.score(accept)})"
    return f"{shown}, {between}, {follows}."


def attempt_note(attempt: AttemptRecord) -> str:
    """Return the few words under a small picture."""
    if attempt.decision is Decision.ACCEPT:
        return "Same person, first attempt" if attempt.attempt == 1 else "Same person"
    if attempt.scores.composite is None:
        return REASONS[attempt.reason]
    parts = []
    if attempt.scores.cosine_similarity is not None:
        parts.append(f"embedding {numbers.score(attempt.scores.cosine_similarity)}")
    if attempt.scores.geometric_error is not None:
        parts.append(f"geometry off by {numbers.score(attempt.scores.geometric_error)}")
    return ", ".join(parts).capitalize() or REASONS[attempt.reason]


def _doubt(attempt: AttemptRecord) -> str:
    if attempt.reason is Reason.SEVERAL_FACES:
        faces = attempt.measurement.n_faces if attempt.measurement else 2
        return f"{numbers.spelled(faces).lower()} faces are in the picture"
    geometric = attempt.measurement.geometric if attempt.measurement else None
    outside = ratios_outside(geometric)
    # Single ratios vary; they are the reason only where the proportions as a whole are off.
    if geometric is not None and not geometric.passed and 0 < len(outside) <= MAX_NAMED_RATIOS:
        return f"{numbers.listing(outside)} {'differs' if len(outside) == 1 else 'differ'}"
    return "the face resembles the anchor too little"


def _unmeasurable_because(attempt: AttemptRecord) -> str:
    face = attempt.measurement.face if attempt.measurement else None
    if attempt.reason is Reason.TURNED_AWAY:
        by = f" by {abs(face.yaw_deg):.0f}°" if face and face.yaw_deg is not None else ""
        return f"the face is turned away{by}"
    return {
        Reason.NO_FACE: "no face was found",
        Reason.SEVERAL_FACES: "several faces are in the picture",
        Reason.FACE_TOO_SMALL: "the face is smaller than 40 pixels",
        Reason.UNREADABLE: "the file is not a picture that can be read",
    }.get(attempt.reason, "the picture gave no score")


def _no_picture_because(attempt: AttemptRecord) -> str:
    return {
        Reason.BLOCKED: "the provider blocked the request",
        Reason.EMPTY_ANSWER: "the answer was empty",
        Reason.PROVIDER_ERROR: "the provider failed",
    }[attempt.reason]

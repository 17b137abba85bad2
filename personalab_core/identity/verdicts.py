"""The sentences a person reads about a decision. Short main clauses; the measured thing is the subject."""

from __future__ import annotations

from personalab_core.schemas.decisions import FacePart, Reason
from personalab_core.schemas.evaluation import CandidateResult, GeometricScore, MeasurementStatus

_PART_OF_RATIO: dict[str, FacePart] = {
    "eyes_to_nose_tip": "nose",
    "nose_length": "nose",
    "nose_width": "nose",
    "mouth_width": "mouth",
    "nose_to_mouth": "mouth",
    "jaw_width": "jaw",
    "upper_lip_to_chin": "chin",
    "eye_height": "eyes",
}
_PLURAL = frozenset({"eyes"})

_NEXT = {
    MeasurementStatus.NO_FACE: "a face that is clearly visible",
    MeasurementStatus.FACE_TOO_SMALL: "closer to the camera",
    MeasurementStatus.TURNED_AWAY: "face towards the camera",
    MeasurementStatus.UNREADABLE: "a new picture",
}

FAILURES = {
    Reason.BLOCKED: "No picture: the provider declined the request under its content policy. Next: plainer words.",
    Reason.EMPTY_ANSWER: "No picture: the provider's answer held none. Next: the same again.",
    Reason.PROVIDER_ERROR: "No picture: the provider failed. Nothing further is tried for this asset.",
    Reason.LOCAL_ERROR: "Not measured: this machine failed while measuring or storing.",
    Reason.CANCELLED: "Cancelled. Nothing more is spent on this asset.",
}


def accepted(score: float, accept_from: float) -> str:
    """Return the sentence of an accepted picture."""
    return f"Same person. Score {_two(score)}, accept from {_two(accept_from)}."


def uncertain(candidate: CandidateResult, *, name: str, accept_from: float, retry_from: float, score: float) -> str:
    """Return the sentence of a picture between rejected and accepted."""
    between = f"between reject (below {_two(retry_from)}) and accept (from {_two(accept_from)})"
    return f"Not sure it is {name}: {what_differs(candidate.geometric)}. Score {_two(score)}, {between}."


def part_failed(candidate: CandidateResult, *, name: str, part: str, score: float, accept_from: float) -> str:
    """Return the sentence of a good composite whose part fails in strict mode."""
    differs = what_differs(candidate.geometric) if part == "proportions" else "the embeddings are too far apart"
    return (
        f"Not sure it is {name}: {differs}. Score {_two(score)} is enough (from {_two(accept_from)}), "
        "but strict mode wants every part to pass."
    )


def someone_else(score: float) -> str:
    """Return the sentence of a rejected picture."""
    return f"This is someone else. Score {_two(score)}; nothing further is tried for this asset."


def several_faces(candidate: CandidateResult) -> str:
    """Return the sentence of a picture with more faces than asked for."""
    score = f" The one most like the anchor scores {_two(candidate.composite_score)}." if _scored(candidate) else ""
    return f"{candidate.n_faces} faces where one was expected.{score} Next: one person alone."


def not_measurable(candidate: CandidateResult) -> str:
    """Return the sentence of a picture that could not be measured."""
    reason = candidate.reason.rstrip(".") or "no face was found"
    return f"Not measurable: {reason}. No score; next: {_NEXT[candidate.status]}."


def not_measured(reason: str) -> str:
    """Return the sentence of a picture that nothing measured."""
    return f"Not measured: {reason.rstrip('.') or 'no face recogniser is installed'}."


def generation_failure(reason: Reason) -> str:
    """Return the sentence of an attempt that brought no picture."""
    return FAILURES[reason]


def blurred(ratio: float, *, score: float, accept_from: float) -> str:
    """Return the sentence of a picture whose face is too soft to be sure."""
    return (
        f"The face is blurred: it has {ratio:.0%} of the anchor's fine detail. Score {_two(score)}, accept from "
        f"{_two(accept_from)}. Next: a sharp picture."
    )


def worst_part(geometric: GeometricScore | None) -> FacePart | None:
    """Return the part whose ratio is off most; ``None`` if none is off by more than the threshold in force."""
    if geometric is None or geometric.passed:
        return None
    worst = max(geometric.ratios, key=lambda ratio: ratio.relative_error)
    return _PART_OF_RATIO.get(worst.name) if worst.relative_error > geometric.threshold else None


def what_differs(geometric: GeometricScore | None) -> str:
    """Return which parts of the face are off, worst first, at most two.

    >>> what_differs(None)
    'the face as a whole differs'
    """
    if geometric is None:
        return "the face as a whole differs"
    worst_first = sorted(geometric.ratios, key=lambda ratio: -ratio.relative_error)
    off = [_PART_OF_RATIO[r.name] for r in worst_first if r.relative_error > geometric.threshold]
    parts = list(dict.fromkeys(off))[:2]
    if not parts:
        return "the face as a whole differs"
    if len(parts) == 1:
        return f"the {parts[0]} {'differ' if parts[0] in _PLURAL else 'differs'}"
    return f"{parts[0]} and {parts[1]} differ"


def _scored(candidate: CandidateResult) -> bool:
    return candidate.composite_score is not None


def _two(score: float | None) -> str:
    return "none" if score is None else f"{score:.2f}"

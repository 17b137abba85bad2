"""What was measured of a video as facts: value, verdict where there is a limit, and what it means in words."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Self

from personalab_core.config.settings import QualitySettings
from personalab_core.orchestration import VideoReport
from personalab_core.schemas import MeasurementStatus
from personalab_core.schemas.video import FrameResult
from personalab_core.views import numbers, words

ADVICE_RULE = "Pixels are repaired only where identity is stable and nothing but texture is lost."
_STATUS = {
    MeasurementStatus.NO_FACE: "No usable face",
    MeasurementStatus.TURNED_AWAY: "Turned away",
    MeasurementStatus.FACE_TOO_SMALL: "Too small",
    MeasurementStatus.NOT_MEASURED: "Not measured",
    MeasurementStatus.UNREADABLE: "Unreadable",
}


@dataclass(frozen=True, slots=True)
class Fact:
    """A labelled value; with a ``mark`` where it is outside its limit, and ``means`` in words."""

    label: str
    value: str
    mark: words.Mark | None = None
    means: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the configuration in force asks of a video's frames."""

    min_sharpness_ratio: float
    max_histogram_distance: float
    max_embedding_std: float
    max_geometric_variance: float

    @classmethod
    def of(cls, quality: QualitySettings) -> Self:
        """Return the limits of a configuration."""
        return cls(
            min_sharpness_ratio=quality.sharpness.min_ratio,
            max_histogram_distance=quality.illumination.max_histogram_distance,
            max_embedding_std=quality.post_processing.max_embedding_std,
            max_geometric_variance=quality.post_processing.max_geometric_variance,
        )


def identity_facts(report: VideoReport, limits: Limits, *, accept: float) -> tuple[Fact, ...]:
    """Return who is in the video, over time."""
    identity = report.identity
    if identity.mean_composite_score is None:
        return (Fact("Mean", "not measured", words.Mark("unmeasured", "No frame could be measured")),)
    facts = [Fact("Mean", numbers.score(identity.mean_composite_score), means="The decision rests on this alone.")]
    low = identity.fifth_percentile_composite
    facts.append(
        Fact("Lowest 5 %".replace(" ", numbers.NBSP), numbers.score(low), means="One frame in twenty is worse.")
    )
    worst = min((f for f in identity.frames if f.result.composite_score is not None), key=_composite)
    value = numbers.score(worst.result.composite_score)
    facts.append(Fact("Worst frame", value, _below(_composite(worst), accept, value), f"At {_s(worst.frame.time_s)}."))
    longest = identity.longest_below_threshold_s or 0.0
    run = _s(longest) if longest else "none"
    facts.append(Fact(f"Longest run below {numbers.score(accept)}", run, _bad(longest > 0, run, "reject")))
    facts += [_spread(report, limits), *_proportions(report, limits), *_swaps(report)]
    return tuple(facts)


def _spread(report: VideoReport, limits: Limits) -> Fact:
    stats = report.identity.embedding_stats
    if stats is None:
        return Fact("Embedding spread", "not measured")
    value, high = f"{stats.std_cosine:.3f}", stats.std_cosine > limits.max_embedding_std
    means = "The face comes and goes, whatever the mean says." if high else "The face stays the same."
    return Fact("Embedding spread", value, _bad(high, value), f"{means} Limit {limits.max_embedding_std:.2f}.")


def _proportions(report: VideoReport, limits: Limits) -> list[Fact]:
    stats = report.identity.geometric_stats
    if stats is None:
        return []
    value = f"{stats.max_ratio_variance:.4f}"
    high = stats.max_ratio_variance > limits.max_geometric_variance
    widest = max(stats.ratio_variances, key=lambda name: stats.ratio_variances[name])
    means = (
        f"Most restless: {words.ratio_name(widest).lower()}. Speech and turning move proportions, too. "
        f"Limit {limits.max_geometric_variance:.3f}."
    )
    return [Fact("Geometric variance", value, _bad(high, value), means)]


def _swaps(report: VideoReport) -> list[Fact]:
    facts = []
    for swap in report.identity.swaps:
        until = f" to {_s(swap.end_s)}" if swap.end_s is not None else " to the end"
        value = f"{_s(swap.start_s)}{until}"
        before, during = numbers.score(swap.similarity_before), numbers.score(swap.similarity_during)
        means = f"Similarity {before} before, {during} during."
        facts.append(Fact("Someone else", value, words.Mark("reject", value), means))
    return facts


def coverage_facts(report: VideoReport, *, complete: bool) -> tuple[Fact, ...]:
    """Return what was seen, and what could have been missed."""
    identity = report.identity
    n, seen = len(identity.frames), sum(f.result.composite_score is not None for f in identity.frames)
    carried = sum(f.carried for f in identity.frames)
    facts = [Fact("Face measured", numbers.percent(seen, n), means=f"{seen} of {n} frames.")]
    statuses = Counter(f.result.status for f in identity.frames if f.result.composite_score is None)
    for status, count in statuses.most_common():
        value = numbers.plural(count, "frame").lower()
        facts.append(Fact(_STATUS.get(status, "Not measurable"), value, words.Mark("unmeasured", value)))
    people = max((f.result.n_faces for f in identity.frames), default=0)
    facts.append(Fact("People in shot", str(people), means="Each face is told apart by its likeness and place."))
    if identity.longest_unseen_s is not None:
        facts.append(Fact("Longest time unseen", _s(identity.longest_unseen_s)))
    if identity.shortest_missable_event_s is not None:
        value = f"{identity.shortest_missable_event_s:.2f}{numbers.NBSP}s"
        facts.append(Fact("Could be missed", value, means="Anything shorter can hide between two frames."))
    if carried:
        facts.append(Fact("Not recognised again", numbers.plural(carried, "frame").lower(), means="Nothing moved."))
    if not complete:
        facts.append(Fact("File", "breaks off", words.Mark("watch", "breaks off before its end")))
    return tuple(facts)


def quality_facts(report: VideoReport, limits: Limits) -> tuple[Fact, ...]:
    """Return how the pixels are; advisory."""
    quality = report.quality
    if quality is None:
        return (Fact("Picture quality", "switched off"),)
    ratio = numbers.score(quality.mean_sharpness_ratio)
    soft = quality.mean_sharpness_ratio < limits.min_sharpness_ratio
    means = "Detail is smoothed away. " if soft else ""
    limit = f"The anchor is 1.00. Limit {numbers.score(limits.min_sharpness_ratio)}."
    facts = [Fact("Sharpness", ratio, _bad(soft, ratio), means + limit)]
    if quality.mean_face_sharpness_ratio is not None:
        face = numbers.score(quality.mean_face_sharpness_ratio)
        means = "The anchor's face is 1.00. Has no calibrated limit."
        facts.append(Fact("Sharpness of the face", face, means=means))
    blurred = sum(frame.sharpness_ratio < limits.min_sharpness_ratio for frame in quality.frames)
    shown = numbers.plural(blurred, "frame").lower() if blurred else "none"
    facts.append(Fact("Blurred", shown, _bad(blurred > 0, shown)))
    facts.append(_light(report, limits))
    frozen = f"{numbers.plural(quality.n_duplicate_frames, 'frame').lower()}, {_s(quality.longest_frozen_s)} at most"
    shown = frozen if quality.n_duplicate_frames else "none"
    facts.append(Fact("Frozen frames", shown, _bad(quality.n_duplicate_frames > 0, shown)))
    return tuple(facts)


def _light(report: VideoReport, limits: Limits) -> Fact:
    quality = report.quality
    if quality is None or quality.max_histogram_distance is None:
        return Fact("Flicker", "not measured")
    value = numbers.score(quality.max_histogram_distance)
    jumps = quality.max_histogram_distance > limits.max_histogram_distance
    means = "Light jumps between frames." if jumps else "Light is steady."
    limit = f" Limit {limits.max_histogram_distance:.2f}"
    known = "." if quality.histogram_method == "bhattacharyya" else ", not calibrated for this distance."
    return Fact("Flicker", value, _bad(jumps, value), means + limit + known)


def _composite(frame: FrameResult) -> float:
    return frame.result.composite_score or 0.0


def _below(value: float, accept: float, shown: str) -> words.Mark | None:
    return words.Mark("retry", shown) if value < accept else None


def _bad(outside: object, shown: str, kind: words.MarkKind = "watch") -> words.Mark | None:
    return words.Mark(kind, shown) if outside else None


def _s(seconds: float) -> str:
    return f"{seconds:.1f}{numbers.NBSP}s"

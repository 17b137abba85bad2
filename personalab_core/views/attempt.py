"""One attempt: why was this one decided so?"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from statistics import quantiles

from personalab_core.schemas import AttemptRecord, Decision, MeasurementStatus, OverrideRecord
from personalab_core.views import numbers, words
from personalab_core.views.faces import CompareSide, anchor_side, attempt_side
from personalab_core.views.history import Asset, PersonaHistory
from personalab_core.views.lanes import Lane, lane_of
from personalab_core.views.ratios import RatioChart, build_ratio_chart

CONTEXT_WORDS = 8
"""Unchanged words shown at each side of a change in a prompt."""
MIN_USUAL = 10
"""Accepted attempts needed before a usual range is drawn."""


@dataclass(frozen=True, slots=True)
class ScoreBar:
    """One score on a track from 0 to ``top``; ``ticks`` are thresholds, ``usual`` this persona's usual range."""

    label: str
    value: float
    kind: str
    rule: str
    ticks: tuple[float, ...]
    usual: tuple[float, float] | None = None
    top: float = 1.0


@dataclass(frozen=True, slots=True)
class PromptChange:
    """What changed between two prompts.

    ``parts`` are ``("=" | "+" | "-", text)`` in reading order, long unchanged stretches shortened.
    ``whole`` is the prompt of the attempt that the page is about.
    """

    title: str
    lead: str
    parts: tuple[tuple[str, str], ...]
    whole: str


@dataclass(frozen=True, slots=True)
class AttemptView:
    """The page of one attempt. ``measured`` stays what it was; ``override`` is what a person said beside it."""

    eyebrow: str
    answer: str
    detail: str
    mark: words.Mark
    measured: words.Mark
    override: str
    simulated: bool
    sides: tuple[CompareSide, ...]
    faces_first: bool
    scores: tuple[ScoreBar, ...]
    formula: str
    facts: tuple[tuple[str, str], ...]
    ratios: RatioChart | None
    prompt: PromptChange
    siblings: Lane
    previous_id: str | None
    next_id: str | None


def find_attempt(histories: Sequence[PersonaHistory], attempt_id: str) -> tuple[PersonaHistory, AttemptRecord] | None:
    """Return an attempt and its persona, or ``None`` if no record has that id."""
    for history in histories:
        record = history.attempts.find(attempt_id)
        if record is not None:
            return history, record
    return None


def build_attempt_view(
    history: PersonaHistory,
    attempt: AttemptRecord,
    *,
    weights: tuple[float, float] = (0.7, 0.3),
    now: datetime,
    zone: tzinfo,
) -> AttemptView:
    """Return everything about one attempt.

    Args:
        history: The persona it belongs to.
        attempt: Its record.
        weights: Shares of embedding and geometry in the composite score now in force.
        now: Current time (UTC).
        zone: The viewer's time zone.
    """
    number, asset = history.asset_of(attempt)
    place = asset.attempts.index(attempt)
    right = attempt_side(attempt, name=history.name)
    override = history.attempts.overrides.get(attempt.attempt_id)
    return AttemptView(
        eyebrow=f"Attempt {attempt.attempt} of asset {number}, {history.name}",
        answer=words.attempt_answer(attempt, history.first_name),
        detail=_detail(attempt, asset),
        mark=words.override_mark(override) if override else words.decision_mark(attempt),
        measured=words.decision_mark(attempt),
        override=_said(override, attempt, now=now, zone=zone) if override else "",
        simulated=attempt.context.simulated,
        sides=(_anchor(history, attempt, right.hot), right),
        faces_first=_framed_apart(history, attempt),
        scores=_scores(history, attempt, weights),
        formula=_formula(attempt, weights),
        facts=_facts(attempt, now=now, zone=zone),
        ratios=build_ratio_chart(attempt),
        prompt=_prompt_change(asset, place),
        siblings=lane_of(asset, number, name=history.name, current=attempt.attempt_id),
        previous_id=asset.attempts[place - 1].attempt_id if place else None,
        next_id=asset.attempts[place + 1].attempt_id if place + 1 < len(asset.attempts) else None,
    )


def _said(override: OverrideRecord, attempt: AttemptRecord, *, now: datetime, zone: tzinfo) -> str:
    """Return the sentence that says what a person decided beside the measurement."""
    who = "You" if override.by == "person" else override.by
    verb = "accepted" if override.decision is Decision.ACCEPT else "rejected"
    value = f", {numbers.score(attempt.scores.composite)}" if attempt.scores.composite is not None else ""
    measured = f"{words.decision_mark(attempt).word.lower()}{value}"
    when = numbers.when(override.timestamp, now=now, zone=zone)
    on = "at" if override.timestamp.astimezone(zone).date() == now.astimezone(zone).date() else "on"
    return f"{who} {verb} this {on} {when} (\u201c{override.reason}\u201d). Measured: {measured}."


def _anchor(history: PersonaHistory, attempt: AttemptRecord, hot: tuple[int, ...]) -> CompareSide:
    anchor = history.anchor
    if anchor is None or attempt.anchor_sha256 in {None, anchor.image_sha256}:
        return anchor_side(history, hot=hot)
    return anchor_side(history, note="chosen after this attempt")


def _framed_apart(history: PersonaHistory, attempt: AttemptRecord) -> bool:
    """Whether anchor and candidate show the face at clearly different sizes."""
    anchor = history.anchor.face if history.anchor else None
    face = attempt.measurement.face if attempt.measurement else None
    return anchor is not None and face is not None and anchor.frame_size != face.frame_size


def _detail(attempt: AttemptRecord, asset: Asset) -> str:
    last = asset.attempts[-1]
    first = words.attempt_detail(attempt)
    if last is attempt or last.decision is not Decision.ACCEPT or last.scores.composite is None:
        return first
    which = "next attempt" if last.attempt == attempt.attempt + 1 else f"{numbers.ordinal(last.attempt)} attempt"
    return f"{first} The {which} was accepted at {numbers.score(last.scores.composite)}."


def _scores(history: PersonaHistory, attempt: AttemptRecord, weights: tuple[float, float]) -> tuple[ScoreBar, ...]:
    scores, bars = attempt.scores, []
    whole = sum(weights)
    if scores.composite is not None:
        ticks = tuple(t for t in (attempt.retry_threshold, attempt.accept_threshold) if t is not None)
        usual = _usual(history, attempt, "composite")
        rule = _composite_rule(attempt) + (f" Outlined: usual for {history.first_name}." if usual else "")
        bars.append(ScoreBar("Composite", scores.composite, words.decision_mark(attempt).kind, rule, ticks, usual))
    if scores.euclidean_distance is not None:
        limit = (
            attempt.measurement.embedding.threshold if attempt.measurement and attempt.measurement.embedding else 0.6
        )
        rule = f"Lower is more alike, limit {numbers.score(limit)}. This decides."
        bars.append(ScoreBar("Distance", scores.euclidean_distance, "strong-line", rule, (limit,), top=1.2))
    elif scores.cosine_similarity is not None:
        counts = "Counts alone." if scores.geometric_error is None else _counts(weights[0], whole)
        usual = _usual(history, attempt, "cosine")
        bar = ScoreBar(
            "Embedding", scores.cosine_similarity, "strong-line", f"{counts} Higher is more alike.", (), usual
        )
        bars.append(bar)
    geometric = attempt.measurement.geometric if attempt.measurement else None
    if scores.geometric_error is not None and geometric is not None:
        rule = f"{_counts(weights[1], whole)} Lower is more alike, limit {numbers.score(geometric.threshold)}."
        usual = _usual(history, attempt, "geometric")
        top = max(0.25, scores.geometric_error * 1.1)
        bar = ScoreBar(
            "Geometric error", scores.geometric_error, "strong-line", rule, (geometric.threshold,), usual, top
        )
        bars.append(bar)
    return tuple(bars)


def _composite_rule(attempt: AttemptRecord) -> str:
    if attempt.accept_threshold is None or attempt.retry_threshold is None:
        return "No thresholds were recorded."
    return (
        f"Reject below {numbers.score(attempt.retry_threshold)}, accept from {numbers.score(attempt.accept_threshold)}."
    )


def _counts(weight: float, whole: float) -> str:
    return f"Counts {round(100 * weight / whole)}{numbers.NBSP}%."


def _usual(history: PersonaHistory, attempt: AttemptRecord, field: str) -> tuple[float, float] | None:
    """Return the middle 80 % of the persona's accepted attempts by the same instrument."""
    if attempt.evaluator is None:
        return None
    values = history.attempts.accepted_scores(field, attempt.evaluator)
    if len(values) < MIN_USUAL:
        return None
    tenths = quantiles(values, n=10)
    return tenths[0], tenths[-1]


def _formula(attempt: AttemptRecord, weights: tuple[float, float]) -> str:
    """Return the composite's arithmetic; nothing if the weights now in force do not reproduce it."""
    scores = attempt.scores
    if scores.composite is None or scores.cosine_similarity is None or scores.geometric_error is None:
        return ""
    embedding, geometry = (w / sum(weights) for w in weights)
    value = embedding * scores.cosine_similarity + geometry * (1 - scores.geometric_error)
    if abs(value - scores.composite) > 0.005:
        return ""
    return (
        f"{embedding:.2f} × {scores.cosine_similarity:.2f} + {geometry:.2f} × (1 {numbers.MINUS} "
        f"{scores.geometric_error:.2f}) = {scores.composite:.2f}"
    )


def _facts(attempt: AttemptRecord, *, now: datetime, zone: tzinfo) -> tuple[tuple[str, str], ...]:
    rows = [*_face_facts(attempt)]
    if attempt.timings.generate_s is not None:
        rows.append(("Generated in", numbers.duration(attempt.timings.generate_s)))
    if attempt.timings.measure_s is not None:
        rows.append(("Measured in", numbers.duration(attempt.timings.measure_s)))
    if attempt.transport_tries > 1:
        rows.append(("Calls to the provider", f"{attempt.transport_tries}, waited {_waited(attempt)}"))
    if attempt.error:
        rows.append(("Provider said", attempt.error))
    rows.append(("Cost", "$0.00, simulated" if attempt.context.simulated else _cost(attempt)))
    rows.append(("Provider", f"{attempt.context.provider}, {attempt.context.model}"))
    if attempt.context.seed is not None:
        rows.append(("Seed", str(attempt.context.seed)))
    if attempt.evaluator is not None:
        rows.append(("Measured by", f"{attempt.evaluator.name}, {attempt.evaluator.pack}"))
        rows.append(("Thresholds from", attempt.evaluator.thresholds_source))
    rows.append(("When", numbers.when(attempt.timestamp, now=now, zone=zone)))
    return tuple(rows)


def _face_facts(attempt: AttemptRecord) -> list[tuple[str, str]]:
    measured = attempt.measurement
    if measured is None or measured.status in {MeasurementStatus.NOT_MEASURED, MeasurementStatus.UNREADABLE}:
        return []
    face = measured.face
    if face is None:
        return [("Face found", "none")]
    share = f"{round(100 * face.size_fraction)}{numbers.NBSP}% of the picture"
    rows = [("Face found", f"{measured.n_faces}, {share}"), ("Framing", words.FRAME_SIZES[face.frame_size])]
    if face.yaw_deg is not None:
        rows.append(("Turned by", f"{abs(face.yaw_deg):.0f}°"))
    return rows


def _waited(attempt: AttemptRecord) -> str:
    return numbers.duration(attempt.timings.transport_wait_s or 0.0)


def _cost(attempt: AttemptRecord) -> str:
    paid = ", possibly paid" if attempt.cost.possibly_paid else ""
    return numbers.money(attempt.cost.amount_usd, digits=3) + paid


def _prompt_change(asset: Asset, place: int) -> PromptChange:
    rows = asset.attempts
    whole = rows[place].prompt
    if place:
        title = f"What changed in the prompt since attempt {rows[place - 1].attempt}"
        parts = shortened(diff(rows[place - 1].prompt, whole))
        return PromptChange(title, _change_lead(rows[place - 1]), parts, whole)
    if len(rows) > 1:
        title = f"What changed in the prompt for attempt {rows[1].attempt}"
        return PromptChange(title, _change_lead(rows[0]), shortened(diff(whole, rows[1].prompt)), whole)
    return PromptChange("The prompt", "Sent once; nothing had to be changed.", (("=", whole),), "")


def _change_lead(before: AttemptRecord) -> str:
    return f"Underlined is new, struck out is gone. Reason: {words.REASONS[before.reason].lower()}."


def diff(before: str, after: str) -> tuple[tuple[str, str], ...]:
    """Return two texts as one, word by word: kept ``=``, new ``+``, gone ``-``."""
    old, new = re.findall(r"\s*\S+", before), re.findall(r"\s*\S+", after)
    parts: list[tuple[str, str]] = []
    for kind, a0, a1, b0, b1 in difflib.SequenceMatcher(a=old, b=new, autojunk=False).get_opcodes():
        if kind == "equal":
            parts.append(("=", "".join(new[b0:b1])))
            continue
        if a1 > a0:
            parts.append(("-", "".join(old[a0:a1])))
        if b1 > b0:
            parts.append(("+", "".join(new[b0:b1])))
    return tuple(parts)


def shortened(parts: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Return the differences with no more than a few words of what stayed the same around them."""
    shown = []
    for n, (kind, text) in enumerate(parts):
        words_kept = re.findall(r"\s*\S+", text)
        if kind != "=" or len(words_kept) <= 2 * CONTEXT_WORDS + 2:
            shown.append((kind, text))
            continue
        before = "" if n == 0 else "".join(words_kept[:CONTEXT_WORDS])
        after = "" if n == len(parts) - 1 else "".join(words_kept[-CONTEXT_WORDS:])
        shown.append((kind, f"{before} … {after.lstrip()}"))
    return tuple(shown)

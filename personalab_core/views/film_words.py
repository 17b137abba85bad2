"""A measured video in sentences: who is in it, and what that rests on."""

from __future__ import annotations

from collections.abc import Sequence

from personalab_core.schemas import Decision
from personalab_core.schemas.video import IdentitySwap
from personalab_core.views import numbers, words
from personalab_core.views.films import MeasuredFilm


def verdict(film: MeasuredFilm) -> words.Mark:
    """Return the policy's mark; the mean alone may have hidden somebody else."""
    if film.decision is Decision.ACCEPT and film.report.identity.swaps:
        return words.Mark("watch", "Accepted by its mean")
    return film.mark


def answer(name: str, film: MeasuredFilm) -> str:
    """Return who is in it, in a sentence."""
    identity = film.report.identity
    if identity.swaps:
        return _swap_sentence(identity.swaps)
    if film.decision is Decision.REJECT_FINAL:
        return f"This is not {name}."
    if identity.mean_composite_score is None or film.mark.kind == "unmeasured":
        return "Not measurable: too little of a face is seen."
    if film.decision is not Decision.ACCEPT:
        return f"Not sure it is {name}."
    if identity.longest_below_threshold_s and identity.worst_frame is not None:
        return f"It is {name}, least surely at {_at(identity.worst_frame.time_s)}."
    return f"It is {name} in every moment that was seen."


def _swap_sentence(swaps: Sequence[IdentitySwap]) -> str:
    first = swaps[0]
    if len(swaps) > 1:
        return f"Someone else appears {numbers.spelled(len(swaps)).lower()} times, first at {_at(first.start_s)}."
    if first.end_s is None:
        return f"From {_at(first.start_s)} on it is someone else."
    lasts = f"{first.end_s - first.start_s:.1f}{numbers.NBSP}s"
    if first.start_s == 0:
        return f"The first {lasts} show someone else."
    return f"Someone else appears for {lasts} at {_at(first.start_s)}."


def detail(film: MeasuredFilm) -> str:
    """Return what the answer rests on, and what could have been missed."""
    identity = film.report.identity
    n = len(identity.frames)
    seen = sum(f.result.composite_score is not None for f in identity.frames)
    parts = [f"A face could be measured in {numbers.share(seen, n)} frames."]
    if identity.mean_composite_score is not None:
        mean = numbers.score(identity.mean_composite_score)
        hides = " hides it" if identity.swaps and identity.mean_composite_score >= film.accept else ""
        parts.insert(0, f"The mean of {mean}{hides or ' is what the decision rests on'}.")
    if identity.shortest_missable_event_s is not None:
        parts.append(f"Anything shorter than {identity.shortest_missable_event_s:.1f}{numbers.NBSP}s could be missed.")
    if not film.complete:
        parts.append("The file breaks off before its end.")
    return " ".join(parts)


def finding(film: MeasuredFilm) -> str:
    """Return the heading of the curve: where to look."""
    swaps = film.report.identity.swaps
    if swaps:
        return f"The same person, except around {_at(swaps[0].start_s)}"
    worst = film.report.identity.worst_frame
    return f"Weakest at {_at(worst.time_s)}" if worst else "No frame could be measured"


def _at(time_s: float) -> str:
    return f"{time_s:.1f}{numbers.NBSP}s"

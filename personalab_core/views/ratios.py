"""The landmark ratios of one attempt as deviations from the anchor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from personalab_core.schemas import AttemptRecord
from personalab_core.views import numbers, words


@dataclass(frozen=True, slots=True)
class RatioRow:
    """One ratio: its value in the anchor and in the candidate, and the signed difference in per cent."""

    name: str
    anchor: float
    candidate: float
    off_percent: float
    outside: bool


@dataclass(frozen=True, slots=True)
class RatioChart:
    """Ratios, the farthest off first. ``limit_percent`` is the limit in force for this face size."""

    title: str
    rows: tuple[RatioRow, ...]
    limit_percent: float
    alt: str


def build_ratio_chart(attempt: AttemptRecord) -> RatioChart | None:
    """Return the ratios of an attempt, or ``None`` if its proportions were not measured."""
    geometric = attempt.measurement.geometric if attempt.measurement else None
    if geometric is None or not geometric.ratios:
        return None
    rows = sorted(
        (
            RatioRow(
                name=words.ratio_name(ratio.name),
                anchor=ratio.anchor,
                candidate=ratio.candidate,
                off_percent=100 * (ratio.candidate / ratio.anchor - 1),
                outside=ratio.relative_error > geometric.threshold,
            )
            for ratio in geometric.ratios
        ),
        key=lambda row: -abs(row.off_percent),
    )
    limit = 100 * geometric.threshold
    alt = "; ".join(f"{row.name} {numbers.deviation(row.candidate / row.anchor)}" for row in rows)
    return RatioChart(_title(rows), tuple(rows), limit, f"{_title(rows)}. Difference from the anchor: {alt}.")


def _title(rows: Sequence[RatioRow]) -> str:
    outside = [row.name.lower() for row in rows if row.outside]
    fit = len(rows) - len(outside)
    if not outside:
        return f"All {numbers.spelled(len(rows)).lower()} ratios are within the limit"
    if not fit:
        return f"All {numbers.spelled(len(rows)).lower()} ratios are outside the limit"
    named = numbers.listing(outside) if len(outside) <= 2 else f"{numbers.spelled(len(outside)).lower()} ratios"
    verb = "is" if len(outside) == 1 else "are"
    fits = f"{numbers.spelled(fit).lower()} {'fits' if fit == 1 else 'fit'}"
    return f"{named[0].upper()}{named[1:]} {verb} outside the limit, {fits}"

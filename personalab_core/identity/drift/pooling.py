"""What is usual among the personas of a workspace, once enough of them have a baseline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from statistics import fmean, stdev

from personalab_core.identity.drift.parameters import Offset, Usual
from personalab_core.identity.drift.residuals import Fit
from personalab_core.schemas import Contract

MIN_PERSONAS = 5
"""Fewer do not say what is usual (``docs/drift.md``)."""
MIN_SOURCE_PERSONAS = 3
POOLED_SPREAD_WEIGHT = 20
"""Records' worth of trust in the personas' common scatter."""
SMALLEST_SD = 0.02
"""Offsets are never trusted more than this: half-wrong ones would turn a changed mix into an alarm."""


class PersonaFit(Contract):
    """The baseline of one persona, as others may learn from it."""

    fit: Fit
    reference: str | None


def pool(fits: Sequence[PersonaFit], shipped: Usual) -> Usual:
    """Return offsets pooled over personas of one instrument; ``shipped`` while they are too few.

    Args:
        fits: Baselines, one per persona.
        shipped: What to fall back to, and where the rest comes from.
    """
    if len(fits) < MIN_PERSONAS:
        return shipped
    reference = Counter(f.reference for f in fits).most_common(1)[0][0]
    alike = [f.fit for f in fits if f.reference == reference]
    if len(alike) < MIN_PERSONAS:
        return shipped
    scale = fmean(fit.scale for fit in alike)

    def offset(of: Callable[[Fit], float], floor: float = SMALLEST_SD) -> Offset:
        values = [of(fit) for fit in alike]
        return Offset(mean=fmean(values), sd=max(stdev(values), floor))

    return shipped.model_copy(
        update={
            # Where the others are says little about a new persona: her own records decide.
            "level": offset(lambda fit: fit.level, shipped.level.sd),
            "half": offset(lambda fit: fit.half),
            "full": offset(lambda fit: fit.full),
            "face_size": offset(lambda fit: fit.face_size, shipped.face_size.sd / 2),
            "patch": offset(lambda fit: fit.patch),
            "sources": _sources(alike),
            "reference": reference,
            "spread": {framing: sd * scale for framing, sd in shipped.spread.items()},
            "spread_weight": POOLED_SPREAD_WEIGHT,
            "n_personas": len(alike),
            "source": f"pooled over {len(alike)} personas of this workspace",
        }
    )


def _sources(fits: Sequence[Fit]) -> dict[str, Offset]:
    by_source: dict[str, list[float]] = {}
    for fit in fits:
        for source, value in fit.sources.items():
            by_source.setdefault(source, []).append(value)
    return {
        source: Offset(mean=fmean(values), sd=max(stdev(values), SMALLEST_SD))
        for source, values in by_source.items()
        if len(values) >= MIN_SOURCE_PERSONAS
    }

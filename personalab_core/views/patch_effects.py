"""How much each retry patch has raised the score so far, per provider, from pairs of attempts in a row.

A pair is an attempt and the one before it for the same asset. A patch counts for a pair if the
later attempt has it and the earlier one had not. What changed between the two is not the patch
alone: attempts are retried because they scored low, and after a low score the next one is
higher by itself. So the effect of a patch is only comparable with the other rows.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import fmean, stdev

from personalab_core.views.record_index import RecordIndex

NEWEST_RETRIES = 2_000
"""So many pairs are looked at; older ones belong to other wordings and other model versions."""

# The plus and the cross join make SQLite walk back in time and stop when it has enough: 100,000 attempts cost
# 20 ms instead of 700.
_PAIRS = """
SELECT later.provider, later.asset_type, later.patches, earlier.patches, earlier.composite, later.composite,
  later.decision
FROM attempt AS later CROSS JOIN attempt AS earlier
  ON earlier.persona = later.persona AND earlier.asset_id = later.asset_id AND earlier.attempt = later.attempt - 1
WHERE later.attempt > 1 AND +later.persona IN ({places})
ORDER BY later.at DESC LIMIT ?
"""


@dataclass(frozen=True, slots=True)
class PatchKey:
    """Which patch: reason, part of the face (empty for none) and level."""

    reason: str
    part: str
    level: int


@dataclass(frozen=True, slots=True)
class Effect:
    """What happened in the pairs in which a patch was new.

    Attributes:
        n: All such pairs.
        n_accepted: Those whose later attempt was accepted.
        n_scored: Those with a score before and after; the means are over these.
        mean_before: Mean composite score of the earlier attempts, ``None`` without scored pairs.
        mean_after: The same of the later ones.
        standard_error: Of the mean change, ``None`` below two scored pairs.
    """

    n: int
    n_accepted: int
    n_scored: int
    mean_before: float | None
    mean_after: float | None
    standard_error: float | None

    @property
    def change(self) -> float | None:
        """By how much the mean score rose; negative if it fell."""
        if self.mean_before is None or self.mean_after is None:
            return None
        return self.mean_after - self.mean_before


@dataclass(frozen=True, slots=True)
class ProviderEffects:
    """One provider and kind of asset: its patches, most often used first, and all its retries together."""

    provider: str
    asset_type: str
    every_retry: Effect
    patches: tuple[tuple[PatchKey, Effect], ...]


@dataclass(slots=True)
class _Pairs:
    scores: list[tuple[float, float]] = field(default_factory=list)
    n: int = 0
    n_accepted: int = 0

    def add(self, before: float | None, after: float | None, *, accepted: bool) -> None:
        self.n += 1
        self.n_accepted += accepted
        if before is not None and after is not None:
            self.scores.append((before, after))

    def effect(self) -> Effect:
        changes = [after - before for before, after in self.scores]
        return Effect(
            n=self.n,
            n_accepted=self.n_accepted,
            n_scored=len(changes),
            mean_before=fmean(before for before, _ in self.scores) if changes else None,
            mean_after=fmean(after for _, after in self.scores) if changes else None,
            standard_error=stdev(changes) / math.sqrt(len(changes)) if len(changes) > 1 else None,
        )


def patch_effects(
    index: RecordIndex, personas: Sequence[str], *, newest: int = NEWEST_RETRIES
) -> tuple[ProviderEffects, ...]:
    """Return the effects per provider and kind of asset, from the newest retries of these personas.

    Args:
        index: Of the workspace; it must be up to date.
        personas: Ids.
        newest: How many retries are looked at, over all providers.
    """
    sql = _PAIRS.format(places=",".join("?" * len(personas)))
    return _counted(index.ask(sql, (*personas, newest)))


def _counted(
    pairs: Iterable[tuple[str, str, str, str, float | None, float | None, str]],
) -> tuple[ProviderEffects, ...]:
    every: dict[tuple[str, str], _Pairs] = defaultdict(_Pairs)
    single: dict[tuple[str, str], dict[str, _Pairs]] = defaultdict(lambda: defaultdict(_Pairs))
    for provider, asset_type, later, earlier, before, after, decision in pairs:
        accepted = decision == "accept"
        where = (provider, asset_type)
        every[where].add(before, after, accepted=accepted)
        for patch in set(later.split()) - set(earlier.split()):
            single[where][patch].add(before, after, accepted=accepted)
    return tuple(
        ProviderEffects(
            provider, asset_type, every[provider, asset_type].effect(), _ranked(single[provider, asset_type])
        )
        for provider, asset_type in sorted(every)
    )


def _ranked(patches: dict[str, _Pairs]) -> tuple[tuple[PatchKey, Effect], ...]:
    found = [(_key(patch), pairs.effect()) for patch, pairs in patches.items()]
    return tuple(sorted(found, key=lambda one: (-one[1].n, one[0].reason, one[0].part, one[0].level)))


def _key(patch: str) -> PatchKey:
    reason, part, level = patch.split("/")
    return PatchKey(reason, part, int(level))

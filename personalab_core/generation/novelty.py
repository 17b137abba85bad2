"""Whether an idea was there before: by its words, without a model.

Two ideas are compared by the cosine of their counts of letter triples over title, action and
place, accents and case removed. Triples forgive endings and order ("walking through the
market", "a walk through markets"); the persona's own name of a place, in every idea, counts for little.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from personalab_core.schemas import PlannedIdea

NEAR_DUPLICATE = 0.69
"""Similarity from which an idea counts as a repetition.

From ``python -m benchmarks.idea_novelty``: half way between the most alike different scenes (.55) and the least alike
reworded copies (.83) of one half of the project's own scenes. On the other half it misses none of 39 reworded copies
and refuses none of 114 pairs of different ideas. Copies that say the same in other words are all missed: no threshold
on words finds them. Not calibrated on the ideas of a real model.
"""

_FIELDS = ("action_details", "location_details")
_NOT_A_LETTER = re.compile(r"[^a-z0-9]+")
_EMPTY_WORD = re.compile(r"^(?:an?|and|at|by|for|from|her|his|into?|of|on|the|to|with)$")


@dataclass(frozen=True, slots=True)
class Repetition:
    """An idea that was there before.

    Attributes:
        index: Which of the new ideas.
        earlier: Title of the one it repeats.
        similarity: In [0, 1].
    """

    index: int
    earlier: str
    similarity: float


def idea_similarity(one: PlannedIdea, other: PlannedIdea) -> float:
    """Return how alike two ideas are, in [0, 1]; 1 is the same words."""
    return _cosine(_triples(one), _triples(other))


def repetitions(ideas: Sequence[PlannedIdea], earlier: Iterable[PlannedIdea]) -> list[Repetition]:
    """Return which new ideas repeat an earlier one or one before them in the list."""
    known = [(idea.title, _triples(idea)) for idea in earlier]
    found = []
    for index, idea in enumerate(ideas):
        triples = _triples(idea)
        similarity, title = max(((_cosine(triples, other), title) for title, other in known), default=(0.0, ""))
        if similarity >= NEAR_DUPLICATE:
            found.append(Repetition(index, title, similarity))
        known.append((idea.title, triples))
    return found


def _triples(idea: PlannedIdea) -> Counter[str]:
    text = " ".join([idea.title, *(str(idea.scenario_details.get(field) or "") for field in _FIELDS)])
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    words = [word for word in _NOT_A_LETTER.sub(" ", plain).split() if not _EMPTY_WORD.match(word)]
    return Counter(padded[i : i + 3] for word in words for padded in [f" {word} "] for i in range(len(padded) - 2))


def _cosine(one: Counter[str], other: Counter[str]) -> float:
    dot = sum(n * other[triple] for triple, n in one.items())
    norms = math.sqrt(sum(n * n for n in one.values()) * sum(n * n for n in other.values()))
    return min(1.0, dot / norms) if norms else 0.0

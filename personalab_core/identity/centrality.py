"""Which of several portraits is most like all the others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from personalab_core.errors import InputError
from personalab_core.identity.evaluator import IdentityEvaluator
from personalab_core.identity.facts import FaceFacts
from personalab_core.identity.matching import FaceMatcher
from personalab_core.schemas.evaluation import CandidateResult

Row = tuple[float | None, ...]


class _WithMatcher(Protocol):
    matcher: FaceMatcher


def similarity_matrix(evaluator: IdentityEvaluator, paths: Sequence[Path]) -> tuple[Row, ...]:
    """Return the pairwise similarity of pictures; symmetric, 1 on the diagonal.

    An entry is ``None`` where a picture has no measurable face, or more than one: an anchor
    has to be a single person. Each picture is looked at once if the evaluator can.
    """
    matcher = getattr(evaluator, "matcher", None)
    rows = _by_facts(matcher, paths) if isinstance(matcher, FaceMatcher) else _by_pairs(evaluator, paths)
    return tuple(tuple(row) for row in rows)


def central_similarity(matrix: Sequence[Row]) -> Row:
    """Return for each picture its mean similarity to the others, ``None`` if it has none.

    >>> central_similarity([(1.0, 0.8, 0.6), (0.8, 1.0, 0.2), (0.6, 0.2, 1.0)])
    (0.7, 0.5, 0.4)
    """
    means: list[float | None] = []
    for i, row in enumerate(matrix):
        others = [value for j, value in enumerate(row) if j != i and value is not None]
        means.append(round(sum(others) / len(others), 6) if others else None)
    return tuple(means)


def measurable(matrix: Sequence[Row]) -> tuple[int, ...]:
    """Return which pictures could be measured at all."""
    return tuple(i for i, row in enumerate(matrix) if row[i] is not None)


def most_central(matrix: Sequence[Row]) -> int | None:
    """Return the picture most like the others (the first of equals), ``None`` if none is measurable."""
    usable = measurable(matrix)
    means = central_similarity(matrix)
    return max(usable, key=lambda i: (means[i] or 0.0, -i), default=None)


def _by_facts(matcher: FaceMatcher, paths: Sequence[Path]) -> list[list[float | None]]:
    looked_at = [matcher.analyser.analyse_file(path) for path in paths]
    rows = _empty(len(paths))
    for i, one in enumerate(looked_at):
        for j, other in enumerate(looked_at[: i + 1]):
            if _is_single(one) and _is_single(other):
                result = matcher.score(one.measurable[0], other, path=str(paths[j]))
                rows[i][j] = rows[j][i] = _similarity(result)
    return rows


def _by_pairs(evaluator: IdentityEvaluator, paths: Sequence[Path]) -> list[list[float | None]]:
    rows = _empty(len(paths))
    for i, path in enumerate(paths):
        try:
            results = evaluator.evaluate(path, list(paths[: i + 1])).candidates
        except InputError:
            continue  # no face in this one; its row stays empty
        if results[i].n_faces != 1:
            continue
        for j, result in enumerate(results):
            rows[i][j] = rows[j][i] = _similarity(result) if result.n_faces == 1 else None
    return rows


def _empty(n: int) -> list[list[float | None]]:
    return [[None] * n for _ in range(n)]


def _is_single(facts: FaceFacts) -> bool:
    return len(facts.faces) == 1 and len(facts.measurable) == 1


def _similarity(result: CandidateResult) -> float | None:
    return round(result.embedding.cosine_similarity, 6) if result.embedding else None

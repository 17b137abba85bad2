"""The composite is the specification's weighted sum, renormalised over what was measured."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalab_core.errors import ConfigError
from personalab_core.identity.composite import CompositeScorer
from personalab_core.schemas import EmbeddingScore, GeometricScore


def embedding(similarity: float) -> EmbeddingScore:
    return EmbeddingScore(cosine_similarity=similarity, threshold=0.55, passed=similarity >= 0.55)


def geometric(error: float) -> GeometricScore:
    return GeometricScore(normalized_error=error, threshold=0.08, passed=error <= 0.08, n_points=106, ratios=())


def test_the_formula_of_the_specification() -> None:
    """.7 x .374 + .3 x (1 - .04) = .5498"""
    assert CompositeScorer().score(embedding(0.374), geometric(0.04)) == pytest.approx(0.5498)


def test_without_geometry_the_embedding_counts_alone() -> None:
    assert CompositeScorer().score(embedding(0.374), None) == 0.374


def test_weights_are_normalised() -> None:
    assert CompositeScorer(7, 3).score(embedding(0.5), geometric(0.1)) == pytest.approx(0.35 + 0.27)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0.01, 1), st.floats(0, 1))
def test_the_composite_lies_between_its_parts(
    cosine: float, error: float, w_embedding: float, w_geometric: float
) -> None:
    score = CompositeScorer(w_embedding, w_geometric).score(embedding(cosine), geometric(error))
    assert min(cosine, 1 - error) - 1e-9 <= score <= max(cosine, 1 - error) + 1e-9


@pytest.mark.parametrize("weights", [(0, 1), (-0.1, 0.3), (0.7, -0.3)])
def test_weights_that_measure_nothing_are_refused(weights: tuple[float, float]) -> None:
    with pytest.raises(ConfigError, match="weights"):
        CompositeScorer(*weights)

"""One number from the parts: weighted similarity of embedding and proportions."""

from __future__ import annotations

from dataclasses import dataclass

from personalab_core.errors import ConfigError
from personalab_core.schemas.evaluation import EmbeddingScore, GeometricScore


@dataclass(frozen=True, slots=True)
class CompositeScorer:
    """Weights of the composite score (specification: .7 embedding, .3 geometric).

    ``composite = w_embedding * similarity + w_geometric * (1 - normalized_error)``, with the weights
    normalised to sum 1 over the parts that were measured.
    """

    embedding_weight: float = 0.7
    geometric_weight: float = 0.3

    def __post_init__(self) -> None:
        if min(self.embedding_weight, self.geometric_weight) < 0 or self.embedding_weight <= 0:
            raise ConfigError(
                "evaluation.scoring.weights: embedding must be above 0 and geometric at least 0, got "
                f"{self.embedding_weight} and {self.geometric_weight}."
            )

    def score(self, embedding: EmbeddingScore, geometric: GeometricScore | None) -> float:
        """Return the composite in [0, 1], higher is more alike.

        >>> half = EmbeddingScore(cosine_similarity=0.5, threshold=0.55, passed=False)
        >>> CompositeScorer().score(half, None)
        0.5
        """
        if geometric is None:
            return embedding.cosine_similarity
        total = self.embedding_weight + self.geometric_weight
        part = self.embedding_weight * embedding.cosine_similarity
        part += self.geometric_weight * (1.0 - geometric.normalized_error)
        return min(max(part / total, 0.0), 1.0)

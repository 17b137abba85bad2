"""The seam for everything that measures identity, and the factory for what the configuration asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from personalab_core.errors import ConfigError
from personalab_core.identity.composite import CompositeScorer
from personalab_core.identity.geometric import GeometricEvaluator
from personalab_core.schemas.evaluation import EvaluationResult, EvaluatorInfo

if TYPE_CHECKING:
    from personalab_core.identity.face_runtime import FaceRuntime


@runtime_checkable
class IdentityEvaluator(Protocol):
    """Measures whether candidate pictures show the person of an anchor picture."""

    @property
    def info(self) -> EvaluatorInfo:
        """Which instrument this is; results of two instruments are never mixed."""
        ...

    def evaluate(self, anchor_path: str | Path, candidate_paths: Sequence[str | Path]) -> EvaluationResult:
        """Return one result per candidate, in the order given."""
        ...


def build_evaluator(evaluation: Mapping[str, Any], *, runtime: FaceRuntime | None = None) -> IdentityEvaluator:
    """Return the evaluator that the ``evaluation`` section asks for.

    Args:
        evaluation: The configuration's ``evaluation`` section, or a mapping of that shape; absent
            keys mean the specification's defaults.
        runtime: A loaded runtime to share; by default the configured pack is loaded.

    Returns:
        An evaluator; ``StubEvaluator`` if InsightFace or ONNX Runtime is not installed, which
        measures nothing and says so in every record.

    Raises:
        ConfigError: The backend is unknown.
        ModelPackError: The configured face model pack is absent or damaged; it is never downloaded here.
        MissingDependencyError: The dlib backend is configured and not installed.
    """
    embedding = evaluation.get("embedding", {})
    backend = embedding.get("backend", "arcface")
    factory = {"arcface": _arcface, "dlib": _dlib, "stub": _stub}.get(backend)
    if factory is None:
        raise ConfigError(f"evaluation.embedding.backend must be arcface, dlib or stub, got {backend!r}.")
    return factory(evaluation, runtime)


def can_measure_faces() -> bool:
    """Return whether InsightFace and ONNX Runtime are installed; nothing is imported."""
    return all(find_spec(name) is not None for name in ("insightface", "onnxruntime"))


def _arcface(evaluation: Mapping[str, Any], runtime: FaceRuntime | None) -> IdentityEvaluator:
    if runtime is None and not can_measure_faces():
        return _stub(evaluation, runtime)
    from personalab_core.identity.arcface import DEFAULT_SIMILARITY_THRESHOLD, ArcFaceEvaluator
    from personalab_core.identity.face_runtime import FaceRuntime
    from personalab_core.identity.packs import DEFAULT_PACK

    embedding = evaluation.get("embedding", {})
    return ArcFaceEvaluator(
        runtime or FaceRuntime.load(embedding.get("model_name", DEFAULT_PACK)),
        similarity_threshold=embedding.get("similarity_threshold", DEFAULT_SIMILARITY_THRESHOLD),
        geometric=_geometric(evaluation),
        composite=_composite(evaluation),
    )


def _dlib(evaluation: Mapping[str, Any], _runtime: FaceRuntime | None) -> IdentityEvaluator:
    from personalab_core.identity.dlib_evaluator import DlibEvaluator

    return DlibEvaluator(composite=_composite(evaluation))


def _stub(_evaluation: Mapping[str, Any], _runtime: FaceRuntime | None) -> IdentityEvaluator:
    from personalab_core.identity.stub import StubEvaluator

    return StubEvaluator()


def _geometric(evaluation: Mapping[str, Any]) -> GeometricEvaluator | None:
    settings = evaluation.get("geometric", {})
    if not settings.get("enabled", True):
        return None
    return GeometricEvaluator(max_normalized_error=settings.get("max_normalized_error", 0.08))


def _composite(evaluation: Mapping[str, Any]) -> CompositeScorer:
    weights = evaluation.get("scoring", {}).get("weights", {})
    return CompositeScorer(
        embedding_weight=weights.get("embedding", 0.7), geometric_weight=weights.get("geometric", 0.3)
    )

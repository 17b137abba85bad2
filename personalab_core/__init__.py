"""Measure whether a generated face is still the same person, and drive generation until it is.

Everything public can be imported from here; a name's module is loaded when the name is
first used, so that ``import personalab_core`` itself stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from personalab_core.config import Config, PersonaStore, load_config
    from personalab_core.generation import IdeaGenerator, ImageGenerator, VideoGenerator
    from personalab_core.identity import (
        ArcFaceEvaluator,
        DriftTracker,
        FaceRuntime,
        IdentityEvaluator,
        IdentityPolicy,
        StubEvaluator,
        build_evaluator,
        select_anchor,
    )
    from personalab_core.identity.frame_extractor import FrameExtractor
    from personalab_core.identity.video_evaluator import VideoIdentityEvaluator
    from personalab_core.llm import LLMClient, create_client
    from personalab_core.observability import GenerationMetricsLogger
    from personalab_core.orchestration import (
        GenerationOrchestrator,
        GenerationResult,
        RegistryWriter,
        VideoOrchestrator,
        VideoResult,
    )
    from personalab_core.quality import (
        IlluminationEvaluator,
        PostProcessingGate,
        SharpnessEvaluator,
        VideoQualityEvaluator,
    )
    from personalab_core.schemas import (
        CandidateResult,
        Character,
        EmbeddingScore,
        EvaluationResult,
        ImagePrompt,
        VideoPrompt,
    )
    from personalab_core.schemas.version import __version__

__all__ = [
    "ArcFaceEvaluator",
    "CandidateResult",
    "Character",
    "Config",
    "DriftTracker",
    "EmbeddingScore",
    "EvaluationResult",
    "FaceRuntime",
    "FrameExtractor",
    "GenerationMetricsLogger",
    "GenerationOrchestrator",
    "GenerationResult",
    "IdeaGenerator",
    "IdentityEvaluator",
    "IdentityPolicy",
    "IlluminationEvaluator",
    "ImageGenerator",
    "ImagePrompt",
    "LLMClient",
    "PersonaStore",
    "PostProcessingGate",
    "RegistryWriter",
    "SharpnessEvaluator",
    "StubEvaluator",
    "VideoGenerator",
    "VideoIdentityEvaluator",
    "VideoOrchestrator",
    "VideoPrompt",
    "VideoQualityEvaluator",
    "VideoResult",
    "__version__",
    "build_evaluator",
    "create_client",
    "load_config",
    "select_anchor",
]

_HOME = {
    "ArcFaceEvaluator": "identity",
    "CandidateResult": "schemas",
    "Character": "schemas",
    "Config": "config",
    "DriftTracker": "identity",
    "EmbeddingScore": "schemas",
    "EvaluationResult": "schemas",
    "FaceRuntime": "identity",
    "FrameExtractor": "identity.frame_extractor",
    "GenerationMetricsLogger": "observability",
    "GenerationOrchestrator": "orchestration",
    "GenerationResult": "orchestration",
    "IdeaGenerator": "generation",
    "IdentityEvaluator": "identity",
    "IdentityPolicy": "identity",
    "IlluminationEvaluator": "quality",
    "ImageGenerator": "generation",
    "ImagePrompt": "schemas",
    "LLMClient": "llm",
    "PersonaStore": "config",
    "PostProcessingGate": "quality",
    "RegistryWriter": "orchestration",
    "SharpnessEvaluator": "quality",
    "StubEvaluator": "identity",
    "VideoGenerator": "generation",
    "VideoIdentityEvaluator": "identity.video_evaluator",
    "VideoOrchestrator": "orchestration",
    "VideoPrompt": "schemas",
    "VideoQualityEvaluator": "quality",
    "VideoResult": "orchestration",
    "__version__": "schemas.version",
    "build_evaluator": "identity",
    "create_client": "llm",
    "load_config": "config",
    "select_anchor": "identity",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return list(__all__)

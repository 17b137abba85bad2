"""Every name that the specification's samples import is there."""

from __future__ import annotations

import tomllib
from importlib import import_module
from pathlib import Path

import pytest

import personalab_core

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = {
    "personalab_core": [
        *("CandidateResult", "Character", "DriftTracker", "EmbeddingScore", "EvaluationResult", "FrameExtractor"),
        *("GenerationMetricsLogger", "GenerationOrchestrator", "IdeaGenerator", "IdentityPolicy"),
        *("IlluminationEvaluator", "ImageGenerator", "ImagePrompt", "PostProcessingGate", "SharpnessEvaluator"),
        *("VideoGenerator", "VideoIdentityEvaluator", "VideoOrchestrator", "VideoPrompt", "VideoQualityEvaluator"),
        *("build_evaluator", "create_client"),
        *("load_config", "select_anchor"),
    ],
    "personalab_core.prompts": ["load_anchor_templates", "load_asset_scenarios", "load_system_prompts"],
    "personalab_core.runtime": [
        *("AsyncRunner", "EvaluationPool", "JobSpec", "ProviderSemaphore", "RateLimiter", "RetryPolicy"),
    ],
    "personalab_core.llm": ["LLMClient", "LLMImageResponse", "LLMTextResponse", "LLMVideoResponse"],
}


@pytest.mark.parametrize(("module", "name"), [(module, name) for module in SAMPLES for name in SAMPLES[module]])
def test_a_samples_name_is_where_the_sample_imports_it(module: str, name: str) -> None:
    assert getattr(import_module(module), name) is not None
    assert name in import_module(module).__all__


def test_public_names_are_sorted_and_each_can_be_had() -> None:
    names = personalab_core.__all__
    assert names == sorted(names)
    assert all(getattr(personalab_core, name) is not None for name in names)
    assert dir(personalab_core) == names


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'ImageGenrator'"):
        _ = personalab_core.ImageGenrator


def test_the_version_is_that_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert personalab_core.__version__ == project["version"]

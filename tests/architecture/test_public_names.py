"""What the documentation imports can be imported from where it imports it."""

from __future__ import annotations

from importlib import import_module

import pytest

NAMES = {
    "personalab_core": (
        "CandidateResult Character DriftTracker EmbeddingScore EvaluationResult FrameExtractor "
        "GenerationMetricsLogger GenerationOrchestrator IdeaGenerator IdentityPolicy IlluminationEvaluator "
        "ImageGenerator ImagePrompt PostProcessingGate SharpnessEvaluator VideoGenerator VideoIdentityEvaluator "
        "VideoOrchestrator VideoPrompt VideoQualityEvaluator build_evaluator create_client load_config select_anchor"
    ),
    "personalab_core.prompts": "load_anchor_templates load_asset_scenarios load_system_prompts PromptBuilder",
    "personalab_core.runtime": (
        "AsyncRunner EvaluationPool JobResult JobSpec ProviderSemaphore RateLimiter RetryPolicy Runner SyncRunner "
        "compute_config_hash"
    ),
    "personalab_core.llm": ("LLMClient LLMImageResponse LLMTextResponse LLMVideoResponse RoutingClient create_client"),
}


@pytest.mark.parametrize(("module", "name"), [(m, n) for m, names in NAMES.items() for n in names.split()])
def test_name_is_importable(module: str, name: str) -> None:
    assert getattr(import_module(module), name).__name__ == name

"""The specification's video sample, word for word but for the name it imports from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.faces import portrait_png

pytest.importorskip("av")

SAMPLE = """
from personalab_core import load_config, create_client
from personalab_core.prompts import load_asset_scenarios
from personalab_core import (
    VideoGenerator, VideoPrompt, FrameExtractor,
    VideoIdentityEvaluator, build_evaluator, IdentityPolicy,
    VideoOrchestrator, DriftTracker, GenerationMetricsLogger,
    SharpnessEvaluator, IlluminationEvaluator,
    VideoQualityEvaluator, PostProcessingGate,
)

config = load_config()
client = create_client(config)
eval_cfg = config.evaluation

# Identity evaluator (reused from image pipeline)
evaluator = build_evaluator(eval_cfg)
policy = IdentityPolicy.from_config(eval_cfg)

# Video identity evaluator
frame_extractor = FrameExtractor()
video_evaluator = VideoIdentityEvaluator(evaluator, frame_extractor)

# Quality evaluator (independent of identity)
quality_cfg = eval_cfg.get("quality", {})
quality_evaluator = VideoQualityEvaluator(
    sharpness=SharpnessEvaluator(
        min_sharpness_ratio=quality_cfg.get("sharpness", {}).get("min_ratio", 0.4),
    ),
    illumination=IlluminationEvaluator(
        max_histogram_distance=quality_cfg.get("illumination", {}).get("max_histogram_distance", 0.35),
        method=quality_cfg.get("illumination", {}).get("method", "bhattacharyya"),
    ),
)

# Post-processing gate
pp_cfg = quality_cfg.get("post_processing", {})
gate = PostProcessingGate(
    identity_accept_threshold=eval_cfg["scoring"]["accept_threshold"],
    max_embedding_std=pp_cfg.get("max_embedding_std", 0.06),
    max_geometric_variance=pp_cfg.get("max_geometric_variance", 0.002),
)

# Video orchestrator with both axes
vid_gen = VideoGenerator(
    client=client,
    model_name=config.model_name("video"),
    resolution=config.generation["video"]["resolution"],
    aspect_ratio=config.generation["video"]["aspect_ratio"],
)
video_orch = VideoOrchestrator(
    video_generator=vid_gen,
    video_evaluator=video_evaluator,
    policy=policy,
    frame_extractor=frame_extractor,
    quality_evaluator=quality_evaluator,
    post_processing_gate=gate,
    drift_tracker=DriftTracker(log_dir=eval_cfg["drift"]["log_dir"]),
    metrics_logger=GenerationMetricsLogger(output_dir=config.paths["output"]),
    output_dir=config.paths["output"],
    references_root=config.paths["references"],
)

result = video_orch.run(
    persona="daniperez",
    scenario_template=load_asset_scenarios(config)["video_scenarios"],
    video_prompt=VideoPrompt(
        subject_description="young Peruvian woman, 23",
        action_details="walking through a market",
        location_details="Barranco, Lima",
    ),
)

# Inspect results
for attempt in result.attempts:
    identity = attempt.eval_result
    if identity:
        emb = identity.embedding_stats
        print(f"  Embedding: mean={emb.mean_cosine:.4f}, std={emb.std_cosine:.4f}, min={emb.min_cosine:.4f}")
        geo = identity.geometric_stats
        if geo:
            print(f"  Geometric variance: mean={geo.mean_ratio_variance:.6f}, max={geo.max_ratio_variance:.6f}")

    quality = attempt.quality_result
    if quality:
        print(f"  Sharpness: mean_ratio={quality.mean_sharpness_ratio:.4f}, ok={quality.sharpness_ok}")
        print(f"  Illumination: max_dist={quality.max_histogram_distance:.4f}, ok={quality.illumination_ok}")

    advice = attempt.post_processing_advice
    if advice:
        print(f"  Gate: identity_stable={advice.identity_stable}, recommend_sharpen={advice.recommend_sharpening}")
"""


@pytest.mark.slow
def test_the_sample_of_the_specification_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    anchor = tmp_path / "references" / "daniperez" / "anchors" / "daniperez_anchor_frontal_neutral.png"
    anchor.parent.mkdir(parents=True)
    anchor.write_bytes(portrait_png(11, width=320, height=400))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PERSONALAB_PROFILE", "simulated")
    exec(compile(SAMPLE, "sample", "exec"), {})
    printed = capsys.readouterr().out
    assert "Embedding: mean=" in printed
    assert "Sharpness: mean_ratio=" in printed
    assert "Gate: identity_stable=" in printed

"""A measured video: identity and quality of the same frames, in one pass.

    python examples/video.py [WORKSPACE] [--profile default]

Uses the workspace of ``quickstart.py`` (same folder, same persona) and makes persona and
anchor first if they are not there. The profile is ``simulated`` unless another is asked
for: no key, no network, no cost. Needs the ``video`` extra (PyAV).
"""

from __future__ import annotations

import argparse
import contextlib
import os
from pathlib import Path

from personalab_core import (
    DriftTracker,
    FrameExtractor,
    GenerationMetricsLogger,
    IdentityPolicy,
    IlluminationEvaluator,
    ImageGenerator,
    PostProcessingGate,
    SharpnessEvaluator,
    VideoGenerator,
    VideoIdentityEvaluator,
    VideoOrchestrator,
    VideoPrompt,
    VideoQualityEvaluator,
    VideoResult,
    build_evaluator,
    create_client,
    load_config,
    select_anchor,
)
from personalab_core.errors import AnchorMissingError
from personalab_core.identity.anchors import require_anchor
from personalab_core.prompts import load_anchor_templates, load_asset_scenarios


def make_anchor_unless_there() -> None:
    """Give the persona a face, as the quickstart does."""
    config = load_config()
    try:
        require_anchor(config.paths["references"], "daniperez")
    except AnchorMissingError:
        ImageGenerator(
            client=create_client(config),
            model_name=config.model_name("image"),
            aspect_ratio=config.generation["image"]["aspect_ratio"],
            references_root=config.paths["references"],
        ).generate_reference_anchors(
            persona_name="daniperez",
            character_prompt=load_anchor_templates(config),
            physical_description={"age_range": "23", "hair": {"base_color": "dark brown"}},
            frontal_candidates_k=2,
        )
        select_anchor("daniperez", config.paths["references"])


def video() -> VideoResult:
    """Return a video of the persona with both evaluations; all files go below the working directory."""
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

    return video_orch.run(
        persona="daniperez",
        scenario_template=load_asset_scenarios(config)["video_scenarios"],
        video_prompt=VideoPrompt(
            subject_description="young Peruvian woman, 23",
            action_details="walking through a market",
            location_details="Barranco, Lima",
        ),
    )


def show(result: VideoResult) -> None:
    """Print what was measured of each attempt."""
    for attempt in result.attempts:
        identity = attempt.eval_result
        if identity:
            emb = identity.embedding_stats
            if emb:
                print(f"  Embedding: mean={emb.mean_cosine:.4f}, std={emb.std_cosine:.4f}, min={emb.min_cosine:.4f}")
            geo = identity.geometric_stats
            if geo:
                print(f"  Geometric variance: mean={geo.mean_ratio_variance:.6f}, max={geo.max_ratio_variance:.6f}")
            print(f"  Coverage: {identity.coverage:.0%} of {len(identity.frames)} frames")

        quality = attempt.quality_result
        if quality:
            print(f"  Sharpness: mean_ratio={quality.mean_sharpness_ratio:.4f}, ok={quality.sharpness_ok}")
            print(f"  Illumination: max_dist={quality.max_histogram_distance:.4f}, ok={quality.illumination_ok}")

        advice = attempt.post_processing_advice
        if advice:
            print(f"  Gate: identity_stable={advice.identity_stable}, recommend_sharpen={advice.recommend_sharpening}")


def main(arguments: list[str] | None = None) -> int:
    """Make the video and say what came of it; 0 if it was accepted, 1 if not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workspace", nargs="?", type=Path, default=Path("workspace"), help="folder for all files")
    parser.add_argument("--profile", choices=("simulated", "default"), default="simulated")
    options = parser.parse_args(arguments)
    options.workspace.mkdir(parents=True, exist_ok=True)
    if options.profile == "simulated":
        print("Profile simulated: drawn portraits of nobody, free of charge.")
    os.environ["PERSONALAB_PROFILE"] = options.profile  # for every load_config() in this process
    with contextlib.chdir(options.workspace):
        make_anchor_unless_there()
        result = video()
    show(result)
    print(f"{result.sentence}\n{result.video_path or 'No video.'}")
    return 0 if result.accepted else 1


if __name__ == "__main__":
    raise SystemExit(main())

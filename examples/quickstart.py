"""From nothing to a measured picture: persona, anchors, content plan, identity-aware generation.

    python examples/quickstart.py [WORKSPACE] [--profile default]

Everything is written into WORKSPACE (``./workspace`` if it is left out). The profile is
``simulated`` unless another is asked for: no key, no network, no cost.
"""

from __future__ import annotations

import argparse
import contextlib
import os
from pathlib import Path

from personalab_core import (
    Character,
    DriftTracker,
    GenerationMetricsLogger,
    GenerationOrchestrator,
    GenerationResult,
    IdeaGenerator,
    IdentityPolicy,
    ImageGenerator,
    ImagePrompt,
    build_evaluator,
    create_client,
    load_config,
    select_anchor,
)
from personalab_core.prompts import (
    load_anchor_templates,
    load_asset_scenarios,
    load_system_prompts,
    subject_description,
)


def quickstart() -> GenerationResult:
    """Return the first asset of a new persona; all files go below the working directory."""
    # 1. Config + LLM client (reads providers from config.yml automatically)
    config = load_config()
    client = create_client(config)

    # 2. Define a persona
    character = Character(
        name="Daniela 'Dani' Perez",
        vibe="Lifestyle & Urban Chic",
        location="Lima, Peru",
        content_pillars=["Sustainable Andean Fashion", "Peruvian Gastronomy"],
        physical_description={"age_range": "23", "hair": {"base_color": "dark brown"}},
        id="daniperez",
    )

    # 3. Generate anchor references
    img_gen = ImageGenerator(
        client=client,
        model_name=config.model_name("image"),
        aspect_ratio=config.generation["image"]["aspect_ratio"],
        references_root=config.paths["references"],
    )
    img_gen.generate_reference_anchors(
        persona_name="daniperez",
        character_prompt=load_anchor_templates(config),
        physical_description=character.physical_description,
        frontal_candidates_k=4,
    )

    # 4. Auto-select the best anchor
    select_anchor("daniperez", config.paths["references"])

    # 5. Generate with identity-aware retry
    evaluator = build_evaluator(config.evaluation)
    policy = IdentityPolicy.from_config(config.evaluation)
    orchestrator = GenerationOrchestrator(
        image_generator=img_gen,
        evaluator=evaluator,
        policy=policy,
        drift_tracker=DriftTracker(log_dir=config.evaluation["drift"]["log_dir"]),
        metrics_logger=GenerationMetricsLogger(output_dir=config.paths["output"]),
        output_dir=config.paths["output"],
        references_root=config.paths["references"],
    )

    # Generate a content plan and produce the first asset
    plan = IdeaGenerator(
        client=client,
        config=config,
        persona=character,
        system_prompts=load_system_prompts(config),
    ).generate_and_save("./generated_content/daniperez/content_plan.yml")
    scenario = plan["planned_content"][0]["scenario_details"]
    return orchestrator.run(
        persona="daniperez",
        scenario_template=load_asset_scenarios(config)["image_scenarios"],
        image_prompt=ImagePrompt.from_scenario_details(scenario, subject_description=subject_description(character)),
    )


def main(arguments: list[str] | None = None) -> int:
    """Run the quickstart and say what came of it; 0 if the picture was accepted, 1 if not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workspace", nargs="?", type=Path, default=Path("workspace"), help="folder for all files")
    parser.add_argument("--profile", choices=("simulated", "default"), default="simulated")
    options = parser.parse_args(arguments)
    options.workspace.mkdir(parents=True, exist_ok=True)
    if options.profile == "simulated":
        print("Profile simulated: drawn portraits of nobody, free of charge.")
    os.environ["PERSONALAB_PROFILE"] = options.profile  # for every load_config() in this process
    with contextlib.chdir(options.workspace):
        result = quickstart()
    for attempt in result.attempts:
        score = attempt.scores.composite
        print(f"attempt {attempt.attempt}: {attempt.decision}, score {'—' if score is None else f'{score:.2f}'}")
    print(f"{result.sentence}\n{result.image_path or 'No picture.'}")
    return 0 if result.accepted else 1


if __name__ == "__main__":
    raise SystemExit(main())

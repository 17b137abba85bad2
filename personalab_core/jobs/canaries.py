"""Canaries: a few fixed prompts per persona, run on a schedule and judged as a series of their own.

Everything about a canary prompt is frozen at the first run, down to the template: if the canaries change
as the pictures do, the vendor changed; if they stay, our own prompts did.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import orjson
from pydantic import AwareDatetime, Field, ValidationError

from personalab_core.config import Config
from personalab_core.config.atomic_files import write_atomic
from personalab_core.errors import RecordError
from personalab_core.identity import DriftTracker
from personalab_core.identity.drift.watch import CANARY_FOLDER
from personalab_core.jobs.studio import Studio
from personalab_core.observability import GenerationMetricsLogger
from personalab_core.orchestration import AssetRequest, GenerationOrchestrator, GenerationResult
from personalab_core.prompts import load_patch_catalogue, subject_description
from personalab_core.schemas import Contract, ImagePrompt, check_slug

CANARY_SCENARIOS = ("studio_portrait", "street_walk", "beach_walk")
"""Scenes the first run freezes: one per framing, with plain light and nobody else in them."""
CANARIES_FILE = "canaries.json"


class CanarySet(Contract):
    """The frozen prompts of one persona."""

    persona: str
    frozen_at: AwareDatetime
    template: str
    prompts: dict[str, ImagePrompt] = Field(min_length=1)


def canary_set(studio: Studio, persona: str) -> CanarySet:
    """Return the persona's canaries; frozen now if there are none yet.

    Raises:
        InputError: There is no such persona.
        RecordError: The file is damaged.
    """
    path = studio.config.paths.references / check_slug(persona) / CANARIES_FILE
    if path.is_file():
        try:
            return CanarySet.model_validate_json(path.read_bytes())
        except ValidationError as error:
            raise RecordError(
                f"{path} is damaged. Repair it, or move it away to freeze new canaries; their series begins anew."
            ) from error
    subject = subject_description(studio.personas.get(persona))
    scenes = studio.scenarios.image_scenarios
    made = CanarySet(
        persona=persona,
        frozen_at=studio.clock(),
        template=str(scenes["template"]),
        prompts={
            name: ImagePrompt.from_scenario_details(scenes.scenario(name), subject_description=subject)
            for name in CANARY_SCENARIOS
        },
    )
    write_atomic(path, orjson.dumps(made.model_dump(mode="json"), option=orjson.OPT_INDENT_2))
    return made


def run_canaries(studio: Studio, persona: str, *, n: int = 1) -> list[GenerationResult]:
    """Return what the canaries came to: each prompt ``n`` times, one attempt each, patched by nothing.

    They are kept apart: attempts, pictures and embeddings in ``<output>/canaries``, their timeline below
    that of the pictures.

    Raises:
        AnchorMissingError: The persona has no selected anchor.
        PersonalabError: It cannot go on; the message says why.
    """
    canaries = canary_set(studio, persona)
    output = canary_output(studio.config)
    log = GenerationMetricsLogger(output)
    # Every run has seeds of its own: the series needs the scatter of chance, not one picture over and over.
    first = len(log.read_log(persona))
    orchestrator = _orchestrator(studio, output, log)
    results = []
    for turn in range(n):
        for place, (name, prompt) in enumerate(canaries.prompts.items()):
            request = AssetRequest(
                persona=persona,
                image_prompt=prompt,
                scenario_template={"template": canaries.template},
                seed=first + turn * len(canaries.prompts) + place,
                scenario=f"canary {name}",
            )
            results.append(orchestrator.run_request(request))
    studio.sentinel.notice(persona)
    return results


def canary_output(config: Config) -> Path:
    """Return the folder of the canaries' attempts, pictures and embeddings."""
    return Path(config.paths.output) / CANARY_FOLDER


def _orchestrator(studio: Studio, output: Path, log: GenerationMetricsLogger) -> GenerationOrchestrator:
    config = studio.config
    drift = config.evaluation.drift
    return GenerationOrchestrator(
        image_generator=studio.image_generator,
        evaluator=studio.evaluator,
        policy=replace(studio.policy, max_attempts=1),
        drift_tracker=DriftTracker(drift.log_dir / CANARY_FOLDER) if drift.enabled else None,
        metrics_logger=log,
        output_dir=output,
        references_root=config.paths.references,
        context=studio.context,
        patches=load_patch_catalogue(config),
        clock=studio.clock,
        ledger=studio.ledger,
    )

"""The work that jobs and the command line share: pictures until accepted, anchors until chosen."""

from __future__ import annotations

from personalab_core.generation import AnchorKind, AnchorPicture
from personalab_core.identity import select_anchor
from personalab_core.jobs.control import JobCancelledError, Progress, stop_if_asked
from personalab_core.jobs.params import GenerateAnchorsParams, GenerateImagesParams
from personalab_core.jobs.studio import Studio
from personalab_core.observability import Journal
from personalab_core.orchestration import AssetRequest, GenerationResult
from personalab_core.prompts import load_anchor_templates, subject_description
from personalab_core.schemas import AnchorRecord, AssetOutcome, ImagePrompt


def generate_images(studio: Studio, params: GenerateImagesParams, progress: Progress) -> list[GenerationResult]:
    """Return the assets made now; those that an earlier run of the same job finished are skipped.

    Raises:
        JobCancelledError: The work was asked to stop.
        PersonalabError: It cannot go on; the message says why.
    """
    prompt = _image_prompt(studio, params)
    finished = finished_assets(studio, params.persona) if studio.job_id else frozenset()
    results = []
    for index in range(params.n_assets):
        asset_id = f"{studio.job_id}-{index:03d}" if studio.job_id else None
        if asset_id in finished:
            continue
        stop_if_asked(progress)
        progress.report(index, f"picture {index + 1} of {params.n_assets}")
        request = AssetRequest(
            persona=params.persona,
            image_prompt=prompt,
            scenario_template=studio.scenarios.image_scenarios,
            seed=params.seed + index,
            asset_id=asset_id,
            scenario=params.scenario,
            job_id=studio.job_id,
        )
        result = studio.orchestrator.run_request(request, should_stop=progress.should_stop)
        if result.outcome is AssetOutcome.CANCELLED:
            raise JobCancelledError
        results.append(result)
    progress.report(params.n_assets, "")
    return results


def generate_anchors(studio: Studio, params: GenerateAnchorsParams, progress: Progress) -> str:
    """Make candidates, choose one, derive the other kinds; return a sentence about the choice.

    Raises:
        JobCancelledError: The work was asked to stop.
        PersonalabError: It cannot go on; the message says why.
    """
    made = _candidates_of_this_job(studio, params.persona)
    missing = params.n_candidates - made
    if missing > 0:
        # Candidates are numbered from 1 in each call: another seed, or the first would be made again.
        _make_anchors(
            studio, params, ("frontal",), seed=params.seed + 1_000_003 * made, k=missing, progress=progress, done=made
        )
    if not params.select:
        return f"{params.n_candidates} candidates; choose one"
    progress.report(params.n_candidates, "choosing")
    selection = select_anchor(
        params.persona, studio.config.paths.references, evaluator=studio.evaluator, clock=studio.clock
    )
    done = params.n_candidates + 1
    if params.kinds:
        _make_anchors(studio, params, params.kinds, seed=params.seed, k=1, progress=progress, done=done)
    return f"Selected {selection.path.name}. {selection.record.why}"


def finished_assets(studio: Studio, persona: str) -> frozenset[str]:
    """Return the ids of a persona's assets that have ended."""
    ended = (record for record in studio.metrics_logger.read_log(persona) if record.final)
    return frozenset(record.asset_id for record in ended if record.outcome is not AssetOutcome.CANCELLED)


def _make_anchors(
    studio: Studio,
    params: GenerateAnchorsParams,
    kinds: tuple[AnchorKind, ...],
    *,
    seed: int,
    k: int,
    progress: Progress,
    done: int,
) -> None:
    def told(picture: AnchorPicture, number: int, _total: int) -> None:
        progress.report(done + number, picture.kind.replace("_", " "))
        stop_if_asked(progress)

    progress.report(done, kinds[0].replace("_", " "))
    studio.image_generator.generate_reference_anchors(
        persona_name=params.persona,
        character_prompt=load_anchor_templates(studio.config),
        physical_description=studio.personas.get(params.persona).physical_description,
        frontal_candidates_k=k,
        kinds=kinds,
        seed=seed,
        progress=told,
    )


def _candidates_of_this_job(studio: Studio, persona: str) -> int:
    if studio.job_id is None:
        return 0
    log = studio.config.paths.references / persona / "anchors" / "anchors.jsonl"
    records = Journal(log, AnchorRecord).read().records
    frontal = (r for r in records if r.kind == "anchor_candidate" and r.anchor_kind == "frontal")
    return sum(r.context is not None and r.context.job_id == studio.job_id for r in frontal)


def _image_prompt(studio: Studio, params: GenerateImagesParams) -> ImagePrompt:
    character = studio.personas.get(params.persona)
    if params.prompt is not None:
        return params.prompt
    scene = studio.scenarios.image_scenarios.scenario(params.scenario or "")
    return ImagePrompt.from_scenario_details(scene, subject_description=subject_description(character))

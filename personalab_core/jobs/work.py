"""The work that jobs and the command line share: pictures until accepted, anchors until chosen."""

from __future__ import annotations

from personalab_core.generation import AnchorCheck, AnchorKind, AnchorPicture
from personalab_core.identity import ANCHORS_LOG, select_anchor
from personalab_core.jobs.control import JobCancelledError, Progress, stop_if_asked
from personalab_core.jobs.params import GenerateAnchorsParams, GenerateImagesParams
from personalab_core.jobs.studio import Studio
from personalab_core.observability import Journal
from personalab_core.orchestration import AssetRequest, GenerationResult
from personalab_core.prompts import load_anchor_templates, subject_description
from personalab_core.schemas import AnchorRecord, AssetOutcome, ImagePrompt


def generate_images(studio: Studio, params: GenerateImagesParams, progress: Progress) -> list[GenerationResult]:
    """Return the assets made now; those that an earlier run of the same job finished are skipped.

    An asset for which the provider failed for good is the last one: the next would
    most likely fail, too. A resumed job begins with it.

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
        if result.outcome is AssetOutcome.FAILED:
            return results
    progress.report(params.n_assets, "")
    return results


def generate_anchors(studio: Studio, params: GenerateAnchorsParams, progress: Progress) -> str:
    """Make candidates, choose one, derive the other kinds; return a sentence about the choice.

    Raises:
        JobCancelledError: The work was asked to stop.
        PersonalabError: It cannot go on; the message says why.
    """
    before = _anchors_of_this_job(studio, params.persona)
    made = sum(record.anchor_kind == "frontal" for record in before if record.kind == "anchor_candidate")
    if made < params.n_candidates:
        # Candidates are numbered from 1 in each call: without another seed the first would be made again.
        seed, k = params.seed + 1_000_003 * made, params.n_candidates - made
        _make_anchors(studio, params, ("frontal",), seed=seed, k=k, progress=progress, done=made)
    if not params.select:
        return f"{params.n_candidates} candidates; choose one"
    why = _chosen(before) or _choose(studio, params, progress)
    there = {record.anchor_kind for record in before}
    kinds = tuple(kind for kind in params.kinds if kind not in there)
    if kinds:
        done = params.n_items - len(kinds)
        _make_anchors(studio, params, kinds, seed=params.seed, k=1, progress=progress, done=done)
    progress.report(params.n_items, "")
    return why


def finished_assets(studio: Studio, persona: str) -> frozenset[str]:
    """Return the ids of a persona's assets that have ended; the cancelled and the failed are tried again."""
    unfinished = {AssetOutcome.CANCELLED, AssetOutcome.FAILED}
    ended = (record for record in studio.metrics_logger.read_log(persona) if record.final)
    return frozenset(record.asset_id for record in ended if record.outcome not in unfinished)


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
        check=AnchorCheck(studio.evaluator, studio.policy) if params.select else None,
    )


def _choose(studio: Studio, params: GenerateAnchorsParams, progress: Progress) -> str:
    progress.report(params.n_candidates, "choosing")
    root = studio.config.paths.references
    return select_anchor(params.persona, root, evaluator=studio.evaluator, clock=studio.clock).record.why


def _anchors_of_this_job(studio: Studio, persona: str) -> list[AnchorRecord]:
    """Return what an earlier run of the same job has made, and the choices since its first picture."""
    if studio.job_id is None:
        return []
    log = studio.config.paths.references / persona / "anchors" / ANCHORS_LOG
    records = Journal(log, AnchorRecord).read().records
    own = [index for index, r in enumerate(records) if r.context is not None and r.context.job_id == studio.job_id]
    since = records[own[0] :] if own else []
    return [r for r in since if r.kind == "anchor_selected" or (r.context and r.context.job_id == studio.job_id)]


def _chosen(records: list[AnchorRecord]) -> str | None:
    """Return why an anchor was chosen, if one was."""
    return next((record.why for record in reversed(records) if record.kind == "anchor_selected"), None)


def _image_prompt(studio: Studio, params: GenerateImagesParams) -> ImagePrompt:
    character = studio.personas.get(params.persona)
    if params.prompt is not None:
        return params.prompt
    scene = studio.scenarios.image_scenarios.scenario(params.scenario or "")
    return ImagePrompt.from_scenario_details(scene, subject_description=subject_description(character))

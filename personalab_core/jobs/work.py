"""The work that jobs and the command line share: pictures until accepted, anchors until chosen."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from personalab_core.generation import AnchorCheck, AnchorKind, AnchorPicture, load_anchor
from personalab_core.identity import ANCHORS_LOG, select_anchor
from personalab_core.jobs.control import Progress, stop_if_asked
from personalab_core.jobs.making import make_assets
from personalab_core.jobs.params import BatchItem, BatchParams, GenerateAnchorsParams, GenerateImagesParams
from personalab_core.jobs.studio import Studio
from personalab_core.observability import Journal
from personalab_core.prompts import load_anchor_templates, subject_description
from personalab_core.runtime import JobResult, JobSpec
from personalab_core.schemas import AnchorRecord, ImagePrompt, VideoPrompt


def generate_images(studio: Studio, params: GenerateImagesParams, progress: Progress) -> list[JobResult]:
    """Return what came of the pictures; those that an earlier run of the same job finished are not made again.

    Raises:
        JobCancelledError: The work was asked to stop.
        JobPausedError: It waits for a person.
        PersonalabError: It cannot go on; the message says why.
    """
    item = BatchItem(
        persona=params.persona, scenario=params.scenario, prompt=params.prompt, n=params.n_assets, seed=params.seed
    )
    return make_assets(studio, _specs(studio, [item]), progress)


def run_batch(studio: Studio, params: BatchParams, progress: Progress) -> list[JobResult]:
    """Return what came of everything that a plan asks for; raises what :func:`generate_images` raises."""
    return make_assets(studio, _specs(studio, params.items), progress)


def generate_anchors(studio: Studio, params: GenerateAnchorsParams, progress: Progress) -> str:
    """Make candidates, choose one, derive the other kinds; return a sentence about the choice.

    Raises:
        JobCancelledError: The work was asked to stop.
        PersonalabError: It cannot go on; the message says why.
    """
    before = _anchors_of_this_job(studio, params.persona)
    made = sum(record.anchor_kind == "frontal" for record in before if record.kind == "anchor_candidate")
    if made < params.n_candidates:
        _make_anchors(studio, params, ("frontal",), k=params.n_candidates - made, progress=progress, done=made)
    if not params.select:
        return f"{params.n_candidates} candidates; choose one"
    if params.n_candidates:
        why = _chosen(before) or _choose(studio, params, progress)
    else:
        load_anchor(studio.config.paths.references, params.persona)  # without one nothing is begun
        why = "Made from the anchor in force."
    there = {record.anchor_kind for record in before}
    kinds = tuple(kind for kind in params.kinds if kind not in there)
    if kinds:
        done = params.n_items - len(kinds)
        _make_anchors(studio, params, kinds, k=1, progress=progress, done=done)
    progress.report(params.n_items, "")
    return why


def _make_anchors(
    studio: Studio,
    params: GenerateAnchorsParams,
    kinds: tuple[AnchorKind, ...],
    *,
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
        seed=params.seed,
        progress=told,
        check=AnchorCheck(studio.evaluator, studio.policy) if params.select else None,
        ledger=studio.ledger,
        # Candidates that are there already keep their numbers, and with them their seeds.
        first_number=done + 1,
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
    own = [bool(r.path) and r.context is not None and r.context.job_id == studio.job_id for r in records]
    first = own.index(True) if any(own) else len(records)
    since = zip(records[first:], own[first:], strict=True)
    return [record for record, is_own in since if is_own or record.kind == "anchor_selected"]


def _chosen(records: list[AnchorRecord]) -> str | None:
    """Return why an anchor was chosen, if one was."""
    return next((record.why for record in reversed(records) if record.kind == "anchor_selected"), None)


def _specs(studio: Studio, items: Sequence[BatchItem]) -> list[JobSpec]:
    """Return one job per asset. Their names follow from the job's, so that it is the same asset after a crash.

    Raises:
        AnchorMissingError: A persona has no selected anchor.
        InputError: There is no such persona or scenario.
    """
    batch = studio.job_id or f"{studio.clock():%Y%m%d-%H%M%S}-{secrets.token_hex(4)}"
    prompts = [(item, _prompt(studio, item)) for item in items]
    for persona in {item.persona: None for item in items}:
        load_anchor(studio.config.paths.references, persona)  # without one nothing is begun
    wanted = [(item, prompt, item.seed + i) for item, prompt in prompts for i in range(item.n)]
    return [
        JobSpec(
            job_id=f"{batch}-{index:03d}",
            seed=seed,
            config_hash=studio.config.config_hash,
            persona=item.persona,
            scenario_template=_template(studio, item),
            prompt=prompt,
            asset_type=item.asset_type,
            scenario=item.scenario,
            batch_id=studio.job_id,
        )
        for index, (item, prompt, seed) in enumerate(wanted)
    ]


def _template(studio: Studio, item: BatchItem) -> Mapping[str, Any]:
    scenarios = studio.scenarios
    return scenarios.video_scenarios if item.asset_type == "video" else scenarios.image_scenarios


def _prompt(studio: Studio, item: BatchItem) -> ImagePrompt | VideoPrompt:
    character = studio.personas.get(item.persona)
    if item.prompt is not None:
        return item.prompt
    scenarios = studio.scenarios
    kind = VideoPrompt if item.asset_type == "video" else ImagePrompt
    chosen = scenarios.video_scenarios if item.asset_type == "video" else scenarios.image_scenarios
    scene = chosen.scenario(item.scenario or "")
    return kind.from_scenario_details(scene, subject_description=subject_description(character))

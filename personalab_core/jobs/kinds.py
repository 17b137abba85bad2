"""Which work each kind of job stands for."""

from __future__ import annotations

from personalab_core.jobs.control import Ending, JobControl
from personalab_core.jobs.demo_story import fill_demo
from personalab_core.jobs.evaluating import evaluate_pictures
from personalab_core.jobs.exports import export_assets
from personalab_core.jobs.job import Job
from personalab_core.jobs.params import (
    PARAMS_OF,
    BatchParams,
    DemoHistoryParams,
    EvaluatePicturesParams,
    EvaluateVideoParams,
    ExportParams,
    GenerateAnchorsParams,
    GenerateImagesParams,
    NewPlanParams,
)
from personalab_core.jobs.planned import make_plan, run_planned
from personalab_core.jobs.studio import Studio
from personalab_core.jobs.videos import check_video
from personalab_core.jobs.work import generate_anchors, generate_images, run_batch
from personalab_core.runtime import JobResult
from personalab_core.schemas import AssetOutcome


def perform(job: Job, control: JobControl) -> Ending:
    """Do a job's work and return how it ended.

    Raises:
        JobCancelledError: It was asked to stop.
        JobPausedError: It waits for a person.
        PersonalabError: It cannot go on; the message says why.
    """
    params = PARAMS_OF[job.kind].model_validate_json(job.params_json)
    # Standard output is the job's log file, where a download of models may be announced.
    studio = Studio(params.workspace.load(params.overrides), job_id=job.id, announce=print)
    if isinstance(params, GenerateImagesParams):
        return _ending(generate_images(studio, params, control))
    if isinstance(params, BatchParams):
        work = run_planned if params.plan_items else run_batch
        return _ending(work(studio, params, control))
    if isinstance(params, NewPlanParams):
        return Ending(make_plan(studio, params, control))
    if isinstance(params, GenerateAnchorsParams):
        return Ending(generate_anchors(studio, params, control))
    if isinstance(params, EvaluatePicturesParams):
        return Ending(evaluate_pictures(studio, params, control))
    if isinstance(params, EvaluateVideoParams):
        return Ending(check_video(studio, params, control))
    if isinstance(params, ExportParams):
        return export_assets(studio, params, control)
    if isinstance(params, DemoHistoryParams):
        return Ending(fill_demo(studio, params, control))
    raise TypeError(f"no work is defined for {type(params).__name__}")


def _ending(results: list[JobResult]) -> Ending:
    doubtful = sum(result.possibly_paid for result in results)
    message = f"{sum(result.accepted for result in results)} of {len(results)} accepted"
    if doubtful:
        message += f", {doubtful} unknown and possibly paid"
    failed = next((r for r in results if r.outcome is AssetOutcome.FAILED and not r.possibly_paid), None)
    return Ending(message, error=(failed.error or failed.sentence) if failed else None)

"""Which work each kind of job stands for."""

from __future__ import annotations

from personalab_core.jobs.control import JobControl
from personalab_core.jobs.demo import fill_demo
from personalab_core.jobs.job import Job
from personalab_core.jobs.params import PARAMS_OF, DemoHistoryParams, GenerateAnchorsParams, GenerateImagesParams
from personalab_core.jobs.studio import Studio
from personalab_core.jobs.work import generate_anchors, generate_images


def perform(job: Job, control: JobControl) -> str:
    """Do a job's work and return the sentence that its row keeps.

    Raises:
        JobCancelledError: It was asked to stop.
        PersonalabError: It cannot go on; the message says why.
    """
    params = PARAMS_OF[job.kind].model_validate_json(job.params_json)
    # Standard output is the job's log file, where a download of models may be announced.
    studio = Studio(params.workspace.load(params.overrides), job_id=job.id, announce=print)
    if isinstance(params, GenerateImagesParams):
        results = generate_images(studio, params, control)
        return f"{sum(result.accepted for result in results)} of {len(results)} accepted"
    if isinstance(params, GenerateAnchorsParams):
        return generate_anchors(studio, params, control)
    if isinstance(params, DemoHistoryParams):
        return fill_demo(studio, params, control)
    raise TypeError(f"no work is defined for {type(params).__name__}")

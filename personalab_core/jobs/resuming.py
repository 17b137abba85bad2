"""What a person may do about a job that stopped, and what it has come to so far."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from pydantic import JsonValue

from personalab_core.config import Config
from personalab_core.generation.ticket import open_ledger
from personalab_core.jobs.job import Job
from personalab_core.jobs.params import PARAMS_OF, BatchParams
from personalab_core.jobs.store import JobStore
from personalab_core.observability import GenerationMetricsLogger


def resume_job(
    config: Config,
    store: JobStore,
    job_id: str,
    *,
    overrides: Mapping[str, JsonValue] | None = None,
    repeat_possibly_paid: bool = False,
) -> Job:
    """Queue a stopped job again and return it.

    Args:
        config: Settings of the workspace.
        store: Its jobs.
        job_id: The job.
        overrides: Settings of the job from now on, such as a higher budget.
        repeat_possibly_paid: A person's leave to repeat calls of this job that may have been paid.

    Raises:
        InputError: There is no such job, or it does not resume.
        WorkspaceError: It cannot be written.
    """
    if repeat_possibly_paid and store.get(job_id).resumable:
        ledger = open_ledger(config)
        ledger.release(ledger.possibly_paid(run_id=job_id))
    return store.resume(job_id, overrides=overrides)


def outcomes_of(config: Config, job: Job) -> dict[str, int]:
    """Return how many of a job's assets ended how, by outcome, from the attempts log."""
    params = PARAMS_OF[job.kind].model_validate_json(job.params_json)
    personas = {item.persona for item in params.items} if isinstance(params, BatchParams) else {job.persona}
    log = GenerationMetricsLogger(config.paths.output)
    ended: dict[str, str] = {}
    for persona in sorted(filter(None, personas)):
        for record in log.attempts_of_job(persona, job.id):
            if record.final and record.outcome is not None:
                ended[record.asset_id] = record.outcome.value
    return dict(sorted(Counter(ended.values()).items()))

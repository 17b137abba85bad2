"""``personalab jobs``: what runs in the background, and how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from personalab_core.cli.context import JsonOption, chosen, print_json, print_table, say

if TYPE_CHECKING:
    from personalab_core.jobs import Job, JobStore

app = typer.Typer(no_args_is_help=True, help="Watch, cancel and resume background jobs.")

BudgetOption = Annotated[float | None, typer.Option("--budget", min=0, help="New budget.per_run in US dollars.")]
RepeatOption = Annotated[
    bool,
    typer.Option("--repeat-possibly-paid", help="Repeat calls that were cut off and may have been paid already."),
]
JobArgument = Annotated[str, typer.Argument(metavar="JOB", help="Id of the job.")]


@app.command("list")
def list_jobs(context: typer.Context, *, as_json: JsonOption = False) -> None:
    """List the jobs of the workspace, newest first.

    Example: personalab jobs list
    """
    jobs = _store(context).list()
    if as_json:
        print_json([_document(job) for job in jobs])
    elif jobs:
        rows = [(job.id, job.title, job.state, f"{job.done} of {job.total}", job.error or job.message) for job in jobs]
        print_table("", ("id", "job", "state", "#done", "message"), rows)
    else:
        say("No job yet.")


@app.command("cancel")
def cancel(context: typer.Context, *, job: JobArgument, as_json: JsonOption = False) -> None:
    """Ask a job to stop after the step it is in; what is finished is kept.

    Example: personalab jobs cancel 3f2a9c01d4e5
    """
    _tell(_store(context).cancel(job), as_json=as_json)


@app.command("resume")
def resume(
    context: typer.Context,
    *,
    job: JobArgument,
    budget: BudgetOption = None,
    repeat_possibly_paid: RepeatOption = False,
    as_json: JsonOption = False,
) -> None:
    """Start a paused, lost, failed or cancelled job again; finished items are skipped.

    Example: personalab jobs resume 3f2a9c01d4e5 --budget 5
    """
    from personalab_core.jobs.resuming import resume_job

    overrides = {"budget.per_run": budget} if budget is not None else {}
    config = chosen(context).load()
    resumed = resume_job(config, _store(context), job, overrides=overrides, repeat_possibly_paid=repeat_possibly_paid)
    _tell(resumed, as_json=as_json)


def _store(context: typer.Context) -> JobStore:
    from personalab_core.jobs import JobStore

    return JobStore(chosen(context).load().paths.jobs)


def _tell(job: Job, *, as_json: bool) -> None:
    if as_json:
        print_json(_document(job))
    else:
        say(f"{job.title}: {job.state}, {job.done} of {job.total} done.")


def _document(job: Job) -> dict[str, object]:
    hidden = {"params_json", "pid"}
    return {name: getattr(job, name) for name in job.__dataclass_fields__ if name not in hidden}

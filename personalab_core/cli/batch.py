"""``personalab batch``: make everything that a plan asks for, as one durable job."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from personalab_core.cli.context import (
    DONE,
    NOT_ACCEPTED,
    JsonOption,
    chosen,
    note_simulated,
    print_json,
    print_table,
    say,
)
from personalab_core.cli.jobs import BudgetOption, RepeatOption
from personalab_core.cli.progress import wait_for_job

if TYPE_CHECKING:
    from personalab_core.config import Config
    from personalab_core.jobs import Job, JobStore

app = typer.Typer(no_args_is_help=True, help="Make everything that a plan asks for, as one durable job.")

BackgroundOption = Annotated[bool, typer.Option("--background", help="Return at once; the job goes on by itself.")]


@app.command("run")
def run(
    context: typer.Context,
    *,
    plan: Annotated[Path, typer.Argument(metavar="PLAN", help="The plan, a YAML file; see docs/batch.md.")],
    background: BackgroundOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make what a plan asks for. Ctrl-C only stops watching: the job goes on by itself.

    Exit code 1 if anything was not accepted, or the job did not end well.
    Example: personalab batch run plan.yml
    """
    from personalab_core.config import PersonaStore
    from personalab_core.jobs import JobStore
    from personalab_core.jobs.plan import batch_of, read_plan
    from personalab_core.prompts import load_asset_scenarios

    config = chosen(context).load()
    note_simulated(config)
    personas = PersonaStore(config.paths.personas)
    params = batch_of(read_plan(plan), chosen(context).reference(), personas, load_asset_scenarios(config))
    store = JobStore(config.paths.jobs)
    job_id = store.submit("batch", params)
    follow(config, store, job_id, background=background, as_json=as_json)


@app.command("status")
def status(
    context: typer.Context,
    *,
    job: Annotated[str | None, typer.Argument(metavar="[JOB]", help="One batch; the newest if left out.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Say how far a batch is, what it has cost, and what waits for you.

    Example: personalab batch status
    """
    from personalab_core.jobs import JobStore

    config = chosen(context).load()
    store = JobStore(config.paths.jobs)
    _tell(_status(config, store.get(job) if job else _newest(store)), as_json=as_json)


@app.command("resume")
def resume(
    context: typer.Context,
    *,
    job: Annotated[str | None, typer.Argument(metavar="[JOB]", help="One batch; the newest if left out.")] = None,
    budget: BudgetOption = None,
    repeat_possibly_paid: RepeatOption = False,
    background: BackgroundOption = False,
    as_json: JsonOption = False,
) -> None:
    """Go on with a paused, lost, failed or cancelled batch; what is finished is not made again.

    Example: personalab batch resume --budget 20
    """
    from personalab_core.jobs import JobStore
    from personalab_core.jobs.resuming import resume_job

    config = chosen(context).load()
    store = JobStore(config.paths.jobs)
    job_id = job or _newest(store).id
    overrides = {"budget.per_run": budget} if budget is not None else {}
    resume_job(config, store, job_id, overrides=overrides, repeat_possibly_paid=repeat_possibly_paid)
    follow(config, store, job_id, background=background, as_json=as_json)


def follow(config: Config, store: JobStore, job_id: str, *, background: bool, as_json: bool) -> None:
    """Wait for a batch, unless it is to run in the background, and say what came of it; ends the command."""
    if background:
        if as_json:
            print_json({"job_id": job_id})
        else:
            say(f"Started as job {job_id}. Follow it: personalab batch status {job_id}")
        return
    wait_for_job(store, job_id, quiet=as_json)
    document = _status(config, store.get(job_id))
    _tell(document, as_json=as_json)
    well = document["state"] == "done" and document["accepted"] == document["total"]
    raise typer.Exit(DONE if well else NOT_ACCEPTED)


def _newest(store: JobStore) -> Job:
    from personalab_core.errors import InputError

    found = next((job for job in store.list(limit=1000) if job.kind == "batch"), None)
    if found is None:
        raise InputError("There is no batch yet. Start one: personalab batch run plan.yml")
    return found


def _status(config: Config, job: Job) -> dict[str, Any]:
    from personalab_core.generation.ticket import open_ledger
    from personalab_core.jobs.resuming import outcomes_of

    ledger = open_ledger(config, run_id=job.id)
    outcomes = outcomes_of(config, job)
    return {
        "job_id": job.id,
        "title": job.title,
        "state": job.state,
        "done": job.done,
        "total": job.total,
        "accepted": outcomes.get("accepted", 0),
        "outcomes": outcomes,
        "spent_usd": round(ledger.spent().by_run.get(job.id, 0.0), 6),
        "possibly_paid": len(ledger.possibly_paid(run_id=job.id)),
        "message": job.message,
        "error": job.error,
        "resumable": job.resumable,
    }


def _tell(document: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(document)
        return
    say(f"{document['title']} (job {document['job_id']}): {document['state']}.")
    rows = [(name, str(count)) for name, count in document["outcomes"].items()]
    if rows:
        print_table("", ("outcome", "#assets"), rows)
    say(f"{document['done']} of {document['total']} made, {document['accepted']} accepted.")
    say(f"{document['spent_usd']:.4g} USD spent or reserved.")
    if document["possibly_paid"] and document["state"] not in {"queued", "running", "cancelling"}:
        say(
            f"{document['possibly_paid']} calls were cut off: unknown, possibly paid, counted at their worst case. "
            f"To repeat them: personalab batch resume {document['job_id']} --repeat-possibly-paid"
        )
    if document["error"]:
        say(str(document["error"]))
    if document["resumable"]:
        say(f"Go on: personalab batch resume {document['job_id']}")

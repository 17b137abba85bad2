"""Jobs as rows of a page: what runs, how far, how long, and what happened to those that stopped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from personalab_core.jobs import Job
from personalab_core.views import numbers, words


@dataclass(frozen=True, slots=True)
class RunRow:
    """One job, ready to print. ``progress`` is in [0, 1]."""

    id: str
    kind: str
    persona: str | None
    title: str
    mark: words.Mark
    line: str
    progress: float
    time_left: str
    active: bool
    resumable: bool


def run_row(job: Job, names: Mapping[str, str], *, now: datetime) -> RunRow:
    """Return one job as a row. ``names`` maps persona ids to full names."""
    return RunRow(
        id=job.id,
        kind=job.kind,
        persona=job.persona,
        title=run_title(job, names),
        mark=run_mark(job),
        line=run_line(job),
        progress=job.done / job.total if job.total else 0.0,
        time_left=time_left(job, now=now),
        active=job.active,
        resumable=job.resumable,
    )


def run_title(job: Job, names: Mapping[str, str]) -> str:
    """Return what the job makes, and of whom."""
    name = names.get(job.persona or "", job.persona or "")
    if job.kind == "batch":
        return job.title
    if job.kind == "generate_images":
        return f"{numbers.plural(job.total, 'picture')} of {name}"
    if job.kind == "generate_anchors":
        return f"Anchors of {name}"
    if job.kind == "new_plan":
        return f"New plan of {name}"
    return "Example workspace" if job.kind == "demo_history" else f"{job.title[:1].upper()}{job.title[1:]}"


def run_mark(job: Job) -> words.Mark:
    """Return the state of a job."""
    return {
        "queued": words.Mark("busy", "Waiting"),
        "running": words.Mark("busy", "Running"),
        "cancelling": words.Mark("busy", "Stopping"),
        "cancelled": words.Mark("unmeasured", "Cancelled"),
        "done": words.Mark("accept", "Finished"),
        "failed": words.Mark("watch", "Failed"),
        "lost": words.Mark("watch", "Lost"),
        "paused": words.Mark("watch", "Paused"),
    }[job.state]


def noun(job: Job) -> str:
    """Return what the progress of a job counts."""
    return "asset" if job.kind in {"generate_images", "batch", "export"} else "step"


def run_line(job: Job) -> str:
    """Return one sentence about where a job stands."""
    safe = f"{job.done} of {numbers.plural(job.total, noun(job))}"
    if job.state == "queued":
        return "Waiting for a free place; it starts by itself."
    if job.state in {"running", "cancelling"}:
        return f"{safe} done"
    if job.state == "cancelled":
        kept = numbers.plural(job.done, noun(job))
        return f"Cancelled. {kept} {'is' if job.done == 1 else 'are'} kept; nothing more is spent."
    if job.state == "lost":
        return f"The run stopped when its process ended. {safe} are safe. Resume goes on with the next."
    if job.state == "failed":
        return f"The run failed. {safe} are safe. {failure(job)}"
    if job.state == "paused":
        return f"The run waits for you. {safe} are safe. {failure(job)}"
    return f"{safe} done."


def failure(job: Job) -> str:
    """Return the sentence of a failure without the name of its class."""
    _, _, sentence = (job.error or "").partition(": ")
    return sentence or job.error or ""


def time_left(job: Job, *, now: datetime) -> str:
    """Return an estimate from the pace so far, or a word while there is none."""
    if not job.active:
        return ""
    if job.state != "running" or job.started_at is None or not job.done:
        return "Starting" if job.state != "cancelling" else "Stops after the present step"
    per_item_s = (now - job.started_at).total_seconds() / job.done
    left_s = per_item_s * (job.total - job.done)
    if left_s < 60:
        return f"About {max(1, round(left_s))}{numbers.NBSP}s left"
    left = numbers.duration(left_s)
    return f"{left[0].upper()}{left[1:]} left"


def rows_to_show(jobs: Sequence[Job], names: Mapping[str, str], *, now: datetime) -> tuple[RunRow, ...]:
    """Return the running jobs, and the stopped ones that nothing newer has replaced.

    Args:
        jobs: Newest first.
        names: Persona ids to full names.
        now: Current time (UTC).
    """
    newest: dict[tuple[str | None, str], str] = {}
    for job in jobs:
        newest.setdefault((job.persona, job.kind), job.id)
    shown = [
        job
        for job in jobs
        if job.active or (job.state in {"lost", "failed", "paused"} and newest[job.persona, job.kind] == job.id)
    ]
    return tuple(run_row(job, names, now=now) for job in shown)


RUN_KINDS = frozenset({"generate_images", "batch"})
"""Kinds of job that make pictures attempt by attempt; several scenes at once are a batch."""

NEW_RUN = "new"
"""What the address says when a person wants the form although a run is going on."""


def page_run(jobs: Sequence[Job], *, wanted: str | None) -> Job | None:
    """Return the run of pictures a page should show: the one asked for, else the one going on, else none.

    Args:
        jobs: The persona's jobs, newest first.
        wanted: Id from the address, or :data:`NEW_RUN`; anything unknown is ignored.
    """
    runs = [job for job in jobs if job.kind in RUN_KINDS]
    if wanted == NEW_RUN:
        return None
    asked = next((job for job in runs if job.id == wanted), None)
    return asked or next((job for job in runs if job.active or job.state == "paused"), None)

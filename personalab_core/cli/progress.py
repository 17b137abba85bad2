"""Progress on the terminal: a bar for a person, nothing for a pipe or a program."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from personalab_core.cli.context import note

if TYPE_CHECKING:
    from personalab_core.jobs import Job, JobStore

Advance = Callable[[int, str], None]
"""Takes how many items are finished and what happens now."""

_POLL_S = 0.25


@contextmanager
def progress_bar(title: str, total: int, *, quiet: bool = False) -> Iterator[Advance]:
    """Yield a function that moves a bar on standard error; it does nothing without a terminal."""
    if quiet or not sys.stderr.isatty():
        yield lambda _done, _message: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, TextColumn("{task.fields[message]}"), console=Console(stderr=True)) as progress:
        task = progress.add_task(title, total=total, message="")
        yield lambda done, message: progress.update(task, completed=done, message=message)


def wait_for_job(
    store: JobStore, job_id: str, *, quiet: bool = False, sleep: Callable[[float], None] = time.sleep
) -> Job:
    """Follow a job until it ends and return it; an interrupted wait leaves the job running."""
    job = store.get(job_id)
    with progress_bar(job.title, job.total, quiet=quiet) as advance:
        try:
            while job.active:
                sleep(_POLL_S)
                job = store.get(job_id)
                advance(job.done, job.message)
        except KeyboardInterrupt:
            note(f"The job goes on by itself: personalab jobs list, or personalab jobs cancel {job_id}")
            raise
    if job.error:
        note(f"The job {job.state}: {job.error}")
    return job

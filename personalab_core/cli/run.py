"""Doing a job's work here and now, or handing it to the background."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from personalab_core.cli.context import note, print_json, say
from personalab_core.cli.progress import Advance, progress_bar

if TYPE_CHECKING:
    from personalab_core.config import Config
    from personalab_core.jobs import JobKind, JobParams
    from personalab_core.jobs.control import Progress
    from personalab_core.jobs.studio import Studio

P = TypeVar("P", bound="JobParams")
T = TypeVar("T")


class _TerminalProgress:
    """Progress of work done in this process: a bar; only Ctrl-C stops it."""

    def __init__(self, advance: Advance) -> None:
        self._advance = advance

    def report(self, done: int, message: str) -> None:
        self._advance(done, message)

    def should_stop(self) -> bool:
        return False


def run_job_here(config: Config, params: P, work: Callable[[Studio, P, Progress], T], *, quiet: bool) -> T:
    """Return what the work of a job gives, done in this process with a progress bar."""
    from personalab_core.jobs.studio import Studio

    with progress_bar(params.title, params.n_items, quiet=quiet) as advance:
        return work(Studio(config, announce=note), params, _TerminalProgress(advance))


def submit(config: Config, kind: JobKind, params: JobParams, *, as_json: bool) -> None:
    """Hand the work to a background process and say how to follow it."""
    from personalab_core.jobs import JobStore

    job_id = JobStore(config.paths.jobs).submit(kind, params)
    if as_json:
        print_json({"job_id": job_id})
    else:
        say(f"Started as job {job_id}. Follow it: personalab jobs list")

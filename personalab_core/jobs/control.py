"""What running work may say and ask while it goes on."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from personalab_core.jobs.job import Job
from personalab_core.jobs.store import JobStore

_ASK_EVERY_S = 0.2


@dataclass(frozen=True, slots=True)
class Ending:
    """How a job's work ended by itself. ``error`` is class and sentence of a failure, if it was one."""

    message: str
    error: str | None = None


class JobCancelledError(Exception):
    """Somebody asked the job to stop; what is finished is kept."""


class JobPausedError(Exception):
    """The job waits for a person; the message says for what, as class and sentence. What is finished is kept."""


class Progress(Protocol):
    """Where work reports to: a job's row, or a bar on the terminal."""

    def report(self, done: int, message: str) -> None:
        """Say how many items are finished and what happens now."""

    def should_stop(self) -> bool:
        """Return whether somebody asked to stop after the present step."""
        ...


class JobControl:
    """The link of one running job to its row: progress out, the wish to stop in."""

    def __init__(self, store: JobStore, job: Job, *, timer: Callable[[], float] = time.monotonic) -> None:
        self.job = job
        self._store = store
        self._timer = timer
        self._stop = False
        self._asked_at_s = float("-inf")

    def report(self, done: int, message: str) -> None:
        """Store how many items are finished and what happens now."""
        self._heard(self._store.report(self.job.id, done=done, message=message))

    def should_stop(self) -> bool:
        """Return whether the job was asked to stop; the database is asked five times a second at most."""
        if not self._stop and self._timer() - self._asked_at_s >= _ASK_EVERY_S:
            self._heard(self._store.report(self.job.id))
        return self._stop

    def _heard(self, stop: bool) -> None:  # noqa: FBT001 - the answer of the store, passed on
        self._stop = self._stop or stop
        self._asked_at_s = self._timer()


def stop_if_asked(progress: Progress) -> None:
    """Raise :class:`JobCancelledError` if somebody asked to stop."""
    if progress.should_stop():
        raise JobCancelledError

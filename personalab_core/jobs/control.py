"""What a running job may say and ask while it works."""

from __future__ import annotations

from personalab_core.jobs.job import Job
from personalab_core.jobs.store import JobStore


class JobCancelledError(Exception):
    """Somebody asked the job to stop; what is finished is kept."""


class JobControl:
    """The link of one running job to its row: progress out, the wish to stop in."""

    def __init__(self, store: JobStore, job: Job) -> None:
        self.job = job
        self._store = store

    def report(self, done: int, message: str) -> None:
        """Store how many items are finished and what happens now.

        Raises:
            JobCancelledError: The job was asked to stop.
        """
        if self._store.report(self.job.id, done=done, message=message):
            raise JobCancelledError

    def should_stop(self) -> bool:
        """Return whether the job was asked to stop, and leave a sign of life."""
        return self._store.report(self.job.id)

"""One job as everybody sees it."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from personalab_core.jobs.params import JobKind

JobState = Literal["queued", "running", "cancelling", "cancelled", "done", "failed", "lost", "paused"]


@dataclass(frozen=True, slots=True)
class Job:
    """One job as the database has it; times are UTC.

    ``run`` counts how often it was started (0: not yet). ``error`` is set in the states
    ``failed``, ``lost`` and ``paused``: the class of the failure and one clear sentence. A paused
    job waits for what only a person can give: more budget, disk space, permission to write.
    """

    id: str
    kind: JobKind
    persona: str | None
    title: str
    state: JobState
    done: int
    total: int
    message: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    heartbeat_at: datetime | None
    error: str | None
    run: int
    pid: int | None
    params_json: str

    @property
    def active(self) -> bool:
        """Whether it waits or runs."""
        return self.state in {"queued", "running", "cancelling"}

    @property
    def resumable(self) -> bool:
        """Whether it can be started again where it stopped."""
        return self.state in {"lost", "failed", "cancelled", "paused"}


def job_from_row(row: sqlite3.Row) -> Job:
    """Return the job that a row of the database describes."""
    return Job(
        id=row["id"],
        kind=row["kind"],
        persona=row["persona"],
        title=row["title"],
        state=row["state"],
        done=row["done"],
        total=row["total"],
        message=row["message"],
        created_at=datetime.fromtimestamp(row["created_at"], UTC),
        started_at=_moment(row["started_at"]),
        finished_at=_moment(row["finished_at"]),
        heartbeat_at=_moment(row["heartbeat_at"]),
        error=row["error"],
        run=row["run"],
        pid=row["pid"],
        params_json=row["params"],
    )


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)

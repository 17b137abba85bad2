"""Waits for real worker processes."""

from __future__ import annotations

import time
from collections.abc import Callable

from personalab_core.jobs import Job, JobStore


def wait_until(store: JobStore, job_id: str, done: Callable[[Job], bool]) -> Job:
    """Watch a real process; gives up after two minutes."""
    deadline = time.monotonic() + 120
    while not done(job := store.get(job_id)):
        assert time.monotonic() < deadline, f"{job}\n{store.log_path(job_id).read_text()}"
        time.sleep(0.05)
    return job

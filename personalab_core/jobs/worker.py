"""Runs one job in a process of its own: ``python -m personalab_core.jobs.worker --store PATH ID``.

Heavy packages are imported only once the job has its place, so that waiting is cheap.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

from personalab_core.errors import BudgetReachedError, InputError, PersonalabError, WorkspaceError
from personalab_core.jobs.control import JobCancelledError, JobControl, JobPausedError
from personalab_core.jobs.job import Job
from personalab_core.jobs.processes import give_way
from personalab_core.jobs.store import JobStore

_POLL_S = 0.5
_HEARTBEAT_S = 5.0


def run_job(store: JobStore, job_id: str, *, sleep: Callable[[float], None] = time.sleep) -> int:
    """Wait for a free place, do the work, store the outcome; return the process's exit code.

    0 for done or cancelled, 1 for failed, 2 for a job that is not there to be taken, 3 for paused.
    """
    try:
        job = _wait_for_place(store, job_id, sleep)
    except InputError as error:
        print(error, flush=True)  # noqa: T201 - standard output is the job's log file
        return 2
    with _signs_of_life(store, job_id):
        return _work(store, job)


def _wait_for_place(store: JobStore, job_id: str, sleep: Callable[[float], None]) -> Job:
    while (job := store.claim(job_id, pid=os.getpid())) is None:
        sleep(_POLL_S)
    return job


def _work(store: JobStore, job: Job) -> int:
    try:
        from personalab_core.jobs.kinds import perform

        ending = perform(job, JobControl(store, job))
    except JobCancelledError:
        store.finish(job.id, "cancelled", message="stopped on request; what is finished is kept")
        return 0
    except (JobPausedError, BudgetReachedError, WorkspaceError) as error:
        sentence = str(error) if isinstance(error, JobPausedError) else f"{type(error).__name__}: {error}"
        store.finish(job.id, "paused", message="paused; resume goes on here", error=sentence)
        return 3
    except PersonalabError as error:
        store.finish(job.id, "failed", message="failed", error=f"{type(error).__name__}: {error}")
        return 1
    except Exception as error:  # noqa: BLE001 - the edge of a process: anything unexpected must reach the row
        traceback.print_exc()
        # The text of an unknown error may hold anything, a prompt included; the log file is local.
        sentence = f"{type(error).__name__}: an unexpected error; the details are in {store.log_path(job.id)}."
        store.finish(job.id, "failed", message="failed", error=sentence)
        return 1
    store.finish(job.id, "failed" if ending.error else "done", message=ending.message, error=ending.error)
    return 1 if ending.error else 0


@contextlib.contextmanager
def _signs_of_life(store: JobStore, job_id: str) -> Iterator[None]:
    """Keep the heartbeat fresh while one step takes long, such as a slow provider call."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(_HEARTBEAT_S):
            with contextlib.suppress(PersonalabError):  # a full disk now is met by the job itself
                store.report(job_id)

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def main(arguments: list[str] | None = None) -> int:
    """Run the job named on the command line and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m personalab_core.jobs.worker", description=__doc__)
    parser.add_argument("--store", type=Path, required=True, help="the job database")
    parser.add_argument("job_id", help="id of a queued job")
    options = parser.parse_args(arguments)
    give_way()
    return run_job(JobStore(options.store), options.job_id)


if __name__ == "__main__":
    raise SystemExit(main())

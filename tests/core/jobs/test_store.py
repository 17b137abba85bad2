"""The job database: what it accepts, who may run, and what happens when a worker dies."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from personalab_core.errors import InputError, WorkspaceError
from personalab_core.jobs import GenerateAnchorsParams, GenerateImagesParams, JobStore, WorkspaceRef
from personalab_core.jobs.processes import birth_mark, is_alive
from personalab_core.schemas import ImagePrompt

PARAMS = GenerateImagesParams(workspace=WorkspaceRef(), persona="mara", scenario="cafe", n_assets=3)


class Starter:
    """Stands for starting a process: remembers the jobs and answers with this process's id."""

    def __init__(self, pid: int | None = None) -> None:
        self.started: list[str] = []
        self.pid = pid or os.getpid()

    def __call__(self, store: Path, job_id: str, log: Path) -> int:
        self.started.append(job_id)
        return self.pid


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def starter() -> Starter:
    return Starter()


@pytest.fixture
def store(tmp_path: Path, starter: Starter) -> JobStore:
    return JobStore(tmp_path / "out" / "jobs.sqlite3", start=starter)


@pytest.fixture
def dead_pid() -> int:
    """The id of a process that has ended and been waited for."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_submitted_job_is_queued_and_its_worker_started(store: JobStore, starter: Starter) -> None:
    job_id = store.submit("generate_images", PARAMS)
    job = store.get(job_id)
    assert starter.started == [job_id]
    assert (job.state, job.done, job.total, job.persona) == ("queued", 0, 3, "mara")
    assert job.title == "3 pictures of mara"
    assert GenerateImagesParams.model_validate_json(job.params_json) == PARAMS


def test_parameters_of_another_kind_are_refused(store: JobStore) -> None:
    anchors = GenerateAnchorsParams(workspace=WorkspaceRef(), persona="mara")
    with pytest.raises(InputError, match="takes GenerateImagesParams, got GenerateAnchorsParams"):
        store.submit("generate_images", anchors)
    with pytest.raises(InputError, match="Unknown kind of job 'paint'"):
        store.submit("paint", anchors)  # type: ignore[arg-type]
    assert store.list() == ()


@pytest.mark.parametrize("fields", [{}, {"scenario": "cafe", "prompt": ImagePrompt(subject_description="a person")}])
def test_a_picture_job_needs_exactly_one_source(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="either a scenario or a prompt"):
        GenerateImagesParams(workspace=WorkspaceRef(), persona="mara", **fields)  # type: ignore[arg-type]


def test_a_path_is_no_persona() -> None:
    with pytest.raises(ValueError, match="not a persona id"):
        GenerateAnchorsParams(workspace=WorkspaceRef(), persona="../x")


def test_reading_an_empty_workspace_makes_no_file(store: JobStore) -> None:
    assert store.list() == ()
    assert store.reconcile() == 0
    with pytest.raises(InputError, match="no job"):
        store.get("nothing")
    assert not store.path.parent.exists()


def test_newest_first_and_by_persona(store: JobStore) -> None:
    first = store.submit("generate_images", PARAMS)
    second = store.submit("generate_anchors", GenerateAnchorsParams(workspace=WorkspaceRef(), persona="elias"))
    assert [job.id for job in store.list()] == [second, first]
    assert [job.id for job in store.list(persona="mara")] == [first]


def test_two_run_at_once_and_the_third_waits_its_turn(store: JobStore) -> None:
    ids = [store.submit("generate_images", PARAMS) for _ in range(4)]
    assert store.claim(ids[3], pid=os.getpid()) is None, "the last one does not overtake"
    claimed = [store.claim(job_id, pid=os.getpid()) for job_id in ids[:3]]
    assert [job and job.state for job in claimed] == ["running", "running", None]
    store.finish(ids[0], "done", message="finished")
    assert store.claim(ids[3], pid=os.getpid()) is None
    third = store.claim(ids[2], pid=os.getpid())
    assert third is not None
    assert third.run == 1


def test_a_job_is_taken_once(store: JobStore) -> None:
    job_id = store.submit("generate_images", PARAMS)
    store.claim(job_id, pid=os.getpid())
    with pytest.raises(InputError, match="not waiting for a worker"):
        store.claim(job_id, pid=os.getpid())


def test_cancel_ends_a_waiting_job_at_once_and_asks_a_running_one(store: JobStore) -> None:
    waiting, running = (store.submit("generate_images", PARAMS) for _ in range(2))
    store.claim(running, pid=os.getpid())
    assert store.cancel(waiting).state == "cancelled"
    assert store.report(running, done=1, message="second") is False
    assert store.cancel(running).state == "cancelling"
    assert store.report(running, done=2, message="third") is True
    store.finish(running, "cancelled", message="stopped")
    assert store.cancel(running).state == "cancelled"


def test_resume_queues_again_and_keeps_the_progress(store: JobStore, starter: Starter) -> None:
    job_id = store.submit("generate_images", PARAMS)
    store.claim(job_id, pid=os.getpid())
    with pytest.raises(InputError, match="is running"):
        store.resume(job_id)
    store.report(job_id, done=2, message="third")
    store.finish(job_id, "failed", message="failed", error="WorkspaceError: the disk is full.")
    assert store.get(job_id).error == "WorkspaceError: the disk is full."
    job = store.resume(job_id)
    assert (job.state, job.done, job.error, job.run) == ("queued", 2, None, 1)
    assert starter.started == [job_id, job_id]


def test_a_dead_worker_makes_its_job_lost_and_frees_the_place(store: JobStore, starter: Starter, dead_pid: int) -> None:
    ids = [store.submit("generate_images", PARAMS) for _ in range(3)]
    store.claim(ids[0], pid=dead_pid)
    store.claim(ids[1], pid=os.getpid())
    assert store.claim(ids[2], pid=os.getpid()) is not None
    lost = store.get(ids[0])
    assert (lost.state, lost.resumable, lost.active) == ("lost", True, False)
    assert lost.error is not None
    assert lost.error.startswith("WorkerLost: the worker process ended without a result: it was killed")


def test_a_cancelled_job_whose_worker_is_killed_is_cancelled_not_lost(store: JobStore, dead_pid: int) -> None:
    job_id = store.submit("generate_images", PARAMS)
    store.claim(job_id, pid=dead_pid)
    with sqlite3.connect(store.path) as connection:
        connection.execute("UPDATE job SET state='cancelling', cancel=1")
    connection.close()
    assert store.get(job_id).state == "cancelled"


def test_another_process_of_the_same_id_is_not_taken_for_the_worker(store: JobStore) -> None:
    job_id = store.submit("generate_images", PARAMS)
    store.claim(job_id, pid=os.getpid())
    with sqlite3.connect(store.path) as connection:
        connection.execute("UPDATE job SET birth_mark='earlier'")
    connection.close()
    assert store.get(job_id).state == "lost"


def test_a_row_that_nobody_started_is_lost_after_a_minute(tmp_path: Path) -> None:
    def server_dies(store: Path, job_id: str, log: Path) -> int:
        raise KeyboardInterrupt

    clock = Clock()
    store = JobStore(tmp_path / "jobs.sqlite3", start=server_dies, clock=clock)
    with pytest.raises(KeyboardInterrupt):
        store.submit("generate_images", PARAMS)
    assert store.list()[0].state == "queued"
    clock.now += timedelta(seconds=61)
    assert store.list()[0].state == "lost"


def test_a_worker_that_cannot_start_fails_the_job_with_a_sentence(tmp_path: Path) -> None:
    def refuses(store: Path, job_id: str, log: Path) -> int:
        raise PermissionError(13, "Permission denied")

    store = JobStore(tmp_path / "jobs.sqlite3", start=refuses)
    with pytest.raises(WorkspaceError, match="could not be started: Permission denied"):
        store.submit("generate_images", PARAMS)
    assert store.list()[0].state == "failed"


def test_a_file_that_is_no_database_is_one_clear_sentence(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite3"
    path.write_bytes(b"not a database, but long enough to look like one" * 40)
    with pytest.raises(WorkspaceError, match=r"job database .* cannot be used"):
        JobStore(path).list()
    assert path.read_bytes().startswith(b"not a database"), "nothing was overwritten"


def test_a_process_has_one_birth_mark_for_life(dead_pid: int) -> None:
    mark = birth_mark(os.getpid())
    assert mark is not None
    assert mark == birth_mark(os.getpid())
    assert is_alive(os.getpid(), mark)
    assert not is_alive(os.getpid(), mark + "0")
    assert birth_mark(dead_pid) is None
    assert not is_alive(None, None)


def test_a_zombie_is_dead() -> None:
    process = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    assert birth_mark(process.pid) is not None
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # ended, but nobody has collected it
    try:
        assert birth_mark(process.pid) is None
    finally:
        process.communicate()


def test_workspace_reference_survives_the_environment(tmp_path: Path) -> None:
    reference = WorkspaceRef(folder=str(tmp_path), profile="simulated")
    assert WorkspaceRef.from_environment(reference.to_environment()) == reference
    assert WorkspaceRef.from_environment({}) == WorkspaceRef()
    assert reference.load().paths["jobs"] == tmp_path / "generated_content" / "jobs.sqlite3"

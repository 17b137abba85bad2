"""A worker process: claims, works, reports, fails with a sentence, dies and is replaced."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from personalab_core.config import PersonaStore, data_path
from personalab_core.errors import InputError
from personalab_core.jobs import GenerateAnchorsParams, GenerateImagesParams, JobStore, WorkspaceRef
from personalab_core.jobs.control import JobControl
from personalab_core.jobs.worker import run_job
from personalab_core.observability import GenerationMetricsLogger, Journal
from personalab_core.schemas import AnchorRecord, AssetOutcome
from tests.support.job_waits import wait_until


def no_process(store: Path, job_id: str, log: Path) -> int:
    return os.getpid()


@pytest.fixture
def reference(tmp_path: Path) -> WorkspaceRef:
    """A simulated workspace with one persona."""
    reference = WorkspaceRef(folder=str(tmp_path), profile="simulated")
    shipped = PersonaStore(data_path("personas")).get("daniperez")
    PersonaStore(reference.load().paths.personas).save(shipped)
    return reference


@pytest.fixture
def store(reference: WorkspaceRef) -> JobStore:
    return JobStore(reference.load().paths.jobs, start=no_process)


def anchors(reference: WorkspaceRef, **fields: object) -> GenerateAnchorsParams:
    few = {"n_candidates": 2, "kinds": ("smile",)}
    return GenerateAnchorsParams.model_validate(
        {"workspace": reference.model_dump(), "persona": "daniperez"} | few | fields
    )


def images(reference: WorkspaceRef, **fields: object) -> GenerateImagesParams:
    given = {"workspace": reference.model_dump(), "persona": "daniperez", "scenario": "studio_portrait"}
    return GenerateImagesParams.model_validate(given | fields)


def test_anchors_then_pictures(reference: WorkspaceRef, store: JobStore) -> None:
    first = store.submit("generate_anchors", anchors(reference))
    assert run_job(store, first) == 0
    job = store.get(first)
    assert (job.state, job.done, job.total) == ("done", 4, 4)
    assert job.message, "why this one was chosen"
    second = store.submit("generate_images", images(reference, n_assets=2))
    assert run_job(store, second) == 0
    job = store.get(second)
    assert (job.state, job.done, job.total) == ("done", 2, 2)
    assert job.message.endswith("of 2 accepted")
    log = GenerationMetricsLogger(reference.load().paths.output).read_log("daniperez")
    assert {record.context.job_id for record in log} == {second}
    assert {record.asset_id for record in log} == {f"{second}-000", f"{second}-001"}
    # The same job again finds everything finished.
    store.finish(second, "lost", message="")
    store.resume(second)
    assert run_job(store, second) == 0
    assert GenerationMetricsLogger(reference.load().paths.output).read_log("daniperez") == log


def test_a_resumed_anchor_job_makes_only_the_missing_candidates(reference: WorkspaceRef, store: JobStore) -> None:
    job_id = store.submit("generate_anchors", anchors(reference, select=False))
    assert run_job(store, job_id) == 0
    store.finish(job_id, "lost", message="")
    store.resume(job_id)
    assert run_job(store, job_id) == 0
    log = reference.load().paths.references / "daniperez" / "anchors" / "anchors.jsonl"
    assert len(Journal(log, AnchorRecord).read().records) == 2


def test_without_an_anchor_the_job_fails_with_a_sentence(reference: WorkspaceRef, store: JobStore) -> None:
    job_id = store.submit("generate_images", images(reference))
    assert run_job(store, job_id) == 1
    job = store.get(job_id)
    assert job.state == "failed"
    assert job.error is not None
    assert job.error.startswith("AnchorMissingError: ")


def test_an_unknown_scenario_names_the_nearest(reference: WorkspaceRef, store: JobStore) -> None:
    job_id = store.submit("generate_images", images(reference, scenario="cafe_selfi"))
    assert run_job(store, job_id) == 1
    assert "cafe_selfie" in (store.get(job_id).error or "")


def test_an_unexpected_error_keeps_its_text_out_of_the_database(
    reference: WorkspaceRef, store: JobStore, capfd: pytest.CaptureFixture[str]
) -> None:
    job_id = store.submit("generate_images", images(reference))
    personas = Path(reference.load().paths.personas)
    (personas / "daniperez.yml").unlink()
    (personas / "daniperez.yml").mkdir()
    assert run_job(store, job_id) == 1
    assert store.get(job_id).state == "failed"
    assert capfd.readouterr().out == ""


def test_a_cancelled_job_is_not_begun(reference: WorkspaceRef, store: JobStore) -> None:
    job_id = store.submit("generate_images", images(reference))
    store.cancel(job_id)
    assert run_job(store, job_id) == 2
    assert store.get(job_id).state == "cancelled"


def test_a_worker_waits_while_two_others_run(reference: WorkspaceRef, store: JobStore) -> None:
    busy = [store.submit("generate_images", images(reference)) for _ in range(2)]
    for job_id in busy:
        store.claim(job_id, pid=os.getpid())
    waiting = store.submit("generate_images", images(reference))
    waits: list[float] = []

    def one_ends(seconds: float) -> None:
        waits.append(seconds)
        store.finish(busy[0], "done", message="")

    run_job(store, waiting, sleep=one_ends)
    assert len(waits) == 1


def test_the_wish_to_stop_is_asked_for_five_times_a_second_at_most(reference: WorkspaceRef, store: JobStore) -> None:
    job_id = store.submit("generate_images", images(reference))
    job = store.claim(job_id, pid=os.getpid())
    assert job is not None
    now = [0.0]
    control = JobControl(store, job, timer=lambda: now[0])
    assert not control.should_stop()
    store.cancel(job_id)
    now[0] = 0.1
    assert not control.should_stop(), "the database is not asked again yet"
    now[0] = 0.2
    assert control.should_stop()
    assert control.should_stop(), "a wish is not taken back"


@pytest.mark.slow
def test_a_killed_worker_is_lost_and_its_job_resumes_where_it_stopped(reference: WorkspaceRef) -> None:
    store = JobStore(reference.load().paths.jobs)
    made = store.submit("generate_anchors", anchors(reference))
    assert wait_until(store, made, lambda job: not job.active).state == "done"
    job_id = store.submit("generate_images", images(reference, n_assets=8))
    running = wait_until(store, job_id, lambda job: job.done >= 2)
    assert running.pid is not None
    os.kill(running.pid, signal.SIGKILL)
    lost = wait_until(store, job_id, lambda job: not job.active)
    assert lost.state == "lost"
    assert 2 <= lost.done < 8
    store.resume(job_id)
    ended = wait_until(store, job_id, lambda job: not job.active)
    assert (ended.state, ended.done, ended.run) == ("done", 8, 2)
    log = GenerationMetricsLogger(reference.load().paths.output)
    finals = [r.asset_id for r in log.read_log("daniperez") if r.final and r.outcome is not AssetOutcome.CANCELLED]
    assert sorted(finals) == [f"{job_id}-{index:03d}" for index in range(8)], "each asset ended exactly once"
    assert log.journal("daniperez").verify().ok


@pytest.mark.slow
def test_cancel_stops_a_real_worker_and_keeps_what_is_finished(reference: WorkspaceRef) -> None:
    store = JobStore(reference.load().paths.jobs)
    made = store.submit("generate_anchors", anchors(reference))
    wait_until(store, made, lambda job: not job.active)
    job_id = store.submit("generate_images", images(reference, n_assets=50))
    wait_until(store, job_id, lambda job: job.done >= 1)
    store.cancel(job_id)
    assert wait_until(store, job_id, lambda job: not job.active).state == "cancelled"
    with pytest.raises(InputError):
        store.claim(job_id, pid=os.getpid())

"""Runners: one result per job, the same decisions whichever carries them out."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from personalab_core.errors import ConfigError, InputError
from personalab_core.orchestration import AttemptFinished, Event
from personalab_core.runtime import InProcessPool, JobDone, SyncRunner, compute_config_hash
from personalab_core.schemas import AssetOutcome, EvaluationResult, MeasurementStatus, Reason
from tests.support.batch import PROMPT, PictureEvaluator, SeededClient, async_runner, essence, jobs
from tests.support.fakes import FakeLLMClient, tiny_png
from tests.support.loop_fakes import PERSONA, LoopBench


@pytest.fixture
def bench(tmp_path: Path) -> LoopBench:
    bench = LoopBench(tmp_path, client=SeededClient(), evaluator=PictureEvaluator())
    bench.write_anchor()
    return bench


def test_sync_and_async_runs_decide_the_same(bench: LoopBench) -> None:
    todo = jobs(12)
    bench.max_retries = 1
    one = SyncRunner(bench.orchestrator()).run(todo)
    other = async_runner(bench).run(todo)
    assert [essence(result) for result in one] == [essence(result) for result in other]
    assert len({result.outcome for result in one}) > 1


def test_results_come_in_the_order_of_the_jobs_and_name_them(bench: LoopBench) -> None:
    results = async_runner(bench).run(jobs(5))
    assert [r.job_id for r in results] == [f"batch-001-{i}" for i in range(5)]
    assert {(r.config_hash, r.persona) for r in results} == {(compute_config_hash(PROMPT), PERSONA)}
    records = [record for result in results for record in result.attempts]
    assert {record.context.config_hash for record in records} == {compute_config_hash(PROMPT)}
    assert all(record.context.job_id == record.asset_id for record in records)


def test_records_are_written_by_one_thread_that_ends_with_the_batch(bench: LoopBench) -> None:
    writers: set[threading.Thread] = set()

    def note(event: Event) -> None:
        if isinstance(event, AttemptFinished):
            writers.add(threading.current_thread())

    async_runner(bench, max_concurrent_jobs=12, on_event=note).run(jobs(24))
    assert threading.main_thread() not in writers, "the event loop waits for no disk"
    assert len(writers) == 1, "lines of one file take turns"
    assert not any(thread.is_alive() for thread in writers)


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_job_that_cannot_be_carried_out_does_not_end_the_others(bench: LoopBench, kind: str) -> None:
    bad, good = jobs(1, persona="nobody", job_id="bad"), jobs(1)
    runner = SyncRunner(bench.orchestrator()) if kind == "sync" else async_runner(bench)
    first, second = runner.run([*bad, *good])
    assert (first.outcome, first.final_score, first.accepted) == (AssetOutcome.FAILED, None, False)
    assert first.error is not None
    assert first.error.startswith("AnchorMissingError")
    assert second.error is None


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_stop_ends_all_jobs(bench: LoopBench, kind: str) -> None:
    runner = SyncRunner(bench.orchestrator()) if kind == "sync" else async_runner(bench)
    results = runner.run(jobs(3), should_stop=lambda: True)
    assert [(r.outcome, r.final_attempt) for r in results] == [(AssetOutcome.CANCELLED, 0)] * 3


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_an_unexpected_failure_is_recorded_and_ends_only_its_own_job(bench: LoopBench, kind: str) -> None:
    bench.client = FakeLLMClient([ValueError("what nobody foresaw"), tiny_png(200)])
    runner = SyncRunner(bench.orchestrator()) if kind == "sync" else async_runner(bench, max_concurrent_jobs=1)
    first, second = runner.run(jobs(2))
    assert (first.outcome, first.error) == (AssetOutcome.FAILED, "ValueError")
    assert "nobody foresaw" not in first.sentence
    assert second.error is None
    record = bench.log.records[0]
    assert (record.final, record.error, record.reason) == (True, "ValueError", Reason.LOCAL_ERROR)


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_an_evaluator_that_breaks_on_one_picture_costs_its_number_only(
    bench: LoopBench, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    class BreaksOnce(PictureEvaluator):
        n_calls = 0

        def evaluate(self, anchor_path: str | Path, candidate_paths: Sequence[str | Path]) -> EvaluationResult:
            self.n_calls += 1
            if self.n_calls == 1:
                raise ValueError("what nobody foresaw")
            return super().evaluate(anchor_path, candidate_paths)

    bench.client, bench.evaluator = FakeLLMClient(), BreaksOnce()
    pool = InProcessPool(bench.evaluator)
    runner = (
        SyncRunner(bench.orchestrator())
        if kind == "sync"
        else async_runner(bench, max_concurrent_jobs=1, eval_pool=pool)
    )
    first, second = runner.run(jobs(2))
    pool.shutdown()
    assert (first.outcome, first.error, first.final_score) == (AssetOutcome.UNMEASURED, None, None)
    (record,) = first.attempts
    assert (record.status, record.evaluator) == (MeasurementStatus.NOT_MEASURED, bench.evaluator.info)
    assert "the evaluator failed on this file (ValueError)" in record.sentence
    assert "nobody foresaw" not in record.model_dump_json()
    assert "nobody foresaw" in caplog.text
    assert second.final_score is not None


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_two_jobs_of_one_id_are_refused(bench: LoopBench, kind: str) -> None:
    runner = SyncRunner(bench.orchestrator()) if kind == "sync" else async_runner(bench)
    with pytest.raises(InputError, match="batch-001-0"):
        runner.run([*jobs(1), *jobs(1)])


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_progress_is_told_as_jobs_end(bench: LoopBench, kind: str) -> None:
    runner = SyncRunner(bench.orchestrator()) if kind == "sync" else async_runner(bench)
    told: list[JobDone] = []
    results = runner.run(jobs(4), on_done=told.append)
    assert [done.n_done for done in told] == [1, 2, 3, 4]
    assert {done.n_jobs for done in told} == {4}
    assert [done.result for done in sorted(told, key=lambda done: done.index)] == results


def test_a_job_id_never_becomes_a_path() -> None:
    with pytest.raises(ValueError, match="job_id"):
        jobs(1, job_id="../x")


def test_no_concurrency_is_refused(bench: LoopBench) -> None:
    with pytest.raises(ConfigError, match="max_concurrent_jobs"):
        async_runner(bench, max_concurrent_jobs=0)


def test_a_config_hash_depends_on_the_content_only() -> None:
    assert compute_config_hash({"a": 1, "b": 2}) == compute_config_hash({"b": 2, "a": 1})
    assert compute_config_hash(PROMPT) == compute_config_hash(PROMPT.model_dump())
    assert compute_config_hash({"a": 1}) != compute_config_hash({"a": 2})
    assert len(compute_config_hash({})) == 16

"""Whoever carries out a job, and in whatever order: decisions, scores, prompts and patches are the same."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from personalab_core.generation import VideoGenerator
from personalab_core.runtime import InProcessPool, ProviderSemaphore, SyncRunner
from personalab_core.schemas import AssetOutcome, MeasurementStatus
from tests.support.batch import async_runner, essence, film_twin
from tests.support.loop_fakes import LoopBench
from tests.support.moody import MoodyClient, MoodyEvaluator, mixed_jobs, moody_anchor

pytest.importorskip("av")

SEEDS = st.integers(0, 2**31 - 1)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    wanted=st.lists(st.tuples(SEEDS, st.booleans()), min_size=1, max_size=6),
    at_once=st.integers(1, 5),
    in_flight=st.integers(1, 3),
)
def test_sync_and_async_give_the_same(wanted: list[tuple[int, bool]], at_once: int, in_flight: int) -> None:
    """Pictures and films; blocked, failing, garbled and unmeasurable ones, and some that end the evaluator."""
    todo = mixed_jobs(wanted)
    with tempfile.TemporaryDirectory() as folder:
        bench = moody_bench(Path(folder))
        one = SyncRunner(bench.orchestrator(), video_orchestrator=film_twin(bench, films(bench))).run(todo)
        pool = InProcessPool(bench.evaluator)
        runner = async_runner(
            bench,
            eval_pool=pool,
            video_generator=films(bench),
            max_concurrent_jobs=at_once,
            provider_semaphore=ProviderSemaphore({"fake": in_flight}),
        )
        other = runner.run(todo)
        pool.shutdown()
    assert [essence(result) for result in one] == [essence(result) for result in other]
    assert [result.error for result in one] == [result.error for result in other]


def test_the_moods_bring_every_outcome(tmp_path: Path) -> None:
    """What the comparison above is worth: its jobs end in every way, and some films end the evaluator."""
    bench = moody_bench(tmp_path)
    todo = mixed_jobs([(seed, seed % 2 == 0) for seed in range(40)])
    results = SyncRunner(bench.orchestrator(), video_orchestrator=film_twin(bench, films(bench))).run(todo)
    assert {result.outcome for result in results} == set(AssetOutcome) - {AssetOutcome.CANCELLED}
    failed = [a for result in results for a in result.attempts if "ZeroDivisionError" in a.sentence]
    assert {(a.asset_type, a.status, a.outcome) for a in failed} == {
        (kind, MeasurementStatus.NOT_MEASURED, AssetOutcome.UNMEASURED) for kind in ("image", "video")
    }


def moody_bench(folder: Path) -> LoopBench:
    bench = LoopBench(folder, client=MoodyClient(), evaluator=MoodyEvaluator(), max_retries=1)
    bench.write_anchor(data=moody_anchor())
    return bench


def films(bench: LoopBench) -> VideoGenerator:
    return VideoGenerator(bench.client, "film-1", "720p", "9:16", transport_retry=bench.retry)

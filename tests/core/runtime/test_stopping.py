"""A batch that is stopped: what runs is finished or on record, and nothing dangles."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from personalab_core.config import load_config
from personalab_core.llm import LLMImageResponse
from personalab_core.observability import GenerationMetricsLogger
from personalab_core.runtime import RateLimiter
from personalab_core.schemas import AssetOutcome, Reason
from tests.support.batch import PictureEvaluator, async_runner, jobs, workspace
from tests.support.fakes import FakeLLMClient, tiny_png
from tests.support.loop_fakes import PERSONA, LoopBench

ROOT = Path(__file__).resolve().parents[3]


class WaitingClient(FakeLLMClient):
    """Answers even seeds at once; keeps the others waiting for ever."""

    def with_seed(self, seed: int) -> WaitingClient:
        return type(self)(self.images, self.texts, self.requests, self.prompts, seed, self.provider)

    async def generate_image_async(self, **request: Any) -> LLMImageResponse:
        self.requests.append(None)  # type: ignore[arg-type]  # only counted
        if len(self.requests) > 2:
            await asyncio.Event().wait()
        return LLMImageResponse(images=(tiny_png(200),))


@pytest.fixture
def bench(tmp_path: Path) -> LoopBench:
    bench = LoopBench(tmp_path, client=WaitingClient(), evaluator=PictureEvaluator())
    bench.write_anchor()
    return bench


def test_leaving_the_stream_cancels_the_rest_on_record_and_leaves_no_task(bench: LoopBench) -> None:
    async def first_of_many() -> set[asyncio.Task[Any]]:
        runner = async_runner(bench, max_concurrent_jobs=3)
        async with aclosing(runner.stream(jobs(9))) as stream:
            async for _ in stream:
                while len(bench.client.requests) < 4:
                    await asyncio.sleep(0)
                break
        return asyncio.all_tasks() - {asyncio.current_task()}  # type: ignore[arg-type]

    assert asyncio.run(first_of_many()) == set()
    broken_off = [record for record in bench.log.records if record.outcome is AssetOutcome.CANCELLED]
    assert broken_off
    assert {(record.reason, record.error) for record in broken_off} == {(Reason.CANCELLED, "CancelledError")}
    begun = {record.asset_id for record in bench.log.records}
    assert len(begun) < 9, "what was not begun has no record"


def test_cancelling_the_run_ends_it_at_once(bench: LoopBench) -> None:
    async def cancelled() -> None:
        run = asyncio.create_task(async_runner(bench).run_async(jobs(4)))
        while len(bench.client.requests) < 4:
            await asyncio.sleep(0.001)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(cancelled())
    assert [record.final for record in bench.log.records if record.reason is Reason.CANCELLED]


def test_a_stop_reaches_those_who_stand_in_line(bench: LoopBench) -> None:
    """The limiter lets one through; the stop comes before the others' turn, and no further call is sent."""
    stop = threading.Event()
    n_tokens = [0]

    class OneAtATime(RateLimiter):
        async def acquire(self, provider: str, /) -> None:
            n_tokens[0] += 1
            if n_tokens[0] > 1:
                stop.set()

    bench.client = FakeLLMClient()
    runner = async_runner(bench, rate_limiter=OneAtATime(), max_concurrent_jobs=4)
    results = runner.run(jobs(4), should_stop=stop.is_set)
    assert len(bench.client.requests) == 1
    assert {result.outcome for result in results} <= {AssetOutcome.CANCELLED, AssetOutcome.REJECTED}


SCRIPT = """
import asyncio, signal, sys
# A shell ignores Ctrl-C for what it runs in the background, and so would everything started from there.
signal.signal(signal.SIGINT, signal.default_int_handler)
from pathlib import Path
from personalab_core.config import load_config
from personalab_core.generation import ImageGenerator
from personalab_core.identity import IdentityPolicy
from personalab_core.observability import GenerationMetricsLogger
from personalab_core.runtime import AsyncRunner, EvaluationPool, ProviderSemaphore, RateLimiter, RetryPolicy
from tests.support.batch import CountingClient, jobs

config = load_config("config.yml", environ={})
client = CountingClient(Path("submissions"), 0.0)

async def slow(**request):
    client.note()
    print(pool._idle[0].pid, flush=True)
    await asyncio.sleep(60)

pool = EvaluationPool(1, eval_cfg={"embedding": {"backend": "stub"}})
asyncio.run(pool.evaluate_async("anchor.png", ["a.png"]))
CountingClient.generate_image_async = lambda self, **request: slow(**request)
runner = AsyncRunner(
    client=client,
    image_generator=ImageGenerator(
        client=client, model_name="m", aspect_ratio="4:5", references_root=config.paths.references
    ),
    policy=IdentityPolicy(),
    retry_policy=RetryPolicy(),
    eval_pool=pool,
    provider_semaphore=ProviderSemaphore(),
    rate_limiter=RateLimiter({"simulated": 100}),
    drift_tracker=None,
    metrics_logger=GenerationMetricsLogger(config.paths.output),
    output_dir=config.paths.output,
    references_root=config.paths.references,
)
runner.run(jobs(3))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_leaves_records_and_no_process(tmp_path: Path) -> None:
    """As a terminal does it: the signal goes to the whole process group."""
    workspace(tmp_path)
    caller = subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert caller.stdout is not None
    worker_pid = int(caller.stdout.readline())
    os.killpg(caller.pid, signal.SIGINT)
    _, complaint = caller.communicate(timeout=60)
    assert "KeyboardInterrupt" in complaint
    assert not Path(f"/proc/{worker_pid}").exists() or is_zombie(worker_pid)
    config = load_config(tmp_path / "config.yml", environ={})
    records = GenerationMetricsLogger(config.paths.output).read_log(PERSONA)
    assert records
    assert {record.outcome for record in records} == {AssetOutcome.CANCELLED}


def is_zombie(pid: int) -> bool:
    return b"Z" in Path(f"/proc/{pid}/stat").read_bytes().split()[2]

"""Carry out many jobs: one after the other, or at the same time. The attempt loop is the same."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from personalab_core.errors import ConfigError, PersonalabError
from personalab_core.generation import (
    GenerationRequest,
    GenerationResponse,
    ImageGenerator,
    ShouldStop,
    TransportRetry,
)
from personalab_core.llm import LLMClient, provider_of
from personalab_core.orchestration import (
    AttemptPolicy,
    Chance,
    GenerationOrchestrator,
    GenerationResult,
    OnEvent,
    PatchSource,
    Workbench,
)
from personalab_core.orchestration.asset_run import AssetRun
from personalab_core.orchestration.calling import never
from personalab_core.orchestration.keeper import PictureKeeper
from personalab_core.orchestration.loop import Done, Generate, Measure
from personalab_core.orchestration.recorder import AttemptLog, Registry, Timeline
from personalab_core.orchestration.workbench import utc_now
from personalab_core.runtime.concurrency import ProviderSemaphore, RateLimiter
from personalab_core.runtime.eval_pool import EvaluationPool
from personalab_core.runtime.job import JobResult, JobSpec
from personalab_core.schemas import GenerationContext

T = TypeVar("T")


class Runner(Protocol):
    """Carries out jobs. Implement ``run`` for an execution strategy of your own."""

    def run(self, jobs: Sequence[JobSpec]) -> list[JobResult]:
        """Return one result per job, in the order given."""
        ...


class SyncRunner:
    """Carries out one job after the other, in this thread; for debugging and comparison.

    Args:
        orchestrator: Makes each asset.
    """

    def __init__(self, orchestrator: GenerationOrchestrator) -> None:
        self._orchestrator = orchestrator

    def run(self, jobs: Sequence[JobSpec], *, should_stop: ShouldStop | None = None) -> list[JobResult]:
        """Return one result per job, in the order given. A job that cannot be carried out does not end the others."""
        return [self._run_job(job, should_stop) for job in jobs]

    def _run_job(self, job: JobSpec, should_stop: ShouldStop | None) -> JobResult:
        try:
            return JobResult.of(job, self._orchestrator.run_request(job.to_request(), should_stop=should_stop))
        except PersonalabError as error:
            return JobResult.failed(job, error)


class AsyncRunner:
    """Carries out jobs at the same time: provider calls in one event loop, measurements in a pool.

    Args:
        client: Reaches the provider; names it unless ``provider_key`` does.
        image_generator: Calls the provider and stores pictures.
        policy: Decides, and says how many attempts an asset has.
        retry_policy: Repeats failed provider calls.
        eval_pool: Measures. It stays open; its owner shuts it down.
        provider_semaphore: Limits calls in flight.
        rate_limiter: Spaces calls.
        drift_tracker: Timeline of measured pictures; ``None`` keeps none.
        metrics_logger: Log of attempts; ``None`` keeps none.
        output_dir: The workspace's output folder.
        references_root: Folder of the personas' anchors.
        provider_key: Whose limits apply.
        max_concurrent_jobs: How many jobs are under way at a time.
        context: Profile and configuration for the records; the generator's if ``None``.
        registry: List of accepted assets; a :class:`RegistryWriter` of ``output_dir`` if ``None``.
        patches: Prompt patches of retries; those of the configuration in force if ``None``.
        clock: Current time, with zone.
        timer: Monotonic seconds.
        on_event: Told what happens; called from several threads, one at a time for each asset.
        chance: Where ids come from.

    Raises:
        ConfigError: ``max_concurrent_jobs`` is below 1.
    """

    def __init__(
        self,
        *,
        client: LLMClient,
        image_generator: ImageGenerator,
        policy: AttemptPolicy,
        retry_policy: TransportRetry,
        eval_pool: EvaluationPool,
        provider_semaphore: ProviderSemaphore,
        rate_limiter: RateLimiter,
        drift_tracker: Timeline | None,
        metrics_logger: AttemptLog | None,
        output_dir: str | Path,
        references_root: str | Path,
        provider_key: str | None = None,
        max_concurrent_jobs: int = 4,
        context: GenerationContext | None = None,
        registry: Registry | None = None,
        patches: PatchSource | None = None,
        clock: Callable[[], datetime] = utc_now,
        timer: Callable[[], float] = time.perf_counter,
        on_event: OnEvent | None = None,
        chance: Chance | None = None,
    ) -> None:
        if max_concurrent_jobs < 1:
            raise ConfigError(f"max_concurrent_jobs must be at least 1, got {max_concurrent_jobs}.")
        self._generator = image_generator
        self._retry_policy = retry_policy
        self._eval_pool = eval_pool
        self._semaphore = provider_semaphore
        self._rate_limiter = rate_limiter
        self._provider = provider_key or provider_of(client, "image")
        self._max_concurrent_jobs = max_concurrent_jobs
        self._timer = timer
        self._workbench = Workbench.assemble(
            keeper=PictureKeeper(image_generator, Path(output_dir)),
            policy=policy,
            context=context or image_generator.context,
            output_dir=output_dir,
            references_root=references_root,
            drift_tracker=drift_tracker,
            metrics_logger=metrics_logger,
            registry=registry,
            patches=patches,
            clock=clock,
            timer=timer,
            on_event=on_event,
            chance=chance,
        )

    def run(self, jobs: Sequence[JobSpec], *, should_stop: ShouldStop | None = None) -> list[JobResult]:
        """Return one result per job, in the order given. A job that cannot be carried out does not end the others."""
        return asyncio.run(self.run_async(jobs, should_stop=should_stop))

    async def run_async(self, jobs: Sequence[JobSpec], *, should_stop: ShouldStop | None = None) -> list[JobResult]:
        """Do the same inside an event loop that is already running."""
        places = asyncio.Semaphore(self._max_concurrent_jobs)
        stop = should_stop or never
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._run_job(job, places, stop)) for job in jobs]
        return [task.result() for task in tasks]

    async def _run_job(self, job: JobSpec, places: asyncio.Semaphore, stop: ShouldStop) -> JobResult:
        async with places:
            try:
                return JobResult.of(job, await self._make(job, stop))
            except PersonalabError as error:
                return JobResult.failed(job, error)

    async def _make(self, job: JobSpec, stop: ShouldStop) -> GenerationResult:
        run = self._workbench.open(job.to_request())
        while not isinstance(step := run.step, Done):
            match step:
                case Generate():
                    await self._generate(run, step, stop)
                case Measure():
                    await self._measure(run, step, stop)
                case _:
                    await _in_thread(run.record)
        return run.result()

    async def _generate(self, run: AssetRun, step: Generate, stop: ShouldStop) -> None:
        if stop():
            run.cancel()
            return
        request = run.request(step)
        with run.recorded_if_it_fails():
            call = await self._retry_policy.call_async(
                partial(self._call, request), on_retry=run.retried, should_stop=stop
            )
            await _in_thread(partial(run.called, call, stop=stop()))

    async def _call(self, request: GenerationRequest) -> GenerationResponse:
        async with self._semaphore.slot(self._provider):
            await self._rate_limiter.acquire(self._provider)
            return await self._generator.generate_async(request)

    async def _measure(self, run: AssetRun, step: Measure, stop: ShouldStop) -> None:
        with run.recorded_if_it_fails():
            started = self._timer()
            result = await self._eval_pool.evaluate_async(run.anchor_path, [step.path])
            run.measured(result, measure_s=self._timer() - started, stop=stop())


async def _in_thread(work: Callable[[], T]) -> T:
    """Do blocking work beside the event loop. A cancellation waits for its end: files are written whole."""
    task = asyncio.create_task(asyncio.to_thread(work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise

"""Carry out many jobs: one after the other, or at the same time. The attempt loop is the same."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol, TypeVar, Unpack

from personalab_core.config import load_config
from personalab_core.errors import ConfigError, InputError, PersonalabError
from personalab_core.generation import ImageGenerator, ShouldStop, TransportRetry, VideoGenerator
from personalab_core.llm import LLMClient, provider_of
from personalab_core.orchestration import (
    AttemptPolicy,
    Fittings,
    GenerationOrchestrator,
    GenerationResult,
    VideoOrchestrator,
    VideoResult,
    Workbench,
)
from personalab_core.orchestration.calling import never
from personalab_core.orchestration.keeper import PictureKeeper, VideoKeeper
from personalab_core.orchestration.recorder import AttemptLog, Timeline
from personalab_core.runtime.concurrency import Slots, Tokens
from personalab_core.runtime.job import JobResult, JobSpec
from personalab_core.runtime.lanes import Batch, Lane, Limits
from personalab_core.runtime.measuring import MeasuringPool
from personalab_core.schemas import GenerationContext

T = TypeVar("T")

_log = logging.getLogger(__name__)


class Runner(Protocol):
    """Carries out jobs. Implement ``run`` for an execution strategy of your own."""

    def run(self, jobs: Sequence[JobSpec]) -> list[JobResult]:
        """Return one result per job, in the order given."""
        ...


@dataclass(frozen=True, slots=True)
class JobDone:
    """One job has ended, and how far the batch is.

    Attributes:
        result: What came of it.
        index: Its place among the jobs, from 0.
        n_done: Jobs that have ended so far, this one included.
        n_jobs: Jobs in all.
    """

    result: JobResult
    index: int
    n_done: int
    n_jobs: int


OnDone = Callable[[JobDone], None]


class SyncRunner:
    """Carries out one job after the other, in this thread; for debugging and comparison.

    Args:
        orchestrator: Makes each picture.
        video_orchestrator: Makes each video; without it, jobs of asset type ``video`` fail.
    """

    def __init__(
        self, orchestrator: GenerationOrchestrator, *, video_orchestrator: VideoOrchestrator | None = None
    ) -> None:
        self._orchestrator = orchestrator
        self._video_orchestrator = video_orchestrator

    def run(
        self, jobs: Sequence[JobSpec], *, should_stop: ShouldStop | None = None, on_done: OnDone | None = None
    ) -> list[JobResult]:
        """Return one result per job, in the order given. A job that cannot be carried out does not end the others.

        Args:
            jobs: What to make.
            should_stop: Asked between steps; ``True`` ends every job with the attempt under way.
            on_done: Told as soon as a job has ended.

        Raises:
            InputError: Two jobs have one id.
        """
        check_job_ids(jobs)
        results: list[JobResult] = []
        for index, job in enumerate(jobs):
            results.append(self._run_job(job, should_stop))
            if on_done is not None:
                on_done(JobDone(results[-1], index, index + 1, len(jobs)))
        return results

    def _run_job(self, job: JobSpec, should_stop: ShouldStop | None) -> JobResult:
        try:
            return JobResult.of(job, self._make(job, should_stop))
        except Exception as error:  # noqa: BLE001 - the edge of a job: the others go on, and the log has the traceback
            return failed_job(job, error)

    def _make(self, job: JobSpec, should_stop: ShouldStop | None) -> GenerationResult | VideoResult:
        if job.asset_type == "image":
            return self._orchestrator.run_request(job.to_request(), should_stop=should_stop)
        if self._video_orchestrator is None:
            raise ConfigError("This runner makes no videos: hand it a video_orchestrator.")
        return self._video_orchestrator.run_request(job.to_request(), should_stop=should_stop)


class AsyncRunner:
    """Carries out jobs at the same time: provider calls in one event loop, measurements in a pool.

    Decisions, scores, prompts and patches are those of :class:`SyncRunner`. Ctrl-C and a cancelled task
    end it cleanly: an attempt whose call was under way is recorded as cancelled, and nothing goes on behind.

    Args:
        client: Reaches the provider; names it unless ``provider_key`` does.
        image_generator: Calls the provider and stores pictures.
        policy: Decides, and says how many attempts an asset has.
        retry_policy: Repeats failed provider calls.
        eval_pool: Measures. It stays open; its owner shuts it down.
        provider_semaphore: Limits calls in flight.
        rate_limiter: Spaces calls.
        video_generator: Calls the provider and stores videos; if ``None``, jobs of asset type ``video`` are made
            with ``client`` as the configuration in force says.
        drift_tracker: Timeline of measured pictures; ``None`` keeps none.
        metrics_logger: Log of attempts; ``None`` keeps none.
        output_dir: The workspace's output folder.
        references_root: Folder of the personas' anchors.
        provider_key: Whose limits apply to pictures; videos have those of their generator's provider.
        max_concurrent_jobs: How many jobs are under way at a time. To keep a provider busy this must
            be more than its calls in flight, since jobs are also measured.
        context: Profile and configuration for the records; the generator's if ``None``.
        fittings: What else can be handed in; see :class:`Fittings`.

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
        eval_pool: MeasuringPool,
        provider_semaphore: Slots,
        rate_limiter: Tokens,
        drift_tracker: Timeline | None,
        metrics_logger: AttemptLog | None,
        output_dir: str | Path,
        references_root: str | Path,
        video_generator: VideoGenerator | None = None,
        provider_key: str | None = None,
        max_concurrent_jobs: int = 4,
        context: GenerationContext | None = None,
        **fittings: Unpack[Fittings],
    ) -> None:
        if max_concurrent_jobs < 1:
            raise ConfigError(f"max_concurrent_jobs must be at least 1, got {max_concurrent_jobs}.")
        self._max_concurrent_jobs = max_concurrent_jobs
        self._eval_pool = eval_pool  # only kept: the specification's sample shuts it down from here
        self._client = client
        self._video_generator = video_generator
        workbench = Workbench.assemble(
            keeper=PictureKeeper(image_generator, Path(output_dir)),
            policy=policy,
            context=context or image_generator.context,
            output_dir=output_dir,
            references_root=references_root,
            drift_tracker=drift_tracker,
            metrics_logger=metrics_logger,
            **fittings,
        )
        self._pictures = Lane(
            workbench=workbench,
            generator=image_generator,
            provider=provider_key or provider_of(client, "image"),
            retry_policy=retry_policy,
            limits=Limits(provider_semaphore, rate_limiter),
            pool=eval_pool,
            accept_threshold=policy.accept_threshold,
        )

    @cached_property
    def _videos(self) -> Lane:
        generator = self._video_generator or VideoGenerator.from_config(self._client, load_config())
        bench = self._pictures.workbench
        keeper = VideoKeeper(generator, bench.output_dir)
        bench = replace(bench, keeper=keeper, context=generator.context)
        return replace(self._pictures, workbench=bench, generator=generator, provider=generator.provider)

    def run(
        self, jobs: Sequence[JobSpec], *, should_stop: ShouldStop | None = None, on_done: OnDone | None = None
    ) -> list[JobResult]:
        """Return one result per job, in the order given. A job that cannot be carried out does not end the others.

        Args:
            jobs: What to make.
            should_stop: Asked between steps; ``True`` ends every job with the attempt under way.
            on_done: Told as soon as a job has ended, from the event loop.

        Raises:
            InputError: Two jobs have one id.
        """
        n_threads = 2 * self._max_concurrent_jobs + 4
        return asyncio.run(with_threads(n_threads, self.run_async(jobs, should_stop=should_stop, on_done=on_done)))

    async def run_async(
        self, jobs: Sequence[JobSpec], *, should_stop: ShouldStop | None = None, on_done: OnDone | None = None
    ) -> list[JobResult]:
        """Do the same inside an event loop that is already running."""
        return await in_order(self.stream(jobs, should_stop=should_stop), on_done)

    async def stream(
        self, jobs: Sequence[JobSpec], *, should_stop: ShouldStop | None = None
    ) -> AsyncGenerator[JobDone, None]:
        """Yield every job as it ends. Leaving the loop early cancels the others and waits for their records.

        Raises:
            InputError: Two jobs have one id.
        """
        check_job_ids(jobs)
        # One: lines of one file take turns, and a picture takes some 50 ms. Four cost 2 ms of CPU a job more, all of it
        # for handing the interpreter back and forth (``benchmarks/runner_makespan.py``).
        with ThreadPoolExecutor(1, thread_name_prefix="files") as file_thread:
            batch = Batch(should_stop or never, file_thread)
            async with contextlib.aclosing(self._stream(jobs, batch)) as stream:
                async for done in stream:
                    yield done

    async def _stream(self, jobs: Sequence[JobSpec], batch: Batch) -> AsyncGenerator[JobDone, None]:
        ended: asyncio.Queue[tuple[int, JobResult]] = asyncio.Queue()
        todo = iter(enumerate(jobs))

        async def carry_out() -> None:
            for index, job in todo:
                ended.put_nowait((index, await self._run_job(job, batch)))

        tasks = [asyncio.create_task(carry_out()) for _ in range(min(self._max_concurrent_jobs, len(jobs)))]
        try:
            for n_done in range(1, len(jobs) + 1):
                index, result = await ended.get()
                yield JobDone(result, index, n_done, len(jobs))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _run_job(self, job: JobSpec, batch: Batch) -> JobResult:
        try:
            return JobResult.of(job, await self._make(job, batch))
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            return failed_job(job, error)  # a client cancelled its own work; nobody cancelled ours
        except Exception as error:  # noqa: BLE001 - the edge of a job: the others go on, and the log has the traceback
            return failed_job(job, error)

    async def _make(self, job: JobSpec, batch: Batch) -> GenerationResult | VideoResult:
        if job.asset_type == "image":
            return await self._pictures.make_picture(job.to_request(), batch)
        return await self._videos.make_video(job.to_request(), batch)


async def in_order(stream: AsyncGenerator[JobDone, None], on_done: OnDone | None) -> list[JobResult]:
    """Return the results of a stream by the places of their jobs, telling ``on_done`` as they come."""
    results: dict[int, JobResult] = {}
    async with contextlib.aclosing(stream):
        async for done in stream:
            results[done.index] = done.result
            if on_done is not None:
                on_done(done)
    return [results[index] for index in sorted(results)]


async def with_threads(n_threads: int, work: Awaitable[T]) -> T:
    """Return what ``work`` gives, in an event loop of its own that may use that many threads.

    Some adapters wait for their vendor in a thread, and calls are entered into the account book from one:
    asyncio's own ceiling (cores + 4) would hold calls back that the provider's limits allow.
    """
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(n_threads, thread_name_prefix="runner"))
    return await work


def check_job_ids(jobs: Sequence[JobSpec]) -> None:
    """Refuse jobs that would write over each other's files and records.

    Raises:
        InputError: Two jobs have one id.
    """
    repeated = [job_id for job_id, n in Counter(job.job_id for job in jobs).items() if n > 1]
    if repeated:
        raise InputError(f"Every job needs an id of its own; {repeated[0]!r} is given to several.")


def failed_job(job: JobSpec, error: BaseException) -> JobResult:
    """Return the result of a job that ``error`` ended; what nobody foresaw goes to the log with its traceback."""
    if not isinstance(error, PersonalabError):
        _log.error("Job %s failed", job.job_id, exc_info=error)
    return JobResult.failed(job, error)

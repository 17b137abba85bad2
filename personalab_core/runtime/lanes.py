"""Carries out one asset in an event loop: the attempt loop's steps, with both waits handed to whoever serves them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

from personalab_core.errors import CallCancelledError, RateLimitError
from personalab_core.generation import GenerationRequest, GenerationResponse, ShouldStop, TransportRetry
from personalab_core.generation.submitting import in_thread
from personalab_core.generation.transport import RetryNotice
from personalab_core.orchestration import AssetRequest, GenerationResult, VideoResult, Workbench
from personalab_core.orchestration.asset_run import AssetRun
from personalab_core.orchestration.loop import Done, Generate, Measure
from personalab_core.orchestration.video_judging import take_video
from personalab_core.orchestration.video_measurement import VideoMeasurement
from personalab_core.orchestration.video_result import VideoAttemptResult
from personalab_core.runtime.concurrency import Slots, Tokens
from personalab_core.runtime.measuring import MeasuringPool

T = TypeVar("T")

Beside = Callable[[Callable[[], T]], Awaitable[T]]
"""Does blocking work in a thread beside the event loop."""


class GeneratesAsync(Protocol):
    """Makes one call to a provider; the generators of pictures and of videos do."""

    async def generate_async(self, request: GenerationRequest) -> GenerationResponse:
        """Return what the call gave."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """Whose turn it is at the providers.

    Attributes:
        slots: Calls in flight.
        tokens: Calls per second.
    """

    slots: Slots
    tokens: Tokens

    def at(self, provider: str) -> AbstractAsyncContextManager[None]:
        """Return the place among the calls in flight to one provider."""
        return self.slots.slot(provider)


@dataclass(frozen=True, slots=True)
class Batch:
    """The jobs of one call of a runner.

    Attributes:
        stop: Asked between steps; ``True`` ends every job with the attempt under way.
        file_thread: Reads and writes records, and stores pictures.
    """

    stop: ShouldStop
    file_thread: Executor

    async def with_files(self, work: Callable[[], T]) -> T:
        """Return what ``work`` gives, which reads or writes files, without blocking the event loop."""
        return await in_thread(work, self.file_thread)


@dataclass(frozen=True, slots=True)
class Lane:
    """Everything that assets of one kind go through.

    Attributes:
        workbench: Opens assets.
        generator: Calls the provider.
        provider: Whose limits apply.
        retry_policy: Repeats failed calls.
        limits: Shared by all lanes.
        pool: Measures, likewise.
        accept_threshold: Low stretches of videos are counted from it.
    """

    workbench: Workbench
    generator: GeneratesAsync
    provider: str
    retry_policy: TransportRetry
    limits: Limits
    pool: MeasuringPool
    accept_threshold: float

    async def make_picture(self, request: AssetRequest, batch: Batch) -> GenerationResult:
        """Return how the attempts for one picture ended."""
        run = await batch.with_files(partial(self.workbench.open, request))
        while not isinstance(step := run.step, Done):
            match step:
                case Generate():
                    await self._generate(run, step, batch, batch.with_files)
                case Measure():
                    await self._measure_picture(run, step, batch)
                case _:
                    await batch.with_files(run.record)
        return run.result()

    async def make_video(self, request: AssetRequest, batch: Batch) -> VideoResult:
        """Return how the attempts for one video ended."""
        run = await batch.with_files(partial(self.workbench.open, request))
        attempts = [VideoAttemptResult.recalled(record, self.workbench.output_dir) for record in run.past]
        measured: VideoMeasurement | None = None
        while not isinstance(step := run.step, Done):
            match step:
                case Generate():
                    measured = None
                    await self._generate(run, step, batch, in_thread)
                case Measure():
                    measured = await self._measure_video(run, step, batch)
                case _:
                    attempts.append(VideoAttemptResult.of(await batch.with_files(run.record), measured))
        end = run.result()
        return VideoResult(end.persona, end.asset_id, end.outcome, end.sentence, tuple(attempts), end.output_dir)

    async def _generate(self, run: AssetRun, step: Generate, batch: Batch, stored: Beside[None]) -> None:
        if batch.stop():
            run.cancel()
            return
        request = run.request(step)
        with run.recorded_if_it_fails():
            call = await self.retry_policy.call_async(
                partial(self._call, request, batch), on_retry=partial(self._retried, run), should_stop=batch.stop
            )
            await stored(partial(run.called, call, stop=batch.stop()))

    async def _call(self, request: GenerationRequest, batch: Batch) -> GenerationResponse:
        async with self.limits.at(self.provider):
            await self.limits.tokens.acquire(self.provider)
            if batch.stop():  # it may have stood in line for long
                raise CallCancelledError("cancelled before the call was sent", provider=self.provider)
            return await self.generator.generate_async(request)

    def _retried(self, run: AssetRun, notice: RetryNotice) -> None:
        if isinstance(notice.error, RateLimitError) and notice.error.retry_after_s:
            # It asks all of us to wait, not only the job that was told.
            self.limits.tokens.hold(self.provider, notice.error.retry_after_s)
        run.retried(notice)

    async def _measure_picture(self, run: AssetRun, step: Measure, batch: Batch) -> None:
        with run.recorded_if_it_fails():
            started = self.workbench.timer()
            result = await self.pool.evaluate_async(run.anchor_path, [step.path])
            run.measured(result, measure_s=self.workbench.timer() - started, stop=batch.stop())

    async def _measure_video(self, run: AssetRun, step: Measure, batch: Batch) -> VideoMeasurement | None:
        with run.recorded_if_it_fails():
            started = self.workbench.timer()
            found = await self.pool.evaluate_video_async(
                run.anchor_path, step.path, accept_threshold=self.accept_threshold
            )
            measure_s = self.workbench.timer() - started
            output_dir, stopping = self.workbench.output_dir, batch.stop()
            take = partial(take_video, run, found, output_dir=output_dir, measure_s=measure_s, stop=stopping)
            return await in_thread(take)

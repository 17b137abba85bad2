"""Measures faces beside the event loop, in threads of this process."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from personalab_core.errors import ConfigError
from personalab_core.identity import IdentityEvaluator
from personalab_core.orchestration.unmeasured import not_measured
from personalab_core.orchestration.video_measurement import VideoMeasurement
from personalab_core.runtime.concurrency import ProviderSemaphore
from personalab_core.runtime.eval_pool import DEFAULT_TIMEOUT_S
from personalab_core.runtime.measuring import MeasuringStation, PictureTask, TaskResult, VideoTask
from personalab_core.schemas import EvaluationResult

_HERE = "measuring"


class InProcessPool:
    """Measures with an evaluator that is there already.

    For a single core, for short batches, for tests, and where an evaluator of your own cannot be built from a
    configuration. ONNX Runtime lets go of the interpreter while it computes, so that two threads of one runtime
    measure nearly twice as much as one. A measurement that gives no answer in time cannot be ended here, only left
    alone: its picture is *not measured*, and its thread ends with the process.

    Args:
        evaluator: Measures faces.
        eval_cfg: The configuration's ``evaluation`` section, for videos; empty means its defaults.
        max_workers: Measurements at a time, those that were left alone not counted.
        timeout_s: How long one measurement may take.

    Raises:
        ConfigError: ``max_workers`` is below 1, or the timeout is not above 0.
    """

    def __init__(
        self,
        evaluator: IdentityEvaluator,
        *,
        eval_cfg: Mapping[str, Any] | None = None,
        max_workers: int = 1,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> None:
        if max_workers < 1 or not timeout_s > 0:
            raise ConfigError(
                f"InProcessPool needs max_workers >= 1 and a timeout_s above 0, got {max_workers}, {timeout_s}."
            )
        self._evaluator = evaluator
        self._station = MeasuringStation(evaluator, eval_cfg or {})
        self._timeout_s = timeout_s
        self._places = ProviderSemaphore({_HERE: max_workers})
        self._threads: set[threading.Thread] = set()

    async def evaluate_async(self, anchor_path: str, candidate_paths: Sequence[str]) -> EvaluationResult:
        """Return one result per candidate, without blocking the event loop."""
        result: EvaluationResult = await self._carry_out(PictureTask(anchor_path, tuple(candidate_paths)))
        return result

    async def evaluate_video_async(
        self, anchor_path: str, video_path: str, *, accept_threshold: float
    ) -> VideoMeasurement | EvaluationResult:
        """Return both axes of a video without blocking the event loop; only why not, if it cannot be measured."""
        result: VideoMeasurement | EvaluationResult
        result = await self._carry_out(VideoTask(anchor_path, video_path, accept_threshold))
        return result

    def shutdown(self) -> None:
        """Wait for the measurements under way, each for at most as long as it may take."""
        for thread in tuple(self._threads):
            thread.join(self._timeout_s)

    async def _carry_out(self, task: PictureTask | VideoTask) -> Any:
        async with self._places.slot(_HERE):
            answer: asyncio.Future[TaskResult] = asyncio.get_running_loop().create_future()
            # Not an executor's: the interpreter waits for those when it ends, however long they hang.
            thread = threading.Thread(target=self._measure, args=(task, answer), name=_HERE, daemon=True)
            self._threads.add(thread)
            thread.start()
            try:
                return await asyncio.wait_for(answer, self._timeout_s)
            except TimeoutError:
                self._threads.discard(thread)
                reason = f"measuring gave no answer within {self._timeout_s:g} s on this file"
                return not_measured(task.anchor_path, task.paths, self._evaluator.info, reason)

    def _measure(self, task: PictureTask | VideoTask, answer: asyncio.Future[TaskResult]) -> None:
        error: BaseException | None = None
        result: TaskResult | None = None
        try:
            result = self._station.carry_out(task)
        except BaseException as raised:  # noqa: BLE001 - handed on to who waits for it
            error = raised
        self._threads.discard(threading.current_thread())
        with contextlib.suppress(RuntimeError):  # nobody waits any more: the loop is closed
            answer.get_loop().call_soon_threadsafe(_settle, answer, result, error)


def _settle(answer: asyncio.Future[Any], result: TaskResult | None, error: BaseException | None) -> None:
    if answer.done():  # given up, or cancelled
        return
    if error is not None:
        answer.set_exception(error)
    else:
        answer.set_result(result)

"""Measures faces beside the event loop, in worker processes with a face runtime each."""

from __future__ import annotations

import asyncio
import os
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Condition
from typing import Any, Self, TypeVar

from personalab_core.config import Section
from personalab_core.errors import ConfigError, WorkspaceError
from personalab_core.orchestration.unmeasured import not_measured
from personalab_core.orchestration.video_measurement import VideoMeasurement
from personalab_core.runtime.eval_worker import WorkerDiedError, WorkerHungError, WorkerProcess
from personalab_core.runtime.measuring import InfoTask, PictureTask, VideoTask
from personalab_core.schemas import EvaluationResult, EvaluatorInfo

T = TypeVar("T")

TRIES = 2
"""Processes that one picture may end before it is given up. A first death may be the system's doing (out of
memory), a second one in a fresh process is most likely the picture's."""

DEFAULT_TIMEOUT_S = 600.0
"""As ``runtime.eval_timeout_s`` in ``data/config/defaults.yml``; not calibrated. Far above what loading the models
(seconds) and a picture (a fraction of one) or a minute of video (about one) take on a busy machine."""


class EvaluationPool:
    """Worker processes that measure; each loads its models once, at its first measurement.

    A start takes as long as dozens of small measurements, so a further worker is started only when the line
    of waiting pictures would take longer. Every worker gets its share of the cores as threads, and idle threads
    do not spin, so that two workers on two cores do nearly twice the work of one (``benchmarks/runner_pool.py``).
    A worker that dies takes nothing with it but the picture it was at: that one is tried once more in a new
    process, and is then *not measured*, with the reason. One that gives no answer in time is ended; its picture
    is *not measured*, too, and not tried again. Workers end with this process, however it ends.

    Args:
        max_workers: Most processes; they are started when they are needed.
        eval_cfg: The configuration's ``evaluation`` section.
        n_threads: Threads of each worker; the available cores divided among the workers by default.
        timeout_s: How long one measurement may take, the worker's start included.
        timer: Monotonic seconds.

    Raises:
        ConfigError: A number of workers or threads is below 1, or the timeout is not above 0.
    """

    def __init__(
        self,
        max_workers: int = 2,
        *,
        eval_cfg: Mapping[str, Any],
        n_threads: int | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        if max_workers < 1 or (n_threads is not None and n_threads < 1):
            raise ConfigError(f"EvaluationPool needs max_workers and n_threads >= 1, got {max_workers}, {n_threads}.")
        if not timeout_s > 0:
            raise ConfigError(f"EvaluationPool needs a timeout_s above 0, got {timeout_s}.")
        self._timeout_s = timeout_s
        self._evaluation = eval_cfg.to_mapping() if isinstance(eval_cfg, Section) else dict(eval_cfg)
        self._n_threads = n_threads or max(1, available_cores() // max_workers)
        # One thread per worker process, waiting for its answer.
        self._callers = ThreadPoolExecutor(max_workers, thread_name_prefix="measuring")
        self._idle: list[WorkerProcess] = []
        self._timer = timer
        self._n_open = 0
        self._n_workers = 0
        self._start_s = 0.0
        self._measure_s = 0.0
        self._changed = Condition()
        self._finalizer = weakref.finalize(self, _end_all, self._idle)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()

    @property
    def n_workers(self) -> int:
        """How many processes there are now."""
        return self._n_workers

    async def evaluate_async(self, anchor_path: str, candidate_paths: Sequence[str]) -> EvaluationResult:
        """Return one result per candidate, without blocking the event loop.

        Raises:
            InputError: The anchor cannot be used.
            ModelPackError: The configured face model pack is absent or damaged.
            WorkspaceError: No worker process can be kept alive.
        """
        return await self._in_caller(self._evaluate, PictureTask(anchor_path, tuple(candidate_paths)))

    async def evaluate_video_async(
        self, anchor_path: str, video_path: str, *, accept_threshold: float
    ) -> VideoMeasurement | EvaluationResult:
        """Return both axes of a video without blocking the event loop; only why not, if it cannot be measured.

        Raises:
            InputError: The anchor cannot be used, or the video cannot be decoded.
            ModelPackError: The configured face model pack is absent or damaged.
            WorkspaceError: No worker process can be kept alive.
        """
        return await self._in_caller(self._evaluate, VideoTask(anchor_path, video_path, accept_threshold))

    def shutdown(self) -> None:
        """End the worker processes after the measurements under way. The pool cannot be used afterwards."""
        self._callers.shutdown(wait=True, cancel_futures=True)
        self._finalizer()

    async def _in_caller(self, work: Callable[[Any], T], task: Any) -> T:
        self._n_open += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._callers, work, task)
        finally:
            self._n_open -= 1

    def _evaluate(self, task: PictureTask | VideoTask) -> Any:
        """Return the measurement; a worker that dies or hangs over it is replaced."""
        ending = ""
        for _ in range(TRIES):
            try:
                return self._ask(task)
            except WorkerHungError as error:
                ending = f"{error} on this file and was ended"
                break
            except WorkerDiedError as error:
                ending = f"{error} on this file, {TRIES} times"
        return not_measured(task.anchor_path, task.paths, self._info(), f"the measuring process {ending}")

    def _info(self) -> EvaluatorInfo:
        try:
            info: EvaluatorInfo = self._ask(InfoTask())
        except (WorkerDiedError, WorkerHungError) as error:
            raise WorkspaceError(
                f"The measuring process {error} before it measured anything, most likely out of memory; "
                "use fewer runtime.eval_pool_workers."
            ) from error
        return info

    def _ask(self, task: object) -> Any:
        worker, is_new = self._take()
        started = self._timer()
        try:
            answer = worker.ask(task, timeout_s=self._timeout_s)
            took_s = self._timer() - started
            self._start_s, self._measure_s = (took_s, self._measure_s) if is_new else (self._start_s, took_s)
            return answer
        finally:
            with self._changed:
                if worker.alive:
                    self._idle.append(worker)
                else:
                    self._n_workers -= 1
                self._changed.notify_all()

    def _take(self) -> tuple[WorkerProcess, bool]:
        """Return a worker, and whether it was started for this.

        Raises:
            WorkspaceError: None can be started.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._idle or not self._n_workers or self._worth_another())
            if self._idle and self._idle[-1].alive:
                return self._idle.pop(), False
            if self._idle:  # the system has ended it
                self._idle.pop().end()
                self._n_workers -= 1
            self._n_workers += 1
        try:
            return WorkerProcess(self._evaluation, n_threads=self._n_threads), True
        except OSError as error:
            with self._changed:
                self._n_workers -= 1
                self._changed.notify_all()
            raise WorkspaceError(f"No measuring process can be started: {error.strerror or error}.") from error

    def _worth_another(self) -> bool:
        return (self._n_open - self._n_workers) * self._measure_s > self._start_s


def available_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _end_all(idle: list[WorkerProcess]) -> None:
    while idle:
        idle.pop().end()

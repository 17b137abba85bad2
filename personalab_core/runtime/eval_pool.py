"""Measures faces in worker processes, each with its own face runtime."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
from collections.abc import Mapping, Sequence
from concurrent.futures import BrokenExecutor, Executor, ProcessPoolExecutor
from functools import cache
from typing import Any

from personalab_core.config import Section
from personalab_core.errors import WorkspaceError
from personalab_core.identity import IdentityEvaluator, build_evaluator
from personalab_core.schemas import EvaluationResult


class EvaluationPool:
    """Worker processes that measure; models are loaded once in each.

    Args:
        max_workers: Number of processes.
        eval_cfg: The configuration's ``evaluation`` section.
        executor: Runs the measurements instead of new processes; it is shut down with the pool.
    """

    def __init__(self, max_workers: int = 2, *, eval_cfg: Mapping[str, Any], executor: Executor | None = None) -> None:
        plain = eval_cfg.to_mapping() if isinstance(eval_cfg, Section) else dict(eval_cfg)
        self._settings = json.dumps(plain, sort_keys=True)
        # "spawn": a forked child would inherit the locks of onnxruntime's and OpenCV's threads.
        self._executor = executor or ProcessPoolExecutor(
            max_workers=max_workers,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_evaluator,
            initargs=(self._settings,),
        )

    async def evaluate_async(self, anchor_path: str, candidate_paths: Sequence[str]) -> EvaluationResult:
        """Return one result per candidate, without blocking the event loop.

        Raises:
            WorkspaceError: A worker process died.
        """
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(
                self._executor, _evaluate, self._settings, anchor_path, tuple(candidate_paths)
            )
        except BrokenExecutor as error:
            raise WorkspaceError(
                "A measuring process died, most likely out of memory; use fewer runtime.eval_pool_workers."
            ) from error

    def shutdown(self) -> None:
        """End the worker processes after the measurements under way."""
        self._executor.shutdown(wait=True, cancel_futures=True)


@cache
def _evaluator(settings: str) -> IdentityEvaluator:
    """Return this process's evaluator; the cache keeps one per process and configuration."""
    return build_evaluator(json.loads(settings))


def _evaluate(settings: str, anchor_path: str, candidate_paths: tuple[str, ...]) -> EvaluationResult:
    return _evaluator(settings).evaluate(anchor_path, candidate_paths)

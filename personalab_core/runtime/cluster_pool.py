"""Measuring on a cluster: files travel as bytes to actors that hold an evaluator each."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from personalab_core.errors import WorkspaceError
from personalab_core.orchestration.unmeasured import not_measured
from personalab_core.orchestration.video_measurement import VideoMeasurement
from personalab_core.runtime.cluster_crew import TRIES, Answer, Crew, WorkerEndedError, WorkerLostError
from personalab_core.runtime.measuring import InfoTask, PictureTask, Task, VideoTask
from personalab_core.schemas import EvaluationResult, EvaluatorInfo


class ClusterPool:
    """:class:`EvaluationPool` on a cluster: each actor loads its models once, pictures travel as bytes.

    Args:
        crew: Actors around a ``FileStation``.
        timeout_s: How long one measurement may take, loading the models included.
    """

    def __init__(self, crew: Crew[Any], *, timeout_s: float) -> None:
        self._crew = crew
        self._timeout_s = timeout_s

    async def info(self) -> EvaluatorInfo:
        """Return which instrument measures.

        Raises:
            WorkspaceError: No worker can say so.
        """
        try:
            info: EvaluatorInfo = await self._carry_out(InfoTask())
        except WorkerLostError as error:
            raise WorkspaceError(
                f"A measuring worker of the cluster was lost ({error}) before it measured anything, most likely out of "
                "memory; give every evaluator more of it, or use fewer."
            ) from error
        return info

    async def evaluate_async(self, anchor_path: str, candidate_paths: Sequence[str]) -> EvaluationResult:
        """Return one result per candidate; what a lost worker was at is measured again elsewhere."""
        result: EvaluationResult = await self._measured(PictureTask(anchor_path, tuple(candidate_paths)))
        return result

    async def evaluate_video_async(
        self, anchor_path: str, video_path: str, *, accept_threshold: float
    ) -> VideoMeasurement | EvaluationResult:
        """Return both axes of a video; likewise."""
        result: VideoMeasurement | EvaluationResult
        result = await self._measured(VideoTask(anchor_path, video_path, accept_threshold))
        return result

    async def _measured(self, task: PictureTask | VideoTask) -> Any:
        try:
            return await self._carry_out(task)
        except WorkerEndedError as error:
            reason = f"the measuring worker {error} on this file and was ended"
        except WorkerLostError:
            reason = f"the measuring worker was lost over this file, {TRIES} times"
        return not_measured(task.anchor_path, task.paths, await self.info(), reason)

    async def _carry_out(self, task: Task) -> Any:
        files = await asyncio.to_thread(_read_files, task)

        async def question(station: Any) -> Answer:
            return await self._in_time(station, station.carry_out.remote(task, files))

        for _ in range(TRIES - 1):
            try:
                return await self._crew.ask(question)
            except WorkerEndedError:
                raise
            except WorkerLostError:
                continue  # measuring again costs nothing
        return await self._crew.ask(question)

    async def _in_time(self, station: Any, reference: Any) -> Answer:
        import ray

        try:
            answer: Answer = await asyncio.wait_for(reference, self._timeout_s)
        except TimeoutError:
            ray.kill(station)
            raise WorkerEndedError(f"gave no answer within {self._timeout_s:g} s") from None
        return answer


def _read_files(task: Task) -> dict[str, bytes]:
    paths = set() if isinstance(task, InfoTask) else {task.anchor_path, *task.paths}
    # What is not there is for the evaluator to say, in its own words.
    return {path: Path(path).read_bytes() for path in paths if Path(path).is_file()}

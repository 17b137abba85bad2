"""What runs on the workers of a cluster: provider calls and measurements.

Nothing here is run a second time by Ray itself: whether that is safe depends on what was asked, and is decided here.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from personalab_core.errors import PersonalabError
from personalab_core.identity import IdentityEvaluator
from personalab_core.llm import LLMClient, Seedable
from personalab_core.orchestration.video_measurement import VideoMeasurement
from personalab_core.runtime.cluster_crew import Answer
from personalab_core.runtime.measuring import InfoTask, MeasuringStation, PictureTask, Task, VideoTask
from personalab_core.schemas import EvaluationResult


class CallStation:
    """Holds a client and makes calls with it; the body of an actor.

    Args:
        make_client: Makes the client, on the worker.
    """

    def __init__(self, make_client: Callable[[], LLMClient]) -> None:
        self._make_client = make_client
        self._client: LLMClient | None = None

    async def ready(self) -> None:
        """Answer as soon as the process is there."""

    async def call(self, method: str, seed: int | None, arguments: Mapping[str, Any]) -> Answer:
        """Return what an async method of the client gives."""
        try:
            self._client = self._client or self._make_client()
            client: LLMClient = self._client
            if seed is not None and isinstance(client, Seedable):
                client = client.with_seed(seed)
            return Answer(await getattr(client, method)(**arguments))
        except PersonalabError as error:
            return Answer(error=error)


class FileStation:
    """A measuring station that is sent the files' bytes, since workers share no disk; the body of an actor.

    Args:
        evaluation: The ``evaluation`` section as plain values.
        n_threads: Threads that each model may use.
        make_evaluator: Makes the evaluator, on the worker; what ``evaluation`` asks for if ``None``.
    """

    def __init__(
        self,
        evaluation: Mapping[str, Any],
        n_threads: int,
        make_evaluator: Callable[[], IdentityEvaluator] | None = None,
    ) -> None:
        self._evaluation = evaluation
        self._n_threads = n_threads
        self._make_evaluator = make_evaluator
        self._station: MeasuringStation | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="personalab-measuring-")

    def ready(self) -> None:
        """Answer as soon as the process is there."""

    def carry_out(self, task: Task, files: Mapping[str, bytes]) -> Answer:
        """Return what a task asks for; ``files`` holds what its paths stand for."""
        paths = {path: str(self._write(path, data)) for path, data in files.items()}
        try:
            self._station = self._station or self._build()
            return Answer(_told_of(task, self._station.carry_out(_moved(task, paths))))
        except PersonalabError as error:
            return Answer(error=error)
        finally:
            anchor = task.anchor_path if not isinstance(task, InfoTask) else ""
            for path in paths.keys() - {anchor}:  # the evaluator remembers anchors by their path
                Path(paths[path]).unlink(missing_ok=True)

    def _build(self) -> MeasuringStation:
        if self._make_evaluator is not None:
            return MeasuringStation(self._make_evaluator(), self._evaluation)
        return MeasuringStation.build(self._evaluation, n_threads=self._n_threads)

    def _write(self, path: str, data: bytes) -> Path:
        name = hashlib.sha256(data).hexdigest()[:24]
        local = Path(self._folder.name) / f"{name}{Path(path).suffix}"
        if not local.exists():
            local.write_bytes(data)
        return local


def _moved(task: Task, paths: Mapping[str, str]) -> Task:
    match task:
        case PictureTask(anchor_path, candidate_paths):
            return PictureTask(
                paths.get(anchor_path, anchor_path), tuple(paths.get(path, path) for path in candidate_paths)
            )
        case VideoTask(anchor_path, video_path, accept_threshold):
            return VideoTask(paths.get(anchor_path, anchor_path), paths.get(video_path, video_path), accept_threshold)
    return task


def _told_of(task: Task, result: Any) -> Any:
    """Return the result with the caller's paths in it."""
    if isinstance(task, InfoTask):
        return result
    if isinstance(result, EvaluationResult):
        named = zip(result.candidates, task.paths, strict=True)
        candidates = tuple(candidate.model_copy(update={"path": path}) for candidate, path in named)
        return result.model_copy(update={"anchor_path": task.anchor_path, "candidates": candidates})
    return _told_of_video(task, result) if isinstance(task, VideoTask) else result


def _told_of_video(task: VideoTask, measured: VideoMeasurement) -> VideoMeasurement:
    told = {"anchor_path": task.anchor_path, "video_path": task.video_path}
    candidate = measured.candidate.model_copy(update={"path": task.video_path})
    return replace(measured, identity=measured.identity.model_copy(update=told), candidate=candidate)

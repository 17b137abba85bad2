"""What runs on the workers of a cluster: provider calls and measurements, and how a driver reaches them.

Nothing here is run a second time by Ray itself: whether that is safe depends on what was asked, and is decided here.
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from personalab_core.errors import PersonalabError, WorkspaceError
from personalab_core.identity import IdentityEvaluator
from personalab_core.llm import LLMClient, Seedable
from personalab_core.orchestration.video_measurement import VideoMeasurement
from personalab_core.runtime.measuring import InfoTask, MeasuringStation, PictureTask, Task, VideoTask, not_measured
from personalab_core.schemas import EvaluationResult, EvaluatorInfo

H = TypeVar("H")

TRIES = 3
"""Workers that one measurement, or one collecting of a long operation, may lose before it is given up."""


class WorkerLostError(Exception):
    """The worker, or its whole node, is gone; whether it did what was asked is not known."""


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What came of a call: its result, or the error that the caller knows what to do with."""

    result: Any = field(default=None, repr=False)
    error: PersonalabError | None = None


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
    if isinstance(result, EvaluationResult) and isinstance(task, PictureTask):
        named = zip(result.candidates, task.candidate_paths, strict=True)
        candidates = tuple(candidate.model_copy(update={"path": path}) for candidate, path in named)
        return result.model_copy(update={"anchor_path": task.anchor_path, "candidates": candidates})
    if isinstance(result, VideoMeasurement) and isinstance(task, VideoTask):
        told = {"anchor_path": task.anchor_path, "video_path": task.video_path}
        candidate = result.candidate.model_copy(update={"path": task.video_path})
        return replace(result, identity=result.identity.model_copy(update=told), candidate=candidate)
    return result


class Crew(Generic[H]):
    """Actors that do the same work; the least busy is asked, and one that is lost is replaced.

    Args:
        hire: Starts an actor; it has a method ``ready``.
        size: How many there are; fewer while the cluster has no room for more.
        at_once: How many things one of them does at a time.
    """

    def __init__(self, hire: Callable[[], H], *, size: int, at_once: int) -> None:
        self._hire = hire
        self._size = size
        self._at_once = at_once
        self._busy: dict[H, int] = {}
        self._joining: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Condition()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._unable: str | None = None

    async def ask(self, question: Callable[[H], Awaitable[Answer]]) -> Any:
        """Return the result of what one of them is asked.

        Raises:
            PersonalabError: What the actor answered.
            WorkerLostError: It is gone.
            WorkspaceError: None can be started.
        """
        from ray.exceptions import RayError, RayTaskError

        async with self._member() as member:
            try:
                answer = await question(member)
            except RayTaskError as error:
                raise error.cause from None
            except RayError as error:
                self._busy.pop(member, None)
                raise WorkerLostError(type(error).__name__) from error
        if answer.error is not None:
            raise answer.error
        return answer.result

    async def settle(self) -> None:
        """Wait for nobody any more who has not joined yet."""
        for task in (joining := list(self._joining)):
            task.cancel()
        await asyncio.gather(*joining, return_exceptions=True)

    def dismiss(self) -> list[H]:
        """Forget the actors, and return them to be ended."""
        members = list(self._busy)
        self._busy.clear()
        return members

    @asynccontextmanager
    async def _member(self) -> AsyncIterator[H]:
        self._call_for_members()
        async with self._changed:
            await self._changed.wait_for(lambda: self._unable or self._least_busy() is not None)
            member = self._least_busy()
            if member is None:
                raise WorkspaceError(
                    f"No worker of the Ray cluster can be started ({self._unable}); every node needs this package."
                )
            self._busy[member] += 1
        try:
            yield member
        finally:
            async with self._changed:
                if member in self._busy:
                    self._busy[member] -= 1
                self._call_for_members()
                self._changed.notify_all()

    def _least_busy(self) -> H | None:
        free = [member for member, n in self._busy.items() if n < self._at_once]
        return min(free, key=lambda member: self._busy[member], default=None)

    def _call_for_members(self) -> None:
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # every run has its own loop
            self._loop, self._changed, self._joining = loop, asyncio.Condition(), set()
            self._busy = dict.fromkeys(self._busy, 0)
        self._unable = None
        for _ in range(self._size - len(self._busy) - len(self._joining)):
            task = loop.create_task(self._join())
            self._joining.add(task)
            task.add_done_callback(self._joining.discard)

    async def _join(self) -> None:
        from ray.exceptions import RayError

        for _ in range(TRIES):
            member: Any = self._hire()
            try:
                await member.ready.remote()
            except RayError as error:
                problem = type(error).__name__
                continue  # its node may just have gone
            async with self._changed:
                self._busy[member] = 0
                self._changed.notify_all()
            return
        async with self._changed:
            self._unable = problem
            self._changed.notify_all()


class ClusterPool:
    """:class:`EvaluationPool` on a cluster: each actor loads its models once, pictures travel as bytes.

    Args:
        crew: Actors around a :class:`FileStation`.
    """

    def __init__(self, crew: Crew[Any]) -> None:
        self._crew = crew

    async def info(self) -> EvaluatorInfo:
        """Return which instrument measures."""
        info: EvaluatorInfo = await self._carry_out(InfoTask())
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
        except WorkerLostError:
            reason = f"the measuring worker was lost over this file, {TRIES} times"
            return not_measured(task, await self.info(), reason)

    async def _carry_out(self, task: Task) -> Any:
        files = await asyncio.to_thread(_read_files, task)
        for _ in range(TRIES - 1):
            try:
                return await self._crew.ask(lambda station: station.carry_out.remote(task, files))
            except WorkerLostError:
                continue  # measuring again costs nothing
        return await self._crew.ask(lambda station: station.carry_out.remote(task, files))


def _read_files(task: Task) -> dict[str, bytes]:
    match task:
        case PictureTask(anchor_path, candidate_paths):
            paths = {anchor_path, *candidate_paths}
        case VideoTask(anchor_path, video_path):
            paths = {anchor_path, video_path}
        case _:
            paths = set()
    # What is not there is for the evaluator to say, in its own words.
    return {path: Path(path).read_bytes() for path in paths if Path(path).is_file()}

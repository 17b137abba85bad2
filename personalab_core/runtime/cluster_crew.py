"""Actors of a cluster that do the same work, as whoever needs it done sees them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from personalab_core.errors import PersonalabError, WorkspaceError

H = TypeVar("H")

TRIES = 3
"""Workers that one measurement, or one collecting of a long operation, may lose before it is given up."""


class WorkerLostError(Exception):
    """The worker, or its whole node, is gone; whether it did what was asked is not known."""


class WorkerEndedError(WorkerLostError):
    """The worker gave no answer in time and was ended; asking another would most likely end the same."""


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What came of a call: its result, or the error that the caller knows what to do with."""

    result: Any = field(default=None, repr=False)
    error: PersonalabError | None = None


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
            WorkerLostError: It is gone, or ``question`` has ended it.
            WorkspaceError: None can be started.
        """
        from ray.exceptions import RayError, RayTaskError

        async with self._member() as member:
            try:
                answer = await question(member)
            except RayTaskError as error:
                raise error.cause from None
            except WorkerLostError:
                self._busy.pop(member, None)
                raise
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

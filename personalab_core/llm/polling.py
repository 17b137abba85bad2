"""Waiting for a long operation with our own clock, because the SDKs' waiting cannot be trusted.

(One of them waits for ever on a cancelled task, another stops without a word.)
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeVar

from personalab_core.errors import (
    LLMError,
    OutputLostError,
    ProviderTimeoutError,
    RejectedLLMRequest,
    TransientLLMError,
    UnknownOperationError,
)

T = TypeVar("T")

_GONE = (404, 410)
"""What a provider answers to a look at an operation that it does not have."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How often to look, and how long in all.

    A look that fails for a passing reason (rate limit, server error, broken connection)
    says nothing about the operation, and looking is free: it is repeated until the time
    is up, after the pause that the provider asked for.

    Attributes:
        interval_s: Pause between two looks.
        timeout_s: Time limit in all.
        sleeper: Waits so many seconds.
        async_sleeper: Waits without blocking the event loop.
        clock: Seconds that never run backwards.
    """

    interval_s: float = 3.0
    timeout_s: float = 900.0
    sleeper: Callable[[float], None] = time.sleep
    async_sleeper: Callable[[float], Awaitable[None]] = asyncio.sleep
    clock: Callable[[], float] = time.monotonic

    def until(self, look: Callable[[], T | None]) -> T:
        """Return what ``look`` finds once it is not ``None``.

        Raises:
            TransientLLMError: The last look failed, and the time is up.
            TimeoutError: Nothing was found in time.
        """
        wait = _Wait(self)
        while True:
            try:
                found = look()
            except TransientLLMError as error:
                wait.excuse(error)
            else:
                if found is not None:
                    return found
                wait.nothing_yet()
            self.sleeper(wait.pause_s)

    async def until_async(self, look: Callable[[], Awaitable[T | None]]) -> T:
        """:meth:`until` without blocking the event loop."""
        wait = _Wait(self)
        while True:
            try:
                found = await look()
            except TransientLLMError as error:
                wait.excuse(error)
            else:
                if found is not None:
                    return found
                wait.nothing_yet()
            await self.async_sleeper(wait.pause_s)


class _Wait:
    """The time left in one wait."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._end = patience.clock() + patience.timeout_s
        self.pause_s = patience.interval_s

    def excuse(self, error: TransientLLMError) -> None:
        if isinstance(error, OutputLostError) or self._is_over():
            raise error
        self.pause_s = max(self._patience.interval_s, error.retry_after_s or 0.0)

    def nothing_yet(self) -> None:
        if self._is_over():
            raise TimeoutError
        self.pause_s = self._patience.interval_s

    def _is_over(self) -> bool:
        return self._patience.clock() + self._patience.interval_s > self._end


class collecting:  # noqa: N801  # used as a statement: with collecting("runway", task_id): ...
    """Context in which a failure says that the operation runs or ran, so that nothing pays for it again."""

    def __init__(self, provider: str, operation_id: str) -> None:
        self._provider = provider
        self._operation_id = operation_id

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, TimeoutError):
            why = "was not finished within the time limit; it may still be paid"
            raise self._named(ProviderTimeoutError, why) from None
        if isinstance(error, TransientLLMError) and not isinstance(error, OutputLostError):
            why = f"was started, but its result could not be fetched ({type(error).__name__}); collect it again"
            raise self._named(OutputLostError, why, error.status_code) from None
        if isinstance(error, RejectedLLMRequest) and error.status_code in _GONE:
            why = "is not known to the provider (any more); what it made is lost"
            raise self._named(UnknownOperationError, why, error.status_code) from None
        if isinstance(error, LLMError):
            error.request_id = error.request_id or self._operation_id

    def _named(self, kind: type[LLMError], text: str, status_code: int | None = None) -> LLMError:
        return kind(
            f"operation {self._operation_id} {text}",
            provider=self._provider,
            status_code=status_code,
            request_id=self._operation_id,
        )

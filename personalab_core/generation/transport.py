"""What calling a provider through a retry policy looks like, for whoever makes the call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from personalab_core.errors import LLMError, TransientLLMError

T = TypeVar("T")

ShouldStop = Callable[[], bool]
"""Asked between tries and between attempts; ``True`` when a person has cancelled."""


@dataclass(frozen=True, slots=True, eq=False)
class RetryNotice:
    """One try failed and another follows.

    Attributes:
        try_number: The try that failed, from 1.
        error: Why.
        wait_s: Seconds until the next try.
    """

    try_number: int
    error: TransientLLMError
    wait_s: float


OnRetry = Callable[[RetryNotice], None]


@dataclass(frozen=True, slots=True, eq=False)
class TransportResult(Generic[T]):
    """What came of one provider call, retries included.

    Attributes:
        value: The answer; ``None`` exactly if ``error`` is set.
        error: The failure that was not, or no longer, worth another try.
        tries: How often the provider was called, at least 1.
        waited_s: Seconds spent waiting between tries.
        n_unanswered: Tries that timed out: each may have been carried out and paid.
    """

    value: T | None
    error: LLMError | None
    tries: int
    waited_s: float = 0.0
    n_unanswered: int = 0


class TransportRetry(Protocol):
    """Repeats a provider call while that is safe and sensible.

    A failed call is a result, not an exception: the number of tries and the waiting
    belong in the record of a failed attempt, too.
    """

    def call(
        self, fn: Callable[[], T], *, on_retry: OnRetry | None = None, should_stop: ShouldStop | None = None
    ) -> TransportResult[T]:
        """Return the answer of ``fn``, or the error it ended with. Only ``LLMError`` is caught."""
        ...

    async def call_async(
        self, fn: Callable[[], Awaitable[T]], *, on_retry: OnRetry | None = None, should_stop: ShouldStop | None = None
    ) -> TransportResult[T]:
        """Do the same for a coroutine function."""
        ...

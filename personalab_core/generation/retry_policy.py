"""Which provider errors deserve another try, and how long to wait before it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, Self, TypeVar

import tenacity

from personalab_core.errors import CallCancelledError, ConfigError, LLMError, ProviderTimeoutError, TransientLLMError
from personalab_core.generation.transport import OnRetry, RetryNotice, ShouldStop, TransportResult

T = TypeVar("T")

RETRY_AFTER_MAX_S = 120.0
"""A provider that asks for a longer wait than this is not waited for (as the openai SDK does)."""

_SLICE_S = 0.5


class RetryPolicy:
    """Governs transport retries only; attempts per asset belong to ``IdentityPolicy``.

    Transient errors (429, 5xx, connection) are retried. The wait before retry ``n``
    (from 1) is ``min(backoff_max, backoff_base * backoff_factor ** (n - 1))`` seconds, or
    what the provider asked for if that is longer. A call that timed out may have been
    carried out and paid, so it is repeated only if ``retry_ambiguous`` is set.

    Args:
        max_retries: Tries after the first one; 0 means one try.
        backoff_base: Seconds before the first retry.
        backoff_factor: Multiplier from one retry to the next, at least 1.
        backoff_max: Longest wait in seconds that the formula gives.
        retry_ambiguous: Repeat calls whose outcome, and price, is unknown.
        sleeper: Waits that many seconds; ``async_sleeper`` is its twin.

    Raises:
        ConfigError: A number makes no sense.
    """

    def __init__(
        self,
        max_retries: int = 3,
        backoff_base: float = 1.0,
        backoff_factor: float = 2.0,
        backoff_max: float = 30.0,
        *,
        retry_ambiguous: bool = False,
        sleeper: Callable[[float], None] = time.sleep,
        async_sleeper: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        if max_retries < 0 or backoff_base < 0 or backoff_max < 0 or backoff_factor < 1:
            raise ConfigError(
                "RetryPolicy needs max_retries >= 0, backoff_base >= 0, backoff_max >= 0 and backoff_factor >= 1, got "
                f"{max_retries}, {backoff_base}, {backoff_max}, {backoff_factor}."
            )
        self.max_retries = max_retries
        self.backoff_base = backoff_base
        self.backoff_factor = backoff_factor
        self.backoff_max = backoff_max
        self.retry_ambiguous = retry_ambiguous
        self._sleeper = sleeper
        self._async_sleeper = async_sleeper

    @classmethod
    def from_config(cls, retry_cfg: Mapping[str, Any], *, sleeper: Callable[[float], None] = time.sleep) -> Self:
        """Return the policy that a configuration's ``runtime.retry`` section describes."""
        names = ("max_retries", "backoff_base", "backoff_factor", "backoff_max", "retry_ambiguous")
        given = {name: retry_cfg.get(name) for name in names}
        return cls(**{k: v for k, v in given.items() if v is not None}, sleeper=sleeper)

    def call(
        self, fn: Callable[[], T], *, on_retry: OnRetry | None = None, should_stop: ShouldStop | None = None
    ) -> TransportResult[T]:
        """Return the answer of ``fn``, or the error that no further try would help with."""
        run = _Run(self, on_retry, should_stop)

        def wait(seconds: float) -> None:
            for piece in run.slices(seconds):
                self._sleeper(piece)

        retrying = tenacity.Retrying(
            sleep=wait, wait=run.wait_s, retry=run.retry, stop=run.stop, before_sleep=run.notify, reraise=True
        )
        try:
            value: T = retrying(fn)
        except LLMError as error:
            return run.failed(error)
        return run.succeeded(value)

    async def call_async(
        self, fn: Callable[[], Awaitable[T]], *, on_retry: OnRetry | None = None, should_stop: ShouldStop | None = None
    ) -> TransportResult[T]:
        """Do the same for a coroutine function, without blocking the event loop."""
        run = _Run(self, on_retry, should_stop)

        async def wait(seconds: float) -> None:
            for piece in run.slices(seconds):
                await self._async_sleeper(piece)

        retrying = tenacity.AsyncRetrying(
            sleep=wait, wait=run.wait_s, retry=run.retry, stop=run.stop, before_sleep=run.notify, reraise=True
        )
        try:
            value: T = await retrying(fn)
        except LLMError as error:
            return run.failed(error)
        return run.succeeded(value)

    def deserves_retry(self, error: BaseException) -> bool:
        """Return whether the same call may be made again without risk of paying twice."""
        if isinstance(error, ProviderTimeoutError):
            return self.retry_ambiguous
        return isinstance(error, TransientLLMError) and (error.retry_after_s or 0.0) <= RETRY_AFTER_MAX_S

    def wait_s(self, try_number: int, error: BaseException | None) -> float:
        """Return the seconds to wait after try ``try_number`` (from 1) failed with ``error``."""
        asked = error.retry_after_s if isinstance(error, LLMError) else None
        backoff = min(self.backoff_max, self.backoff_base * self.backoff_factor ** (try_number - 1))
        return max(backoff, asked or 0.0)


class _Run:
    """The tries of one call: tenacity's callbacks and what they add up."""

    def __init__(self, policy: RetryPolicy, on_retry: OnRetry | None, should_stop: ShouldStop | None) -> None:
        self._policy = policy
        self._on_retry = on_retry
        self._should_stop = should_stop
        self._tries = 1
        self._waited_s = 0.0
        self._n_unanswered = 0

    def retry(self, state: tenacity.RetryCallState) -> bool:
        error = _error_of(state)
        self._tries = state.attempt_number
        self._n_unanswered += isinstance(error, ProviderTimeoutError)
        return error is not None and self._policy.deserves_retry(error)

    def stop(self, state: tenacity.RetryCallState) -> bool:
        return state.attempt_number > self._policy.max_retries or self._stop_requested()

    def wait_s(self, state: tenacity.RetryCallState) -> float:
        return self._policy.wait_s(state.attempt_number, _error_of(state))

    def notify(self, state: tenacity.RetryCallState) -> None:
        error = _error_of(state)
        if self._on_retry is not None and isinstance(error, TransientLLMError):
            self._on_retry(RetryNotice(state.attempt_number, error, state.upcoming_sleep))

    def slices(self, seconds: float) -> Iterator[float]:
        """Yield ``seconds`` in pieces, so that a cancelled wait ends soon."""
        left_s = seconds
        while left_s > 0:
            piece_s = left_s if self._should_stop is None else min(left_s, _SLICE_S)
            yield piece_s
            self._waited_s += piece_s
            left_s -= piece_s
            if self._stop_requested():
                raise CallCancelledError("cancelled while waiting to try again", provider="transport")

    def failed(self, error: LLMError) -> TransportResult[Any]:
        return TransportResult(None, error, self._tries, self._waited_s, self._n_unanswered)

    def succeeded(self, value: T) -> TransportResult[T]:
        return TransportResult(value, None, self._tries, self._waited_s, self._n_unanswered)

    def _stop_requested(self) -> bool:
        return self._should_stop is not None and self._should_stop()


def _error_of(state: tenacity.RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome is not None else None

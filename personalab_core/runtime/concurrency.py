"""How much of a provider may be used at a time: calls in flight, and calls per second."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from threading import Lock
from typing import Generic, Protocol, TypeVar
from weakref import WeakKeyDictionary

from personalab_core.errors import ConfigError

T = TypeVar("T")

DEFAULT_IN_FLIGHT = 2
"""For a provider that no limit names; as ``runtime.provider_limits.default`` in ``data/config/defaults.yml``."""

DEFAULT_RATE_PER_S = 1.0
"""For a provider that no rate names; as ``runtime.rate_limits.default`` in ``data/config/defaults.yml``."""


class Slots(Protocol):
    """Limits calls in flight; :class:`ProviderSemaphore` is the one for a single process."""

    def slot(self, provider: str, /) -> AbstractAsyncContextManager[None]:
        """Wait for a free place and hold it inside the block."""
        ...


class Tokens(Protocol):
    """Spaces calls; :class:`RateLimiter` is the one for a single process."""

    async def acquire(self, provider: str, /) -> None:
        """Wait until a call may begin."""
        ...

    def hold(self, provider: str, seconds: float, /) -> None:
        """Begin no call before that many seconds have passed."""
        ...


class _PerLoop(Generic[T]):
    """Things that belong to the event loop they are first waited on; every run has its own loop."""

    def __init__(self, make: Callable[[str], T]) -> None:
        self._make = make
        self._of_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, T]] = WeakKeyDictionary()
        self._lock = Lock()

    def __getitem__(self, provider: str) -> T:
        with self._lock:
            known = self._of_loop.setdefault(asyncio.get_running_loop(), {})
            if provider not in known:
                known[provider] = self._make(provider)
            return known[provider]


class ProviderSemaphore:
    """Limits how many calls to one provider are in flight, first come, first served.

    Args:
        limits: Calls in flight per provider; ``default`` serves the names not listed.

    Raises:
        ConfigError: A limit is below 1.
    """

    def __init__(self, limits: Mapping[str, int] | None = None) -> None:
        self._limits = dict(limits or {})
        if wrong := [name for name, limit in self._limits.items() if limit < 1]:
            raise ConfigError(f"provider_limits.{wrong[0]} must be at least 1, got {self._limits[wrong[0]]}.")
        self._semaphores = _PerLoop(lambda provider: asyncio.Semaphore(self.limit(provider)))

    def limit(self, provider: str) -> int:
        """Return how many calls to this provider may be in flight."""
        return self._limits.get(provider, self._limits.get("default", DEFAULT_IN_FLIGHT))

    @asynccontextmanager
    async def slot(self, provider: str, /) -> AsyncIterator[None]:
        """Wait for a free place and hold it inside the block."""
        async with self._semaphores[provider]:
            yield


class RateLimiter:
    """Spaces calls to one provider: at most ``1 + rate * t`` begin in any ``t`` seconds (burst 1).

    A token bucket of size 1, with the grants of ``aiolimiter.AsyncLimiter(1, 1 / rate)``; unlike that
    class it may be used by one event loop after another and from several threads, so that a second
    run does not begin with a call too many, and it can be held when a provider asks for a pause.
    A token counts from the moment it is really taken, so that a late wake-up never brings two calls
    closer together.

    Args:
        rates: Calls per second by provider; ``default`` serves the names not listed.
        clock: Monotonic seconds.
        sleeper: Waits that many seconds.

    Raises:
        ConfigError: A rate is not above 0.
    """

    def __init__(
        self,
        rates: Mapping[str, float] | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleeper: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._rates = dict(rates or {})
        if wrong := [name for name, rate in self._rates.items() if not rate > 0]:
            raise ConfigError(f"rate_limits.{wrong[0]} must be above 0 calls per second, got {self._rates[wrong[0]]}.")
        self._clock = clock
        self._sleeper = sleeper
        self._next_free: dict[str, float] = {}
        self._lock = Lock()
        self._lines = _PerLoop(lambda _: asyncio.Lock())

    def rate(self, provider: str) -> float:
        """Return the calls per second that this provider may get."""
        return self._rates.get(provider, self._rates.get("default", DEFAULT_RATE_PER_S))

    async def acquire(self, provider: str, /) -> None:
        """Wait until a call may begin; first come, first served."""
        async with self._lines[provider]:
            while (wait_s := self._take(provider)) > 0:
                await self._sleeper(wait_s)

    def hold(self, provider: str, seconds: float, /) -> None:
        """Begin no call before that many seconds have passed, as a provider asks with ``Retry-After``."""
        with self._lock:
            until = self._clock() + seconds
            self._next_free[provider] = max(self._next_free.get(provider, until), until)

    def _take(self, provider: str) -> float:
        """Take the token and return 0.0, or return the seconds until there may be one."""
        with self._lock:
            now = self._clock()
            wait_s = self._next_free.get(provider, now) - now
            if wait_s <= 0:
                self._next_free[provider] = now + 1.0 / self.rate(provider)
            return max(wait_s, 0.0)

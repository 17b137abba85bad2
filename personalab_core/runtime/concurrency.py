"""How much of a provider may be used at a time: calls in flight, and calls per second."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from threading import Lock
from weakref import WeakKeyDictionary

from personalab_core.errors import ConfigError

DEFAULT_IN_FLIGHT = 2
"""For a provider that no limit names; as ``runtime.provider_limits.default`` in ``data/config/defaults.yml``."""

DEFAULT_RATE_PER_S = 1.0
"""For a provider that no rate names; as ``runtime.rate_limits.default`` in ``data/config/defaults.yml``."""


class ProviderSemaphore:
    """Limits how many calls to one provider are in flight.

    Args:
        limits: Calls in flight per provider; ``default`` serves the names not listed.

    Raises:
        ConfigError: A limit is below 1.
    """

    def __init__(self, limits: Mapping[str, int] | None = None) -> None:
        self._limits = dict(limits or {})
        if wrong := [name for name, limit in self._limits.items() if limit < 1]:
            raise ConfigError(f"provider_limits.{wrong[0]} must be at least 1, got {self._limits[wrong[0]]}.")
        # A semaphore belongs to the event loop it is first waited on, and every run has its own loop.
        self._semaphores: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, asyncio.Semaphore]]
        self._semaphores = WeakKeyDictionary()

    def limit(self, provider: str) -> int:
        """Return how many calls to this provider may be in flight."""
        return self._limits.get(provider, self._limits.get("default", DEFAULT_IN_FLIGHT))

    @asynccontextmanager
    async def slot(self, provider: str) -> AsyncIterator[None]:
        """Wait for a free place and hold it inside the block."""
        of_loop = self._semaphores.setdefault(asyncio.get_running_loop(), {})
        async with of_loop.setdefault(provider, asyncio.Semaphore(self.limit(provider))):
            yield


class RateLimiter:
    """Spaces calls to one provider: at most ``1 + rate * t`` begin in any ``t`` seconds (burst 1).

    This is a token bucket of size 1, kept as the moment of the next free token.

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

    def rate(self, provider: str) -> float:
        """Return the calls per second that this provider may get."""
        return self._rates.get(provider, self._rates.get("default", DEFAULT_RATE_PER_S))

    async def acquire(self, provider: str) -> None:
        """Wait until a call may begin."""
        with self._lock:
            now = self._clock()
            begin = max(now, self._next_free.get(provider, now))
            self._next_free[provider] = begin + 1.0 / self.rate(provider)
        if begin > now:
            await self._sleeper(begin - now)

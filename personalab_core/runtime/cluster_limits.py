"""A provider's limits for everybody on a cluster: one actor counts the calls in flight and spaces their beginnings.

Each driver says which limits it wants; the count is of all drivers together. A driver that stays silent
for longer than its lease is taken for dead, and its places are free again.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from personalab_core.runtime.concurrency import ProviderSemaphore, RateLimiter

LEASE_S = 60.0
"""Silence after which a driver's places are given to others."""


class ClusterLimits:
    """What the limiter actor runs; its methods are called by any number of drivers.

    Args:
        clock: Monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._held: dict[str, dict[str, str]] = {}
        self._given_up: set[str] = set()
        self._heard_of: dict[str, float] = {}
        self._buckets: dict[tuple[str, float], RateLimiter] = {}
        self._changed = asyncio.Condition()

    async def take(self, driver: str, ticket: str, provider: str, limit: int) -> None:
        """Wait until fewer than ``limit`` calls to the provider are in flight, and hold a place."""
        self._heard_of[driver] = self._clock()
        async with self._changed:
            while ticket not in self._given_up and self._n_held(provider) >= limit:
                await self._wait_for_change()
            if ticket in self._given_up:
                self._given_up.discard(ticket)
            else:
                self._held.setdefault(provider, {})[ticket] = driver

    async def give_back(self, ticket: str, provider: str) -> None:
        """Free a place, or leave the line for one."""
        async with self._changed:
            if self._held.get(provider, {}).pop(ticket, None) is None:
                self._given_up.add(ticket)
            self._changed.notify_all()

    async def token(self, provider: str, rate: float) -> None:
        """Wait until a call may begin."""
        await self._bucket(provider, rate).acquire(provider)

    async def hold(self, provider: str, rate: float, seconds: float) -> None:
        """Begin no call before that many seconds have passed."""
        self._bucket(provider, rate).hold(provider, seconds)

    async def alive(self, driver: str) -> None:
        """Take note that a driver is there."""
        self._heard_of[driver] = self._clock()

    def _bucket(self, provider: str, rate: float) -> RateLimiter:
        return self._buckets.setdefault((provider, rate), RateLimiter({provider: rate}))

    def _n_held(self, provider: str) -> int:
        oldest = self._clock() - LEASE_S
        held = self._held.setdefault(provider, {})
        for ticket in [t for t, driver in held.items() if self._heard_of.get(driver, oldest) < oldest]:
            del held[ticket]
        return len(held)

    async def _wait_for_change(self) -> None:
        try:
            await asyncio.wait_for(self._changed.wait(), LEASE_S / 4)
        except TimeoutError:
            return  # look again who is still alive


class ClusterSlots:
    """:class:`ProviderSemaphore` for all drivers of a cluster.

    Args:
        limiter: The limiter actor.
        driver: Name of this driver.
        limits: Calls in flight that this driver keeps to.
    """

    def __init__(self, limiter: Any, driver: str, limits: ProviderSemaphore) -> None:
        self._limiter = limiter
        self._driver = driver
        self._limits = limits

    @asynccontextmanager
    async def slot(self, provider: str, /) -> AsyncIterator[None]:
        """Wait for a free place and hold it inside the block."""
        ticket = uuid.uuid4().hex
        try:
            await self._limiter.take.remote(self._driver, ticket, provider, self._limits.limit(provider))
            yield
        finally:
            self._limiter.give_back.remote(ticket, provider)


class ClusterTokens:
    """:class:`RateLimiter` for all drivers of a cluster.

    Args:
        limiter: The limiter actor.
        rates: Calls per second that this driver keeps to.
    """

    def __init__(self, limiter: Any, rates: RateLimiter) -> None:
        self._limiter = limiter
        self._rates = rates

    async def acquire(self, provider: str, /) -> None:
        """Wait until a call may begin."""
        await self._limiter.token.remote(provider, self._rates.rate(provider))

    def hold(self, provider: str, seconds: float, /) -> None:
        """Begin no call before that many seconds have passed."""
        self._limiter.hold.remote(provider, self._rates.rate(provider), seconds)

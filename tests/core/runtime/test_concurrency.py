"""Limits per provider, with time driven by hand."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalab_core.errors import ConfigError
from personalab_core.runtime import ProviderSemaphore, RateLimiter


class HandClock:
    """Time that only passes when somebody sleeps."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds


def begin_times(rate: float, pauses: list[float]) -> list[float]:
    clock = HandClock()
    limiter = RateLimiter({"gemini": rate}, clock=clock, sleeper=clock.sleep)

    async def calls() -> list[float]:
        times = []
        for pause in pauses:
            clock.now_s += pause
            await limiter.acquire("gemini")
            times.append(clock.now_s)
        return times

    return asyncio.run(calls())


def test_calls_are_spaced_by_the_rate() -> None:
    assert begin_times(2.0, [0, 0, 0, 5, 0]) == [0, 0.5, 1.0, 6.0, 6.5]


@given(st.floats(0.1, 50), st.lists(st.floats(0, 3), min_size=2, max_size=8), st.floats(0.01, 5))
def test_never_more_than_burst_plus_rate_times_t(rate: float, pauses: list[float], window_s: float) -> None:
    times = begin_times(rate, pauses)
    for start in times:
        in_window = sum(start <= time < start + window_s for time in times)
        assert in_window <= 1 + rate * window_s + 1e-6


def test_a_provider_that_is_not_listed_gets_the_default() -> None:
    assert RateLimiter({"gemini": 5, "default": 2}).rate("other") == 2
    assert RateLimiter().rate("other") == 1
    assert ProviderSemaphore({"gemini": 5, "default": 3}).limit("other") == 3
    assert ProviderSemaphore(None).limit("other") == 2


@pytest.mark.parametrize("limit", [1, 3])
def test_no_more_calls_in_flight_than_allowed(limit: int) -> None:
    semaphore = ProviderSemaphore({"gemini": limit})
    in_flight: list[int] = [0]
    most: list[int] = [0]

    async def call() -> None:
        async with semaphore.slot("gemini"):
            in_flight[0] += 1
            most[0] = max(most[0], in_flight[0])
            await asyncio.sleep(0)
            in_flight[0] -= 1

    async def calls() -> None:
        await asyncio.gather(*(call() for _ in range(7)))

    asyncio.run(calls())
    assert most == [limit]
    asyncio.run(calls())


def test_senseless_limits_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"provider_limits\.gemini"):
        ProviderSemaphore({"gemini": 0})
    with pytest.raises(ConfigError, match=r"rate_limits\.gemini"):
        RateLimiter({"gemini": 0})

"""Limits per provider, on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise

import pytest
from aiolimiter import AsyncLimiter
from hypothesis import given, settings
from hypothesis import strategies as st

from personalab_core.errors import ConfigError
from personalab_core.runtime import ProviderSemaphore, RateLimiter
from tests.support.virtual_time import run_virtually


def limiter_on_virtual_time(rate: float) -> RateLimiter:
    return RateLimiter({"gemini": rate}, clock=lambda: asyncio.get_running_loop().time())


async def begin_times(limiter: RateLimiter | AsyncLimiter, arrivals: Sequence[float]) -> list[float]:
    """When each of several callers, who arrive at these seconds, may begin; the earliest first."""
    loop = asyncio.get_running_loop()

    async def caller(arrival: float) -> float:
        await asyncio.sleep(arrival)
        await (limiter.acquire("gemini") if isinstance(limiter, RateLimiter) else limiter.acquire())
        return loop.time()

    return sorted(await asyncio.gather(*(caller(arrival) for arrival in arrivals)))


arrivals = st.lists(st.floats(0, 20), min_size=1, max_size=12)


def test_calls_are_spaced_by_the_rate() -> None:
    times = run_virtually(begin_times(limiter_on_virtual_time(2.0), [0, 0, 0, 6, 6]))
    assert times == pytest.approx([0, 0.5, 1.0, 6.0, 6.5], abs=1e-6)


@given(st.floats(0.1, 50), arrivals)
def test_never_more_than_burst_plus_rate_times_t(rate: float, at: list[float]) -> None:
    """In any t seconds at most 1 + rate * t begin: checked for every window that starts and ends with a call."""
    times = run_virtually(begin_times(limiter_on_virtual_time(rate), at))
    for first, start in enumerate(times):
        for last, end in enumerate(times[first:], start=first):
            assert last - first + 1 <= 1 + rate * (end - start) + 1e-5


@settings(max_examples=30)
@given(st.floats(0.1, 50), arrivals)
def test_the_grants_are_those_of_aiolimiter(rate: float, at: list[float]) -> None:
    """It lets nobody wait longer than need be: an independent implementation gives the same times."""

    async def theirs() -> list[float]:
        return await begin_times(AsyncLimiter(1, 1 / rate), at)

    ours = run_virtually(begin_times(limiter_on_virtual_time(rate), at))
    assert ours == pytest.approx(run_virtually(theirs()), abs=1e-6)


@given(st.floats(0.5, 20), st.lists(st.floats(0, 0.3), min_size=3, max_size=10))
def test_a_late_wake_up_brings_no_two_calls_closer(rate: float, lateness: list[float]) -> None:
    now = [0.0]
    late = iter(lateness * 50)

    async def oversleep(seconds: float) -> None:
        now[0] += seconds + next(late)

    limiter = RateLimiter({"gemini": rate}, clock=lambda: now[0], sleeper=oversleep)

    async def calls() -> list[float]:
        times = []
        for _ in lateness:
            await limiter.acquire("gemini")
            times.append(now[0])
        return times

    times = asyncio.run(calls())
    assert all(after - before >= 1 / rate - 1e-9 for before, after in pairwise(times))


def test_a_second_run_does_not_begin_with_a_call_too_many() -> None:
    now, waits = [0.0], []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        now[0] += seconds

    limiter = RateLimiter({"gemini": 2.0}, clock=lambda: now[0], sleeper=sleep)
    for _ in range(3):
        asyncio.run(limiter.acquire("gemini"))
    assert waits == [0.5, 0.5]


def test_a_hold_keeps_everybody_back() -> None:
    limiter = limiter_on_virtual_time(10.0)

    async def calls() -> list[float]:
        limiter.hold("gemini", 7.0)
        return await begin_times(limiter, [0, 0, 3])

    assert run_virtually(calls()) == pytest.approx([7.0, 7.1, 7.2])


def test_who_gives_up_waiting_leaves_the_line() -> None:
    limiter = limiter_on_virtual_time(1.0)

    async def calls() -> float:
        await limiter.acquire("gemini")
        impatient = asyncio.create_task(limiter.acquire("gemini"))
        patient = asyncio.create_task(limiter.acquire("gemini"))
        await asyncio.sleep(0.5)
        impatient.cancel()
        await patient
        return asyncio.get_running_loop().time()

    assert run_virtually(calls()) == pytest.approx(1.0)


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

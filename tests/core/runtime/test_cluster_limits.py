"""One count for all drivers of a cluster, on virtual time and without a cluster."""

from __future__ import annotations

import asyncio

import pytest

from personalab_core.runtime.cluster_limits import LEASE_S, ClusterLimits
from tests.support.virtual_time import run_virtually


def limits() -> ClusterLimits:
    return ClusterLimits(clock=lambda: asyncio.get_running_loop().time())


def test_two_drivers_share_the_places() -> None:
    async def story() -> list[str]:
        one, order = limits(), []

        async def call(driver: str, ticket: str) -> None:
            await one.take(driver, ticket, "gemini", 2)
            order.append(f"+{ticket}")
            await asyncio.sleep(1)
            order.append(f"-{ticket}")
            await one.give_back(ticket, "gemini")

        await asyncio.gather(call("d1", "a"), call("d1", "b"), call("d2", "c"))
        return order

    assert run_virtually(story()) == ["+a", "+b", "-a", "-b", "+c", "-c"]


def test_who_leaves_the_line_takes_no_place() -> None:
    async def story() -> None:
        one = limits()
        await one.take("d1", "a", "gemini", 1)
        waiting = asyncio.create_task(one.take("d1", "b", "gemini", 1))
        await asyncio.sleep(1)
        await one.give_back("b", "gemini")
        await waiting
        await one.give_back("a", "gemini")
        async with asyncio.timeout(1):
            await one.take("d1", "c", "gemini", 1)

    run_virtually(story())


def test_the_places_of_a_driver_that_falls_silent_are_free_again() -> None:
    async def story() -> float:
        one, loop = limits(), asyncio.get_running_loop()
        await one.take("dead", "a", "gemini", 1)
        await one.take("d2", "b", "gemini", 1)
        return loop.time()

    assert LEASE_S < run_virtually(story()) <= 1.5 * LEASE_S


def test_a_driver_that_says_it_is_there_keeps_its_places() -> None:
    async def story() -> None:
        one = limits()
        await one.take("d1", "a", "gemini", 1)

        async def heart() -> None:
            while True:
                await one.alive("d1")
                await asyncio.sleep(LEASE_S / 4)

        beating = asyncio.create_task(heart())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5 * LEASE_S):
                await one.take("d2", "b", "gemini", 1)
        beating.cancel()

    run_virtually(story())

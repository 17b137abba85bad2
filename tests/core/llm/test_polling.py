"""Waiting for long operations: how often, how long, and what a failed look means."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from personalab_core.errors import (
    AuthenticationError,
    LLMError,
    OutputLostError,
    ProviderServerError,
    ProviderTimeoutError,
    RateLimitError,
)
from personalab_core.llm.polling import Patience, collecting


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds

    async def sleep_async(self, seconds: float) -> None:
        self.sleep(seconds)

    def patience(self, **changes: Any) -> Patience:
        return Patience(
            **{"interval_s": 3.0, "timeout_s": 10.0, **changes},
            sleeper=self.sleep,
            async_sleeper=self.sleep_async,
            clock=lambda: self.now_s,
        )


Until = Callable[[Patience, list[Any]], Any]


def _next(script: list[Any]) -> Any:
    event = script.pop(0) if len(script) > 1 else script[0]
    if isinstance(event, Exception):
        raise event
    return event


def until(patience: Patience, script: list[Any]) -> Any:
    return patience.until(lambda: _next(script))


def until_async(patience: Patience, script: list[Any]) -> Any:
    async def look() -> Any:
        return _next(script)

    return asyncio.run(patience.until_async(look))


both_ways = pytest.mark.parametrize("wait", [until, until_async], ids=["sync", "async"])


def limit(retry_after_s: float) -> RateLimitError:
    return RateLimitError("slow down", provider="acme", retry_after_s=retry_after_s)


@both_ways
def test_it_looks_at_once_and_then_at_intervals(wait: Until) -> None:
    clock = Clock()
    assert wait(clock.patience(), [None, None, "done"]) == "done"
    assert clock.slept == [3.0, 3.0]


@both_ways
def test_a_look_that_fails_is_repeated_after_the_pause_asked_for(wait: Until) -> None:
    clock = Clock()
    broken = ProviderServerError("busy", provider="acme")
    assert wait(clock.patience(timeout_s=20.0), [limit(5.0), broken, None, "done"]) == "done"
    assert clock.slept == [5.0, 3.0, 3.0]


@both_ways
def test_after_the_time_limit_it_gives_up(wait: Until) -> None:
    clock = Clock()
    with pytest.raises(TimeoutError):
        wait(clock.patience(), [None])
    assert clock.now_s <= 10.0
    with pytest.raises(RateLimitError):
        wait(clock.patience(), [limit(0.0)])


@both_ways
@pytest.mark.parametrize("kind", [AuthenticationError, OutputLostError])
def test_what_another_look_cannot_change_ends_the_wait(wait: Until, kind: type[LLMError]) -> None:
    clock = Clock()
    with pytest.raises(kind):
        wait(clock.patience(), [kind("no", provider="acme")])
    assert clock.slept == []


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (TimeoutError(), ProviderTimeoutError),
        (ProviderServerError("busy", provider="acme", status_code=503), OutputLostError),
        (OutputLostError("gone", provider="acme"), OutputLostError),
        (AuthenticationError("no", provider="acme"), AuthenticationError),
    ],
    ids=["time is up", "server", "lost", "key"],
)
def test_a_failure_after_the_start_names_the_operation_and_is_never_repeated_as_a_whole(
    error: Exception, kind: type[LLMError]
) -> None:
    with pytest.raises(kind) as caught, collecting("acme", "op-1"):
        raise error
    assert type(caught.value) is kind
    assert caught.value.request_id == "op-1"
    assert isinstance(caught.value, (ProviderTimeoutError, AuthenticationError))


def test_an_error_from_elsewhere_passes_unchanged() -> None:
    with pytest.raises(ZeroDivisionError), collecting("acme", "op-1"):
        raise ZeroDivisionError

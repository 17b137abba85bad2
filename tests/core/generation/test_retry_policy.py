"""Transport retries: which errors, how long, and what the result says about them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalab_core.errors import (
    AuthenticationError,
    CallCancelledError,
    ConfigError,
    LLMError,
    ProviderConnectionError,
    ProviderServerError,
    ProviderTimeoutError,
    RateLimitError,
)
from personalab_core.generation import RetryNotice, RetryPolicy, TransportResult
from personalab_core.generation.retry_policy import RETRY_AFTER_MAX_S

BUSY = ProviderServerError("busy", provider="fake", status_code=503)


def failing(*errors: LLMError) -> Callable[[], str]:
    """A call that raises each error once and then answers."""
    left = list(errors)

    def call() -> str:
        if left:
            raise left.pop(0)
        return "picture"

    return call


def run(policy: RetryPolicy, *errors: LLMError) -> TransportResult[str]:
    return policy.call(failing(*errors))


def test_a_good_call_is_made_once() -> None:
    waits: list[float] = []
    result = run(RetryPolicy(sleeper=waits.append))
    assert (result.value, result.error, result.tries, result.waited_s, waits) == ("picture", None, 1, 0.0, [])


def test_waits_double_up_to_the_longest() -> None:
    waits: list[float] = []
    policy = RetryPolicy(5, backoff_base=1, backoff_factor=2, backoff_max=5, sleeper=waits.append)
    result = run(policy, BUSY, BUSY, BUSY, BUSY, BUSY)
    assert waits == [1, 2, 4, 5, 5]
    assert (result.value, result.tries, result.waited_s) == ("picture", 6, 17)


def test_an_error_that_stays_is_a_result() -> None:
    result = run(RetryPolicy(2, sleeper=lambda _: None), BUSY, BUSY, BUSY, BUSY)
    assert (result.value, result.error, result.tries) == (None, BUSY, 3)


def test_the_provider_may_ask_for_a_longer_wait() -> None:
    waits: list[float] = []
    asked = RateLimitError("slow down", provider="fake", status_code=429, retry_after_s=7.5)
    assert run(RetryPolicy(sleeper=waits.append), asked).value == "picture"
    assert waits == [7.5]


def test_a_wait_beyond_reason_is_not_waited_for() -> None:
    asked = RateLimitError("come back tomorrow", provider="fake", retry_after_s=RETRY_AFTER_MAX_S + 1)
    assert run(RetryPolicy(sleeper=lambda _: pytest.fail("waited")), asked).error is asked


def test_refusals_are_not_repeated() -> None:
    refused = AuthenticationError("wrong key", provider="fake", status_code=401)
    result = run(RetryPolicy(sleeper=lambda _: pytest.fail("waited")), refused)
    assert (result.error, result.tries) == (refused, 1)


def test_a_call_without_an_answer_is_repeated_only_on_demand() -> None:
    silent = ProviderTimeoutError("no answer in 60 s", provider="fake")
    once = run(RetryPolicy(sleeper=lambda _: None), silent)
    again = run(RetryPolicy(retry_ambiguous=True, sleeper=lambda _: None), silent)
    assert (once.error, once.tries, once.n_unanswered) == (silent, 1, 1)
    assert (again.value, again.tries, again.n_unanswered) == ("picture", 2, 1)


def test_every_retry_is_announced_before_its_wait() -> None:
    notices: list[RetryNotice] = []
    policy = RetryPolicy(sleeper=lambda _: None)
    policy.call(failing(BUSY, BUSY), on_retry=notices.append)
    assert [(n.try_number, n.error, n.wait_s) for n in notices] == [(1, BUSY, 1.0), (2, BUSY, 2.0)]


def test_a_cancelled_wait_ends_soon() -> None:
    waits: list[float] = []
    policy = RetryPolicy(backoff_base=30, sleeper=waits.append)
    result = policy.call(failing(BUSY, BUSY), should_stop=lambda: sum(waits) >= 1)
    assert isinstance(result.error, CallCancelledError)
    assert (sum(waits), result.tries) == (1.0, 1)


def test_no_further_try_after_a_stop() -> None:
    policy = RetryPolicy(sleeper=lambda _: pytest.fail("waited"))
    assert policy.call(failing(BUSY), should_stop=lambda: True).error is BUSY


def test_other_exceptions_pass_through() -> None:
    def broken() -> str:
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        RetryPolicy(sleeper=lambda _: pytest.fail("waited")).call(broken)


@given(st.lists(st.sampled_from([BUSY, ProviderConnectionError("refused", provider="fake")]), max_size=6))
def test_sync_and_async_agree(errors: list[LLMError]) -> None:
    async def no_wait(_: float) -> None:
        return None

    policy = RetryPolicy(3, sleeper=lambda _: None, async_sleeper=no_wait)
    one, other = failing(*errors), failing(*errors)

    async def call() -> str:
        return other()

    sync, async_ = policy.call(one), asyncio.run(policy.call_async(call))
    assert (sync.value, sync.error, sync.tries, sync.waited_s) == (
        async_.value,
        async_.error,
        async_.tries,
        async_.waited_s,
    )


def test_the_configuration_section_is_understood() -> None:
    policy = RetryPolicy.from_config({"max_retries": 1, "backoff_base": 0.5, "backoff_max": 2.0, "backoff_factor": 3.0})
    assert (policy.max_retries, policy.backoff_base, policy.backoff_max, policy.backoff_factor) == (1, 0.5, 2.0, 3.0)


def test_numbers_without_sense_are_refused() -> None:
    with pytest.raises(ConfigError, match="max_retries"):
        RetryPolicy(-1)

"""Every failure the SDK can raise has its place in our tree."""

from __future__ import annotations

import inspect
from typing import Any

import httpx2
import pytest
from google.genai import errors

from personalab_core.errors import (
    LLMError,
    ProviderConnectionError,
    ProviderServerError,
    ProviderTimeoutError,
    QuotaExceededError,
    RejectedLLMRequest,
    TransientLLMError,
)
from personalab_core.llm.gemini_errors import translate, translated

NOT_RAISED_HERE = {"ContinuationInterruptedError": "automatic continuation is switched off in every request"}


def _sdk_exceptions() -> list[type[Exception]]:
    return [
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, Exception) and kind.__module__ == errors.__name__
    ]


def _interactions_exceptions() -> list[type[Exception]]:
    from google.genai._gaos.lib import compat_errors

    root = compat_errors.GeminiNextGenAPIClientError
    return [kind for _, kind in inspect.getmembers(compat_errors, inspect.isclass) if issubclass(kind, root)]


@pytest.mark.parametrize("kind", _sdk_exceptions(), ids=lambda kind: kind.__name__)
def test_every_exception_of_the_sdk_is_translated(kind: type[Exception]) -> None:
    if kind.__name__ in NOT_RAISED_HERE:
        return
    error = kind(500, {"error": {"code": 500}}) if issubclass(kind, errors.APIError) else kind("text")
    assert isinstance(translate(error), LLMError)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_failure_on_the_providers_side_is_worth_another_try(status: int) -> None:
    translation = translate(errors.ServerError(status, {"error": {"code": status}}))
    assert isinstance(translation, ProviderServerError)
    assert isinstance(translation, TransientLLMError)


@pytest.mark.parametrize(
    ("status", "kind"), [(402, QuotaExceededError), (409, RejectedLLMRequest), (418, RejectedLLMRequest)]
)
def test_a_refusal_is_not(status: int, kind: type[LLMError]) -> None:
    assert isinstance(translate(errors.ClientError(status, {"error": {"code": status}})), kind)


@pytest.mark.parametrize("error", [httpx2.ReadTimeout("slow"), httpx2.WriteTimeout("slow"), TimeoutError()])
def test_a_timeout_is_not_mistaken_for_a_broken_connection(error: Exception) -> None:
    assert isinstance(translate(error), ProviderTimeoutError)


@pytest.mark.parametrize("error", [httpx2.ConnectError("refused"), httpx2.ConnectTimeout("slow")])
def test_what_was_never_sent_is_a_connection_error(error: Exception) -> None:
    assert isinstance(translate(error), ProviderConnectionError)


@pytest.mark.parametrize("error", [httpx2.RemoteProtocolError("cut"), httpx2.ReadError("cut"), OSError("gone")])
def test_a_connection_that_broke_later_may_have_been_paid(error: Exception) -> None:
    assert isinstance(translate(error), ProviderTimeoutError)


@pytest.mark.parametrize("kind", _interactions_exceptions(), ids=lambda kind: kind.__name__)
def test_every_exception_of_interactions_is_translated(kind: type[Exception]) -> None:
    error: Any = kind.__new__(kind)
    error.status_code, error.body = 500, None
    error.response = httpx2.Response(500, request=httpx2.Request("GET", "http://127.0.0.1"))
    assert isinstance(translate(error), LLMError)


def test_what_is_not_the_sdks_passes_unchanged() -> None:
    with pytest.raises(KeyboardInterrupt), translated():
        raise KeyboardInterrupt
    with pytest.raises(ZeroDivisionError), translated():
        raise ZeroDivisionError


def test_the_cause_is_kept_out_of_the_traceback() -> None:
    with pytest.raises(ProviderServerError) as caught, translated():
        raise errors.ServerError(500, {"error": {"code": 500, "message": "quoting the prompt"}})
    assert caught.value.__suppress_context__
    assert "quoting" not in str(caught.value)

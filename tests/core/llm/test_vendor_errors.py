"""Each SDK's exceptions, all of them, have their place in our tree."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from typing import Any

import pytest

from personalab_core.errors import (
    LLMError,
    OutputLostError,
    ProviderConnectionError,
    ProviderTimeoutError,
    QuotaExceededError,
    RateLimitError,
)
from personalab_core.llm.vendor_errors import (
    PolicyBlock,
    Vendor,
    code_words,
    retry_after_s,
    status_failure,
    translated,
    transport_failure,
)

VENDOR = Vendor("acme", ("ACME_KEY", "ACME_SECRET"))

NOT_RAISED_HERE = {
    "openai": {
        "InvalidWebhookSignatureError": "we receive no webhooks",
        "WebSocketConnectionClosedError": "we open no websockets",
        "WebSocketQueueFullError": "we open no websockets",
        "_WebSocketRecoveryData": "not an exception to be raised",
    },
    "runware": {},
    "replicate": {},
    "runwayml": {},
}
MODULES = {
    "openai": ("openai._exceptions",),  # the package itself loads every resource when it is listed
    "runware": ("runware", "runware.errors"),
    "replicate": ("replicate", "replicate.exceptions"),
    "runwayml": ("runwayml._exceptions", "runwayml.lib.polling"),
}
TABLES = {"openai": "openai", "runware": "runware", "replicate": "replicate", "runwayml": "runway"}


def exceptions_of(package: str) -> Iterator[type[BaseException]]:
    found = {
        kind
        for name in MODULES[package]
        for _, kind in inspect.getmembers(importlib.import_module(name), inspect.isclass)
        if issubclass(kind, Exception) and kind.__module__.partition(".")[0] == package
    }
    return iter(sorted(found, key=lambda kind: kind.__name__))


def bare(kind: type[BaseException]) -> BaseException:
    """An instance with the attributes that its constructor would set, whatever that asks for."""
    error: Any = kind.__new__(kind)
    response = type("Response", (), {"headers": {}, "content": b"{}"})()
    values = {"status_code": 500, "code": "unknown", "response": response, "body": None, "status": 500}
    for name, value in {**values, "request_id": None, "task_uuid": None, "retry_after": None}.items():
        setattr(error, name, value)
    return error  # type: ignore[no-any-return]


@pytest.mark.parametrize("package", sorted(MODULES))
def test_every_exception_of_the_sdk_is_mapped(package: str) -> None:
    pytest.importorskip(package)
    table = importlib.import_module(f"personalab_core.llm.{TABLES[package]}_errors").table
    kinds = [kind for kind in exceptions_of(package) if kind.__name__ not in NOT_RAISED_HERE[package]]
    assert kinds
    unmapped = [kind.__name__ for kind in kinds if not isinstance(table(bare(kind)), (LLMError, PolicyBlock))]
    assert unmapped == []


def test_every_code_of_runware_is_mapped() -> None:
    pytest.importorskip("runware")
    from typing import get_args

    from runware import RunwareError
    from runware.errors import ErrorCode

    from personalab_core.llm.runware_errors import CODES, table

    assert set(CODES) | {"safety"} == set(get_args(ErrorCode))
    safety = RunwareError("promptBlocked", "words that quote the prompt")
    assert isinstance(table(safety), PolicyBlock)


class ConnectTimeout(Exception):  # noqa: N818
    """Named as in httpx."""


class ReadTimeout(TimeoutError):  # noqa: N818
    """Named as in httpx."""


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ConnectTimeout(), ProviderConnectionError),
        (ConnectionRefusedError(), ProviderConnectionError),
        (ReadTimeout(), ProviderTimeoutError),
        (ConnectionResetError(), ProviderTimeoutError),
        (UnicodeDecodeError("utf-8", b"x", 0, 1, "bad"), OutputLostError),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_only_what_was_never_sent_may_be_repeated_for_free(error: Exception, kind: type[LLMError]) -> None:
    assert type(transport_failure(VENDOR, error)) is kind


def test_an_error_from_elsewhere_passes_unchanged() -> None:
    with pytest.raises(ZeroDivisionError), translated(lambda error: transport_failure(VENDOR, error)):
        raise ZeroDivisionError


def test_a_key_that_was_refused_is_named_by_its_variables() -> None:
    assert "ACME_KEY or ACME_SECRET" in str(status_failure(VENDOR, 401))


def test_a_used_up_quota_is_no_rate_limit() -> None:
    body = {"error": {"code": "insufficient_quota", "message": "quotes the prompt"}}
    error = status_failure(VENDOR, 429, headers={"x-request-id": "r-1"}, body=body)
    assert type(error) is QuotaExceededError
    assert (error.request_id, error.status_code) == ("r-1", 429)
    assert "insufficient_quota" in str(error)
    assert "quotes" not in str(error)
    assert type(status_failure(VENDOR, 429)) is RateLimitError


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({"retry-after": "7"}, None, 7.0),
        ({"retry-after": "0.5"}, {"retry_after": 9}, 0.5),
        ({"retry-after": "Sun, 22 Nov 2026 10:00:30 GMT", "date": "Sun, 22 Nov 2026 10:00:00 GMT"}, None, 30.0),
        ({"retry-after": "Sun, 22 Nov 2026 09:00:00 GMT", "date": "Sun, 22 Nov 2026 10:00:00 GMT"}, None, 0.0),
        ({"retry-after": "soon"}, None, None),
        ({}, {"retry_after": 5}, 5.0),
        ({}, {"error": {"details": [{"retryDelay": "3s"}]}}, 3.0),
        ({}, {"detail": "later"}, None),
        ({}, None, None),
    ],
)
def test_the_time_to_wait_is_read_wherever_it_stands(headers: dict[str, str], body: Any, seconds: float | None) -> None:
    assert retry_after_s(headers, body) == seconds


def test_only_code_words_are_passed_on() -> None:
    body = {"error": {"code": "rate_limit_exceeded", "type": "two words", "message": "rate_limited"}, "status": 429}
    assert code_words(body) == ("rate_limit_exceeded",)
    assert code_words({"code": "sk-3141592653"}) == ()

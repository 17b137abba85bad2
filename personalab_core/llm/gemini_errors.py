"""From what google-genai raises to the errors of this package: one table, chosen by status and class, never by text.

The vendor's own words are not passed on: they may quote the prompt. What stays is the
status, its code words (``RESOURCE_EXHAUSTED``) and the time to wait.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Self

import httpx2
import pydantic
from google.genai import errors

from personalab_core.errors import (
    AuthenticationError,
    InvalidRequestError,
    LLMError,
    ProviderConnectionError,
    ProviderServerError,
    ProviderTimeoutError,
    QuotaExceededError,
    RateLimitError,
)

PROVIDER = "gemini"

_CODE_WORD = re.compile(r"[A-Z][A-Z_]{2,60}")
_SECONDS = re.compile(r"(\d+(?:\.\d+)?)s")
_BAD_KEY = {"API_KEY_INVALID", "API_KEY_EXPIRED"}
_KEY_ADVICE = "the key was refused; check GOOGLE_API_KEY or GEMINI_API_KEY"


class translated:  # noqa: N801  # used as a statement: with translated(): ...
    """Context in which every failure of the SDK becomes an :class:`LLMError`; other errors pass unchanged."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        known = translate(error) if error is not None else None
        if known is not None:
            # The cause is left out of tracebacks on purpose: its text may contain prompt or picture.
            raise known from None


def translate(error: BaseException) -> LLMError | None:
    """Return this package's error for one of the SDK, or ``None`` if it is not one of the SDK's."""
    if isinstance(error, errors.APIError):
        return _from_status(error)
    # First, because a timeout is also a transport error and the builtin one also an OSError.
    if isinstance(error, (httpx2.TimeoutException, TimeoutError)):
        return ProviderTimeoutError(
            "no answer within the time limit; the call may have been carried out and may have been paid",
            provider=PROVIDER,
        )
    if isinstance(error, (httpx2.TransportError, OSError)):
        return ProviderConnectionError(
            "could not be reached; check the network connection and proxy settings", provider=PROVIDER
        )
    if isinstance(error, (json.JSONDecodeError, pydantic.ValidationError, errors.UnknownApiResponseError)):
        return ProviderServerError("the answer could not be read; it was not what the API documents", provider=PROVIDER)
    if isinstance(error, ValueError):
        return InvalidRequestError(
            "the installed google-genai refused the request before sending it", provider=PROVIDER
        )
    return None


def _from_status(error: errors.APIError) -> LLMError:
    status = int(error.code or 0)
    words = tuple(dict.fromkeys(_code_words(error.details)))
    message = _message(status, words)
    kind = _class_of(status, words, error.details)
    return kind(
        message,
        provider=PROVIDER,
        status_code=status or None,
        request_id=_header(error, "x-request-id"),
        retry_after_s=_retry_after_s(error),
    )


def _class_of(status: int, words: tuple[str, ...], details: Any) -> type[LLMError]:
    if status in (401, 403) or _BAD_KEY & set(words):
        return AuthenticationError
    if status == 429:
        return QuotaExceededError if _is_daily_quota(details) else RateLimitError
    if status == 402:
        return QuotaExceededError
    if status == 408:
        return ProviderTimeoutError
    return ProviderServerError if status >= 500 else InvalidRequestError


def _message(status: int, words: tuple[str, ...]) -> str:
    advice = {
        400: "the request was refused as invalid; check the model name, the aspect ratio and the size of the pictures",
        401: _KEY_ADVICE,
        402: "the account has no budget left",
        403: "the key lacks permission for this model",
        404: "the model is not known; check models.*.model_name",
        413: "the request is too large; use smaller reference pictures",
        429: "too many calls or quota used up",
    }.get(status, "the provider failed" if status >= 500 else "the call was refused")
    if _BAD_KEY & set(words):
        advice = _KEY_ADVICE
    return f"{advice} [{', '.join(words)}]" if words else advice


def _leaves(value: Any) -> Iterator[tuple[str, str]]:
    """(key, text) of every string in a decoded error body."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if isinstance(inner, str):
                yield str(key), inner
            else:
                yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)


def _code_words(details: Any) -> Iterator[str]:
    return (text for key, text in _leaves(details) if key in ("status", "reason") and _CODE_WORD.fullmatch(text))


def _is_daily_quota(details: Any) -> bool:
    """Whether the quota named is one per day: waiting seconds does not help."""
    return any(key == "quotaId" and "PerDay" in text for key, text in _leaves(details))


def _retry_after_s(error: errors.APIError) -> float | None:
    header = _SECONDS.fullmatch(f"{_header(error, 'retry-after') or ''}s")
    if header:
        return float(header[1])
    delays = (_SECONDS.fullmatch(text) for key, text in _leaves(error.details) if key == "retryDelay")
    return next((float(delay[1]) for delay in delays if delay), None)


def _header(error: errors.APIError, name: str) -> str | None:
    headers = getattr(error.response, "headers", None)
    return None if headers is None else headers.get(name)

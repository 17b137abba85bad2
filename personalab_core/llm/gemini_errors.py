"""From what google-genai raises to the errors of this package: one table, chosen by status and class, never by text.

The vendor's own words are not passed on: they may quote the prompt. What stays is the
status, its code words (``RESOURCE_EXHAUSTED``) and the time to wait.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import ModuleType, TracebackType
from typing import Any, Self

from google.genai import errors

from personalab_core.errors import (
    AuthenticationError,
    InvalidRequestError,
    LLMError,
    OutputLostError,
    ProviderServerError,
    ProviderTimeoutError,
    QuotaExceededError,
    RateLimitError,
)
from personalab_core.llm.vendor_errors import Vendor, generated_sdk_failure, transport_failure

try:
    # Interactions have errors of their own, in a place that may move.
    from google.genai._gaos.lib import compat_errors

    next_generation: ModuleType | None = compat_errors
except ImportError:
    next_generation = None

PROVIDER = "gemini"
VENDOR = Vendor(PROVIDER, ("GOOGLE_API_KEY", "GEMINI_API_KEY"))

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
        return from_status(int(error.code or 0), error.details, getattr(error.response, "headers", None))
    if next_generation is not None and isinstance(error, next_generation.GeminiNextGenAPIClientError):
        if isinstance(error, next_generation.APIStatusError):
            return from_status(error.status_code or 0, error.body, error.response.headers)
        return generated_sdk_failure(VENDOR, next_generation, error) or VENDOR.failure(OutputLostError)
    # The SDK reads an answer without checking it, so one of another shape fails wherever it is first used.
    if isinstance(error, (errors.UnknownApiResponseError, TypeError, AttributeError, KeyError)):
        return VENDOR.failure(OutputLostError)
    known = transport_failure(VENDOR, error)
    if known is None and isinstance(error, ValueError):
        return VENDOR.failure(
            InvalidRequestError, advice="the installed google-genai refused the request before sending it"
        )
    return known


def from_status(status: int, details: Any, headers: Mapping[str, str] | None) -> LLMError:
    """Return the error for an answer of 400 and above.

    Args:
        status: HTTP status.
        details: Decoded body.
        headers: Headers of the answer, if it is known.
    """
    words = tuple(dict.fromkeys(_code_words(details)))
    kind = _class_of(status, words, details)
    return kind(
        _message(status, words),
        provider=PROVIDER,
        status_code=status or None,
        request_id=(headers or {}).get("x-request-id"),
        retry_after_s=_retry_after_s(headers or {}, details),
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


def _retry_after_s(headers: Mapping[str, str], details: Any) -> float | None:
    header = _SECONDS.fullmatch(f"{headers.get('retry-after') or ''}s")
    if header:
        return float(header[1])
    delays = (_SECONDS.fullmatch(text) for key, text in _leaves(details) if key == "retryDelay")
    return next((float(delay[1]) for delay in delays if delay), None)

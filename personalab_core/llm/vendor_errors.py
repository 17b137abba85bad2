"""What vendors' failures have in common: a status, a few code words, a time to wait.

Each vendor has a table of its own (``<vendor>_errors.py``) that looks at the SDK's
exception classes and ends here. The vendor's own sentences are never passed on: they
may quote the prompt or the key. What stays is the status, its code words
(``insufficient_quota``), the request's id and the time to wait.

One question decides between two errors: was the request ever sent? If not, it may be
repeated for free (:class:`ProviderConnectionError`). If it was and no readable answer
came back, it may have been paid (:class:`ProviderTimeoutError` and below).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import ModuleType, TracebackType
from typing import Any, Self

import pydantic

from personalab_core.errors import (
    AuthenticationError,
    CallCancelledError,
    InvalidRequestError,
    LLMError,
    MissingKeyError,
    OutputLostError,
    ProviderConnectionError,
    ProviderServerError,
    ProviderTimeoutError,
    QuotaExceededError,
    RateLimitError,
)

_WORD = re.compile(r"[A-Za-z][A-Za-z_.]{2,60}")
"""A code word: no digit and no blank, so neither a key nor a prompt."""

_WORD_KEYS = frozenset({"code", "type", "reason", "status", "failureCode", "failure_code"})
_DELAY_KEYS = ("retry_after", "retryAfter", "retry_after_s", "retryDelay")
_SECONDS = re.compile(r"(\d+(?:\.\d+)?)\s*s?")
_QUOTA_WORDS = frozenset({"insufficient_quota", "billing_hard_limit_reached", "insufficientCredits"})

_NEVER_SENT = frozenset(
    {
        "ConnectError",  # httpx, httpx2
        "ConnectTimeout",
        "PoolTimeout",
        "ProxyError",
        "UnsupportedProtocol",
        "LocalProtocolError",
        "ClientConnectorError",  # aiohttp
        "ConnectionTimeoutError",
        "ServerFingerprintMismatch",
        "InvalidURL",
        "ConnectionRefusedError",  # builtin
    }
)
"""Classes of transport failure that come before a request has left."""

_TIMEOUTS = frozenset({"TimeoutException", "TimeoutError"})
_TRANSPORT_BASES = frozenset({"TransportError", "ClientError", "OSError", "StreamError"})

_ADVICE: Mapping[type[LLMError], str] = {
    AuthenticationError: "the key was refused or lacks a permission; check {keys}",
    QuotaExceededError: "the account's quota or budget is used up",
    RateLimitError: "too many calls",
    ProviderServerError: "the provider failed",
    ProviderTimeoutError: "no answer within the time limit; the call may have been carried out and may have been paid",
    ProviderConnectionError: "could not be reached; check the network connection and proxy settings",
    OutputLostError: "the answer could not be read; the call may have been paid",
    InvalidRequestError: "the request was refused as invalid; check the model name, the shape and the pictures",
    CallCancelledError: "the operation was cancelled",
}
_ADVICE_FOR_STATUS: Mapping[int, str] = {
    404: "not known there; check models.*.model_name",
    413: "the request is too large; use smaller reference pictures",
}


@dataclass(frozen=True, slots=True)
class Vendor:
    """What messages say about a vendor.

    Attributes:
        provider: Its name in the configuration.
        key_variables: Environment variables that may hold its key, in order.
    """

    provider: str
    key_variables: tuple[str, ...]

    @property
    def keys(self) -> str:
        """The variables, as a sentence names them."""
        return " or ".join(self.key_variables)

    def require_key(self, api_key: str | None) -> str:
        """Return the key.

        Raises:
            MissingKeyError: There is none; names the variables.
        """
        if not api_key:
            raise MissingKeyError(
                f"The provider {self.provider!r} needs an API key: set {self.keys} in the environment or in .env. "
                "(The profile 'simulated' needs none.)"
            )
        return api_key

    def failure(
        self,
        kind: type[LLMError],
        *,
        advice: str | None = None,
        status: int | None = None,
        words: tuple[str, ...] = (),
        request_id: str | None = None,
        retry_after_s: float | None = None,
    ) -> LLMError:
        """Return the error of ``kind``, worded for this vendor."""
        text = advice or _ADVICE_FOR_STATUS.get(status or 0) or _ADVICE[kind].format(keys=self.keys)
        return kind(
            f"{text} [{', '.join(words)}]" if words else text,
            provider=self.provider,
            status_code=status,
            request_id=request_id,
            retry_after_s=retry_after_s,
        )


class PolicyBlock(Exception):  # noqa: N818  # an outcome on its way to the answer, not a failure
    """The vendor refused for reasons of policy; the adapter turns it into an answer without media."""

    def __init__(self, reason: str, request_id: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.request_id = request_id


Table = Callable[[BaseException], "LLMError | PolicyBlock | None"]
"""Returns what one of the vendor's exceptions means, or ``None`` if it is not one of the vendor's."""


class translated:  # noqa: N801  # used as a statement: with translated(TABLE): ...
    """Context in which every failure of an SDK becomes what its table says; other errors pass unchanged."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None or isinstance(error, (LLMError, PolicyBlock)):
            return
        known = self._table(error)
        if known is not None:
            # The cause is left out of tracebacks on purpose: its text may contain prompt or picture.
            raise known from None


def status_failure(
    vendor: Vendor, status: int, *, headers: Mapping[str, str] | None = None, body: Any = None
) -> LLMError:
    """Return the error for an HTTP answer of 400 and above."""
    words = code_words(body)
    return vendor.failure(
        _kind_of_status(status, words),
        status=status,
        words=words,
        request_id=(headers or {}).get("x-request-id"),
        retry_after_s=retry_after_s(headers or {}, body),
    )


def _kind_of_status(status: int, words: tuple[str, ...]) -> type[LLMError]:
    if status == 402 or _QUOTA_WORDS & set(words):
        return QuotaExceededError
    kinds: Mapping[int, type[LLMError]] = {
        401: AuthenticationError,
        403: AuthenticationError,
        408: ProviderTimeoutError,
        429: RateLimitError,
    }
    return kinds.get(status, ProviderServerError if status >= 500 else InvalidRequestError)


def transport_failure(vendor: Vendor, error: BaseException) -> LLMError | None:
    """Return the error for a broken or silent connection, or for an answer that cannot be read.

    Chosen by class name, because two generations of the HTTP library, aiohttp and the
    builtin classes all occur and not all of them need be installed.
    """
    names = {kind.__name__ for kind in type(error).__mro__}
    if names & _NEVER_SENT:
        return vendor.failure(ProviderConnectionError)
    if names & _TIMEOUTS:
        return vendor.failure(ProviderTimeoutError)
    if names & _TRANSPORT_BASES:
        return vendor.failure(
            ProviderTimeoutError, advice="the connection broke before the answer; the call may have been paid"
        )
    if isinstance(error, (json.JSONDecodeError, UnicodeDecodeError, pydantic.ValidationError)):
        return vendor.failure(OutputLostError)
    return None


def generated_sdk_failure(vendor: Vendor, sdk: ModuleType, error: BaseException) -> LLMError | None:
    """Return the error for an exception of one of the SDKs that Stainless generates (openai, runwayml)."""
    if isinstance(error, sdk.APIConnectionError):
        never_sent = transport_failure(vendor, error.__cause__) if error.__cause__ is not None else None
        if never_sent is not None:
            return never_sent
        kind = ProviderTimeoutError if isinstance(error, sdk.APITimeoutError) else ProviderConnectionError
        return vendor.failure(kind)
    if isinstance(error, sdk.APIStatusError):
        return status_failure(
            vendor, error.status_code, headers=error.response.headers, body=_decoded(error.response.content)
        )
    if isinstance(error, sdk.APIError):
        return vendor.failure(OutputLostError)
    return transport_failure(vendor, error)


def _decoded(content: bytes) -> Any:
    """Return the whole decoded body; the SDKs keep only its part ``error``."""
    try:
        return json.loads(content)
    except ValueError:
        return None


def leaves(value: Any) -> Iterator[tuple[str, str | float]]:
    """Yield (key, value) of every text and number in a decoded body."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if isinstance(inner, (str, int, float)) and not isinstance(inner, bool):
                yield str(key), inner
            else:
                yield from leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner)


def code_words(body: Any) -> tuple[str, ...]:
    """Return the code words of a decoded error body, each once."""
    words = (text for key, text in leaves(body) if key in _WORD_KEYS and isinstance(text, str))
    return tuple(dict.fromkeys(word for word in words if _WORD.fullmatch(word)))


def retry_after_s(headers: Mapping[str, str], body: Any = None) -> float | None:
    """Return the seconds to wait that a header (seconds or a date) or the body asks for."""
    header = headers.get("retry-after")
    if header:
        return _seconds(header) if _seconds(header) is not None else _seconds_until(header, headers.get("date"))
    asked = (_seconds(str(value)) for key, value in leaves(body) if key in _DELAY_KEYS)
    return next((seconds for seconds in asked if seconds is not None), None)


def _seconds(text: str) -> float | None:
    found = _SECONDS.fullmatch(text.strip())
    return float(found[1]) if found else None


def _seconds_until(date: str, answered: str | None) -> float | None:
    """Return the seconds from the server's own clock (header ``Date``) to ``date``."""
    try:
        now = parsedate_to_datetime(answered) if answered else datetime.now(UTC)
        return max(0.0, (parsedate_to_datetime(date) - now).total_seconds())
    except (ValueError, TypeError):
        return None

"""From what the replicate package raises to the errors of this package, and the transport that makes it tell.

The package retries on its own (10 times), gives requests no time limit and forgets the
``Retry-After`` of a refusal. One transport below it cures all three: it sets the limit
and raises :class:`HttpFailure` before the package sees the answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import httpx
import pydantic.v1
import replicate.exceptions

from personalab_core.errors import LLMError, OutputLostError
from personalab_core.llm.connections import tls_context
from personalab_core.llm.vendor_errors import PolicyBlock, Vendor, status_failure, transport_failure

VENDOR = Vendor("replicate", ("REPLICATE_API_TOKEN",))

_POLICY_WORDS = ("nsfw", "sensitive content", "flagged", "content policy", "safety", "e005")
"""A blocked prediction differs from a broken one by its text only; Replicate documents no code for it."""


class HttpFailure(Exception):  # noqa: N818
    """An answer of 400 and above, with what the package would drop."""

    def __init__(self, status: int, headers: Mapping[str, str], body: Any) -> None:
        super().__init__(status)
        self.status = status
        self.headers = headers
        self.body = body


class Transport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Sends requests with a time limit and raises for every refusal. Proxy variables are not read.

    Args:
        timeout_s: Time limit of every request in seconds, for connecting and for each silence.
        is_async: Which of the two ways it will be used in.
    """

    def __init__(self, timeout_s: float, *, is_async: bool) -> None:
        self._timeout = httpx.Timeout(timeout_s).as_dict()
        self._inner = None if is_async else httpx.HTTPTransport(verify=tls_context())
        self._async_inner = httpx.AsyncHTTPTransport(verify=tls_context()) if is_async else None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Return the answer, read to its end."""
        assert self._inner is not None  # noqa: S101  # chosen when it was made
        request.extensions["timeout"] = self._timeout
        answer = self._inner.handle_request(request)
        answer.request = request
        answer.read()
        return _accepted(answer)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """:meth:`handle_request` without blocking the event loop."""
        assert self._async_inner is not None  # noqa: S101
        request.extensions["timeout"] = self._timeout
        answer = await self._async_inner.handle_async_request(request)
        answer.request = request
        await answer.aread()
        return _accepted(answer)

    def close(self) -> None:
        """Close the connections."""
        if self._inner is not None:
            self._inner.close()

    async def aclose(self) -> None:
        """Close the connections of the event loop."""
        if self._async_inner is not None:
            await self._async_inner.aclose()


def _accepted(answer: httpx.Response) -> httpx.Response:
    if answer.status_code < 400:
        return answer
    try:
        body = answer.json()
    except ValueError:
        body = None
    raise HttpFailure(answer.status_code, answer.headers, body)


def table(error: BaseException) -> LLMError | PolicyBlock | None:
    """Return what an exception means, or ``None`` if it is not one of replicate's."""
    if isinstance(error, HttpFailure):
        return status_failure(VENDOR, error.status, headers=error.headers, body=error.body)
    if isinstance(error, replicate.exceptions.ReplicateError) and error.status:
        return status_failure(VENDOR, int(error.status))
    if isinstance(
        error,
        (replicate.exceptions.ReplicateException, pydantic.v1.ValidationError, json.JSONDecodeError, TypeError),
    ):
        return VENDOR.failure(OutputLostError)
    return transport_failure(VENDOR, error)


def policy_block(text: str | None) -> str | None:
    """Return the reason for a block if a failed prediction's text tells of one."""
    return "content_policy" if text and any(word in text.lower() for word in _POLICY_WORDS) else None

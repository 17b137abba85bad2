"""Connections of the vendors' SDKs: one client per call, closed with it.

An asynchronous client belongs to the event loop it was made in, so a kept one fails in
the second ``asyncio.run``, and one that nobody closes leaves sockets open. A client per
call has neither trouble, also in many threads. What makes a client dear is reading the
certificates (0.2 s on a slow core); they are read once and shared.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")


def _without_query(record: logging.LogRecord) -> bool:
    """Cut the query off the address in httpx's line about a request: signed addresses are secrets."""
    if isinstance(record.args, tuple):
        record.args = tuple(str(arg).partition("?")[0] if "://" in str(arg) else arg for arg in record.args)
    return True


for _client in ("httpx", "httpx2"):
    logging.getLogger(_client).addFilter(_without_query)


@cache
def tls_context() -> ssl.SSLContext:
    """Return the settings of encrypted connections, certificates included; not bound to a thread or loop."""
    import httpx

    return httpx.create_ssl_context()


def run_blocking(work: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine returns, from ordinary code, in a thread of its own if a loop runs in this one."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="personalab-llm") as threads:
        return threads.submit(asyncio.run, work).result()

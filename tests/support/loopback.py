"""A vendor's server on this machine: scripted answers, recorded requests."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Reply:
    """One scripted answer; ``body`` is sent as JSON unless it is bytes. ``cut`` hangs up in the middle of it."""

    body: Any = field(default_factory=dict)
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    cut: bool = False


@dataclass(frozen=True)
class Call:
    """One request that arrived; ``body`` is decoded if it was JSON, else bytes."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any


class LoopbackServer:
    """Answers every request with the next reply; the last one comes back for ever.

    Requests whose method and path start with a route have replies of their own.
    """

    def __init__(self, address: str) -> None:
        self.url = address
        self.replies: list[Reply] = [Reply()]
        self.routes: dict[tuple[str, str], list[Reply]] = {}
        self.calls: list[Call] = []
        self._lock = threading.Lock()

    def script(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.calls.clear()

    def route(self, method: str, path: str, *replies: Reply) -> None:
        self.routes[method, path] = list(replies)

    def take(self, call: Call) -> Reply:
        with self._lock:
            self.calls.append(call)
            for (method, path), replies in self.routes.items():
                if call.method == method and call.path.startswith(path):
                    return replies.pop(0) if len(replies) > 1 else replies[0]
            return self.replies[min(len(self.calls), len(self.replies)) - 1]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        server: Any = self.server
        data = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        is_json = "json" in headers.get("content-type", "json")
        call = Call(self.command, self.path, headers, json.loads(data) if data and is_json else data or None)
        self._answer(server.loopback.take(call))

    def do_GET(self) -> None:
        self.do_POST()

    def _answer(self, reply: Reply) -> None:
        time.sleep(reply.delay_s)
        body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        try:
            self.send_response(reply.status)
            for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body) + (1000 if reply.cut else 0)))
            self.end_headers()
            self.wfile.write(body)
            if reply.cut:
                self.close_connection = True
        except (BrokenPipeError, ConnectionResetError):
            pass  # the client gave up waiting, which is what such a test is about

    def log_message(self, *args: object) -> None:
        """Keep the test output clean."""


@contextmanager
def loopback_server() -> Iterator[LoopbackServer]:
    """Serve on a free port of 127.0.0.1 until the block ends."""
    http = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    http.daemon_threads = True
    loopback = LoopbackServer(f"http://127.0.0.1:{http.server_address[1]}")
    http.loopback = loopback  # type: ignore[attr-defined]
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield loopback
    finally:
        http.shutdown()
        http.server_close()
        thread.join()

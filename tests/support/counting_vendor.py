"""Three vendors on this machine that count what they are asked to make, spoken to through their own SDKs.

Google answers a request for a picture at once; Replicate and Runway start a prediction or a task, tell how far it is
and serve what it made from a file host. Whoever is killed while waiting for Google never learns the answer; Replicate
lists what it has started.
"""

from __future__ import annotations

import base64
import itertools
import json
import threading
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

from personalab_core.llm import LLMClient
from personalab_core.llm.connections import tls_context
from personalab_core.llm.polling import Patience
from tests.support.fakes import tiny_png
from tests.support.vendors import tiny_mp4

VendorKind = Literal["synchronous", "jobs", "films"]
KEY = "sk-test-key-3141592653589793"


@dataclass(frozen=True)
class Terms:
    """What a vendor is asked under, and its prices by ``data/providers/prices.yml`` in US dollars."""

    provider: str
    model: str
    price_usd: float
    worst_case_usd: float


TERMS: dict[VendorKind, Terms] = {
    # 0.134 a picture; one reference picture (0.0011) and thinking (0.05) may come on top.
    "synchronous": Terms("gemini", "gemini-3-pro-image-preview", 0.134, 0.1851),
    "jobs": Terms("replicate", "black-forest-labs/flux-1.1-pro", 0.04, 0.04),
    "films": Terms("runway", "gen4_turbo", 0.25, 0.25),
}


def adapter_of(kind: VendorKind, url: str) -> LLMClient:
    """The real adapter of a vendor, over its real SDK, speaking to ``url``."""
    if kind == "synchronous":
        from personalab_core.llm.gemini import GeminiAdapter

        return GeminiAdapter(api_key=KEY, base_url=url, timeout_s=20)
    patience = Patience(interval_s=0.002, timeout_s=60)
    if kind == "films":
        from personalab_core.llm.runway_adapter import RunwayAdapter

        return RunwayAdapter(api_key=KEY, base_url=url, timeout_s=20, patience=patience)
    from personalab_core.llm.replicate_adapter import ReplicateAdapter

    return ReplicateAdapter(api_key=KEY, base_url=url, timeout_s=20, patience=patience)


def load_sdks() -> None:
    """Import the SDKs and read the certificates, which takes seconds, before processes are forked."""
    for kind in TERMS:
        adapter_of(kind, "http://127.0.0.1:1")
    tls_context()


@dataclass(frozen=True)
class Operation:
    """Something that was asked for and costs money."""

    name: str
    prompt: str
    asked: dict[str, Any]
    began_s: float
    began_at: datetime


@dataclass
class CountingVendor:
    """Makes a grey picture whose brightness follows from the prompt, or a film; counts how often it was asked to.

    Attributes:
        url: Its address.
        submitted: Requests that cost money, by prompt: every attempt of every job has its own.
        work_s: How long one picture takes.
        asked: Set with every such request.
        unread: Connections that were accepted before what they ask for was begun, or they ended.
    """

    url: str = ""
    submitted: Counter[str] = field(default_factory=Counter)
    work_s: float = 0.0
    asked: threading.Event = field(default_factory=threading.Event)
    unread: set[object] = field(default_factory=set)
    changed: threading.Condition = field(default_factory=threading.Condition)
    _started: dict[str, Operation] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def begin(self, prompt: str, asked: dict[str, Any], connection: object) -> str:
        with self.changed:
            self.submitted[prompt] += 1
            name = f"op{next(self._numbers)}"
            self._started[name] = Operation(name, prompt, asked, time.monotonic(), datetime.now(UTC))
            self.asked.set()
        self.has_read(connection)
        return name

    def accepted(self, connection: object) -> None:
        with self.changed:
            self.unread.add(connection)

    def has_read(self, connection: object) -> None:
        with self.changed:
            self.unread.discard(connection)
            self.changed.notify_all()

    def listed(self, connection: object) -> list[Operation]:
        """Everything that was asked for before now, newest first; requests that are still on their way included."""
        with self.changed:
            earlier = self.unread - {connection}
            self.changed.wait_for(lambda: not earlier & self.unread)
            return list(self._started.values())[::-1]

    def picture(self, operation: str) -> bytes:
        return tiny_png(self._shade(operation))

    def film(self, operation: str) -> bytes:
        """A film with a box of no meaning at its end that differs from prompt to prompt."""
        return tiny_mp4() + b"\x00\x00\x00\x09free" + bytes([self._shade(operation)])

    def is_done(self, operation: str) -> bool:
        return time.monotonic() - self._started[operation].began_s >= self.work_s

    def _shade(self, operation: str) -> int:
        return zlib.crc32(self._started[operation].prompt.encode()) % 251


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def _vendor(self) -> CountingVendor:
        vendor: CountingVendor = self.server.vendor  # type: ignore[attr-defined]
        return vendor

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path.endswith(":generateContent"):
            prompt = "".join(part.get("text", "") for part in asked["contents"][0]["parts"])
            operation = self._begin(prompt, asked)
            time.sleep(self._vendor.work_s)
            self._answer_json(_generated(self._vendor.picture(operation)))
        elif self.path.endswith("/image_to_video"):
            self._answer_json({"id": self._begin(asked["promptText"], asked)})
        else:
            self._answer_json(_prediction(self._begin(asked["input"]["prompt"], asked), "starting"), status=201)

    def _begin(self, prompt: str, asked: dict[str, Any]) -> str:
        return self._vendor.begin(prompt, asked, self.connection)

    def do_GET(self) -> None:
        folder, _, operation = self.path.rpartition("/")
        if folder in {"/pictures", "/films"}:
            assert "authorization" not in self.headers, "the file host must not see the key"
            if folder == "/films":
                self._answer(self._vendor.film(operation), "video/mp4")
            else:
                self._answer(self._vendor.picture(operation), "image/png")
        elif operation == "predictions":
            self._answer_json({"previous": None, "next": None, "results": self._listed()})
        else:
            look = _task if folder == "/v1/tasks" else _looked_at
            self._answer_json(look(operation, self._vendor.url, is_done=self._vendor.is_done(operation)))

    def _listed(self) -> list[dict[str, Any]]:
        return [
            _prediction(began.name, "processing", input=began.asked["input"], created_at=began.began_at.isoformat())
            for began in self._vendor.listed(self.connection)
        ]

    def _answer_json(self, document: dict[str, Any], *, status: int = 200) -> None:
        self._answer(json.dumps(document).encode(), "application/json", status=status)

    def _answer(self, body: bytes, mime_type: str, *, status: int = 200) -> None:
        try:
            self.send_response(status)
            self.send_header("Content-Type", mime_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the client was killed, which is what such a test is about

    def log_message(self, *args: object) -> None:
        """Keep the test output clean."""


def _generated(picture: bytes) -> dict[str, Any]:
    data = {"mimeType": "image/png", "data": base64.b64encode(picture).decode()}
    return {"candidates": [{"content": {"parts": [{"inlineData": data}]}, "finishReason": "STOP"}]}


def _prediction(operation: str, status: str, **more: Any) -> dict[str, Any]:
    return {"id": operation, "model": TERMS["jobs"].model, "version": "v1", "status": status, **more}


def _looked_at(operation: str, url: str, *, is_done: bool) -> dict[str, Any]:
    if not is_done:
        return _prediction(operation, "processing")
    return _prediction(operation, "succeeded", output=[f"{url}/pictures/{operation}"])


def _task(operation: str, url: str, *, is_done: bool) -> dict[str, Any]:
    task = {"id": operation, "status": "RUNNING", "createdAt": "2026-11-22T10:00:00Z"}
    if not is_done:
        return task
    return {**task, "status": "SUCCEEDED", "output": [f"{url}/films/{operation}"], "cost": {"credits": 25}}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def process_request(self, request: Any, client_address: Any) -> None:
        self.vendor.accepted(request)  # type: ignore[attr-defined]  # in the order in which they came
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.vendor.has_read(request)  # type: ignore[attr-defined]
        super().shutdown_request(request)

    def handle_error(self, *args: object) -> None:
        """Killed clients leave broken connections; that is expected."""


@contextmanager
def counting_vendor(*, work_s: float = 0.0) -> Iterator[CountingVendor]:
    """Serve on a free port of 127.0.0.1 until the block ends."""
    http_server = _Server(("127.0.0.1", 0), _Handler)
    vendor = CountingVendor(f"http://127.0.0.1:{http_server.server_address[1]}", work_s=work_s)
    http_server.vendor = vendor  # type: ignore[attr-defined]
    thread = threading.Thread(target=http_server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield vendor
    finally:
        http_server.shutdown()
        http_server.server_close()
        thread.join()

"""Two vendors on this machine that count what they are asked to make, spoken to through their own SDKs.

Google answers a request for a picture at once; Replicate starts a prediction, tells how far it is and
serves what it made from a file host. Whoever is killed while waiting for Google never learns the answer.
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
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

from personalab_core.llm import LLMClient
from personalab_core.llm.connections import tls_context
from personalab_core.llm.polling import Patience
from tests.support.fakes import tiny_png

VendorKind = Literal["synchronous", "jobs"]
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
}


def adapter_of(kind: VendorKind, url: str) -> LLMClient:
    """The real adapter of a vendor, over its real SDK, speaking to ``url``."""
    if kind == "synchronous":
        from personalab_core.llm.gemini import GeminiAdapter

        return GeminiAdapter(api_key=KEY, base_url=url, timeout_s=20)
    from personalab_core.llm.replicate_adapter import ReplicateAdapter

    patience = Patience(interval_s=0.002, timeout_s=60)
    return ReplicateAdapter(api_key=KEY, base_url=url, timeout_s=20, patience=patience)


def load_sdks() -> None:
    """Import both SDKs and read the certificates, which takes seconds, before processes are forked."""
    for kind in TERMS:
        adapter_of(kind, "http://127.0.0.1:1")
    tls_context()


@dataclass
class CountingVendor:
    """Makes a grey picture whose brightness follows from the prompt; counts how often it was asked to.

    Attributes:
        url: Its address.
        submitted: Requests that cost money, by prompt: every attempt of every job has its own.
        work_s: How long one picture takes.
        asked: Set with every such request.
    """

    url: str = ""
    submitted: Counter[str] = field(default_factory=Counter)
    work_s: float = 0.0
    asked: threading.Event = field(default_factory=threading.Event)
    _started: dict[str, tuple[str, float]] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, prompt: str) -> str:
        with self._lock:
            self.submitted[prompt] += 1
            operation = f"op{next(self._numbers)}"
            self._started[operation] = (prompt, time.monotonic())
            self.asked.set()
            return operation

    def picture(self, operation: str) -> bytes:
        return tiny_png(zlib.crc32(self._started[operation][0].encode()) % 251)

    def is_done(self, operation: str) -> bool:
        return time.monotonic() - self._started[operation][1] >= self.work_s


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
            operation = self._vendor.begin(prompt)
            time.sleep(self._vendor.work_s)
            self._answer_json(_generated(self._vendor.picture(operation)))
        else:
            self._answer_json(_prediction(self._vendor.begin(asked["input"]["prompt"]), "starting"), status=201)

    def do_GET(self) -> None:
        operation = self.path.rpartition("/")[2]
        if self.path.startswith("/files/"):
            assert "authorization" not in self.headers, "the file host must not see the key"
            self._answer(self._vendor.picture(operation), "image/png")
        elif self._vendor.is_done(operation):
            output = [f"{self._vendor.url}/files/{operation}"]
            self._answer_json(_prediction(operation, "succeeded", output=output))
        else:
            self._answer_json(_prediction(operation, "processing"))

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


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

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

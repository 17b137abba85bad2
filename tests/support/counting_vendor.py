"""Vendors on this machine that count what they are asked to make: one answers at once, one works in jobs."""

from __future__ import annotations

import asyncio
import base64
import http.client
import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import urlsplit

from personalab_core.errors import CapabilityError, ProviderConnectionError, ProviderTimeoutError
from personalab_core.llm import LLMImageResponse, LLMTextResponse, LLMVideoResponse, Part
from personalab_core.schemas import Cost
from tests.support.fakes import tiny_png

PRICE_USD = 0.04


@dataclass
class CountingVendor:
    """Makes a grey picture whose brightness follows from the seed; counts how often it was asked to, by seed.

    Attributes:
        url: Its address.
        submitted: Requests that cost money, by seed.
        work_s: How long one picture takes.
        asked: Set with every such request.
    """

    url: str = ""
    submitted: Counter[int] = field(default_factory=Counter)
    work_s: float = 0.0
    asked: threading.Event = field(default_factory=threading.Event)
    _started: dict[str, tuple[int, float]] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, seed: int) -> str:
        with self._lock:
            self.submitted[seed] += 1
            operation = f"op-{next(self._numbers)}"
            self._started[operation] = (seed, time.monotonic())
            self.asked.set()
            return operation

    def look(self, operation: str) -> bytes | None:
        """Return the picture, ``None`` while it is being made."""
        seed, since = self._started[operation]
        return tiny_png(seed % 251) if time.monotonic() - since >= self.work_s else None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        vendor: CountingVendor = self.server.vendor  # type: ignore[attr-defined]
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        operation = vendor.begin(int(asked["seed"]))
        if self.path == "/jobs":
            self._answer({"id": operation})
            return
        time.sleep(vendor.work_s)
        self._answer(_picture(vendor.look(operation) or b""))

    def do_GET(self) -> None:
        vendor: CountingVendor = self.server.vendor  # type: ignore[attr-defined]
        picture = vendor.look(self.path.rpartition("/")[2])
        self._answer(_picture(picture) if picture else {})

    def _answer(self, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        try:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the client was killed, which is what such a test is about

    def log_message(self, *args: object) -> None:
        """Keep the test output clean."""


def _picture(data: bytes) -> dict[str, Any]:
    return {"picture": base64.b64encode(data).decode()}


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


@dataclass(frozen=True)
class SynchronousClient:
    """Asks the vendor and waits: whoever is killed while waiting never learns the answer."""

    url: str
    provider: str = "plain-http"
    seed: int = 0
    timeout_s: float = 20.0

    def with_seed(self, seed: int) -> Self:
        return type(self)(self.url, self.provider, seed, self.timeout_s)

    def generate_image(self, *, parts: Sequence[Part], aspect_ratio: str, model_name: str) -> LLMImageResponse:
        return _response(self._request("POST", "/pictures", {"seed": self.seed}))

    async def generate_image_async(self, **request: Any) -> LLMImageResponse:
        return await asyncio.to_thread(lambda: self.generate_image(**request))

    def generate_text_json(self, **request: Any) -> LLMTextResponse:
        raise CapabilityError("this fake makes pictures only", provider="fake")

    def generate_video(self, **request: Any) -> LLMVideoResponse:
        raise CapabilityError("this fake makes pictures only", provider="fake")

    async def generate_text_json_async(self, **request: Any) -> LLMTextResponse:
        raise CapabilityError("this fake makes pictures only", provider="fake")

    async def generate_video_async(self, **request: Any) -> LLMVideoResponse:
        raise CapabilityError("this fake makes pictures only", provider="fake")

    def _request(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=self.timeout_s)
        try:
            try:
                connection.connect()
            except OSError as error:
                raise ProviderConnectionError("not reached", provider=self.provider) from error
            try:
                connection.request(method, path, json.dumps(body) if body is not None else None)
                answer: dict[str, Any] = json.loads(connection.getresponse().read())
            except (OSError, http.client.HTTPException) as error:
                raise ProviderTimeoutError("no answer", provider=self.provider) from error
            return answer
        finally:
            connection.close()


@dataclass(frozen=True)
class JobClient(SynchronousClient):
    """Starts a job at the vendor and collects it: its id is known at once."""

    provider: str = "job-http"

    def generate_image(self, **request: Any) -> LLMImageResponse:
        return self.collect_image(self.submit_image(**request))

    def submit_image(self, *, parts: Sequence[Part], aspect_ratio: str, model_name: str) -> str:
        return str(self._request("POST", "/jobs", {"seed": self.seed})["id"])

    def collect_image(self, operation_id: str) -> LLMImageResponse:
        while not (answer := self._request("GET", f"/jobs/{operation_id}")):
            time.sleep(0.002)
        return _response(answer, operation_id)

    async def submit_image_async(self, **request: Any) -> str:
        return await asyncio.to_thread(lambda: self.submit_image(**request))

    async def collect_image_async(self, operation_id: str) -> LLMImageResponse:
        return await asyncio.to_thread(self.collect_image, operation_id)


def _response(answer: dict[str, Any], request_id: str | None = None) -> LLMImageResponse:
    picture = base64.b64decode(answer["picture"])
    return LLMImageResponse(images=(picture,), request_id=request_id, cost=Cost(amount_usd=PRICE_USD, source="answer"))

"""A server that answers as ComfyUI does: uploads, a queue, a history, and files to view."""

from __future__ import annotations

import email.parser
import email.policy
import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.fakes import tiny_png

LOOKS_UNTIL_DONE = 2


@dataclass
class ComfyUI:
    """What the server was sent, and how it shall fare.

    ``fate`` is ``success``, ``error`` (a node fails), ``never`` (it stays in the queue) or ``gone``
    (the file was deleted).
    """

    url: str = ""
    fate: str = "success"
    uploads: dict[str, bytes] = field(default_factory=dict)
    prompts: dict[str, dict[str, Any]] = field(default_factory=dict)
    looks: dict[str, int] = field(default_factory=dict)
    headers: list[dict[str, str]] = field(default_factory=list)

    def upload(self, form: dict[str, tuple[str, bytes]]) -> tuple[int, Any]:
        name, data = form["image"]
        self.uploads[name] = data
        return 200, {"name": name, "subfolder": "", "type": "input"}

    def queue(self, body: Any) -> tuple[int, Any]:
        graph = body.get("prompt")
        if not isinstance(graph, dict):
            return 400, {"error": {"type": "no_prompt", "message": "No prompt provided"}, "node_errors": {}}
        problems = {number: text for number, node in graph.items() if (text := self._problem(graph, node))}
        if problems:
            error = {"type": "prompt_outputs_failed_validation", "message": "Prompt outputs failed validation"}
            return 400, {"error": error, "node_errors": problems}
        identifier = str(uuid.uuid4())
        self.prompts[identifier] = graph
        return 200, {"prompt_id": identifier, "number": len(self.prompts), "node_errors": {}}

    def _problem(self, graph: dict[str, Any], node: dict[str, Any]) -> str:
        links = [value for value in node["inputs"].values() if isinstance(value, list)]
        if any(str(link[0]) not in graph for link in links):
            return "bad_linked_input"
        if node["class_type"] == "LoadImage" and node["inputs"]["image"] not in self.uploads:
            return "custom_validation_failed: Invalid image file"
        numbers = [node["inputs"].get(name, 1) for name in ("seed", "width", "height")]
        return "" if all(isinstance(number, int) for number in numbers) else "invalid_input_type"

    def history(self, identifier: str) -> tuple[int, Any]:
        looks = self.looks[identifier] = self.looks.get(identifier, 0) + 1
        if identifier not in self.prompts or self.fate == "never" or looks < LOOKS_UNTIL_DONE:
            return 200, {}
        if self.fate == "error":
            return 200, {identifier: {"outputs": {}, "status": {"status_str": "error", "completed": False}}}
        preview = {"filename": "preview.png", "subfolder": "", "type": "temp"}
        made = {"filename": f"personalab {identifier}_.png", "subfolder": "a&b", "type": "output"}
        outputs = {"10": {"images": [made]}, "15": {"images": [preview]}}
        return 200, {identifier: {"outputs": outputs, "status": {"status_str": "success", "completed": True}}}

    def view(self, query: dict[str, list[str]]) -> tuple[int, Any]:
        identifier = query["filename"][0].removeprefix("personalab ").removesuffix("_.png")
        if identifier not in self.prompts or query["subfolder"] != ["a&b"] or self.fate == "gone":
            return 404, b""
        graph = self.prompts[identifier]
        sampler = next(node for node in graph.values() if node["class_type"] == "KSampler")
        return 200, tiny_png(sampler["inputs"]["seed"] % 256)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        comfy = self._comfy()
        data = self.rfile.read(int(self.headers["content-length"]))
        if self.path == "/upload/image":
            self._answer(*comfy.upload(form_of(self.headers["content-type"], data)))
        else:
            self._answer(*comfy.queue(json.loads(data)))

    def do_GET(self) -> None:
        comfy, address = self._comfy(), urlsplit(self.path)
        if address.path.startswith("/history/"):
            self._answer(*comfy.history(address.path.rpartition("/")[2]))
        else:
            self._answer(*comfy.view(parse_qs(address.query)))

    def _comfy(self) -> ComfyUI:
        server: Any = self.server
        comfy: ComfyUI = server.comfy
        comfy.headers.append({name.lower(): value for name, value in self.headers.items()})
        return comfy

    def _answer(self, status: int, body: Any) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "image/png" if isinstance(body, bytes) else "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: object) -> None:
        """Keep the test output clean."""


def form_of(content_type: str, data: bytes) -> dict[str, tuple[str, bytes]]:
    """The fields of a multipart form: (file name or nothing, content)."""
    parser = email.parser.BytesParser(policy=email.policy.HTTP)
    message = parser.parsebytes(f"Content-Type: {content_type}\r\n\r\n".encode() + data)
    return {
        str(part.get_param("name", header="content-disposition")): (
            part.get_filename() or "",
            part.get_payload(decode=True),  # type: ignore[dict-item]
        )
        for part in message.iter_parts()  # type: ignore[attr-defined]
    }


@contextmanager
def comfyui() -> Iterator[ComfyUI]:
    """Serve on a free port of 127.0.0.1 until the block ends."""
    http = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    http.daemon_threads = True
    comfy = ComfyUI(f"http://127.0.0.1:{http.server_address[1]}")
    http.comfy = comfy  # type: ignore[attr-defined]
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield comfy
    finally:
        http.shutdown()
        http.server_close()
        thread.join()

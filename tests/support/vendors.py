"""The vendors' adapters beside servers on this machine that answer as the vendors document."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from personalab_core.llm import ImagePart
from personalab_core.llm.outputs import Outputs
from personalab_core.llm.polling import Patience
from tests.support.fakes import tiny_png
from tests.support.loopback import LoopbackServer, Reply, loopback_server

KEY = "sk-test-key-3141592653589793"
PROMPT = "a portrait nobody may read in a log"
REFERENCE = tiny_png(10, width=64, height=64)
SECOND_REFERENCE = tiny_png(60, width=48, height=48)
ANSWERED = tiny_png(200, width=16, height=20)
OPERATION = "op-42"


@cache
def tiny_mp4() -> bytes:
    """A video of two frames, 32 x 32."""
    import tempfile
    from pathlib import Path

    import cv2
    import numpy as np

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tiny.mp4"
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10.0, (32, 32))
        for shade in (40, 200):
            writer.write(np.full((32, 32, 3), shade, np.uint8))
        writer.release()
        return path.read_bytes()


@dataclass(frozen=True)
class Rig:
    """One adapter, its vendor's server and the file host that serves what it made.

    ``ask`` makes the adapter's one kind of request, and ``ask_async`` its twin. ``answer`` makes
    the server answer it well; for vendors with long operations ``start`` and ``look`` say where
    an operation is started and looked at.
    """

    vendor: str
    api: LoopbackServer
    files: LoopbackServer
    adapter: Any
    arguments: dict[str, Any]
    method: str
    start: str
    look: str | None = None
    operation: str = OPERATION
    file: str = ""

    @property
    def file_server(self) -> LoopbackServer:
        """Where what it made lies: with Google itself, else with a host of its own."""
        return self.api if self.vendor in GOOGLE else self.files

    def ask(self, **changes: Any) -> Any:
        return getattr(self.adapter, self.method)(**{**self.arguments, **changes})

    def ask_async(self, **changes: Any) -> Any:
        return asyncio.run(getattr(self.adapter, f"{self.method}_async")(**{**self.arguments, **changes}))

    def answer(self) -> None:
        ANSWERS[self.vendor](self)

    def end(self, how: str) -> None:
        """Make every further look find the operation ``busy``, ``cancelled``, ``failed`` or ``blocked``."""
        self.api.route("GET", str(self.look), Reply(ENDINGS[self.vendor][how]))

    def started(self) -> list[Any]:
        """Requests that cost money."""
        return [call for call in self.api.calls if call.method == "POST"]


def patience(**changes: Any) -> Patience:
    """Look at once and often, for at most half a second, without sleeping."""

    async def no_pause(_seconds: float) -> None:
        await asyncio.sleep(0)

    given = {"interval_s": 0.0, "timeout_s": 0.5, "sleeper": lambda _seconds: None, "async_sleeper": no_pause}
    return Patience(**{**given, **changes})


def text_arguments(model: str) -> dict[str, Any]:
    schema = {
        "type": "object",
        "properties": {"n": {"type": "integer"}},
        "required": ["n"],
        "additionalProperties": False,
    }
    return {
        "system_instruction": "be brief",
        "user_prompt": PROMPT,
        "schema": schema,
        "use_search": False,
        "model_name": model,
    }


def image_arguments(model: str, references: Sequence[bytes] = (REFERENCE,)) -> dict[str, Any]:
    return {
        "parts": [PROMPT, *(ImagePart(data) for data in references)],
        "aspect_ratio": "4:5",
        "model_name": model,
    }


def _openai(api: LoopbackServer, files: LoopbackServer, timeout_s: float) -> Rig:
    from personalab_core.llm.openai_adapter import OpenAIAdapter

    adapter = OpenAIAdapter(api_key=KEY, base_url=f"{api.url}/v1", timeout_s=timeout_s)
    return Rig("openai", api, files, adapter, text_arguments("gpt-x"), "generate_text_json", "/v1/responses")


def openai_text(text: str, **changes: Any) -> dict[str, Any]:
    content = {"type": "output_text", "text": text, "annotations": []}
    return {
        "id": "resp_1",
        "status": "completed",
        "model": "gpt-x-2026",
        "output": [{"type": "reasoning"}, {"type": "message", "content": [content]}],
        "usage": {"input_tokens": 11, "output_tokens": 22},
        **changes,
    }


def _answer_openai(rig: Rig) -> None:
    rig.api.script(Reply(openai_text('{"n": 3}'), headers={"x-request-id": "req-7"}))


def _runware(api: LoopbackServer, files: LoopbackServer, timeout_s: float) -> Rig:
    from personalab_core.llm.runware_adapter import RunwareAdapter

    adapter = RunwareAdapter(api_key=KEY, base_url=f"{api.url}/v1", timeout_s=timeout_s)
    return Rig("runware", api, files, adapter, image_arguments("bfl:3@1"), "generate_image", "/v1")


def runware_item(**changes: Any) -> dict[str, Any]:
    data = base64.b64encode(ANSWERED).decode()
    return {"taskType": "imageInference", "imageUUID": "i-1", "imageBase64Data": data, "cost": 0.0123, **changes}


def _answer_runware(rig: Rig) -> None:
    rig.api.script(Reply({"data": [runware_item()]}))


def _replicate(api: LoopbackServer, files: LoopbackServer, timeout_s: float) -> Rig:
    from personalab_core.llm.replicate_adapter import ReplicateAdapter

    adapter = ReplicateAdapter(
        api_key=KEY,
        base_url=api.url,
        timeout_s=timeout_s,
        patience=patience(),
        outputs=Outputs("replicate", timeout_s=timeout_s),
    )
    model = "black-forest-labs/flux-kontext-pro"
    start = f"/v1/models/{model}/predictions"
    arguments = image_arguments(model)
    return Rig(
        "replicate",
        api,
        files,
        adapter,
        arguments,
        "generate_image",
        start,
        look=f"/v1/predictions/{OPERATION}",
        file="/picture.png",
    )


def prediction(status: str, **changes: Any) -> dict[str, Any]:
    return {
        "id": OPERATION,
        "model": "black-forest-labs/flux-1.1-pro",
        "version": "v9",
        "status": status,
        "metrics": {"predict_time": 2.5},
        **changes,
    }


def _answer_replicate(rig: Rig) -> None:
    rig.api.route("POST", rig.start, Reply(prediction("starting"), status=201))
    done = prediction("succeeded", output=[f"{rig.files.url}/picture.png?signature=s3cret"])
    rig.api.route("GET", str(rig.look), Reply(prediction("processing")), Reply(done))
    rig.files.route("GET", "/picture.png", Reply(ANSWERED, headers={"Content-Type": "image/png"}))


def _runway(api: LoopbackServer, files: LoopbackServer, timeout_s: float) -> Rig:
    from personalab_core.llm.runway_adapter import RunwayAdapter

    adapter = RunwayAdapter(
        api_key=KEY,
        base_url=api.url,
        timeout_s=timeout_s,
        patience=patience(),
        outputs=Outputs("runway", timeout_s=timeout_s),
    )
    arguments = {
        "prompt": [PROMPT, ImagePart(REFERENCE)],
        "resolution": "720p",
        "aspect_ratio": "9:16",
        "model_name": "gen4_turbo",
    }
    return Rig(
        "runway",
        api,
        files,
        adapter,
        arguments,
        "generate_video",
        "/v1/image_to_video",
        look=f"/v1/tasks/{OPERATION}",
        file="/video.mp4",
    )


def runway_task(status: str, **changes: Any) -> dict[str, Any]:
    return {"id": OPERATION, "status": status, "createdAt": "2026-11-22T10:00:00Z", **changes}


def _answer_runway(rig: Rig) -> None:
    rig.api.route("POST", rig.start, Reply({"id": OPERATION}))
    done = runway_task("SUCCEEDED", output=[f"{rig.files.url}/video.mp4?signature=s3cret"], cost={"credits": 25})
    rig.api.route("GET", str(rig.look), Reply(runway_task("PENDING")), Reply(runway_task("RUNNING")), Reply(done))
    rig.files.route("GET", "/video.mp4", Reply(tiny_mp4(), headers={"Content-Type": "video/mp4"}))


def _google(timeout_s: float, api: LoopbackServer) -> Any:
    from personalab_core.llm.gemini import GeminiAdapter

    outputs = Outputs("gemini", timeout_s=timeout_s)
    return GeminiAdapter(api_key=KEY, base_url=api.url, timeout_s=timeout_s, patience=patience(), outputs=outputs)


def _gemini(api: LoopbackServer, files: LoopbackServer, timeout_s: float) -> Rig:
    arguments = image_arguments("gemini-3-pro-image-preview")
    start = "/v1/models/gemini-3-pro-image-preview:generateContent"
    return Rig("gemini", api, files, _google(timeout_s, api), arguments, "generate_image", start)


def _answer_gemini(rig: Rig) -> None:
    picture = {"inlineData": {"mimeType": "image/png", "data": base64.b64encode(ANSWERED).decode()}}
    rig.api.script(Reply({"candidates": [{"content": {"parts": [picture]}, "finishReason": "STOP"}]}))


def _gemini_text(api: LoopbackServer, files: LoopbackServer, timeout_s: float) -> Rig:
    arguments = text_arguments("gemini-3.8-flash")
    start = "/v1/models/gemini-3.8-flash:generateContent"
    return Rig("gemini_text", api, files, _google(timeout_s, api), arguments, "generate_text_json", start)


def _answer_gemini_text(rig: Rig) -> None:
    rig.api.script(Reply({"candidates": [{"content": {"parts": [{"text": '{"n": 3}'}]}, "finishReason": "STOP"}]}))


VEO, OMNI = "veo-3.1-generate-preview", "gemini-omni-1.2-flash"
VEO_NAME = f"models/{VEO}/operations/{OPERATION}"
GOOGLE_FILE = "https://generativelanguage.googleapis.com/v1beta/files/abc1:download?alt=media"


def _film_of(model: str) -> dict[str, Any]:
    prompt = [PROMPT, ImagePart(REFERENCE)]
    return {"prompt": prompt, "resolution": "720p", "aspect_ratio": "9:16", "model_name": model}


def _veo(api: LoopbackServer, files: LoopbackServer, timeout_s: float) -> Rig:
    adapter, start = _google(timeout_s, api), f"/v1beta/models/{VEO}:predictLongRunning"
    look, file = f"/v1beta/{VEO_NAME}", "/v1beta/files/abc1"
    return Rig("veo", api, files, adapter, _film_of(VEO), "generate_video", start, look, VEO_NAME, file)


def _answer_veo(rig: Rig) -> None:
    rig.api.route("POST", rig.start, Reply({"name": VEO_NAME}))
    made = {"generateVideoResponse": {"generatedSamples": [{"video": {"uri": GOOGLE_FILE}}]}}
    done = {"name": VEO_NAME, "done": True, "response": made}
    rig.api.route("GET", str(rig.look), Reply({"name": VEO_NAME}), Reply(done))
    rig.api.route("GET", rig.file, Reply(tiny_mp4(), headers={"Content-Type": "video/mp4"}))


def _omni(api: LoopbackServer, files: LoopbackServer, timeout_s: float) -> Rig:
    adapter, start = _google(timeout_s, api), "/v1/interactions"
    look, file = f"/v1/interactions/{OPERATION}", "/v1beta/files/abc1"
    return Rig("omni", api, files, adapter, _film_of(OMNI), "generate_video", start, look, OPERATION, file)


def interaction(status: str, **changes: Any) -> dict[str, Any]:
    return {"id": OPERATION, "status": status, "model": OMNI, **changes}


def _answer_omni(rig: Rig) -> None:
    rig.api.route("POST", rig.start, Reply(interaction("queued")))
    content = {"type": "video", "mime_type": "video/mp4", "uri": GOOGLE_FILE}
    done = interaction("completed", steps=[{"type": "model_output", "content": [content]}])
    rig.api.route("GET", str(rig.look), Reply(interaction("in_progress")), Reply(done))
    rig.api.route("GET", rig.file, Reply(tiny_mp4(), headers={"Content-Type": "video/mp4"}))


ENDINGS: dict[str, dict[str, Any]] = {
    "replicate": {
        "busy": prediction("processing"),
        "cancelled": prediction("canceled"),
        "failed": prediction("failed", error="CUDA out of memory"),
        "blocked": prediction("failed", error="NSFW content detected"),
    },
    "runway": {
        "busy": runway_task("RUNNING"),
        "cancelled": runway_task("CANCELLED"),
        "failed": runway_task("FAILED", failure=PROMPT, failureCode="INTERNAL.BAD_OUTPUT"),
        "blocked": runway_task("FAILED", failure=PROMPT, failureCode="SAFETY.INPUT.TEXT"),
    },
    "veo": {
        "busy": {"name": VEO_NAME},
        "cancelled": {"name": VEO_NAME, "done": True, "error": {"code": 1, "message": PROMPT}},
        "failed": {"name": VEO_NAME, "done": True, "error": {"code": 13, "message": PROMPT}},
        "blocked": {"name": VEO_NAME, "done": True, "error": {"code": 3, "message": "violates our usage policies"}},
    },
    "omni": {
        "busy": interaction("in_progress"),
        "cancelled": interaction("cancelled"),
        "failed": interaction("failed", errors=[{"code": "internal", "message": PROMPT}]),
        "blocked": interaction("failed", errors=[{"code": "blocked", "message": "safety settings"}]),
    },
}
ANSWERS: dict[str, Callable[[Rig], None]] = {
    "gemini": _answer_gemini,
    "gemini_text": _answer_gemini_text,
    "veo": _answer_veo,
    "omni": _answer_omni,
    "openai": _answer_openai,
    "runware": _answer_runware,
    "replicate": _answer_replicate,
    "runway": _answer_runway,
}
_RIGS = {
    "gemini": _gemini,
    "gemini_text": _gemini_text,
    "veo": _veo,
    "omni": _omni,
    "openai": _openai,
    "runware": _runware,
    "replicate": _replicate,
    "runway": _runway,
}
PACKAGES = {"openai": "openai", "runware": "runware", "replicate": "replicate", "runway": "runwayml"}
"""Top-level module of each optional vendor's SDK."""

GOOGLE = ("gemini", "gemini_text", "veo", "omni")
MODULES = {**PACKAGES, **dict.fromkeys(GOOGLE, "google.genai")}
"""The module that each rig needs; Google's four are one adapter asked in four ways."""

POLLED = ("replicate", "runway", "veo", "omni")


@contextmanager
def rig_of(vendor: str, *, timeout_s: float = 20.0) -> Iterator[Rig]:
    """Serve a vendor and its file host until the block ends."""
    with loopback_server() as api, loopback_server() as files:
        rig = _RIGS[vendor](api, files, timeout_s)
        yield rig
        if vendor in GOOGLE:
            rig.adapter.close()

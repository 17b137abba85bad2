"""Videos from Google for an ordinary API key, which the SDK itself offers to enterprise accounts only.

Two routes, and ``data/providers/models.yml`` says which one a model takes. ``veo-*`` is
started by a request of our own, word for word what the SDK sent before version 3; looking
at the operation and fetching its file go through the SDK, which still knows both.
``gemini-omni-*`` goes through the SDK's Interactions. Files lie with Google itself and
need the key; the SDK sends it to the API's own address, whatever address a file names.
"""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx
from google import genai
from google.genai import types

from personalab_core.errors import (
    AuthenticationError,
    CallCancelledError,
    InvalidRequestError,
    LLMError,
    OutputLostError,
    ProviderServerError,
    RateLimitError,
    RejectedLLMRequest,
)
from personalab_core.llm.answers import Answer, read_answer
from personalab_core.llm.client import ImagePart, LLMVideoResponse, Part, Usage
from personalab_core.llm.connections import tls_context
from personalab_core.llm.gemini_errors import VENDOR, from_status, translated
from personalab_core.llm.media import reduced_ratio, split_parts
from personalab_core.llm.model_table import GeminiVideoModel, model_row
from personalab_core.llm.outputs import Outputs
from personalab_core.llm.polling import Patience, collecting
from personalab_core.llm.prices import cost_from_table
from personalab_core.llm.vendor_errors import transport_failure

_BASE_URL = "https://generativelanguage.googleapis.com"
_VEO_API = "v1beta"
"""Veo's operations and files are known to this version of the interface only."""

_RPC_CODES: Mapping[int, type[LLMError]] = {
    1: CallCancelledError,
    3: InvalidRequestError,
    7: AuthenticationError,
    8: RateLimitError,
    16: AuthenticationError,
}
"""Codes of ``google.rpc.Code`` in a failed operation; the rest are failures of the server."""

_POLICY_WORDS = ("policy", "policies", "safety", "prohibited")
"""A failed operation names its code only; that a policy was the cause stands in its text."""


@dataclass(frozen=True, slots=True)
class VideoRequest:
    """A request for a video, checked against the table of models."""

    model_name: str
    row: GeminiVideoModel
    text: str
    first_frame: ImagePart | None
    references: tuple[ImagePart, ...]
    resolution: str
    aspect_ratio: str

    @classmethod
    def checked(
        cls,
        prompt: str | Sequence[Part],
        resolution: str,
        aspect_ratio: str,
        model_name: str,
        changes: Mapping[str, Any] | None = None,
    ) -> VideoRequest:
        """Return the request.

        A picture whose role is ``input`` becomes the first frame, the others are references.

        Raises:
            InvalidRequestError: The model does not make that shape or take so many pictures.
        """
        row = model_row(VENDOR.provider, model_name, GeminiVideoModel, changes)
        text, pictures = split_parts(prompt, provider=VENDOR.provider)
        frames = [picture for picture in pictures if picture.role == "input"]
        references = tuple(picture for picture in pictures if picture.role != "input")
        wanted = reduced_ratio(aspect_ratio, provider=VENDOR.provider)
        shapes = {reduced_ratio(shape, provider=VENDOR.provider) for shape in row.aspect_ratios}
        if wanted not in shapes or resolution not in row.resolutions:
            raise InvalidRequestError(
                f"this model does not make {aspect_ratio} in {resolution}; "
                f"it makes {', '.join(row.aspect_ratios)} in {', '.join(row.resolutions)}",
                provider=VENDOR.provider,
            )
        if len(frames) > 1 or len(references) > row.max_references:
            raise InvalidRequestError(
                f"this model takes one first frame and {row.max_references} references, "
                f"got {len(frames)} and {len(references)}",
                provider=VENDOR.provider,
            )
        return cls(
            model_name=model_name,
            row=row,
            text=text,
            first_frame=frames[0] if frames else None,
            references=references,
            resolution=resolution,
            aspect_ratio=f"{wanted[0]}:{wanted[1]}",
        )


class _Started(Answer):
    name: str


@dataclass(frozen=True, slots=True)
class GeminiVideos:
    """Starts and collects videos with one SDK client.

    Attributes:
        sdk: The adapter's client.
        api_key: Its key.
        base_url: Another server than Google's.
        timeout_s: Time limit of one request in seconds.
        patience: How an operation is waited for.
        outputs: How files are checked.
    """

    sdk: genai.Client
    api_key: str
    base_url: str | None
    timeout_s: float
    patience: Patience
    outputs: Outputs

    def submit(self, request: VideoRequest) -> str:
        """Return the operation's name as soon as it is accepted, and behind it what its price depends on."""
        name = self._start_veo(request) if request.row.route == "veo" else self._start_interaction(request)
        asked = {"model": request.model_name, "resolution": request.resolution, "seconds": request.row.duration_s}
        return f"{name}?{urlencode(asked)}"

    def collect(self, operation_id: str) -> LLMVideoResponse:
        """Wait for an operation and return its video, or none and why.

        Google's own name of it will do, too; then the price is not known.
        """
        name, _, asked = operation_id.partition("?")
        return _priced(self._collected(name), dict(parse_qsl(asked)))

    def _collected(self, operation_id: str) -> LLMVideoResponse:
        look = self._look_at_veo if "/operations/" in operation_id else self._look_at_interaction
        with collecting(VENDOR.provider, operation_id):
            ended = self.patience.until(partial(look, operation_id))
        if ended.error is not None:
            raise ended.error
        if ended.answer is not None:
            return ended.answer
        with collecting(VENDOR.provider, operation_id):
            video = self.outputs.video(self.patience.until(partial(self._data, ended)))
        return LLMVideoResponse(
            video_data=video,
            operation_name=operation_id,
            request_id=operation_id,
            finish_reason="completed",
            model_version=ended.model,
        )

    def _start_veo(self, request: VideoRequest) -> str:
        address = f"{self.base_url or _BASE_URL}/{_VEO_API}/models/{request.model_name}:predictLongRunning"
        try:
            with httpx.Client(timeout=self.timeout_s, verify=tls_context()) as client:
                answer = client.post(address, json=_veo_body(request), headers={"x-goog-api-key": self.api_key})
        except httpx.HTTPError as error:
            raise transport_failure(VENDOR, error) or VENDOR.failure(OutputLostError) from None
        if answer.status_code >= 400:
            raise from_status(answer.status_code, _json_or_none(answer), answer.headers)
        return read_answer(VENDOR, _Started, answer.content).name

    def _start_interaction(self, request: VideoRequest) -> str:
        with translated():
            started = self.sdk.interactions.create(**_interaction(request), timeout=self.timeout_s)
        identifier = getattr(started, "id", None)
        if not isinstance(identifier, str) or not identifier:
            raise VENDOR.failure(OutputLostError)
        return identifier

    def _look_at_veo(self, name: str) -> _Ended | None:
        options = types.HttpOptions(api_version=_VEO_API, timeout=round(self.timeout_s * 1000))
        named = types.GenerateVideosOperation.model_validate({"name": name})
        with translated():
            operation = self.sdk.operations.get(named, config=types.GetOperationConfig(http_options=options))
        if not operation.done:
            return None
        if operation.error:
            return _failed(name, operation.error)
        made = operation.response
        videos = (made.generated_videos or []) if made else []
        reasons = (made.rai_media_filtered_reasons or []) if made else []
        video = videos[0].video if videos else None
        if video is None:
            return _Ended(answer=_without_video(name, block_reason="RAI_FILTERED" if reasons else None))
        return _Ended(file=video.uri, data=video.video_bytes)

    def _look_at_interaction(self, identifier: str) -> _Ended | None:
        with translated():
            seen = self.sdk.interactions.get(identifier, timeout=self.timeout_s)
        status = str(seen.status)
        if status in ("queued", "in_progress"):
            return None
        if status == "cancelled":
            return _Ended(error=VENDOR.failure(CallCancelledError, request_id=identifier))
        if status != "completed":
            return _failed(identifier, _first_error(seen))
        video = seen.output_video
        if video is None:
            return _Ended(answer=_without_video(identifier))
        return _Ended(file=video.uri, data=_decoded(video.data), model=str(seen.model) if seen.model else None)

    def _data(self, ended: _Ended) -> bytes:
        if ended.data:
            return ended.data
        if not ended.file:
            raise VENDOR.failure(OutputLostError)
        into = _Limited(self.outputs.max_bytes)
        options = types.HttpOptions(api_version=_VEO_API, timeout=round(self.outputs.timeout_s * 1000))
        try:
            with translated():
                self.sdk.files.download(
                    file=ended.file, destination=into, config=types.DownloadFileConfig(http_options=options)
                )
        except RejectedLLMRequest as error:
            if isinstance(error, AuthenticationError):
                raise
            raise VENDOR.failure(OutputLostError, advice="the file is gone", status=error.status_code) from None
        return into.getvalue()


@dataclass(frozen=True, slots=True)
class _Ended:
    """How an operation ended: with a video (its bytes, or where they lie), without one, or badly."""

    file: str | None = None
    data: bytes | None = None
    model: str | None = None
    answer: LLMVideoResponse | None = None
    error: LLMError | None = None


class _Limited(io.BytesIO):
    """A buffer that refuses to grow beyond a size."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__()
        self._left = max_bytes

    def write(self, chunk: Any) -> int:
        self._left -= len(chunk)
        if self._left < 0:
            raise VENDOR.failure(OutputLostError, advice="the file is larger than allowed")
        return super().write(chunk)


def _priced(made: LLMVideoResponse, asked: Mapping[str, str]) -> LLMVideoResponse:
    """Return the answer with its usage and price, which depend on what was asked."""
    seconds = asked.get("seconds", "")
    if made.video_data is None or not seconds.isdecimal():
        return made
    usage = Usage(seconds=float(seconds))
    cost = cost_from_table(VENDOR.provider, asked.get("model", ""), usage, size=asked.get("resolution"))
    return replace(made, usage=usage, cost=cost)


def _veo_body(request: VideoRequest) -> dict[str, Any]:
    instance: dict[str, Any] = {"prompt": request.text}
    if request.first_frame is not None:
        instance["image"] = _veo_picture(request.first_frame)
    if request.references:
        instance["referenceImages"] = [
            {"image": _veo_picture(picture), "referenceType": "ASSET"} for picture in request.references
        ]
    return {
        "instances": [instance],
        "parameters": {
            "aspectRatio": request.aspect_ratio,
            "durationSeconds": request.row.duration_s,
            "resolution": request.resolution,
            "sampleCount": 1,
        },
    }


def _veo_picture(picture: ImagePart) -> dict[str, str]:
    return {"bytesBase64Encoded": base64.b64encode(picture.data).decode("ascii"), "mimeType": picture.mime_type}


def _interaction(request: VideoRequest) -> dict[str, Any]:
    """Return the arguments of an interaction; only a stored one can be looked at again."""
    pictures = [*([request.first_frame] if request.first_frame else []), *request.references]
    task = "text_to_video"
    if pictures:
        task = "image_to_video" if request.first_frame else "reference_to_video"
    shown = [
        {"type": "image", "data": base64.b64encode(p.data).decode("ascii"), "mime_type": p.mime_type} for p in pictures
    ]
    return {
        "model": request.model_name,
        "background": True,
        "store": True,
        "input": [{"type": "text", "text": request.text}, *shown],
        "generation_config": {"video_config": {"task": task}},
        "response_format": {
            "type": "video",
            "aspect_ratio": request.aspect_ratio,
            "resolution": request.resolution,
            "duration": f"{request.row.duration_s}s",
            "delivery": "uri",
        },
    }


def _failed(identifier: str, error: Mapping[str, Any]) -> _Ended:
    text = str(error.get("message") or "").lower()
    if any(word in text for word in _POLICY_WORDS):
        return _Ended(answer=_without_video(identifier, block_reason="PROHIBITED_CONTENT"))
    code = error.get("code")
    kind = _RPC_CODES.get(code, ProviderServerError) if isinstance(code, int) else ProviderServerError
    return _Ended(error=VENDOR.failure(kind, advice="the operation failed", request_id=identifier))


def _first_error(seen: Any) -> Mapping[str, Any]:
    errors = getattr(seen, "errors", None) or []
    first = errors[0] if errors else None
    return {"code": getattr(first, "code", None), "message": getattr(first, "message", None)}


def _without_video(identifier: str, *, block_reason: str | None = None) -> LLMVideoResponse:
    return LLMVideoResponse(
        operation_name=identifier, request_id=identifier, finish_reason="completed", block_reason=block_reason
    )


def _decoded(data: str | None) -> bytes | None:
    try:
        return base64.b64decode(data, validate=True) if data else None
    except binascii.Error:
        raise VENDOR.failure(OutputLostError) from None


def _json_or_none(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None

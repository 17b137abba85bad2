"""Gemini through google-genai: text with a JSON schema, pictures conditioned on reference pictures, and videos.

Retries of the SDK are off (the injected retry policy decides), a time limit is always
set, and no key, prompt or picture reaches a message or a log.

The asynchronous methods run the synchronous ones in a thread: the SDK's own asynchronous
client changes its transport, its errors and its retries with the packages that happen to
be installed (aiohttp), while one synchronous client serves all threads and event loops.
A cancelled call therefore runs on unseen until its time limit.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from personalab_core.errors import InvalidRequestError, MissingDependencyError
from personalab_core.llm.answers import decoded_json
from personalab_core.llm.client import (
    ImagePart,
    LLMImageResponse,
    LLMTextResponse,
    LLMVideoResponse,
    Part,
    Source,
    Usage,
)
from personalab_core.llm.connections import tls_context
from personalab_core.llm.media import reduced_ratio, split_parts
from personalab_core.llm.model_table import GeminiImageModel, model_row
from personalab_core.llm.outputs import Outputs
from personalab_core.llm.polling import Patience
from personalab_core.llm.prices import cost_from_table
from personalab_core.schemas import Cost

try:
    from google import genai
    from google.genai import types
except ImportError as error:
    raise MissingDependencyError(
        "The 'gemini' provider needs the 'google-genai' package, which is not installed. "
        "Install it with: pip install google-genai"
    ) from error

from personalab_core.llm.gemini_errors import PROVIDER, VENDOR, translated
from personalab_core.llm.gemini_video import GeminiVideos, VideoRequest

KEY_VARIABLES = VENDOR.key_variables

DEFAULT_TIMEOUT_S = 180.0
"""Large pictures take about 20-40 s; the SDK's own default waits for ever."""

_VIDEO_REQUEST_TIMEOUT_S = 60.0
"""Starting a video, or looking at it, takes a moment only."""

_IMAGE_SIZE = "1K"
"""What models make unless they are asked for more, which this adapter does not."""

_POLICY_FINISHES = frozenset(
    {
        "SAFETY",
        "RECITATION",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION",
        "MODEL_ARMOR",
    }
)
"""Finish reasons that mean the answer was withheld by a policy."""


class GeminiAdapter:
    """Gemini behind ``LLMClient``; may be shared by threads and event loops.

    Args:
        api_key: The key, or ``None``: then the first call says which variable to set.
        base_url: Another server than Google's, for tests and gateways.
        timeout_s: Time limit of one call in seconds.
        patience: How a video is waited for.
        outputs: How pictures and videos are checked.
        image_row: What differs from the table of image models.
        video_row: What differs from the table of video models.
    """

    provider = PROVIDER

    def __init__(
        self,
        *,
        api_key: str | None,
        base_url: str | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        patience: Patience | None = None,
        outputs: Outputs | None = None,
        image_row: Mapping[str, Any] | None = None,
        video_row: Mapping[str, Any] | None = None,
    ) -> None:
        self._api_key = api_key
        self._base_url = base_url
        self._timeout_s = timeout_s
        self._patience = patience or Patience(interval_s=10.0, timeout_s=1200.0)
        self._outputs = outputs or Outputs(PROVIDER)
        self._image_row = image_row
        self._video_row = video_row
        self._lock = threading.Lock()
        self._sdk: genai.Client | None = None

    def __repr__(self) -> str:
        return f"GeminiAdapter(key {'set' if self._api_key else 'missing'}, timeout_s={self._timeout_s:g})"

    def generate_text_json(
        self,
        *,
        system_instruction: str,
        user_prompt: str,
        schema: Mapping[str, Any] | None,
        use_search: bool,
        model_name: str,
    ) -> LLMTextResponse:
        """Return decoded JSON; ``parsed`` is ``None`` if the model's text is not JSON.

        Raises:
            MissingKeyError: No key is set.
            LLMError: The call failed.
        """
        sdk = self._client()
        config = _text_config(system_instruction, schema, use_search=use_search)
        with translated():
            answer = sdk.models.generate_content(model=model_name, contents=user_prompt, config=config)
        return _text_response(answer, model_name)

    def generate_image(self, *, parts: Sequence[Part], aspect_ratio: str, model_name: str) -> LLMImageResponse:
        """Return the pictures of the answer, or none and why.

        Raises:
            MissingKeyError: No key is set.
            LLMError: The call failed.
        """
        sdk = self._client()
        contents, config = self._image_request(parts, aspect_ratio, model_name)
        with translated():
            answer = sdk.models.generate_content(model=model_name, contents=contents, config=config)
        return _image_response(answer, model_name, self._outputs)

    def generate_video(
        self, *, prompt: str | Sequence[Part], resolution: str, aspect_ratio: str, model_name: str
    ) -> LLMVideoResponse:
        """Return one video, or none and why. A picture whose role is ``input`` is the first frame.

        Raises:
            MissingKeyError: No key is set.
            LLMError: The call failed; ``request_id`` is the operation's name once there is one.
        """
        videos = self._videos()
        request = VideoRequest.checked(prompt, resolution, aspect_ratio, model_name, self._video_row)
        return videos.collect(videos.submit(request))

    def submit_video(self, *, prompt: str | Sequence[Part], resolution: str, aspect_ratio: str, model_name: str) -> str:
        """Start an operation and return its name at once."""
        videos = self._videos()
        return videos.submit(VideoRequest.checked(prompt, resolution, aspect_ratio, model_name, self._video_row))

    def collect_video(self, operation_id: str) -> LLMVideoResponse:
        """Wait for an operation and return its video; may be called again for two days."""
        return self._videos().collect(operation_id)

    async def generate_text_json_async(
        self,
        *,
        system_instruction: str,
        user_prompt: str,
        schema: Mapping[str, Any] | None,
        use_search: bool,
        model_name: str,
    ) -> LLMTextResponse:
        """:meth:`generate_text_json` without blocking the event loop."""
        return await asyncio.to_thread(
            self.generate_text_json,
            system_instruction=system_instruction,
            user_prompt=user_prompt,
            schema=schema,
            use_search=use_search,
            model_name=model_name,
        )

    async def generate_image_async(
        self, *, parts: Sequence[Part], aspect_ratio: str, model_name: str
    ) -> LLMImageResponse:
        """:meth:`generate_image` without blocking the event loop."""
        return await asyncio.to_thread(
            self.generate_image, parts=parts, aspect_ratio=aspect_ratio, model_name=model_name
        )

    async def generate_video_async(
        self, *, prompt: str | Sequence[Part], resolution: str, aspect_ratio: str, model_name: str
    ) -> LLMVideoResponse:
        """:meth:`generate_video` without blocking the event loop."""
        return await asyncio.to_thread(
            self.generate_video,
            prompt=prompt,
            resolution=resolution,
            aspect_ratio=aspect_ratio,
            model_name=model_name,
        )

    async def submit_video_async(
        self, *, prompt: str | Sequence[Part], resolution: str, aspect_ratio: str, model_name: str
    ) -> str:
        """:meth:`submit_video` without blocking the event loop."""
        return await asyncio.to_thread(
            self.submit_video, prompt=prompt, resolution=resolution, aspect_ratio=aspect_ratio, model_name=model_name
        )

    async def collect_video_async(self, operation_id: str) -> LLMVideoResponse:
        """:meth:`collect_video` without blocking the event loop."""
        return await asyncio.to_thread(self.collect_video, operation_id)

    def close(self) -> None:
        """Give connections back; the next call opens new ones."""
        with self._lock:
            sdk, self._sdk = self._sdk, None
        if sdk is not None:
            sdk.close()

    def _image_request(
        self, parts: Sequence[Part], aspect_ratio: str, model_name: str
    ) -> tuple[types.Content, types.GenerateContentConfig]:
        """Return what is sent.

        Raises:
            InvalidRequestError: The model does not make that shape or take so many pictures.
        """
        row = model_row(PROVIDER, model_name, GeminiImageModel, self._image_row, table="gemini_images")
        _, pictures = split_parts(parts, provider=PROVIDER)
        wanted = reduced_ratio(aspect_ratio, provider=PROVIDER)
        shapes = {reduced_ratio(shape, provider=PROVIDER): shape for shape in row.aspect_ratios}
        if wanted not in shapes:
            raise InvalidRequestError(
                f"this model does not make {aspect_ratio}; it makes {', '.join(row.aspect_ratios)}", provider=PROVIDER
            )
        if len(pictures) > row.max_references:
            raise InvalidRequestError(
                f"this model takes at most {row.max_references} reference pictures, got {len(pictures)}",
                provider=PROVIDER,
            )
        config = types.GenerateContentConfig(
            response_modalities=["IMAGE"],
            image_config=types.ImageConfig(aspect_ratio=shapes[wanted]),
            automatic_continuation=False,
        )
        return types.Content(role="user", parts=[_part(part) for part in parts]), config

    def _videos(self) -> GeminiVideos:
        return GeminiVideos(
            sdk=self._client(),
            api_key=VENDOR.require_key(self._api_key),
            base_url=self._base_url,
            timeout_s=min(self._timeout_s, _VIDEO_REQUEST_TIMEOUT_S),
            patience=self._patience,
            outputs=self._outputs,
        )

    def _client(self) -> genai.Client:
        """Return the one SDK client; it must live as long as its calls, so it is kept here."""
        key = VENDOR.require_key(self._api_key)
        with self._lock:
            if self._sdk is None:
                self._sdk = genai.Client(
                    api_key=key,
                    enterprise=False,  # otherwise GOOGLE_GENAI_USE_VERTEXAI would send the key elsewhere
                    http_options=types.HttpOptions(
                        base_url=self._base_url,
                        timeout=round(self._timeout_s * 1000),
                        retry_options=types.HttpRetryOptions(attempts=1),
                        client_args={"verify": tls_context()},
                        async_client_args={"verify": tls_context()},
                    ),
                )
            return self._sdk


def _text_config(
    system_instruction: str, schema: Mapping[str, Any] | None, *, use_search: bool
) -> types.GenerateContentConfig:
    return types.GenerateContentConfig(
        system_instruction=system_instruction or None,
        tools=[types.Tool(google_search=types.GoogleSearch())] if use_search else None,
        response_mime_type="application/json",
        response_json_schema=None if schema is None else dict(schema),
        automatic_continuation=False,  # it would send, and bill, further requests unseen
    )


def _part(part: Part) -> types.Part:
    if isinstance(part, ImagePart):
        return types.Part.from_bytes(data=part.data, mime_type=part.mime_type)
    return types.Part.from_text(text=part)


def _text_response(answer: types.GenerateContentResponse, model_name: str) -> LLMTextResponse:
    text = "".join(part.text for part in _parts(answer) if part.text and not part.thought)
    finish = _finish_reason(answer)
    usage, sources = _usage(answer), tuple(_sources(answer))
    return LLMTextResponse(
        parsed=decoded_json(text),
        text=text,
        sources=sources,
        block_reason=_block_reason(answer, finish, empty=not text),
        finish_reason=finish,
        request_id=answer.response_id,
        model_version=answer.model_version,
        usage=usage,
        # Searches are charged apart, and by a monthly allowance that an answer does not show.
        cost=Cost() if sources else cost_from_table(PROVIDER, model_name, usage),
    )


def _image_response(answer: types.GenerateContentResponse, model_name: str, outputs: Outputs) -> LLMImageResponse:
    # Thinking models send drafts flagged as thoughts; they are not the answer.
    blobs = (part.inline_data for part in _parts(answer) if part.inline_data and not part.thought)
    images = tuple(outputs.picture(blob.data) for blob in blobs if blob.data)
    finish, usage = _finish_reason(answer), _usage(answer, n_images=len(images))
    return LLMImageResponse(
        images=images,
        block_reason=_block_reason(answer, finish, empty=not images),
        finish_reason=finish,
        request_id=answer.response_id,
        model_version=answer.model_version,
        usage=usage,
        cost=cost_from_table(PROVIDER, model_name, usage, size=_IMAGE_SIZE),
    )


def _parts(answer: types.GenerateContentResponse) -> Sequence[types.Part]:
    candidates = answer.candidates or []
    content = candidates[0].content if candidates else None
    return (content.parts or []) if content else []


def _finish_reason(answer: types.GenerateContentResponse) -> str | None:
    candidates = answer.candidates or []
    reason = candidates[0].finish_reason if candidates else None
    return None if reason is None else str(reason.value)


def _block_reason(answer: types.GenerateContentResponse, finish: str | None, *, empty: bool) -> str | None:
    """Return why a policy withheld the answer; ``None`` if it did not."""
    feedback = answer.prompt_feedback
    if feedback is not None and feedback.block_reason is not None:
        return str(feedback.block_reason.value)
    return finish if empty and finish in _POLICY_FINISHES else None


def _sources(answer: types.GenerateContentResponse) -> Iterator[Source]:
    candidates = answer.candidates or []
    grounding = candidates[0].grounding_metadata if candidates else None
    for chunk in (grounding.grounding_chunks or []) if grounding else []:
        if chunk.web is not None and chunk.web.uri:
            yield Source(title=chunk.web.title or "", url=chunk.web.uri)


def _usage(answer: types.GenerateContentResponse, *, n_images: int | None = None) -> Usage:
    counted = answer.usage_metadata
    return Usage(
        input_tokens=counted.prompt_token_count if counted else None,
        output_tokens=_output_tokens(counted) if counted else None,
        n_images=n_images,
    )


def _output_tokens(counted: types.GenerateContentResponseUsageMetadata) -> int | None:
    """Return the tokens charged as output: those of the answer and those of thinking."""
    if counted.candidates_token_count is None:
        return None
    return counted.candidates_token_count + (counted.thoughts_token_count or 0)

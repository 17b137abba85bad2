"""Clients that need no provider: answers handed in, requests kept for inspection."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from personalab_core.errors import CapabilityError
from personalab_core.llm import LLMImageResponse, LLMTextResponse, LLMVideoResponse, Part


def tiny_png(brightness: int = 128, *, width: int = 8, height: int = 8) -> bytes:
    """A plain grey PNG, written without any imaging library."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")

    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 0, 0, 0, 0])
    rows = (b"\0" + bytes([brightness]) * width) * height
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@dataclass(frozen=True)
class ImageRequest:
    """What a fake was asked to draw; ``text`` joins all text parts."""

    parts: tuple[Part, ...]
    aspect_ratio: str
    model_name: str
    seed: int | None

    @property
    def text(self) -> str:
        return "\n".join(part for part in self.parts if isinstance(part, str))


@dataclass
class FakeLLMClient:
    """Answers pictures and texts in the given order; the last answer comes back for ever.

    An answer is bytes (one picture), a response, or an exception to be raised. Seeded
    copies share the queue and the list of requests.
    """

    images: Sequence[bytes | LLMImageResponse | Exception] = field(default_factory=lambda: [tiny_png()], repr=False)
    texts: Sequence[Any] = ({},)
    requests: list[ImageRequest] = field(default_factory=list, repr=False)
    prompts: list[str] = field(default_factory=list, repr=False)
    seed: int | None = None
    provider: str = "fake"

    def with_seed(self, seed: int) -> Self:
        return type(self)(self.images, self.texts, self.requests, self.prompts, seed, self.provider)

    def generate_image(self, *, parts: Sequence[Part], aspect_ratio: str, model_name: str) -> LLMImageResponse:
        self.requests.append(ImageRequest(tuple(parts), aspect_ratio, model_name, self.seed))
        answer = self.images[min(len(self.requests), len(self.images)) - 1]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, bytes):
            return LLMImageResponse(images=(answer,), finish_reason="STOP", seed=self.seed)
        return answer

    def generate_text_json(
        self,
        *,
        system_instruction: str,
        user_prompt: str,
        schema: Mapping[str, Any] | None,
        use_search: bool,
        model_name: str,
    ) -> LLMTextResponse:
        self.prompts.append(user_prompt)
        answer = self.texts[min(len(self.prompts), len(self.texts)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, LLMTextResponse) else LLMTextResponse(parsed=answer, text=str(answer))

    def generate_video(
        self, *, prompt: str | Sequence[Part], resolution: str, aspect_ratio: str, model_name: str
    ) -> LLMVideoResponse:
        raise CapabilityError("the fake makes no video", provider=self.provider)

    async def generate_text_json_async(self, **request: Any) -> LLMTextResponse:
        return self.generate_text_json(**request)

    async def generate_image_async(self, **request: Any) -> LLMImageResponse:
        return self.generate_image(**request)

    async def generate_video_async(self, **request: Any) -> LLMVideoResponse:
        return self.generate_video(**request)

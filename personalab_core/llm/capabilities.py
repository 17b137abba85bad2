"""What an adapter does not offer: mix these in, and the methods say so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from personalab_core.errors import CapabilityError
from personalab_core.llm.client import LLMImageResponse, LLMTextResponse, LLMVideoResponse, Part


def _refuse(provider: str, what: str) -> NoReturn:
    raise CapabilityError(
        f"this provider's adapter makes no {what}; set models.{what}.provider to one that does", provider=provider
    )


class NoText:
    """For an adapter that writes no text."""

    provider: str

    def generate_text_json(
        self,
        *,
        system_instruction: str,  # noqa: ARG002  # the protocol has these five
        user_prompt: str,  # noqa: ARG002
        schema: Mapping[str, Any] | None,  # noqa: ARG002
        use_search: bool,  # noqa: ARG002
        model_name: str,  # noqa: ARG002
    ) -> LLMTextResponse:
        """Raise :class:`CapabilityError`."""
        _refuse(self.provider, "text")

    async def generate_text_json_async(
        self,
        *,
        system_instruction: str,  # noqa: ARG002
        user_prompt: str,  # noqa: ARG002
        schema: Mapping[str, Any] | None,  # noqa: ARG002
        use_search: bool,  # noqa: ARG002
        model_name: str,  # noqa: ARG002
    ) -> LLMTextResponse:
        """Raise :class:`CapabilityError`."""
        _refuse(self.provider, "text")


class NoImages:
    """For an adapter that makes no pictures."""

    provider: str

    def generate_image(
        self,
        *,
        parts: Sequence[Part],  # noqa: ARG002
        aspect_ratio: str,  # noqa: ARG002
        model_name: str,  # noqa: ARG002
    ) -> LLMImageResponse:
        """Raise :class:`CapabilityError`."""
        _refuse(self.provider, "image")

    async def generate_image_async(
        self,
        *,
        parts: Sequence[Part],  # noqa: ARG002
        aspect_ratio: str,  # noqa: ARG002
        model_name: str,  # noqa: ARG002
    ) -> LLMImageResponse:
        """Raise :class:`CapabilityError`."""
        _refuse(self.provider, "image")


class NoVideo:
    """For an adapter that makes no video."""

    provider: str

    def generate_video(
        self,
        *,
        prompt: str | Sequence[Part],  # noqa: ARG002
        resolution: str,  # noqa: ARG002
        aspect_ratio: str,  # noqa: ARG002
        model_name: str,  # noqa: ARG002
    ) -> LLMVideoResponse:
        """Raise :class:`CapabilityError`."""
        _refuse(self.provider, "video")

    async def generate_video_async(
        self,
        *,
        prompt: str | Sequence[Part],  # noqa: ARG002
        resolution: str,  # noqa: ARG002
        aspect_ratio: str,  # noqa: ARG002
        model_name: str,  # noqa: ARG002
    ) -> LLMVideoResponse:
        """Raise :class:`CapabilityError`."""
        _refuse(self.provider, "video")

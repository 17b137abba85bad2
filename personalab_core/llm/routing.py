"""Several clients behind the one protocol: each modality has its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self, cast, get_args

from personalab_core.llm.client import (
    FindsImages,
    LLMClient,
    LLMImageResponse,
    LLMTextResponse,
    LLMVideoResponse,
    Part,
    ResumableImages,
    ResumableVideos,
    Seedable,
)

Modality = Literal["text", "image", "video"]
MODALITIES: tuple[Modality, ...] = get_args(Modality)


def provider_of(client: LLMClient, modality: Modality) -> str:
    """Return the name of the provider that answers for ``modality``.

    A client from outside that does not say (attribute ``provider``) is named by its class.
    """
    if isinstance(client, RoutingClient):
        return provider_of(client.client_for(modality), modality)
    return str(getattr(client, "provider", type(client).__name__))


class RoutingClient:
    """Several clients behind the one protocol: each modality has its own.

    It offers what its clients offer, and not more: ``submit_image`` and ``collect_image``
    exist exactly if the image client has them (so ``isinstance(client, ResumableImages)`` is
    the truth), those for videos exactly if the video client has them. Seeds reach the clients
    that take one.

    Args:
        text: Answers ``generate_text_json`` and its async twin.
        image: Answers ``generate_image`` and its async twin.
        video: Answers ``generate_video`` and its async twin.
    """

    def __new__(cls, *, text: LLMClient, image: LLMClient, video: LLMClient) -> Self:
        """Return an instance of the class that forwards what ``image`` and ``video`` can resume."""
        del text
        kind = _KINDS[isinstance(image, ResumableImages), isinstance(video, ResumableVideos)]
        return cast("Self", object.__new__(kind))

    def __init__(self, *, text: LLMClient, image: LLMClient, video: LLMClient) -> None:
        self._clients: dict[Modality, LLMClient] = {"text": text, "image": image, "video": video}

    def __repr__(self) -> str:
        names = ", ".join(f"{m}={provider_of(self, m)}" for m in MODALITIES)
        return f"RoutingClient({names})"

    def client_for(self, modality: Modality) -> LLMClient:
        """Return the client that answers for ``modality``."""
        return self._clients[modality]

    def with_seed(self, seed: int) -> Self:
        """Return a copy whose seedable clients are seeded; the others stay as they are."""
        seeded = {m: c.with_seed(seed) if isinstance(c, Seedable) else c for m, c in self._clients.items()}
        return cast("Self", RoutingClient(text=seeded["text"], image=seeded["image"], video=seeded["video"]))

    def generate_text_json(
        self,
        *,
        system_instruction: str,
        user_prompt: str,
        schema: Mapping[str, Any] | None,
        use_search: bool,
        model_name: str,
    ) -> LLMTextResponse:
        """Delegate to the text client."""
        return self._clients["text"].generate_text_json(
            system_instruction=system_instruction,
            user_prompt=user_prompt,
            schema=schema,
            use_search=use_search,
            model_name=model_name,
        )

    def generate_image(self, *, parts: Sequence[Part], aspect_ratio: str, model_name: str) -> LLMImageResponse:
        """Delegate to the image client."""
        return self._clients["image"].generate_image(parts=parts, aspect_ratio=aspect_ratio, model_name=model_name)

    def generate_video(
        self, *, prompt: str | Sequence[Part], resolution: str, aspect_ratio: str, model_name: str
    ) -> LLMVideoResponse:
        """Delegate to the video client."""
        return self._clients["video"].generate_video(
            prompt=prompt, resolution=resolution, aspect_ratio=aspect_ratio, model_name=model_name
        )

    async def generate_text_json_async(
        self,
        *,
        system_instruction: str,
        user_prompt: str,
        schema: Mapping[str, Any] | None,
        use_search: bool,
        model_name: str,
    ) -> LLMTextResponse:
        """Delegate to the text client."""
        return await self._clients["text"].generate_text_json_async(
            system_instruction=system_instruction,
            user_prompt=user_prompt,
            schema=schema,
            use_search=use_search,
            model_name=model_name,
        )

    async def generate_image_async(
        self, *, parts: Sequence[Part], aspect_ratio: str, model_name: str
    ) -> LLMImageResponse:
        """Delegate to the image client."""
        return await self._clients["image"].generate_image_async(
            parts=parts, aspect_ratio=aspect_ratio, model_name=model_name
        )

    async def generate_video_async(
        self, *, prompt: str | Sequence[Part], resolution: str, aspect_ratio: str, model_name: str
    ) -> LLMVideoResponse:
        """Delegate to the video client."""
        return await self._clients["video"].generate_video_async(
            prompt=prompt, resolution=resolution, aspect_ratio=aspect_ratio, model_name=model_name
        )


class _ResumesImages(RoutingClient):
    """Forwards the long operations of an image client."""

    def submit_image(self, *, parts: Sequence[Part], aspect_ratio: str, model_name: str) -> str:
        """Delegate to the image client."""
        return self._images.submit_image(parts=parts, aspect_ratio=aspect_ratio, model_name=model_name)

    def collect_image(self, operation_id: str) -> LLMImageResponse:
        """Delegate to the image client."""
        return self._images.collect_image(operation_id)

    async def submit_image_async(self, *, parts: Sequence[Part], aspect_ratio: str, model_name: str) -> str:
        """Delegate to the image client."""
        return await self._images.submit_image_async(parts=parts, aspect_ratio=aspect_ratio, model_name=model_name)

    async def collect_image_async(self, operation_id: str) -> LLMImageResponse:
        """Delegate to the image client."""
        return await self._images.collect_image_async(operation_id)

    def find_image(self, **request: Any) -> str | None:
        """Delegate to the image client; one that cannot look for its operations finds none."""
        return self._images.find_image(**request) if isinstance(self._images, FindsImages) else None

    async def find_image_async(self, **request: Any) -> str | None:
        """:meth:`find_image` without blocking the event loop."""
        return await self._images.find_image_async(**request) if isinstance(self._images, FindsImages) else None

    @property
    def _images(self) -> ResumableImages:
        return cast("ResumableImages", self._clients["image"])


class _ResumesVideos(RoutingClient):
    """Forwards the long operations of a video client."""

    def submit_video(self, *, prompt: str | Sequence[Part], resolution: str, aspect_ratio: str, model_name: str) -> str:
        """Delegate to the video client."""
        return self._videos.submit_video(
            prompt=prompt, resolution=resolution, aspect_ratio=aspect_ratio, model_name=model_name
        )

    def collect_video(self, operation_id: str) -> LLMVideoResponse:
        """Delegate to the video client."""
        return self._videos.collect_video(operation_id)

    async def submit_video_async(
        self, *, prompt: str | Sequence[Part], resolution: str, aspect_ratio: str, model_name: str
    ) -> str:
        """Delegate to the video client."""
        return await self._videos.submit_video_async(
            prompt=prompt, resolution=resolution, aspect_ratio=aspect_ratio, model_name=model_name
        )

    async def collect_video_async(self, operation_id: str) -> LLMVideoResponse:
        """Delegate to the video client."""
        return await self._videos.collect_video_async(operation_id)

    @property
    def _videos(self) -> ResumableVideos:
        return cast("ResumableVideos", self._clients["video"])


class _ResumesBoth(_ResumesImages, _ResumesVideos):
    """Forwards both."""


_KINDS: Mapping[tuple[bool, bool], type[RoutingClient]] = {
    (False, False): RoutingClient,
    (True, False): _ResumesImages,
    (False, True): _ResumesVideos,
    (True, True): _ResumesBoth,
}

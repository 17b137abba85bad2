"""Asks a provider for videos of a persona, and stores them as they came."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from personalab_core.generation.context import derived_context
from personalab_core.generation.image_generator import request_parts
from personalab_core.generation.requests import GenerationRequest, GenerationResponse
from personalab_core.generation.retry_policy import RetryPolicy
from personalab_core.generation.transport import TransportRetry
from personalab_core.generation.video_files import StoredVideo, store_video
from personalab_core.llm import LLMClient, LLMVideoResponse, Seedable, provider_of
from personalab_core.schemas import GenerationContext


class VideoGenerator:
    """Makes videos with one model of one provider.

    Args:
        client: Reaches the provider.
        model_name: The model to ask.
        resolution: Such as ``720p``.
        aspect_ratio: ``"W:H"`` of the videos.
        provider: Name of the provider; that of ``client`` if ``None``.
        context: Profile and configuration for the records; derived from provider and model if ``None``.
        transport_retry: Repeats failed calls; a :class:`RetryPolicy` with its defaults if ``None``.
        timer: Monotonic seconds.
    """

    def __init__(
        self,
        client: LLMClient,
        model_name: str,
        resolution: str,
        aspect_ratio: str,
        *,
        provider: str | None = None,
        context: GenerationContext | None = None,
        transport_retry: TransportRetry | None = None,
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.model_name = model_name
        self.resolution = resolution
        self.aspect_ratio = aspect_ratio
        self.provider = provider or provider_of(client, "video")
        derived = derived_context(provider=self.provider, model=model_name, aspect_ratio=aspect_ratio)
        self.context = context or derived.model_copy(update={"resolution": resolution})
        self.transport_retry: TransportRetry = transport_retry or RetryPolicy()
        self._client = client
        self._timer = timer

    def generate(self, request: GenerationRequest) -> GenerationResponse:
        """Return what one call gave. A policy block or an empty answer is a response without a video.

        Raises:
            LLMError: The call failed, or the provider makes no video.
            MissingKeyError: The provider's key is not set.
        """
        client, started = self._client_for(request), self._timer()
        answer = client.generate_video(
            prompt=request_parts(request),
            resolution=self.resolution,
            aspect_ratio=self.aspect_ratio,
            model_name=self.model_name,
        )
        return self._response(answer, started)

    async def generate_async(self, request: GenerationRequest) -> GenerationResponse:
        """Do the same without blocking the event loop."""
        client, started = self._client_for(request), self._timer()
        answer = await client.generate_video_async(
            prompt=request_parts(request),
            resolution=self.resolution,
            aspect_ratio=self.aspect_ratio,
            model_name=self.model_name,
        )
        return self._response(answer, started)

    def store(self, data: bytes, *, folder: Path, name: str) -> StoredVideo:
        """Return where a video was stored, byte for byte as it came, with its first frame beside it.

        Raises:
            InputError: No frame of it can be decoded; nothing is stored.
            WorkspaceError: The disk is full or the folder cannot be written.
        """
        return store_video(folder, name, data)

    def _client_for(self, request: GenerationRequest) -> LLMClient:
        if request.seed is not None and isinstance(self._client, Seedable):
            return self._client.with_seed(request.seed)
        return self._client

    def _response(self, answer: LLMVideoResponse, started: float) -> GenerationResponse:
        return GenerationResponse(
            data=answer.video_data,
            block_reason=answer.block_reason,
            finish_reason=answer.finish_reason,
            request_id=answer.request_id or answer.operation_name,
            model_version=answer.model_version,
            cost=answer.cost,
            elapsed_s=self._timer() - started,
        )

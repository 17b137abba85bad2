"""Asks a provider for videos of a persona, and stores them as they came."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Self, TypeVar

from personalab_core.config import Config
from personalab_core.generation.context import derived_context, video_context_from_config
from personalab_core.generation.image_generator import request_parts
from personalab_core.generation.requests import GenerationRequest, GenerationResponse
from personalab_core.generation.retry_policy import RetryPolicy
from personalab_core.generation.submitting import Route, submit, submit_async
from personalab_core.generation.transport import TransportRetry
from personalab_core.generation.video_files import StoredVideo, store_video
from personalab_core.llm import LLMClient, LLMVideoResponse, Seedable, provider_of
from personalab_core.llm.client import ResumableVideos
from personalab_core.schemas import GenerationContext

A = TypeVar("A")


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

    @classmethod
    def from_config(
        cls,
        client: LLMClient,
        config: Config,
        *,
        provider: str | None = None,
        job_id: str | None = None,
        transport_retry: TransportRetry | None = None,
    ) -> Self:
        """Return what makes the videos that a configuration asks for.

        Args:
            client: Reaches the provider.
            config: Names model, resolution and aspect ratio.
            provider: Name of the provider; that of ``client`` if ``None``.
            job_id: Job that the records are to name.
            transport_retry: Repeats failed calls; as the configuration says if ``None``.
        """
        video = config.generation.video
        return cls(
            client,
            config.model_name("video"),
            video.resolution,
            video.aspect_ratio,
            provider=provider,
            context=video_context_from_config(config, job_id=job_id),
            transport_retry=transport_retry or RetryPolicy.from_config(config.runtime.retry),
        )

    def generate(self, request: GenerationRequest) -> GenerationResponse:
        """Return what one call gave. A policy block or an empty answer is a response without a video.

        A ticket means the same as for pictures, see :meth:`ImageGenerator.generate`.

        Raises:
            LLMError: The call failed, or the provider makes no video.
            MissingKeyError: The provider's key is not set.
        """
        respond = partial(self._response, started=self._timer())
        return submit(self._route(request), request.ticket, respond)

    async def generate_async(self, request: GenerationRequest) -> GenerationResponse:
        """Do the same without blocking the event loop."""
        respond = partial(self._response, started=self._timer())
        return await submit_async(self._async_route(request), request.ticket, respond)

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

    def _route(self, request: GenerationRequest) -> Route[LLMVideoResponse]:
        client = self._client_for(request)
        if isinstance(client, ResumableVideos):
            start = self._asking(client.submit_video, request)
            return Route(self._asking(client.generate_video, request), start, client.collect_video)
        return Route(self._asking(client.generate_video, request))

    def _async_route(self, request: GenerationRequest) -> Route[Awaitable[LLMVideoResponse]]:
        client = self._client_for(request)
        if isinstance(client, ResumableVideos):
            start = self._asking(client.submit_video_async, request)
            return Route(self._asking(client.generate_video_async, request), start, client.collect_video_async)
        return Route(self._asking(client.generate_video_async, request))

    def _asking(self, method: Callable[..., A], request: GenerationRequest) -> Callable[[], A]:
        return partial(
            method,
            prompt=request_parts(request),
            resolution=self.resolution,
            aspect_ratio=self.aspect_ratio,
            model_name=self.model_name,
        )

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

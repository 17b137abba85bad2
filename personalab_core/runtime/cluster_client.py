"""A provider's client whose calls are made by the workers of a cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Self, cast

from personalab_core.errors import ProviderTimeoutError
from personalab_core.llm import LLMClient, LLMImageResponse, LLMTextResponse, LLMVideoResponse, Part
from personalab_core.llm.client import FindsImages, ResumableImages, ResumableVideos
from personalab_core.runtime.cluster_crew import TRIES, Answer, Crew, WorkerLostError


class ClusterClient:
    """Makes each call once, on some worker. What a lost worker was at may have been paid, and is not repeated.

    Like :class:`RoutingClient` it offers what the real client offers: long operations exactly if that one
    has them; collecting one is repeated on another worker, since it costs nothing.

    Args:
        crew: Actors around a ``CallStation``.
        model: A client of the same make; only asked what it can do.
        seed: Seed of the calls, if one was asked for.
    """

    def __new__(cls, crew: Crew[Any], model: LLMClient, *, seed: int | None = None) -> Self:
        """Return an instance of the class that offers what ``model`` offers."""
        del crew, seed
        kind = _KINDS[isinstance(model, ResumableImages), isinstance(model, ResumableVideos)]
        return cast("Self", object.__new__(kind))

    def __init__(self, crew: Crew[Any], model: LLMClient, *, seed: int | None = None) -> None:
        self._crew = crew
        self._model = model
        self._seed = seed

    def with_seed(self, seed: int) -> Self:
        """Return a client whose calls have that seed, where the real client takes one."""
        return type(self)(self._crew, self._model, seed=seed)

    def generate_text_json(self, **request: Any) -> LLMTextResponse:
        """Return JSON; not inside an event loop."""
        return asyncio.run(self.generate_text_json_async(**request))

    def generate_image(self, **request: Any) -> LLMImageResponse:
        """Return a picture; not inside an event loop."""
        return asyncio.run(self.generate_image_async(**request))

    def generate_video(self, **request: Any) -> LLMVideoResponse:
        """Return a video; not inside an event loop."""
        return asyncio.run(self.generate_video_async(**request))

    async def generate_text_json_async(self, **request: Any) -> LLMTextResponse:
        """Return JSON, from some worker."""
        return cast("LLMTextResponse", await self._call("generate_text_json_async", request))

    async def generate_image_async(self, **request: Any) -> LLMImageResponse:
        """Return a picture, from some worker."""
        return cast("LLMImageResponse", await self._call("generate_image_async", request))

    async def generate_video_async(self, **request: Any) -> LLMVideoResponse:
        """Return a video, from some worker."""
        return cast("LLMVideoResponse", await self._call("generate_video_async", request))

    async def _call(self, method: str, request: Mapping[str, Any]) -> Any:
        try:
            return await self._ask(method, request)
        except WorkerLostError as error:
            raise ProviderTimeoutError(
                "the cluster's worker was lost while the call was under way; it may have been carried out",
                provider=str(getattr(self._model, "provider", type(self._model).__name__)),
            ) from error

    async def _collect(self, method: str, operation_id: str) -> Any:
        for _ in range(TRIES - 1):
            try:
                return await self._ask(method, {"operation_id": operation_id})
            except WorkerLostError:
                continue
        return await self._call(method, {"operation_id": operation_id})

    async def _ask(self, method: str, request: Mapping[str, Any]) -> Any:
        import ray

        async def question(station: Any) -> Answer:
            reference = station.call.remote(method, self._seed, dict(request))
            try:
                answer: Answer = await reference
            except asyncio.CancelledError:
                ray.cancel(reference)
                raise
            return answer

        return await self._crew.ask(question)


class _CollectsImages(ClusterClient):
    """Starts and collects long operations that make pictures."""

    def submit_image(self, *, parts: Sequence[Part], aspect_ratio: str, model_name: str) -> str:
        """Start an operation; not inside an event loop."""
        return asyncio.run(self.submit_image_async(parts=parts, aspect_ratio=aspect_ratio, model_name=model_name))

    def collect_image(self, operation_id: str) -> LLMImageResponse:
        """Return what an operation made; not inside an event loop."""
        return asyncio.run(self.collect_image_async(operation_id))

    async def submit_image_async(self, *, parts: Sequence[Part], aspect_ratio: str, model_name: str) -> str:
        """Start an operation and return its id."""
        request = {"parts": parts, "aspect_ratio": aspect_ratio, "model_name": model_name}
        return str(await self._call("submit_image_async", request))

    async def collect_image_async(self, operation_id: str) -> LLMImageResponse:
        """Return what an operation made."""
        return cast("LLMImageResponse", await self._collect("collect_image_async", operation_id))

    def find_image(self, **request: Any) -> str | None:
        """Return the operation that a request has started; not inside an event loop."""
        return asyncio.run(self.find_image_async(**request))

    async def find_image_async(self, **request: Any) -> str | None:
        """Return the operation that a request has started; ``None`` where the real client cannot look for it."""
        if not isinstance(self._model, FindsImages):
            return None
        return cast("str | None", await self._call("find_image_async", request))


class _CollectsVideos(ClusterClient):
    """Starts and collects long operations that make videos."""

    def submit_video(self, *, prompt: str | Sequence[Part], resolution: str, aspect_ratio: str, model_name: str) -> str:
        """Start an operation; not inside an event loop."""
        return asyncio.run(
            self.submit_video_async(
                prompt=prompt, resolution=resolution, aspect_ratio=aspect_ratio, model_name=model_name
            )
        )

    def collect_video(self, operation_id: str) -> LLMVideoResponse:
        """Return what an operation made; not inside an event loop."""
        return asyncio.run(self.collect_video_async(operation_id))

    async def submit_video_async(
        self, *, prompt: str | Sequence[Part], resolution: str, aspect_ratio: str, model_name: str
    ) -> str:
        """Start an operation and return its id."""
        request = {"prompt": prompt, "resolution": resolution, "aspect_ratio": aspect_ratio, "model_name": model_name}
        return str(await self._call("submit_video_async", request))

    async def collect_video_async(self, operation_id: str) -> LLMVideoResponse:
        """Return what an operation made."""
        return cast("LLMVideoResponse", await self._collect("collect_video_async", operation_id))


class _CollectsBoth(_CollectsImages, _CollectsVideos):
    """Does both."""


_KINDS: Mapping[tuple[bool, bool], type[ClusterClient]] = {
    (False, False): ClusterClient,
    (True, False): _CollectsImages,
    (False, True): _CollectsVideos,
    (True, True): _CollectsBoth,
}

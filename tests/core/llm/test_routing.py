"""A composition of clients offers what its parts offer, neither more nor less."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import pytest

from personalab_core.llm import (
    LLMClient,
    LLMImageResponse,
    LLMVideoResponse,
    Part,
    ResumableImages,
    ResumableVideos,
    RoutingClient,
    Seedable,
)
from tests.support.fakes import FakeLLMClient


@dataclass
class Resuming(FakeLLMClient):
    """Pictures and videos by long operations, whose ids tell what was asked."""

    log: list[Any] = field(default_factory=list)

    def with_seed(self, seed: int) -> Self:
        return type(self)(self.images, self.texts, self.requests, self.prompts, seed, self.provider, self.log)

    def submit_image(self, *, parts: Sequence[Part], aspect_ratio: str, model_name: str) -> str:
        self.log.append((*parts, aspect_ratio, model_name, self.seed))
        return f"{self.provider}-op"

    def collect_image(self, operation_id: str) -> LLMImageResponse:
        return LLMImageResponse(request_id=operation_id)

    async def submit_image_async(self, **request: Any) -> str:
        return self.submit_image(**request)

    async def collect_image_async(self, operation_id: str) -> LLMImageResponse:
        return self.collect_image(operation_id)

    def submit_video(self, *, prompt: Any, resolution: str, aspect_ratio: str, model_name: str) -> str:
        self.log.append((prompt, resolution, aspect_ratio, model_name, self.seed))
        return f"{self.provider}-op"

    def collect_video(self, operation_id: str) -> LLMVideoResponse:
        return LLMVideoResponse(operation_name=operation_id)

    async def submit_video_async(self, **request: Any) -> str:
        return self.submit_video(**request)

    async def collect_video_async(self, operation_id: str) -> LLMVideoResponse:
        return self.collect_video(operation_id)


PLAIN, LONG = FakeLLMClient(provider="plain"), Resuming(provider="long")


@pytest.mark.parametrize("image", [PLAIN, LONG], ids=["plain images", "resumable images"])
@pytest.mark.parametrize("video", [PLAIN, LONG], ids=["plain videos", "resumable videos"])
def test_it_offers_long_operations_exactly_where_its_parts_do(image: LLMClient, video: LLMClient) -> None:
    routing: Any = RoutingClient(text=LONG, image=image, video=video)
    for client in (routing, routing.with_seed(3), routing.with_seed(3).with_seed(4)):
        assert isinstance(client, RoutingClient)
        assert isinstance(client, LLMClient)
        assert isinstance(client, Seedable)
        assert isinstance(client, ResumableImages) is (image is LONG)
        assert isinstance(client, ResumableVideos) is (video is LONG)
    assert repr(routing).startswith("RoutingClient(text=long, image=")


def test_long_operations_reach_the_part_that_offers_them_with_their_seed() -> None:
    images, videos = Resuming(provider="one"), Resuming(provider="two")
    routing: Any = RoutingClient(text=PLAIN, image=images, video=videos).with_seed(7)
    picture = {"parts": ["p"], "aspect_ratio": "4:5", "model_name": "m"}
    film = {"prompt": "p", "resolution": "720p", "aspect_ratio": "9:16", "model_name": "m"}
    assert routing.submit_image(**picture) == asyncio.run(routing.submit_image_async(**picture)) == "one-op"
    assert routing.submit_video(**film) == asyncio.run(routing.submit_video_async(**film)) == "two-op"
    assert images.log == [("p", "4:5", "m", 7)] * 2
    assert videos.log == [("p", "720p", "9:16", "m", 7)] * 2
    assert routing.collect_image("x").request_id == "x"
    assert asyncio.run(routing.collect_image_async("x")).request_id == "x"
    assert routing.collect_video("y").operation_name == "y"
    assert asyncio.run(routing.collect_video_async("y")).operation_name == "y"

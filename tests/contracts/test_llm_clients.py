"""What every LLM client owes its callers, whichever provider is behind it."""

from __future__ import annotations

import asyncio
import base64
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from personalab_core.errors import CapabilityError, LLMError, RateLimitError
from personalab_core.llm import (
    ImagePart,
    LLMClient,
    LLMImageResponse,
    LLMTextResponse,
    LLMVideoResponse,
    Part,
    RoutingClient,
    Seedable,
    provider_of,
)
from personalab_core.llm.gemini import GeminiAdapter
from personalab_core.llm.simulated import SimulatedClient
from personalab_core.llm.simulated_faults import FaultRates
from tests.support.faces import portrait_png, shared_renderer
from tests.support.fakes import FakeLLMClient, tiny_png
from tests.support.loopback import Reply, loopback_server

SECRET_PROMPT = "a portrait with the unmistakable word quokka"
ANCHOR = ImagePart(portrait_png(3, width=128, height=160))
SCHEMA = {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}


@dataclass(frozen=True)
class Subject:
    """One implementation, healthy, declining, and over its rate limit."""

    healthy: LLMClient
    declining: LLMClient
    limited: LLMClient


@contextmanager
def simulated() -> Iterator[Subject]:
    def client(faults: FaultRates) -> SimulatedClient:
        return SimulatedClient(faults=faults, size_px=128, renderer=shared_renderer())

    yield Subject(
        client(FaultRates.none()), client(FaultRates.only(blocked=1)), client(FaultRates.only(rate_limited=1))
    )


@contextmanager
def fake() -> Iterator[Subject]:
    limit = RateLimitError("slow down", provider="fake", status_code=429, retry_after_s=2.0)
    yield Subject(
        FakeLLMClient(texts=[{"title": "t"}]),
        FakeLLMClient(images=[LLMImageResponse(block_reason="SAFETY")]),
        FakeLLMClient(images=[limit], texts=[limit]),
    )


@contextmanager
def routing() -> Iterator[Subject]:
    with fake() as inner:
        yield Subject(
            *(RoutingClient(text=c, image=c, video=c) for c in (inner.healthy, inner.declining, inner.limited))
        )


@contextmanager
def gemini() -> Iterator[Subject]:
    picture = {"inlineData": {"mimeType": "image/png", "data": base64.b64encode(tiny_png()).decode()}}
    healthy = {"candidates": [{"content": {"parts": [picture, {"text": '{"title": "t"}'}]}, "finishReason": "STOP"}]}
    limit = {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": SECRET_PROMPT}}
    replies = (
        Reply(healthy),
        Reply({"promptFeedback": {"blockReason": "SAFETY"}}),
        Reply(limit, status=429, headers={"Retry-After": "2"}),
    )
    with loopback_server() as one, loopback_server() as two, loopback_server() as three:
        adapters = []
        for server, reply in zip((one, two, three), replies, strict=True):
            server.script(reply)
            adapters.append(GeminiAdapter(api_key="key-of-the-contract", base_url=server.url, timeout_s=20))
        yield Subject(*adapters)
        for adapter in adapters:
            adapter.close()


IMPLEMENTATIONS = (simulated, fake, routing, gemini)


@pytest.fixture(params=IMPLEMENTATIONS, ids=lambda make: make.__name__)
def subject(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Subject]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with request.param() as made:
        yield made


def draw(client: LLMClient, parts: Sequence[Part] = (ANCHOR, SECRET_PROMPT)) -> LLMImageResponse:
    return client.generate_image(parts=parts, aspect_ratio="4:5", model_name="model")


def draw_async(client: LLMClient) -> LLMImageResponse:
    return asyncio.run(client.generate_image_async(parts=[SECRET_PROMPT], aspect_ratio="4:5", model_name="model"))


def write(client: LLMClient) -> LLMTextResponse:
    return client.generate_text_json(
        system_instruction="be brief", user_prompt=SECRET_PROMPT, schema=SCHEMA, use_search=False, model_name="model"
    )


def test_it_has_the_six_methods_with_the_protocols_parameters(subject: Subject) -> None:
    assert isinstance(subject.healthy, LLMClient)
    for name in ("generate_text_json", "generate_image", "generate_video"):
        ours, its = (inspect.signature(getattr(owner, name)) for owner in (LLMClient, type(subject.healthy)))
        assert list(its.parameters) == list(ours.parameters)
        assert inspect.iscoroutinefunction(getattr(subject.healthy, f"{name}_async"))


def test_it_says_which_provider_it_is(subject: Subject) -> None:
    assert provider_of(subject.healthy, "image").islower()


def test_a_picture_comes_as_encoded_bytes(subject: Subject) -> None:
    response = draw(subject.healthy)
    assert response.images
    assert response.images[0].startswith(b"\x89PNG")
    assert response.block_reason is None


def test_the_asynchronous_twin_answers_in_the_same_shape(subject: Subject) -> None:
    response = draw_async(subject.healthy)
    assert isinstance(response, LLMImageResponse)
    assert response.images[0].startswith(b"\x89PNG")


def test_text_comes_parsed_and_obeys_the_schema(subject: Subject) -> None:
    response = write(subject.healthy)
    assert isinstance(response.parsed["title"], str)
    assert response.text


def test_text_can_be_awaited(subject: Subject) -> None:
    request = {
        "system_instruction": "",
        "user_prompt": "p",
        "schema": SCHEMA,
        "use_search": False,
        "model_name": "model",
    }
    assert asyncio.run(subject.healthy.generate_text_json_async(**request)).parsed["title"]


def test_video_is_a_video_or_a_capability_error(subject: Subject) -> None:
    try:
        response = subject.healthy.generate_video(
            prompt=SECRET_PROMPT, resolution="720p", aspect_ratio="9:16", model_name="model"
        )
    except CapabilityError as error:
        assert error.provider
        assert "video" in str(error)
    else:
        assert isinstance(response, LLMVideoResponse)


def test_a_declined_request_is_an_outcome_with_a_reason(subject: Subject) -> None:
    response = draw(subject.declining)
    assert list(response.images) == []
    assert response.block_reason == "SAFETY"


@pytest.mark.parametrize("call", [draw, draw_async, write], ids=["image", "image async", "text"])
def test_a_rate_limit_carries_the_time_to_wait(subject: Subject, call: Callable[[LLMClient], object]) -> None:
    with pytest.raises(RateLimitError) as caught:
        call(subject.limited)
    assert caught.value.retry_after_s is not None
    assert caught.value.retry_after_s > 0
    assert caught.value.status_code == 429


def test_no_message_and_no_repr_shows_prompt_key_or_picture(subject: Subject) -> None:
    shown = [repr(subject.healthy), repr(draw(subject.healthy)), repr(write(subject.healthy)), repr(ANCHOR)]
    with pytest.raises(LLMError) as caught:
        draw(subject.limited)
    shown += [str(caught.value), repr(caught.value)]
    for text in shown:
        assert "quokka" not in text
        assert "key-of-the-contract" not in text
        assert "PNG" not in text


def test_a_seedable_client_repeats_itself(subject: Subject) -> None:
    if not isinstance(subject.healthy, Seedable):
        return
    first, second = (draw(subject.healthy.with_seed(4)).images[0] for _ in range(2))
    assert first == second

"""What every LLM client owes its callers, whichever provider is behind it."""

from __future__ import annotations

import asyncio
import base64
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

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
from personalab_core.llm.http_adapter import HttpImageAdapter
from personalab_core.llm.http_endpoint import Endpoint
from personalab_core.llm.http_recipe import Recipe
from personalab_core.llm.simulated import SimulatedClient
from personalab_core.llm.simulated_faults import FaultRates
from tests.support.faces import portrait_png, shared_renderer
from tests.support.fakes import FakeLLMClient, tiny_png
from tests.support.loopback import LoopbackServer, Reply, loopback_server
from tests.support.vendors import KEY, PACKAGES, Rig, openai_text, prediction, rig_of, runway_task, tiny_mp4

SECRET_PROMPT = "a portrait with the unmistakable word quokka"
ANCHOR = ImagePart(portrait_png(3, width=128, height=160))
SCHEMA = {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}


@dataclass(frozen=True)
class Subject:
    """One implementation, healthy, declining, and over its rate limit; and what it offers."""

    healthy: LLMClient
    declining: LLMClient
    limited: LLMClient
    offers: frozenset[str] = frozenset({"text", "image"})
    block_reason: str = "SAFETY"
    model_name: str = "model"


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


def _veo(server: LoopbackServer) -> None:
    name = "models/veo-3.1-x/operations/op1"
    video = {"uri": "https://generativelanguage.googleapis.com/v1beta/files/abc1:download?alt=media"}
    done = {"name": name, "done": True, "response": {"generateVideoResponse": {"generatedSamples": [{"video": video}]}}}
    server.route("POST", "/v1beta/models/veo-3.1-x:predictLongRunning", Reply({"name": name}))
    server.route("GET", f"/v1beta/{name}", Reply(done))
    server.route("GET", "/v1beta/files/abc1", Reply(tiny_mp4()))


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
        _veo(one)
        for server in (one, two, three):
            adapters.append(GeminiAdapter(api_key="key-of-the-contract", base_url=server.url, timeout_s=20))
        yield Subject(*adapters, offers=frozenset({"text", "image", "video"}), model_name="veo-3.1-x")
        for adapter in adapters:
            adapter.close()


LIMIT = Reply({"detail": SECRET_PROMPT}, status=429, headers={"Retry-After": "2"})


@contextmanager
def vendor(name: str, declining: Callable[[Rig], None], **about: Any) -> Iterator[Subject]:
    pytest.importorskip(PACKAGES[name])
    with rig_of(name) as one, rig_of(name) as two, rig_of(name) as three:
        one.answer()
        two.answer()
        declining(two)
        three.api.script(LIMIT)
        about = {"model_name": one.arguments["model_name"], **about}
        yield Subject(one.adapter, two.adapter, three.adapter, **about)


def openai() -> AbstractContextManager[Subject]:
    def declining(rig: Rig) -> None:
        refusal = {"type": "message", "content": [{"type": "refusal", "refusal": "no"}]}
        rig.api.script(Reply(openai_text("", output=[refusal])))

    return vendor("openai", declining, offers=frozenset({"text"}), block_reason="refusal")


def runware() -> AbstractContextManager[Subject]:
    def declining(rig: Rig) -> None:
        rig.api.script(Reply({"errors": [{"code": "promptBlocked", "message": SECRET_PROMPT}]}))

    return vendor("runware", declining, offers=frozenset({"image"}), block_reason="safety")


def replicate() -> AbstractContextManager[Subject]:
    def declining(rig: Rig) -> None:
        rig.api.route("GET", str(rig.look), Reply(prediction("failed", error="NSFW content detected")))

    return vendor("replicate", declining, offers=frozenset({"image"}), block_reason="content_policy")


def runway() -> AbstractContextManager[Subject]:
    def declining(rig: Rig) -> None:
        rig.api.route("GET", str(rig.look), Reply(runway_task("FAILED", failureCode="SAFETY.INPUT.TEXT")))

    return vendor("runway", declining, offers=frozenset({"video"}), block_reason="SAFETY.INPUT.TEXT")


@contextmanager
def plain_http() -> Iterator[Subject]:
    recipe = {
        "request": {"path": "/draw", "body": {"prompt": "${prompt}", "seed": "${seed}"}},
        "request_with_references": {"path": "/draw", "body": {"prompt": "${prompt}", "face": "${reference}"}},
        "answer": {"pictures": "picture", "blocked": "blocked"},
        "headers": {"Authorization": "Bearer ${env.KEY}"},
    }
    replies = Reply({"picture": base64.b64encode(tiny_png()).decode()}), Reply({"blocked": "safety"}), LIMIT
    with loopback_server() as one, loopback_server() as two, loopback_server() as three:
        adapters = []
        for server, reply in zip((one, two, three), replies, strict=True):
            server.script(reply)
            endpoint = Endpoint(Recipe.model_validate({**recipe, "base_url": server.url}), secret=lambda *_: KEY)
            adapters.append(HttpImageAdapter(endpoint))
        yield Subject(*adapters, offers=frozenset({"image"}), block_reason="safety")


IMPLEMENTATIONS = (simulated, fake, routing, gemini, openai, runware, replicate, runway, plain_http)


@pytest.fixture(params=IMPLEMENTATIONS, ids=lambda make: make.__name__)
def subject(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Subject]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with request.param() as made:
        yield made


def draw(client: LLMClient, parts: Sequence[Part] = (ANCHOR, SECRET_PROMPT), model_name: str = "model") -> Any:
    return client.generate_image(parts=parts, aspect_ratio="4:5", model_name=model_name)


def draw_async(client: LLMClient, model_name: str = "model") -> Any:
    return asyncio.run(client.generate_image_async(parts=[SECRET_PROMPT], aspect_ratio="4:5", model_name=model_name))


def write(client: LLMClient, model_name: str = "model") -> Any:
    return client.generate_text_json(
        system_instruction="be brief", user_prompt=SECRET_PROMPT, schema=SCHEMA, use_search=False, model_name=model_name
    )


def film(client: LLMClient, model_name: str = "model") -> Any:
    return client.generate_video(
        prompt=[SECRET_PROMPT, ANCHOR], resolution="720p", aspect_ratio="9:16", model_name=model_name
    )


CALLS: dict[str, Callable[..., Any]] = {"image": draw, "text": write, "video": film}


def first_call(subject: Subject) -> Callable[..., Any]:
    """The call for the one thing that every client offers in some form."""
    return CALLS["image" if "image" in subject.offers else sorted(subject.offers)[0]]


def needs(subject: Subject, modality: str) -> None:
    """Skip what the client does not offer, once it has said so in the way agreed."""
    if modality not in subject.offers:
        with pytest.raises(CapabilityError, match=modality) as caught:
            CALLS[modality](subject.healthy)
        assert caught.value.provider == provider_of(subject.healthy, "image")
        pytest.skip(f"offers no {modality}, and says so")


def test_it_has_the_six_methods_with_the_protocols_parameters(subject: Subject) -> None:
    assert isinstance(subject.healthy, LLMClient)
    for name in ("generate_text_json", "generate_image", "generate_video"):
        ours, its = (inspect.signature(getattr(owner, name)) for owner in (LLMClient, type(subject.healthy)))
        assert list(its.parameters) == list(ours.parameters)
        assert inspect.iscoroutinefunction(getattr(subject.healthy, f"{name}_async"))


def test_it_says_which_provider_it_is(subject: Subject) -> None:
    assert provider_of(subject.healthy, "image").islower()


def test_a_picture_comes_as_encoded_bytes(subject: Subject) -> None:
    needs(subject, "image")
    response = draw(subject.healthy, model_name=subject.model_name)
    assert isinstance(response, LLMImageResponse)
    assert response.images
    assert response.images[0].startswith(b"\x89PNG")
    assert response.block_reason is None


def test_the_asynchronous_twin_answers_in_the_same_shape(subject: Subject) -> None:
    needs(subject, "image")
    for _ in range(2):
        response = draw_async(subject.healthy, model_name=subject.model_name)
        assert isinstance(response, LLMImageResponse)
        assert response.images[0].startswith(b"\x89PNG")


def test_text_comes_parsed_and_obeys_the_schema(subject: Subject) -> None:
    needs(subject, "text")
    response = write(subject.healthy)
    assert isinstance(response, LLMTextResponse)
    assert set(response.parsed) >= {"title"} or response.parsed == {"n": 3}
    assert response.text


def test_text_can_be_awaited(subject: Subject) -> None:
    needs(subject, "text")
    request = {
        "system_instruction": "",
        "user_prompt": "p",
        "schema": SCHEMA,
        "use_search": False,
        "model_name": "model",
    }
    assert asyncio.run(subject.healthy.generate_text_json_async(**request)).parsed


def test_video_is_a_video_or_a_capability_error(subject: Subject) -> None:
    try:
        response = film(subject.healthy, model_name=subject.model_name)
    except CapabilityError as error:
        assert error.provider
        assert "video" in str(error)
    else:
        assert isinstance(response, LLMVideoResponse)


def test_a_declined_request_is_an_outcome_with_a_reason(subject: Subject) -> None:
    response = first_call(subject)(subject.declining, model_name=subject.model_name)
    assert response.block_reason == subject.block_reason
    made = [getattr(response, name, None) for name in ("images", "parsed", "video_data")]
    assert not any(made)


@pytest.mark.parametrize("call", [draw, draw_async, write, film], ids=["image", "image async", "text", "video"])
def test_a_rate_limit_carries_the_time_to_wait(subject: Subject, call: Callable[..., object]) -> None:
    if {draw: "image", draw_async: "image", write: "text", film: "video"}[call] not in subject.offers:
        pytest.skip("not offered")
    with pytest.raises(RateLimitError) as caught:
        call(subject.limited, model_name=subject.model_name)
    assert caught.value.retry_after_s is not None
    assert caught.value.retry_after_s > 0
    assert caught.value.status_code == 429


def test_no_message_and_no_repr_shows_prompt_key_or_picture(subject: Subject) -> None:
    call = first_call(subject)
    shown = [repr(subject.healthy), repr(call(subject.healthy, model_name=subject.model_name)), repr(ANCHOR)]
    with pytest.raises(LLMError) as caught:
        call(subject.limited, model_name=subject.model_name)
    shown += [str(caught.value), repr(caught.value)]
    for text in shown:
        assert "quokka" not in text
        assert "key-of-the-contract" not in text
        assert KEY not in text
        assert "PNG" not in text


def test_the_price_of_an_answer_is_a_number_or_unknown(subject: Subject) -> None:
    cost = first_call(subject)(subject.healthy, model_name=subject.model_name).cost
    assert cost.amount_usd is None or cost.amount_usd >= 0
    assert (cost.amount_usd is None) == (cost.source == "unknown")


def test_a_seedable_client_repeats_itself(subject: Subject) -> None:
    if not isinstance(subject.healthy, Seedable) or "image" not in subject.offers:
        pytest.skip("takes no seed for pictures")
    seeded = subject.healthy.with_seed(4)
    first, second = (draw(seeded, model_name=subject.model_name).images[0] for _ in range(2))
    assert first == second

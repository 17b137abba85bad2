"""Google's videos for an ordinary API key, by both routes, against a server on this machine."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from personalab_core.errors import (
    AuthenticationError,
    CallCancelledError,
    InvalidRequestError,
    LLMError,
    OutputLostError,
    ProviderServerError,
    ProviderTimeoutError,
    RateLimitError,
)
from personalab_core.llm import ImagePart, ResumableVideos
from personalab_core.llm.gemini import GeminiAdapter
from personalab_core.llm.outputs import Outputs
from tests.support.logs import everything_logged
from tests.support.loopback import LoopbackServer, Reply, loopback_server
from tests.support.vendors import KEY, PROMPT, REFERENCE, SECOND_REFERENCE, patience, tiny_mp4

VEO = "veo-3.1-generate-preview"
OMNI = "gemini-omni-1.2-flash"
NAME = f"models/{VEO}/operations/op1"
FILE = "https://generativelanguage.googleapis.com/v1beta/files/abc1:download?alt=media"
START = {VEO: f"/v1beta/models/{VEO}:predictLongRunning", OMNI: "/v1/interactions"}
LOOK = {VEO: f"/v1beta/{NAME}", OMNI: "/v1/interactions/it-1"}
IDENTIFIER = {VEO: NAME, OMNI: "it-1"}

Ask = Callable[..., Any]


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[LoopbackServer, GeminiAdapter]]:
    """One server and one adapter for all tests; a client of the SDK is dear to make."""
    with loopback_server() as server:
        outputs = Outputs("gemini", timeout_s=20)
        adapter = GeminiAdapter(api_key=KEY, base_url=server.url, timeout_s=20, patience=patience(), outputs=outputs)
        yield server, adapter
        adapter.close()


@pytest.fixture
def server(running: tuple[LoopbackServer, GeminiAdapter], monkeypatch: pytest.MonkeyPatch) -> LoopbackServer:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server, _ = running
    server.script(Reply({"error": {"code": 404, "status": "NOT_FOUND"}}, status=404))
    server.route("POST", START[VEO], Reply({"name": NAME}))
    server.route("GET", LOOK[VEO], Reply({"name": NAME}), Reply(veo_done({"video": {"uri": FILE}})))
    server.route("POST", START[OMNI], Reply(interaction("queued")))
    server.route("GET", LOOK[OMNI], Reply(interaction("in_progress")), Reply(omni_done(uri=FILE)))
    server.route("GET", "/v1beta/files/abc1", Reply(tiny_mp4(), headers={"Content-Type": "video/mp4"}))
    return server


@pytest.fixture
def adapter(running: tuple[LoopbackServer, GeminiAdapter]) -> GeminiAdapter:
    return running[1]


def veo_done(*samples: dict[str, Any], **response: Any) -> dict[str, Any]:
    return {
        "name": NAME,
        "done": True,
        "response": {"generateVideoResponse": {"generatedSamples": list(samples), **response}},
    }


def interaction(status: str, **changes: Any) -> dict[str, Any]:
    return {"id": "it-1", "status": status, "model": OMNI, **changes}


def omni_done(**video: Any) -> dict[str, Any]:
    content = {"type": "video", "mime_type": "video/mp4", **video}
    return interaction("completed", steps=[{"type": "model_output", "content": [content]}])


def film(adapter: GeminiAdapter, model: str, **changes: Any) -> Any:
    request = {"prompt": PROMPT, "resolution": "720p", "aspect_ratio": "9:16", "model_name": model}
    return adapter.generate_video(**{**request, **changes})


def film_async(adapter: GeminiAdapter, model: str) -> Any:
    request = {"prompt": PROMPT, "resolution": "720p", "aspect_ratio": "9:16", "model_name": model}
    return asyncio.run(adapter.generate_video_async(**request))  # type: ignore[arg-type]


both_routes = pytest.mark.parametrize("model", [VEO, OMNI], ids=["veo", "omni"])


def started(server: LoopbackServer) -> Any:
    (call,) = [call for call in server.calls if call.method == "POST"]
    assert call.headers["x-goog-api-key"] == KEY
    return call.body


@both_routes
@pytest.mark.parametrize("ask", [film, film_async], ids=["sync", "async"])
def test_a_video_is_started_once_and_fetched(
    server: LoopbackServer, adapter: GeminiAdapter, model: str, ask: Ask
) -> None:
    response = ask(adapter, model)
    started(server)
    assert response.video_data == tiny_mp4()
    assert response.operation_name == IDENTIFIER[model]
    assert response.usage.seconds == 8.0


def test_veo_is_started_as_the_older_sdk_did(server: LoopbackServer, adapter: GeminiAdapter) -> None:
    frame = ImagePart(SECOND_REFERENCE, role="input")
    film(adapter, VEO, prompt=[PROMPT, ImagePart(REFERENCE), frame])
    encoded = [base64.b64encode(data).decode() for data in (REFERENCE, SECOND_REFERENCE)]
    reference = {"image": {"bytesBase64Encoded": encoded[0], "mimeType": "image/png"}, "referenceType": "ASSET"}
    assert started(server) == {
        "instances": [
            {
                "prompt": PROMPT,
                "image": {"bytesBase64Encoded": encoded[1], "mimeType": "image/png"},
                "referenceImages": [reference],
            }
        ],
        "parameters": {"aspectRatio": "9:16", "durationSeconds": 8, "resolution": "720p", "sampleCount": 1},
    }


@pytest.mark.parametrize(
    ("parts", "task"),
    [
        ([], "text_to_video"),
        ([ImagePart(REFERENCE)], "reference_to_video"),
        ([ImagePart(REFERENCE), ImagePart(SECOND_REFERENCE)], "reference_to_video"),
        ([ImagePart(REFERENCE, role="input")], "image_to_video"),
    ],
    ids=["text", "reference", "references", "first frame"],
)
def test_omni_is_told_what_the_pictures_are_for(
    server: LoopbackServer, adapter: GeminiAdapter, parts: list[ImagePart], task: str
) -> None:
    film(adapter, OMNI, prompt=[PROMPT, *parts])
    body = started(server)
    assert (body["model"], body["background"], body["store"]) == (OMNI, True, True)
    assert body["generation_config"]["video_config"]["task"] == task
    (said,) = body["input"]
    assert [item["type"] for item in said["content"]] == ["text", *["image"] * len(parts)]
    wanted = {"type": "video", "aspect_ratio": "9:16", "resolution": "720p", "duration": "8s", "delivery": "uri"}
    assert body["response_format"] == wanted


def test_a_video_may_come_in_the_answer_itself(server: LoopbackServer, adapter: GeminiAdapter) -> None:
    server.route("GET", LOOK[OMNI], Reply(omni_done(data=base64.b64encode(tiny_mp4()).decode())))
    assert film(adapter, OMNI).video_data == tiny_mp4()


def test_the_price_depends_on_the_resolution(server: LoopbackServer, adapter: GeminiAdapter) -> None:
    assert film(adapter, VEO).cost.amount_usd == pytest.approx(8 * 0.40)
    assert film(adapter, VEO, resolution="4k").cost.amount_usd is None


@both_routes
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"aspect_ratio": "4:5"}, "does not make 4:5"),
        ({"resolution": "480p"}, "does not make 9:16 in 480p"),
        ({"prompt": [ImagePart(REFERENCE)] * 4}, "got 0 and 4"),
    ],
    ids=["shape", "resolution", "references"],
)
def test_what_cannot_be_made_is_an_error_before_anything_is_sent(
    server: LoopbackServer, adapter: GeminiAdapter, model: str, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidRequestError, match=words):
        film(adapter, model, **changes)
    assert server.calls == []


BAD_KEY = {"error": {"code": 400, "status": "INVALID_ARGUMENT", "details": [{"reason": "API_KEY_INVALID"}]}}


@both_routes
@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(BAD_KEY, status=400), AuthenticationError),
        (Reply({"error": {"code": 403, "message": KEY}}, status=403), AuthenticationError),
        (Reply({"error": {"code": 429, "message": PROMPT}}, status=429, headers={"Retry-After": "4"}), RateLimitError),
        (Reply({"error": {"code": 503}}, status=503), ProviderServerError),
        (Reply(b"{", cut=True), ProviderTimeoutError),
        (Reply({"unknown": 3}), OutputLostError),
        (Reply(b"<html>"), OutputLostError),
    ],
    ids=["bad key", "forbidden", "rate limit", "server", "cut off", "no name", "html"],
)
def test_a_start_that_fails_is_made_once(
    server: LoopbackServer, adapter: GeminiAdapter, model: str, reply: Reply, kind: type[LLMError]
) -> None:
    server.route("POST", START[model], reply)
    with pytest.raises(kind) as caught:
        film(adapter, model)
    assert type(caught.value) is kind
    assert len(server.calls) == 1
    assert caught.value.retry_after_s == (4.0 if kind is RateLimitError else None)
    assert KEY not in str(caught.value)
    assert PROMPT not in str(caught.value)


@pytest.mark.parametrize(
    ("model", "body", "block_reason"),
    [
        (VEO, {"name": NAME, "done": True, "error": {"code": 3, "message": "violates our usage policies"}}, True),
        (VEO, veo_done(raiMediaFilteredCount=1, raiMediaFilteredReasons=["celebrity"]), True),
        (VEO, veo_done(), False),
        (OMNI, interaction("failed", errors=[{"code": "blocked", "message": "safety settings"}]), True),
        (OMNI, interaction("completed", steps=[]), False),
    ],
    ids=["veo error", "veo filtered", "veo empty", "omni error", "omni empty"],
)
def test_no_video_is_an_outcome(
    server: LoopbackServer, adapter: GeminiAdapter, model: str, body: dict[str, Any], block_reason: bool
) -> None:
    server.route("GET", LOOK[model], Reply(body))
    response = film(adapter, model)
    assert response.video_data is None
    assert (response.block_reason is not None) is block_reason
    assert response.cost.amount_usd is None


@pytest.mark.parametrize(
    ("model", "body", "kind"),
    [
        (VEO, {"name": NAME, "done": True, "error": {"code": 13, "message": "internal"}}, ProviderServerError),
        (VEO, {"name": NAME, "done": True, "error": {"code": 1, "message": "stopped"}}, CallCancelledError),
        (VEO, {"name": NAME}, ProviderTimeoutError),
        (OMNI, interaction("failed"), ProviderServerError),
        (OMNI, interaction("cancelled"), CallCancelledError),
        (OMNI, interaction("in_progress"), ProviderTimeoutError),
    ],
    ids=["veo failed", "veo cancelled", "veo endless", "omni failed", "omni cancelled", "omni endless"],
)
def test_an_operation_that_ends_badly_is_named(
    server: LoopbackServer, adapter: GeminiAdapter, model: str, body: dict[str, Any], kind: type[LLMError]
) -> None:
    server.route("GET", LOOK[model], Reply(body))
    with pytest.raises(kind) as caught:
        film(adapter, model)
    assert type(caught.value) is kind
    assert caught.value.request_id == IDENTIFIER[model]


@both_routes
@pytest.mark.parametrize("reply", [Reply(b"{}", status=404), Reply(b"no video")], ids=["gone", "text"])
def test_a_lost_file_is_named_by_its_operation(
    server: LoopbackServer, adapter: GeminiAdapter, model: str, reply: Reply
) -> None:
    server.route("GET", "/v1beta/files/abc1", reply)
    with pytest.raises(LLMError) as caught:
        film(adapter, model)
    assert caught.value.request_id == IDENTIFIER[model]
    started(server)


def test_a_file_larger_than_allowed_is_given_up(server: LoopbackServer) -> None:
    small = GeminiAdapter(
        api_key=KEY, base_url=server.url, timeout_s=20, patience=patience(), outputs=Outputs("gemini", max_bytes=100)
    )
    with pytest.raises(OutputLostError, match="larger than allowed"):
        film(small, VEO)
    small.close()


@both_routes
def test_a_started_operation_can_be_collected_again(server: LoopbackServer, adapter: GeminiAdapter, model: str) -> None:
    request = {"prompt": PROMPT, "resolution": "720p", "aspect_ratio": "9:16", "model_name": model}
    assert isinstance(adapter, ResumableVideos)
    operation = adapter.submit_video(**request)
    for _ in range(2):
        collected = adapter.collect_video(operation)
        assert (collected.video_data, collected.usage.seconds) == (tiny_mp4(), 8.0)
        assert collected.cost.amount_usd == (pytest.approx(3.2) if model == VEO else None)
    by_its_name = adapter.collect_video(IDENTIFIER[model])
    assert (by_its_name.video_data, by_its_name.cost.amount_usd) == (tiny_mp4(), None)
    started(server)


@both_routes
def test_key_prompt_and_pictures_stay_out_of_logs(server: LoopbackServer, adapter: GeminiAdapter, model: str) -> None:
    with everything_logged() as log:
        response = film(adapter, model, prompt=[PROMPT, ImagePart(REFERENCE)])
    everything = log.getvalue() + repr(response) + repr(adapter)
    assert log.getvalue()
    for secret in (KEY, PROMPT, base64.b64encode(REFERENCE).decode()[:40], base64.b64encode(tiny_mp4()).decode()[:40]):
        assert secret not in everything

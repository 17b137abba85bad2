"""The Gemini adapter against a server on this machine that answers as Google's documents."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import logging
import traceback
from collections.abc import Iterator
from typing import Any

import pytest

from personalab_core.errors import (
    AuthenticationError,
    InvalidRequestError,
    LLMError,
    MissingKeyError,
    OutputLostError,
    ProviderConnectionError,
    ProviderServerError,
    ProviderTimeoutError,
    QuotaExceededError,
    RateLimitError,
)
from personalab_core.llm import ImagePart, Source
from personalab_core.llm.gemini import GeminiAdapter
from tests.support.fakes import tiny_png
from tests.support.loopback import LoopbackServer, Reply, loopback_server

KEY = "AIza-test-key-3141592653"
PROMPT = "a portrait nobody may read in a log"
PICTURE = tiny_png(10, width=64, height=64)
ANSWERED = tiny_png(200)


@pytest.fixture(autouse=True)
def no_detours(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy between the adapter and this machine."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    with loopback_server() as running:
        yield running


@pytest.fixture
def adapter(server: LoopbackServer) -> Iterator[GeminiAdapter]:
    made = GeminiAdapter(api_key=KEY, base_url=server.url, timeout_s=20)
    yield made
    made.close()


def answer(*parts: dict[str, Any], **candidate: Any) -> Reply:
    body = {
        "candidates": [{"content": {"parts": list(parts)}, "finishReason": "STOP", **candidate}],
        "responseId": "resp-7",
        "modelVersion": "gemini-x-001",
        "usageMetadata": {"promptTokenCount": 11, "candidatesTokenCount": 22},
    }
    return Reply(body)


def picture_part(data: bytes, **extra: Any) -> dict[str, Any]:
    return {"inlineData": {"mimeType": "image/png", "data": base64.b64encode(data).decode()}, **extra}


def failure(status: int, word: str, *details: dict[str, Any], headers: dict[str, str] | None = None) -> Reply:
    message = f"server quotes {KEY} and {PROMPT}"
    error = {"code": status, "status": word, "message": message, "details": list(details)}
    return Reply({"error": error}, status=status, headers=headers or {})


def draw(adapter: GeminiAdapter) -> Any:
    return adapter.generate_image(parts=[ImagePart(PICTURE), PROMPT], aspect_ratio="4:5", model_name="gemini-image")


def draw_async(adapter: GeminiAdapter) -> Any:
    return asyncio.run(adapter.generate_image_async(parts=[PROMPT], aspect_ratio="1:1", model_name="m"))


def write(adapter: GeminiAdapter, schema: dict[str, Any] | None = None, *, use_search: bool = False) -> Any:
    return adapter.generate_text_json(
        system_instruction="be brief",
        user_prompt=PROMPT,
        schema=schema,
        use_search=use_search,
        model_name="gemini-text",
    )


def test_a_picture_request_carries_anchor_text_and_shape(server: LoopbackServer, adapter: GeminiAdapter) -> None:
    server.script(answer(picture_part(ANSWERED)))
    response = draw(adapter)
    call = server.calls[0]
    sent, text = call.body["contents"][0]["parts"]
    assert call.path.endswith("/models/gemini-image:generateContent")
    assert call.headers["x-goog-api-key"] == KEY
    assert base64.b64decode(sent["inlineData"]["data"]) == PICTURE
    assert text["text"] == PROMPT
    assert call.body["generationConfig"]["imageConfig"] == {"aspectRatio": "4:5"}
    assert call.body["generationConfig"]["responseModalities"] == ["IMAGE"]
    assert list(response.images) == [ANSWERED]
    assert (response.request_id, response.model_version) == ("resp-7", "gemini-x-001")
    assert (response.usage.input_tokens, response.usage.output_tokens, response.usage.n_images) == (11, 22, 1)
    assert response.block_reason is None


def test_drafts_of_a_thinking_model_are_not_the_answer(server: LoopbackServer, adapter: GeminiAdapter) -> None:
    server.script(answer(picture_part(PICTURE, thought=True), picture_part(ANSWERED)))
    assert list(draw(adapter).images) == [ANSWERED]


def test_a_text_request_carries_instruction_schema_and_search(server: LoopbackServer, adapter: GeminiAdapter) -> None:
    chunk = {"web": {"uri": "https://example.org/a", "title": "A"}}
    server.script(answer({"text": '{"n": 3}'}, groundingMetadata={"groundingChunks": [chunk]}))
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    response = write(adapter, schema, use_search=True)
    body = server.calls[0].body
    assert body["systemInstruction"]["parts"][0]["text"] == "be brief"
    assert body["generationConfig"]["responseJsonSchema"] == schema
    assert body["tools"] == [{"googleSearch": {}}]
    assert response.parsed == {"n": 3}
    assert response.sources == (Source(title="A", url="https://example.org/a"),)


def test_without_search_no_tool_is_offered(server: LoopbackServer, adapter: GeminiAdapter) -> None:
    server.script(answer({"text": "[]"}))
    assert write(adapter).parsed == []
    assert "tools" not in server.calls[0].body


@pytest.mark.parametrize(
    ("text", "parsed"), [('```json\n{"a": 1}\n```', {"a": 1}), ("I would rather not.", None), ('{"a": ', None)]
)
def test_text_that_is_not_json_is_kept_but_not_parsed(
    server: LoopbackServer, adapter: GeminiAdapter, text: str, parsed: Any
) -> None:
    server.script(answer({"text": "thinking aloud", "thought": True}, {"text": text}))
    response = write(adapter)
    assert response.parsed == parsed
    assert response.text == text


@pytest.mark.parametrize(
    ("body", "block_reason", "finish_reason"),
    [
        ({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}, "PROHIBITED_CONTENT", None),
        ({"candidates": [{"finishReason": "IMAGE_SAFETY"}]}, "IMAGE_SAFETY", "IMAGE_SAFETY"),
        ({"candidates": [{"finishReason": "NO_IMAGE"}]}, None, "NO_IMAGE"),
        ({"candidates": [{"content": {"parts": [{"text": "Sorry."}]}, "finishReason": "STOP"}]}, None, "STOP"),
        ({}, None, None),
    ],
    ids=["prompt blocked", "picture blocked", "no picture", "words only", "nothing at all"],
)
def test_an_answer_without_a_picture_is_an_outcome(
    server: LoopbackServer,
    adapter: GeminiAdapter,
    body: dict[str, Any],
    block_reason: str | None,
    finish_reason: str | None,
) -> None:
    server.script(Reply(body))
    response = draw(adapter)
    assert list(response.images) == []
    assert (response.block_reason, response.finish_reason) == (block_reason, finish_reason)


@pytest.mark.parametrize(
    "reason", ["SAFETY", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "IMAGE_SAFETY", "MODEL_ARMOR", "JAILBREAK"]
)
@pytest.mark.slow
@pytest.mark.parametrize("ask", [draw, draw_async], ids=["sync", "async"])
def test_a_prompt_blocked_for_any_reason_is_an_outcome(
    server: LoopbackServer, adapter: GeminiAdapter, reason: str, ask: Any
) -> None:
    server.script(Reply({"promptFeedback": {"blockReason": reason}}))
    assert (ask(adapter).block_reason, len(server.calls)) == (reason, 1)


@pytest.mark.parametrize(
    "reason",
    [
        "SAFETY",
        "RECITATION",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION",
    ],
)
@pytest.mark.slow
@pytest.mark.parametrize("ask", [draw, draw_async], ids=["sync", "async"])
def test_a_picture_withheld_for_any_reason_is_an_outcome(
    server: LoopbackServer, adapter: GeminiAdapter, reason: str, ask: Any
) -> None:
    server.script(Reply({"candidates": [{"finishReason": reason}]}))
    assert (ask(adapter).block_reason, len(server.calls)) == (reason, 1)


def test_several_references_go_in_one_after_the_other(server: LoopbackServer, adapter: GeminiAdapter) -> None:
    server.script(answer(picture_part(ANSWERED)))
    parts = [ImagePart(PICTURE), ImagePart(ANSWERED), PROMPT]
    adapter.generate_image(parts=parts, aspect_ratio="16:9", model_name="gemini-image")
    sent = server.calls[0].body["contents"][0]["parts"]
    assert [base64.b64decode(part["inlineData"]["data"]) for part in sent[:2]] == [PICTURE, ANSWERED]


@pytest.mark.parametrize(
    ("model", "aspect_ratio", "n_references", "words"),
    [
        ("gemini-3-pro-image-preview", "1:8", 0, "does not make 1:8"),
        ("gemini-image", "7:5", 0, "does not make 7:5"),
        ("gemini-2.5-flash-image", "1:1", 4, "at most 3 reference pictures, got 4"),
    ],
)
def test_what_cannot_be_made_is_an_error_before_anything_is_sent(
    server: LoopbackServer, adapter: GeminiAdapter, model: str, aspect_ratio: str, n_references: int, words: str
) -> None:
    with pytest.raises(InvalidRequestError, match=words):
        adapter.generate_image(
            parts=[PROMPT, *[ImagePart(PICTURE)] * n_references], aspect_ratio=aspect_ratio, model_name=model
        )
    assert server.calls == []


def test_what_claims_to_be_a_picture_and_is_none_is_lost(server: LoopbackServer, adapter: GeminiAdapter) -> None:
    server.script(answer(picture_part(b"no picture at all")))
    with pytest.raises(OutputLostError):
        draw(adapter)


QUOTA = {
    "@type": "type.googleapis.com/google.rpc.QuotaFailure",
    "violations": [{"quotaId": "GenerateRequestsPerDayPerProject"}],
}
RETRY = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s"}
BAD_KEY = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}


@pytest.mark.parametrize(
    ("reply", "kind", "retry_after_s"),
    [
        (failure(400, "INVALID_ARGUMENT"), InvalidRequestError, None),
        (failure(400, "INVALID_ARGUMENT", BAD_KEY), AuthenticationError, None),
        (failure(401, "UNAUTHENTICATED"), AuthenticationError, None),
        (failure(403, "PERMISSION_DENIED"), AuthenticationError, None),
        (failure(404, "NOT_FOUND"), InvalidRequestError, None),
        (failure(429, "RESOURCE_EXHAUSTED", headers={"Retry-After": "3"}), RateLimitError, 3.0),
        (failure(429, "RESOURCE_EXHAUSTED", RETRY), RateLimitError, 7.0),
        (failure(429, "RESOURCE_EXHAUSTED", QUOTA), QuotaExceededError, None),
        (failure(500, "INTERNAL"), ProviderServerError, None),
        (failure(503, "UNAVAILABLE"), ProviderServerError, None),
    ],
)
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_a_failed_call_is_made_once_and_becomes_our_error(
    server: LoopbackServer,
    adapter: GeminiAdapter,
    reply: Reply,
    kind: type[LLMError],
    retry_after_s: float | None,
    is_async: bool,
) -> None:
    server.script(reply)
    with pytest.raises(kind) as caught:
        if is_async:
            draw_async(adapter)
        else:
            draw(adapter)
    assert len(server.calls) == 1
    assert type(caught.value) is kind
    assert caught.value.status_code == reply.status
    assert caught.value.retry_after_s == retry_after_s
    assert caught.value.provider == "gemini"
    assert reply.body["error"]["status"] in str(caught.value)


def test_an_answer_that_is_not_json_may_have_been_paid(server: LoopbackServer, adapter: GeminiAdapter) -> None:
    server.script(Reply(b"<html>busy</html>"))
    with pytest.raises(OutputLostError):
        draw(adapter)


def test_a_picture_that_is_not_base64_may_have_been_paid(server: LoopbackServer, adapter: GeminiAdapter) -> None:
    server.script(answer({"inlineData": {"mimeType": "image/png", "data": "not*base64!"}}))
    with pytest.raises(OutputLostError):
        draw(adapter)


def test_an_answer_cut_off_in_the_middle_may_have_been_paid(server: LoopbackServer, adapter: GeminiAdapter) -> None:
    server.script(Reply(b'{"candidates": [', cut=True))
    with pytest.raises(ProviderTimeoutError, match="may have been paid"):
        draw(adapter)
    assert len(server.calls) == 1


def test_a_picture_is_priced_by_the_table_and_an_unlisted_model_is_not(
    server: LoopbackServer, adapter: GeminiAdapter
) -> None:
    server.script(answer(picture_part(ANSWERED)))
    assert draw(adapter).cost.amount_usd is None
    request = {"parts": [PROMPT], "aspect_ratio": "4:5", "model_name": "gemini-3-pro-image-preview"}
    assert adapter.generate_image(**request).cost.amount_usd == pytest.approx(0.134)  # type: ignore[arg-type]


def test_no_answer_in_time_may_have_been_paid(server: LoopbackServer) -> None:
    server.script(Reply(delay_s=0.6))
    impatient = GeminiAdapter(api_key=KEY, base_url=server.url, timeout_s=0.15)
    with pytest.raises(ProviderTimeoutError, match="may have been paid"):
        draw(impatient)


def test_nobody_listening_is_a_connection_error(unused_port: int) -> None:
    lonely = GeminiAdapter(api_key=KEY, base_url=f"http://127.0.0.1:{unused_port}", timeout_s=5)
    with pytest.raises(ProviderConnectionError):
        draw(lonely)


@pytest.fixture
def unused_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_missing_key_is_named_at_the_first_use_and_not_before() -> None:
    adapter = GeminiAdapter(api_key=None)
    with pytest.raises(MissingKeyError, match="GOOGLE_API_KEY or GEMINI_API_KEY"):
        draw(adapter)
    with pytest.raises(MissingKeyError, match="GOOGLE_API_KEY or GEMINI_API_KEY"):
        write(adapter)


def test_parts_that_are_no_picture_are_refused_before_anything_is_sent(
    server: LoopbackServer, adapter: GeminiAdapter
) -> None:
    with pytest.raises(InvalidRequestError):
        adapter.generate_image(parts=[ImagePart(3.5)], aspect_ratio="1:1", model_name="m")  # type: ignore[arg-type]
    assert server.calls == []


def test_one_adapter_serves_several_event_loops(server: LoopbackServer, adapter: GeminiAdapter) -> None:
    server.script(answer(picture_part(ANSWERED)))
    for _ in range(2):
        assert list(draw_async(adapter).images) == [ANSWERED]


def test_switches_for_enterprise_mode_do_not_send_the_key_elsewhere(
    server: LoopbackServer, adapter: GeminiAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_GENAI_USE_VERTEXAI", "true")
    server.script(answer(picture_part(ANSWERED)))
    draw(adapter)
    assert "/publishers/" not in server.calls[0].path


def _exposed(log: io.StringIO, *errors: BaseException) -> str:
    return log.getvalue() + "".join("".join(traceback.format_exception(error)) for error in errors)


@pytest.mark.parametrize("reply", [answer(picture_part(ANSWERED)), failure(500, "INTERNAL"), Reply(b"{")])
def test_key_prompt_and_pictures_stay_out_of_logs_messages_and_reprs(
    server: LoopbackServer, adapter: GeminiAdapter, reply: Reply
) -> None:
    server.script(reply)
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    said = [repr(adapter), repr(ImagePart(PICTURE))]
    try:
        said.append(repr(draw(adapter)))
        draw_async(adapter)
    except LLMError as error:
        said.append(_exposed(log, error))
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    everything = log.getvalue() + "".join(said)
    assert log.getvalue()
    for secret in (KEY, PROMPT, base64.b64encode(PICTURE).decode()[:40], base64.b64encode(ANSWERED).decode()[:40]):
        assert secret not in everything
    assert str(PICTURE)[2:30] not in everything


def test_a_fake_quotes_what_the_log_test_looks_for() -> None:
    """The failure above really contains key and prompt, so the test can fail."""
    assert KEY in json.dumps(failure(500, "INTERNAL").body)

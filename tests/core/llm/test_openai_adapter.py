"""OpenAI's text: what is asked, and what its answers mean."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("openai")

from personalab_core.errors import (
    CallCancelledError,
    CapabilityError,
    InvalidRequestError,
    LLMError,
    ProviderServerError,
    RateLimitError,
)
from personalab_core.llm import Source
from tests.support.loopback import Reply
from tests.support.vendors import KEY, PROMPT, Rig, openai_text, rig_of


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with rig_of("openai") as made:
        made.answer()
        yield made


def test_a_schema_is_sent_and_the_answer_decoded(rig: Rig) -> None:
    response = rig.ask()
    (call,) = rig.api.calls
    assert (call.path, call.headers["authorization"]) == ("/v1/responses", f"Bearer {KEY}")
    assert (call.body["instructions"], call.body["input"]) == ("be brief", PROMPT)
    assert call.body["store"] is False
    assert "tools" not in call.body
    assert call.body["text"]["format"]["schema"] == rig.arguments["schema"]
    assert call.body["text"]["format"]["strict"] is True
    assert response.parsed == {"n": 3}
    assert (response.request_id, response.model_version) == ("req-7", "gpt-x-2026")
    assert (response.usage.input_tokens, response.usage.output_tokens) == (11, 22)
    assert response.cost.amount_usd is None


@pytest.mark.parametrize(
    "loose",
    [
        {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
        {"type": "object", "properties": {"n": {"type": "integer"}}, "additionalProperties": False},
        {"type": "object"},
    ],
    ids=["open", "optional property", "no properties"],
)
def test_a_schema_that_strict_mode_would_refuse_is_sent_as_guidance(rig: Rig, loose: dict[str, Any]) -> None:
    rig.ask(schema=loose)
    assert rig.api.calls[0].body["text"]["format"]["strict"] is False


@pytest.mark.parametrize("schema", [None, {"type": "array"}])
def test_without_an_object_to_fill_json_is_asked_for_in_words(rig: Rig, schema: dict[str, Any] | None) -> None:
    rig.api.script(Reply(openai_text("```json\n[1]\n```")))
    response = rig.ask(schema=schema)
    assert "text" not in rig.api.calls[0].body
    assert rig.api.calls[0].body["input"].endswith("JSON document and nothing else.")
    assert response.parsed == [1]


def test_what_a_search_found_is_in_the_sources(rig: Rig) -> None:
    note = {"type": "url_citation", "title": "A", "url": "https://example.org/a", "start_index": 0, "end_index": 1}
    content = {"type": "output_text", "text": '{"n": 1}', "annotations": [note, {"type": "file_citation"}]}
    output = [{"type": "web_search_call", "id": "w"}, {"type": "message", "content": [content]}]
    rig.api.script(Reply(openai_text("", output=output)))
    response = rig.ask(use_search=True)
    assert rig.api.calls[0].body["tools"] == [{"type": "web_search"}]
    assert response.sources == (Source("A", "https://example.org/a"),)


REFUSED = {"type": "message", "content": [{"type": "refusal", "refusal": "I cannot."}]}


@pytest.mark.parametrize(
    ("reply", "block_reason", "finish_reason"),
    [
        (Reply(openai_text("", output=[REFUSED])), "refusal", "completed"),
        (
            Reply(openai_text("", status="incomplete", incomplete_details={"reason": "content_filter"})),
            "content_filter",
            "content_filter",
        ),
        (
            Reply(openai_text('{"n"', status="incomplete", incomplete_details={"reason": "max_output_tokens"})),
            None,
            "max_output_tokens",
        ),
        (Reply({"error": {"code": "content_policy_violation"}}, status=400), "content_policy_violation", None),
        (Reply(openai_text("", output=[])), None, "completed"),
        (Reply({}), None, None),
    ],
    ids=["refusal", "filtered", "cut off", "policy", "empty output", "nothing at all"],
)
def test_an_answer_without_json_is_an_outcome(
    rig: Rig, reply: Reply, block_reason: str | None, finish_reason: str | None
) -> None:
    rig.api.script(reply)
    for response in (rig.ask(), rig.ask_async()):
        assert response.parsed is None
        assert (response.block_reason, response.finish_reason) == (block_reason, finish_reason)


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"status": "failed", "error": {"code": "server_error"}}, ProviderServerError),
        ({"status": "failed", "error": {"code": "rate_limit_exceeded"}}, RateLimitError),
        ({"status": "failed", "error": {"code": "invalid_image"}}, InvalidRequestError),
        ({"status": "cancelled"}, CallCancelledError),
    ],
)
def test_an_answer_that_failed_is_an_error(rig: Rig, changes: dict[str, Any], kind: type[LLMError]) -> None:
    rig.api.script(Reply(openai_text("", **changes), headers={"x-request-id": "req-8"}))
    with pytest.raises(kind) as caught:
        rig.ask()
    assert type(caught.value) is kind
    assert caught.value.request_id == "req-8"


def test_pictures_and_videos_are_not_offered(rig: Rig) -> None:
    with pytest.raises(CapabilityError, match="image"):
        rig.adapter.generate_image(parts=["p"], aspect_ratio="1:1", model_name="m")
    with pytest.raises(CapabilityError, match="video"):
        rig.adapter.generate_video(prompt="p", resolution="720p", aspect_ratio="16:9", model_name="m")

"""Runware's pictures: what is asked, and what its answers mean."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("runware")

from personalab_core.errors import CapabilityError, InvalidRequestError, LLMError, OutputLostError, QuotaExceededError
from personalab_core.llm import ImagePart
from personalab_core.llm.runware_adapter import RunwareAdapter
from tests.support.loopback import Reply
from tests.support.vendors import (
    ANSWERED,
    KEY,
    PROMPT,
    REFERENCE,
    SECOND_REFERENCE,
    Rig,
    image_arguments,
    rig_of,
    runware_item,
)


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with rig_of("runware") as made:
        made.answer()
        yield made


def task_of(rig: Rig) -> dict[str, Any]:
    (call,) = rig.api.calls
    (task,) = call.body
    return dict(task)


def uri(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()


def test_a_picture_is_asked_for_in_pixels_with_its_references(rig: Rig) -> None:
    response = rig.ask(**image_arguments("bfl:3@1", [REFERENCE, SECOND_REFERENCE]))
    task = task_of(rig)
    assert rig.api.calls[0].headers["authorization"] == f"Bearer {KEY}"
    assert (task["taskType"], task["model"], task["positivePrompt"]) == ("imageInference", "bfl:3@1", PROMPT)
    assert (task["width"], task["height"]) == (1024, 1280)
    assert task["inputs"]["referenceImages"] == [uri(REFERENCE), uri(SECOND_REFERENCE)]
    assert task["deliveryMethod"] == "sync"
    assert list(response.images) == [ANSWERED]
    assert response.request_id == task["taskUUID"]
    assert response.usage.n_images == 1


def test_the_price_is_what_the_answer_says(rig: Rig) -> None:
    assert rig.ask().cost.amount_usd == pytest.approx(0.0123)
    rig.api.script(Reply({"data": [{**runware_item(), "cost": None}]}))
    assert rig.ask().cost.amount_usd is None


def test_another_input_key_can_be_named(rig: Rig) -> None:
    adapter = RunwareAdapter(api_key=KEY, base_url=f"{rig.api.url}/v1", reference_input="referenceImages")
    adapter.generate_image(**rig.arguments)
    assert task_of(rig)["referenceImages"] == [uri(REFERENCE)]


def test_a_seed_is_sent(rig: Rig) -> None:
    rig.adapter.with_seed(41).generate_image(**rig.arguments)
    assert task_of(rig)["seed"] == 42


def test_ordinary_code_inside_an_event_loop_is_served(rig: Rig) -> None:
    async def inside() -> Any:
        return rig.ask()

    assert list(asyncio.run(inside()).images) == [ANSWERED]


@pytest.mark.parametrize("aspect_ratio", ["1:9", "4x5", "0:5", "37:36"])
def test_an_impossible_shape_is_an_error_before_anything_is_sent(rig: Rig, aspect_ratio: str) -> None:
    with pytest.raises(InvalidRequestError, match="aspect ratio"):
        rig.ask(aspect_ratio=aspect_ratio)
    assert rig.api.calls == []


def test_what_is_no_picture_is_refused_before_anything_is_sent(rig: Rig) -> None:
    with pytest.raises(InvalidRequestError):
        rig.ask(parts=[ImagePart(3)])  # type: ignore[arg-type]
    assert rig.api.calls == []


@pytest.mark.parametrize(
    ("reply", "block_reason", "finish_reason"),
    [
        (Reply({"errors": [{"code": "promptBlocked", "message": PROMPT}]}), "safety", None),
        (Reply({"errors": [{"code": "contentPolicyViolation"}]}, status=400), "safety", None),
        (Reply({"data": [runware_item(NSFWContent=True)]}), "NSFWContent", None),
        (Reply({"data": []}), None, "EMPTY"),
        (Reply({}), None, "EMPTY"),
    ],
    ids=["error at 200", "error at 400", "flagged", "no data", "nothing"],
)
def test_no_picture_is_an_outcome(rig: Rig, reply: Reply, block_reason: str | None, finish_reason: str | None) -> None:
    rig.api.script(reply)
    for response in (rig.ask(), rig.ask_async()):
        assert list(response.images) == []
        assert (response.block_reason, response.finish_reason) == (block_reason, finish_reason)
        assert response.cost.amount_usd in (None, 0.0123)


def test_an_error_may_come_with_status_200(rig: Rig) -> None:
    rig.api.script(Reply({"errors": [{"code": "insufficientCredits", "message": "none left"}]}))
    with pytest.raises(QuotaExceededError):
        rig.ask()


@pytest.mark.parametrize("data", ["not*base64", base64.b64encode(b"no picture").decode()])
def test_what_does_not_decode_may_have_been_paid(rig: Rig, data: str) -> None:
    rig.api.script(Reply({"data": [runware_item(imageBase64Data=data)]}))
    with pytest.raises(OutputLostError) as caught:
        rig.ask()
    assert isinstance(caught.value, LLMError)


def test_text_and_videos_are_not_offered(rig: Rig) -> None:
    with pytest.raises(CapabilityError, match="text"):
        rig.adapter.generate_text_json(
            system_instruction="", user_prompt="p", schema=None, use_search=False, model_name="m"
        )
    with pytest.raises(CapabilityError, match="video"):
        asyncio.run(
            rig.adapter.generate_video_async(prompt="p", resolution="720p", aspect_ratio="16:9", model_name="m")
        )

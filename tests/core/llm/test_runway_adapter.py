"""Runway's videos: what is asked of which model, and what tasks end with."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("runwayml")

from personalab_core.errors import InvalidRequestError, OutputLostError
from personalab_core.llm import ImagePart, ResumableVideos
from tests.support.loopback import Reply
from tests.support.vendors import KEY, OPERATION, PROMPT, REFERENCE, Rig, rig_of, runway_task, tiny_mp4


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with rig_of("runway") as made:
        made.answer()
        made.api.route("POST", "/v1/text_to_video", Reply({"id": OPERATION}))
        yield made


def test_a_picture_becomes_the_first_frame(rig: Rig) -> None:
    response = rig.ask()
    (call,) = rig.started()
    assert call.path == "/v1/image_to_video"
    assert call.headers["authorization"] == f"Bearer {KEY}"
    picture = "data:image/png;base64," + base64.b64encode(REFERENCE).decode()
    assert call.body == {
        "model": "gen4_turbo",
        "promptText": PROMPT,
        "promptImage": picture,
        "ratio": "720:1280",
        "duration": 5,
    }
    assert response.video_data == tiny_mp4()
    assert (response.operation_name, response.finish_reason) == (OPERATION, "SUCCEEDED")


def test_text_alone_goes_another_way(rig: Rig) -> None:
    rig.adapter.with_seed(9).generate_video(prompt=PROMPT, resolution="720p", aspect_ratio="16:9", model_name="gen4.5")
    (call,) = rig.started()
    assert call.path == "/v1/text_to_video"
    assert (call.body["ratio"], call.body["seed"]) == ("1280:720", 9)
    assert "promptImage" not in call.body


def test_the_price_is_the_credits_charged(rig: Rig) -> None:
    assert rig.ask().cost.amount_usd == pytest.approx(0.25)
    done = runway_task("SUCCEEDED", output=[f"{rig.files.url}/video.mp4"])
    rig.api.route("GET", str(rig.look), Reply(done))
    assert rig.ask().cost.amount_usd is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"aspect_ratio": "2:1"}, "does not make 2:1 in 720p"),
        ({"resolution": "4k"}, "does not make 9:16 in 4k"),
        ({"prompt": PROMPT}, "needs a picture"),
        ({"prompt": [PROMPT, ImagePart(REFERENCE), ImagePart(REFERENCE)]}, "takes one picture.*got 2"),
        ({"prompt": [PROMPT, ImagePart(b"x" * 4_000_000)]}, "too large"),
        ({"model_name": "gen3a_turbo"}, "not in data/providers/models.yml"),
    ],
    ids=["shape", "resolution", "no picture", "two pictures", "large picture", "model"],
)
def test_what_cannot_be_made_is_an_error_before_anything_is_sent(rig: Rig, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequestError, match=words):
        rig.ask(**changes)
    assert rig.api.calls == []


@pytest.mark.parametrize(
    ("task", "block_reason"),
    [
        (runway_task("FAILED", failure="no", failureCode="SAFETY.INPUT.TEXT"), "SAFETY.INPUT.TEXT"),
        (
            runway_task("FAILED", failure="no", failureCode="INPUT_PREPROCESSING.SAFETY.TEXT"),
            "INPUT_PREPROCESSING.SAFETY.TEXT",
        ),
        (runway_task("FAILED", failure="no", failureCode="THIRD_PARTY.MODERATION"), "THIRD_PARTY.MODERATION"),
        (runway_task("SUCCEEDED", output=[]), None),
    ],
    ids=["input", "preprocessing", "third party", "empty"],
)
def test_no_video_is_an_outcome(rig: Rig, task: dict[str, Any], block_reason: str | None) -> None:
    rig.api.route("GET", str(rig.look), Reply(task))
    for response in (rig.ask(), rig.ask_async()):
        assert response.video_data is None
        assert (response.block_reason, response.finish_reason) == (block_reason, task["status"])
        assert response.cost.amount_usd is None


def test_a_picture_refused_as_unfit_is_an_invalid_request(rig: Rig) -> None:
    rig.api.route("GET", str(rig.look), Reply(runway_task("FAILED", failureCode="ASSET.INVALID")))
    with pytest.raises(InvalidRequestError) as caught:
        rig.ask()
    assert caught.value.request_id == OPERATION


def test_an_address_that_is_not_of_the_web_is_lost(rig: Rig) -> None:
    rig.api.route("GET", str(rig.look), Reply(runway_task("SUCCEEDED", output=["file:///etc/hostname"])))
    with pytest.raises(OutputLostError, match="not one of the web"):
        rig.ask()


def test_it_can_be_resumed(rig: Rig) -> None:
    assert isinstance(rig.adapter, ResumableVideos)

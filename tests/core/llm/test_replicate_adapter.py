"""Replicate's pictures: what is asked of which model, and what predictions end with."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("replicate")

from personalab_core.errors import InvalidRequestError, OutputLostError
from personalab_core.llm import ResumableImages, ResumableVideos
from personalab_core.llm.replicate_adapter import ReplicateAdapter
from tests.support.loopback import Reply
from tests.support.vendors import (
    ANSWERED,
    KEY,
    PROMPT,
    REFERENCE,
    SECOND_REFERENCE,
    Rig,
    image_arguments,
    patience,
    prediction,
    rig_of,
)


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with rig_of("replicate") as made:
        made.answer()
        made.api.route("POST", "/v1", Reply(prediction("starting"), status=201))
        yield made


def sent(rig: Rig) -> tuple[str, dict[str, Any]]:
    (call,) = rig.started()
    return call.path, call.body["input"]


def uri(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()


def test_each_model_gets_its_references_under_its_own_key(rig: Rig) -> None:
    response = rig.ask()
    path, inputs = sent(rig)
    assert path == "/v1/models/black-forest-labs/flux-kontext-pro/predictions"
    assert rig.started()[0].headers["authorization"] == f"Bearer {KEY}"
    assert inputs["input_image"] == uri(REFERENCE)
    assert (inputs["prompt"], inputs["aspect_ratio"]) == (PROMPT, "4:5")
    assert list(response.images) == [ANSWERED]
    assert (response.finish_reason, response.model_version) == ("succeeded", "v9")


def test_several_references_go_in_as_a_list_where_the_model_takes_one(rig: Rig) -> None:
    rig.ask(**image_arguments("black-forest-labs/flux-2-pro", [REFERENCE, SECOND_REFERENCE]))
    assert sent(rig)[1]["input_images"] == [uri(REFERENCE), uri(SECOND_REFERENCE)]


def test_more_references_than_a_model_takes_are_an_error_before_anything_is_sent(rig: Rig) -> None:
    with pytest.raises(InvalidRequestError, match="at most 1 reference pictures, got 2"):
        rig.ask(**image_arguments("black-forest-labs/flux-kontext-pro", [REFERENCE, SECOND_REFERENCE]))
    assert rig.api.calls == []


def test_a_model_outside_the_table_needs_its_key_named(rig: Rig) -> None:
    with pytest.raises(InvalidRequestError, match=r"models\.image\.reference_input"):
        rig.ask(**image_arguments("acme/portraits"))
    assert rig.api.calls == []
    adapter = ReplicateAdapter(api_key=KEY, base_url=rig.api.url, patience=patience(), reference_input="face")
    adapter.generate_image(**image_arguments("acme/portraits"))
    assert sent(rig)[1]["face"] == uri(REFERENCE)


def test_a_version_is_asked_for_by_itself(rig: Rig) -> None:
    rig.ask(**image_arguments("acme/portraits:abc123", []))
    (call,) = rig.started()
    assert call.path == "/v1/predictions"
    assert call.body["version"] == "abc123"


def test_stable_diffusion_is_asked_in_pixels(rig: Rig) -> None:
    rig.ask(**image_arguments("stability-ai/sdxl", []))
    inputs = sent(rig)[1]
    assert (inputs["width"], inputs["height"]) == (1024, 1280)
    assert "aspect_ratio" not in inputs


def test_a_shape_the_model_does_not_make_is_an_error_before_anything_is_sent(rig: Rig) -> None:
    with pytest.raises(InvalidRequestError, match="does not make 7:5"):
        rig.ask(aspect_ratio="7:5")
    assert rig.api.calls == []


def test_a_seed_is_sent_where_the_model_takes_one(rig: Rig) -> None:
    rig.adapter.with_seed(7).generate_image(**rig.arguments)
    assert sent(rig)[1]["seed"] == 7


def test_the_price_comes_from_the_table_and_is_unknown_without_a_row(rig: Rig) -> None:
    assert rig.ask().cost.amount_usd == pytest.approx(0.04)
    done = prediction("succeeded", output=f"{rig.files.url}/picture.png", model="acme/portraits")
    rig.api.route("GET", str(rig.look), Reply(done))
    response = rig.ask()
    assert list(response.images) == [ANSWERED]
    assert (response.cost.amount_usd, response.cost.source) == (None, "unknown")


@pytest.mark.parametrize(
    ("changes", "block_reason"),
    [
        ({"status": "failed", "error": "NSFW content detected. Try again."}, "content_policy"),
        ({"status": "failed", "error": "The input was flagged as sensitive (E005)"}, "content_policy"),
        ({"status": "succeeded", "output": []}, None),
        ({"status": "succeeded"}, None),
    ],
    ids=["nsfw", "flagged", "empty", "no output"],
)
def test_no_picture_is_an_outcome(rig: Rig, changes: dict[str, Any], block_reason: str | None) -> None:
    rig.api.route("GET", str(rig.look), Reply(prediction(**changes)))
    for response in (rig.ask(), rig.ask_async()):
        assert list(response.images) == []
        assert (response.block_reason, response.finish_reason) == (block_reason, changes["status"])
        assert response.cost.amount_usd is None


def test_a_small_picture_may_come_in_the_answer_itself(rig: Rig) -> None:
    rig.api.route("GET", str(rig.look), Reply(prediction("succeeded", output=uri(ANSWERED))))
    assert list(rig.ask().images) == [ANSWERED]
    assert rig.files.calls == []


@pytest.mark.parametrize("output", [{"url": "x"}, [3], "file:///etc/hostname", "data:image/png;base64,***"])
def test_an_output_that_is_no_web_address_is_lost(rig: Rig, output: Any) -> None:
    rig.api.route("GET", str(rig.look), Reply(prediction("succeeded", output=output)))
    with pytest.raises(OutputLostError):
        rig.ask()


def test_a_status_the_sdk_does_not_know_ends_the_wait(rig: Rig) -> None:
    rig.api.route("GET", str(rig.look), Reply(prediction("aborted")))
    with pytest.raises(OutputLostError):
        rig.ask()


def test_it_can_be_resumed(rig: Rig) -> None:
    assert isinstance(rig.adapter, ResumableImages)
    assert not isinstance(rig.adapter, ResumableVideos)

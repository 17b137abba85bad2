"""Replicate's pictures: what is asked of which model, and what predictions end with."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

pytest.importorskip("replicate")

from personalab_core.errors import InvalidRequestError, OutputLostError
from personalab_core.llm import FindsImages, ResumableImages, ResumableVideos
from personalab_core.llm.replicate_adapter import ReplicateAdapter
from personalab_core.llm.replicate_search import MAX_PAGES
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
    assert isinstance(rig.adapter, FindsImages)
    assert not isinstance(rig.adapter, ResumableVideos)


SENT_AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
KONTEXT = "black-forest-labs/flux-kontext-pro"


def listed(name: str, at: str = "2026-11-22T10:00:01.5Z", *, model: str = KONTEXT, **inputs: Any) -> dict[str, Any]:
    """A prediction as the list shows it; what tells requests apart is that of a request with seed 7."""
    shown = {"prompt": PROMPT, "aspect_ratio": "4:5", "output_format": "png", "seed": 7, "input_image": uri(REFERENCE)}
    return prediction("processing", id=name, model=model, created_at=at, input={**shown, **inputs})


def found(rig: Rig, *pages: list[dict[str, Any]], seed: int | None = 7, **changes: Any) -> str | None:
    """What a search among these pages finds, the same in both ways of asking."""
    adapter = rig.adapter if seed is None else rig.adapter.with_seed(seed)
    request = {**rig.arguments, "since": SENT_AT, "others": frozenset({"op-known"}), **changes}
    answers = []
    for ask in (adapter.find_image, lambda **asked: asyncio.run(adapter.find_image_async(**asked))):
        next_pages = [f"https://elsewhere.example/v1/predictions?cursor={i}" for i in range(1, len(pages))]
        replies = [
            Reply({"previous": None, "next": following, "results": page})
            for page, following in zip(pages, [*next_pages, None], strict=True)
        ]
        rig.api.route("GET", "/v1/predictions", *replies)
        answers.append(ask(**request))
    assert answers[0] == answers[1]
    return answers[0]


def test_a_prediction_whose_id_never_arrived_is_found_in_the_list(rig: Rig) -> None:
    others = [listed("other seed", seed=8), listed("other prompt", prompt="x"), listed("other model", model="acme/x")]
    before = listed("before it was sent", "2026-11-22T09:50:00Z")
    assert found(rig, [*others, listed("op-known"), listed("it"), before]) == "it"
    assert found(rig, [listed("it", input_image="https://files.example/abc")]) == "it"
    assert rig.started() == [], "asking is free"


@pytest.mark.parametrize(
    "page",
    [
        [],
        [listed("one"), listed("another")],
        [listed("other reference", input_image=uri(SECOND_REFERENCE))],
        [listed("no reference", input_image=None)],
        [prediction("succeeded", id="its data are gone", model=KONTEXT, created_at="2026-11-22T10:00:01Z")],
    ],
    ids=["none", "two", "other reference", "no reference", "data removed"],
)
def test_what_does_not_fit_exactly_once_is_not_found(rig: Rig, page: list[dict[str, Any]]) -> None:
    assert found(rig, page) is None


def test_further_pages_are_asked_of_the_same_server_while_they_can_matter(rig: Rig) -> None:
    first, second = [listed("other seed", seed=8)], [listed("it"), listed("old", "2026-11-22T08:00:00Z")]
    assert found(rig, first, second, [listed("never looked at")]) == "it"
    paths = [call.path for call in rig.api.calls]
    assert paths == ["/v1/predictions", "/v1/predictions?cursor=1"] * 2


def test_too_long_a_list_finds_nothing(rig: Rig) -> None:
    page = [listed("it")]
    assert found(rig, *[page] * (MAX_PAGES + 1)) is None
    assert len(rig.api.calls) == 2 * MAX_PAGES


def test_without_a_seed_nothing_is_asked(rig: Rig) -> None:
    assert found(rig, [listed("it")], seed=None) is None
    assert rig.api.calls == []

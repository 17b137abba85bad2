"""Requests, stored pictures and reference anchors, over a fake client."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from personalab_core.config import load_config
from personalab_core.errors import (
    AnchorMissingError,
    AuthenticationError,
    InputError,
    ProviderServerError,
    ProviderTimeoutError,
    UnreadableImageError,
)
from personalab_core.generation import AnchorBatch, AnchorCheck, AnchorPicture, GenerationRequest, load_anchor
from personalab_core.identity import IdentityPolicy
from personalab_core.llm import LLMImageResponse
from personalab_core.observability import Journal
from personalab_core.prompts import load_anchor_templates
from personalab_core.schemas import AnchorRecord, Cost, MeasurementStatus, Reason
from tests.support.fakes import FakeLLMClient, tiny_png
from tests.support.loop_fakes import PERSONA, FakeEvaluator, LoopBench

LOOK = {"age_range": "23", "gender": "female", "hair": {"base_color": "dark brown"}}


@pytest.fixture
def bench(tmp_path: Path) -> LoopBench:
    return LoopBench(tmp_path, client=FakeLLMClient(images=[tiny_png(b) for b in range(1, 30)]))


def make(bench: LoopBench, **options: Any) -> AnchorBatch:
    templates = load_anchor_templates(load_config(environ={}, workspace=bench.folder))
    return bench.generator().generate_reference_anchors(
        persona_name=PERSONA, character_prompt=templates, physical_description=LOOK, **options
    )


def test_first_come_frontal_candidates_from_text_alone(bench: LoopBench) -> None:
    batch = make(bench, frontal_candidates_k=3)
    folder = bench.references_root / PERSONA / "anchors" / "candidates"
    assert [picture.kind for picture in batch.made] == ["frontal"] * 3
    assert {picture.path for picture in batch.made} == set(folder.glob("*.png"))
    assert [path.read_bytes() for path in (p.path for p in batch.made) if path] == [tiny_png(b) for b in (1, 2, 3)]
    assert all(len(request.parts) == 1 for request in bench.client.requests)
    assert "23-year-old woman with dark brown hair" in bench.client.requests[0].text
    assert len({request.seed for request in bench.client.requests}) == 3


def test_candidates_are_recorded_with_their_price_and_that_of_the_calls_in_vain(tmp_path: Path) -> None:
    blocked = LLMImageResponse(block_reason="SAFETY", cost=Cost(amount_usd=0.125))
    made = [LLMImageResponse(images=[tiny_png(b)], cost=Cost(amount_usd=0.25)) for b in (1, 2)]
    silence = ProviderTimeoutError("no answer", provider="fake")
    bench = LoopBench(tmp_path, client=FakeLLMClient(images=[silence, blocked, *made]))
    records = [picture.record for picture in make(bench, frontal_candidates_k=3).made]
    assert [record.cost for record in records if record] == [Cost(amount_usd=0.25)] * 2
    assert records[0] is not None
    assert records[0].fruitless_calls == (Cost(possibly_paid=True), Cost(amount_usd=0.125))
    assert records[1] is not None
    assert records[1].fruitless_calls == ()


def test_more_candidates_never_replace_earlier_ones(bench: LoopBench) -> None:
    make(bench, frontal_candidates_k=2)
    make(bench, frontal_candidates_k=2, seed=1)
    folder = bench.references_root / PERSONA / "anchors" / "candidates"
    assert len(list(folder.glob("*.png"))) == 4


def test_the_other_kinds_are_conditioned_on_the_selected_anchor(bench: LoopBench) -> None:
    bench.write_anchor()
    batch = make(bench)
    assert [picture.kind for picture in batch.made] == ["three_quarter", "smile", "silhouette", "natural_light"]
    assert all(request.parts[1].data == tiny_png(200) for request in bench.client.requests)  # type: ignore[union-attr]


def test_what_exists_already_is_not_made_again(bench: LoopBench) -> None:
    bench.write_anchor()
    make(bench)
    assert make(bench).pictures == ()


def test_every_picture_is_in_the_anchors_log(bench: LoopBench) -> None:
    batch = make(bench, frontal_candidates_k=2)
    log = Journal(bench.references_root / PERSONA / "anchors" / "anchors.jsonl", AnchorRecord).read()
    assert log.records == [picture.record for picture in batch.made]
    first = log.records[0]
    assert (first.kind, first.anchor_kind) == ("anchor_candidate", "frontal")
    assert (bench.references_root / first.path).read_bytes() == tiny_png(1)
    assert (bench.references_root / str(first.thumbnail_path)).is_file()
    assert first.prompt == bench.client.requests[0].text
    assert first.context is not None
    assert first.context.seed == bench.client.requests[0].seed


def test_a_kind_beside_frontal_needs_a_selected_anchor(bench: LoopBench) -> None:
    with pytest.raises(AnchorMissingError):
        make(bench, kinds=("smile",))


def test_a_blocked_picture_is_asked_for_again_with_another_seed(bench: LoopBench) -> None:
    bench.client = FakeLLMClient(images=[LLMImageResponse(block_reason="SAFETY"), tiny_png()])
    batch = make(bench, frontal_candidates_k=1)
    assert len(batch.made) == 1
    assert len({request.seed for request in bench.client.requests}) == 2


@pytest.mark.parametrize(
    ("answer", "reason", "n_calls"),
    [
        (LLMImageResponse(block_reason="SAFETY"), Reason.BLOCKED, 3),
        (LLMImageResponse(), Reason.EMPTY_ANSWER, 3),
        (b"not a picture", Reason.UNREADABLE, 3),
        (ProviderServerError("busy", provider="fake"), Reason.PROVIDER_ERROR, 3),
    ],
)
def test_what_could_not_be_made_says_why(bench: LoopBench, answer: Any, reason: Reason, n_calls: int) -> None:
    bench.client = FakeLLMClient(images=[answer])
    batch = make(bench, frontal_candidates_k=1)
    assert batch.made == ()
    assert [(picture.reason, bool(picture.detail)) for picture in batch.missing] == [(reason, True)]
    assert len(bench.client.requests) == n_calls


def test_a_wrong_key_ends_the_batch(bench: LoopBench) -> None:
    bench.client = FakeLLMClient(images=[AuthenticationError("wrong key", provider="fake")])
    with pytest.raises(AuthenticationError):
        make(bench)
    assert len(bench.client.requests) == 1


def test_a_kind_that_shows_somebody_else_is_made_again(bench: LoopBench) -> None:
    bench.write_anchor()
    check = AnchorCheck(FakeEvaluator((0.2, MeasurementStatus.NO_FACE, 0.8)), IdentityPolicy())
    (smile,) = make(bench, kinds=("smile",), check=check).pictures
    assert (smile.reason, len(bench.client.requests)) == (Reason.NONE, 3)
    assert smile.path is not None
    assert smile.path.read_bytes() == tiny_png(3)
    log = Journal(bench.references_root / PERSONA / "anchors" / "anchors.jsonl", AnchorRecord).read().records
    assert [r.status for r in log] == [
        MeasurementStatus.MEASURED,
        MeasurementStatus.NO_FACE,
        MeasurementStatus.MEASURED,
    ]


def test_a_kind_that_never_will_do_says_so(bench: LoopBench) -> None:
    bench.write_anchor()
    check = AnchorCheck(FakeEvaluator((0.2,)), IdentityPolicy())
    (smile,) = make(bench, kinds=("smile",), check=check).made
    assert smile.reason is Reason.IDENTITY_LOW
    assert len(bench.client.requests) == 3


def test_candidates_and_silhouettes_are_exempt(bench: LoopBench) -> None:
    evaluator = FakeEvaluator((MeasurementStatus.NO_FACE,))
    candidates = make(bench, frontal_candidates_k=2, check=AnchorCheck(evaluator, IdentityPolicy()))
    bench.write_anchor()
    silhouette = make(bench, kinds=("silhouette",), check=AnchorCheck(evaluator, IdentityPolicy()))
    assert {picture.reason for picture in (*candidates.made, *silhouette.made)} == {Reason.NONE}
    assert evaluator.calls == []


def test_progress_counts_up_to_the_total(bench: LoopBench) -> None:
    told: list[tuple[str, int, int]] = []

    def progress(picture: AnchorPicture, done: int, total: int) -> None:
        told.append((picture.kind, done, total))

    make(bench, frontal_candidates_k=2, progress=progress)
    assert told == [("frontal", 1, 2), ("frontal", 2, 2)]


@pytest.mark.parametrize("options", [{"frontal_candidates_k": 0}, {"kinds": ("sideways",)}])
def test_senseless_requests_are_refused(bench: LoopBench, options: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        make(bench, **options)


def test_sync_and_async_calls_give_the_same(bench: LoopBench) -> None:
    bench.write_anchor()
    bench.client = FakeLLMClient()
    request = GenerationRequest("a portrait", load_anchor(bench.references_root, PERSONA), 5)
    generator = bench.generator(timer=lambda: 0.0)
    one, other = generator.generate(request), asyncio.run(generator.generate_async(request))
    assert (one.data, one.elapsed_s, one.cost) == (other.data, other.elapsed_s, other.cost)
    assert [(request.text, request.seed) for request in bench.client.requests] == [("a portrait", 5)] * 2


def test_an_anchor_that_is_no_picture_is_refused(bench: LoopBench) -> None:
    bench.write_anchor(data=b"plain text")
    with pytest.raises(UnreadableImageError, match="PNG, JPEG or WebP"):
        load_anchor(bench.references_root, PERSONA)


def test_without_a_configuration_the_context_follows_from_provider_and_model(bench: LoopBench) -> None:
    context = bench.generator().context
    assert (context.provider, context.model, context.profile, context.simulated) == (
        "fake",
        "fake-model",
        "default",
        False,
    )
    simulated = bench.generator(provider="simulated").context
    assert (simulated.profile, simulated.simulated) == ("simulated", True)
    assert simulated.config_hash != context.config_hash

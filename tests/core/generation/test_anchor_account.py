"""Reference pictures are paid from the same book: not sent again by a job that goes on, not beyond the budget."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from personalab_core.config import load_config
from personalab_core.errors import BudgetReachedError
from personalab_core.generation import AnchorBatch, ImageGenerator, RetryPolicy
from personalab_core.identity import ANCHORS_LOG
from personalab_core.llm import LLMImageResponse
from personalab_core.observability import Journal
from personalab_core.observability.budget import Budget
from personalab_core.observability.ledger import SubmissionLedger
from personalab_core.observability.spending import total
from personalab_core.prompts import load_anchor_templates
from personalab_core.schemas import AnchorRecord, Cost
from tests.support.fakes import FakeLLMClient, tiny_png

LOOKS = {"hair": "dark brown", "age": 23}


def make(folder: Path, client: FakeLLMClient, ledger: SubmissionLedger, k: int, **options: Any) -> AnchorBatch:
    generator = ImageGenerator(
        client=client,
        model_name="m",
        aspect_ratio="4:5",
        references_root=folder / "references",
        transport_retry=RetryPolicy(0),
    )
    return generator.generate_reference_anchors(
        persona_name="mara",
        character_prompt=load_anchor_templates(load_config(workspace=folder)),
        physical_description=LOOKS,
        frontal_candidates_k=k,
        kinds=("frontal",),
        ledger=ledger,
        **options,
    )


def test_a_job_that_goes_on_asks_only_for_what_was_never_sent(tmp_path: Path) -> None:
    client = FakeLLMClient([tiny_png(shade) for shade in (10, 20, 30)])
    path = tmp_path / "submissions.jsonl"
    first = make(tmp_path, client, SubmissionLedger(path, run_id="job"), 2)
    again = make(tmp_path, client, SubmissionLedger(path, run_id="job"), 3)
    assert len(client.requests) == 3
    assert [picture.path for picture in again.made[:2]] == [picture.path for picture in first.made]
    make(tmp_path, client, SubmissionLedger(path, run_id="another job"), 1)
    assert len(client.requests) == 4, "another job makes its own"


def test_numbers_go_on_so_that_seeds_do(tmp_path: Path) -> None:
    client = FakeLLMClient([tiny_png(shade) for shade in (10, 20, 30)])
    whole, parts = SubmissionLedger(tmp_path / "a.jsonl"), SubmissionLedger(tmp_path / "b.jsonl")
    make(tmp_path / "a", client, whole, 3)
    make(tmp_path / "b", client, parts, 1)
    make(tmp_path / "b", client, parts, 2, first_number=2)
    seeds = [request.seed for request in client.requests]
    assert seeds[:3] == seeds[3:]


def test_the_budget_holds_for_reference_pictures_too(tmp_path: Path) -> None:
    client = FakeLLMClient()
    ledger = SubmissionLedger(tmp_path / "submissions.jsonl", budget=Budget(per_persona=2.0))
    with pytest.raises(BudgetReachedError):
        make(tmp_path, client, ledger, 4)
    assert len(client.requests) == 2


def test_calls_after_the_last_picture_are_on_record_too(tmp_path: Path) -> None:
    blocked = LLMImageResponse(block_reason="SAFETY", cost=Cost(amount_usd=0.25, source="provider"))
    client = FakeLLMClient([blocked, tiny_png(10), blocked])
    made = make(tmp_path, client, SubmissionLedger(tmp_path / "submissions.jsonl"), 2)
    assert len(made.made) == 1
    log = Journal(tmp_path / "references" / "mara" / "anchors" / ANCHORS_LOG, AnchorRecord)
    picture, rest = log.read().records
    assert (picture.kind, len(picture.fruitless_calls)) == ("anchor_candidate", 1)
    assert (rest.kind, rest.path, len(rest.fruitless_calls)) == ("anchor_calls", "", 3)
    sums = total([], anchors=[picture, rest])
    assert (sums.anchor_calls, sums.anchors_usd) == (5, 1.0)

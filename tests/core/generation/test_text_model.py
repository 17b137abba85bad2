"""Calls for text are on account before they are sent, and their price once it is known."""

from __future__ import annotations

from pathlib import Path

import pytest

from personalab_core.config import load_config
from personalab_core.errors import BudgetReachedError, LLMError, ProviderServerError, ProviderTimeoutError
from personalab_core.generation import RetryPolicy
from personalab_core.generation.text_model import TextModel
from personalab_core.llm import LLMTextResponse
from personalab_core.observability.budget import Budget
from personalab_core.observability.ledger import SubmissionLedger
from personalab_core.schemas import Cost
from tests.support.fakes import FakeLLMClient

PRICED = LLMTextResponse(parsed={"n": 1}, text="the secret plan", cost=Cost(amount_usd=0.02, source="provider"))


def ask(client: FakeLLMClient, ledger: SubmissionLedger | None, folder: Path) -> LLMTextResponse:
    model = TextModel(
        client,
        load_config(environ={}, workspace=folder),
        persona="mara",
        purpose="plan",
        transport_retry=RetryPolicy(1, 0, backoff_max=0),
        ledger=ledger,
    )
    return model.ask(system="be brief", user="the secret request", schema={}, use_search=False, what="the plan")


def test_the_price_is_on_account_and_no_word_of_it(tmp_path: Path) -> None:
    book = tmp_path / "submissions.jsonl"
    answer = ask(FakeLLMClient(texts=[PRICED]), SubmissionLedger(book, run_id="job"), tmp_path)
    assert answer.parsed == {"n": 1}
    (known,) = SubmissionLedger(book).texts(persona="mara")
    assert (known.event, known.counts_usd, known.call.run_id, known.call.asset_type) == (
        "answered",
        0.02,
        "job",
        "text",
    )
    assert SubmissionLedger(book).texts(persona="ingrid") == ()
    assert "secret" not in book.read_text()


def test_every_try_is_on_account_with_what_became_of_it(tmp_path: Path) -> None:
    ledger = SubmissionLedger(tmp_path / "submissions.jsonl")
    ask(FakeLLMClient(texts=[ProviderServerError("busy", provider="fake"), PRICED]), ledger, tmp_path)
    with pytest.raises(ProviderTimeoutError):
        ask(FakeLLMClient(texts=[ProviderTimeoutError("no answer", provider="fake")]), ledger, tmp_path)
    assert [known.event for known in ledger.texts()] == ["refused", "answered", "unanswered"]
    assert [known.counts_usd for known in ledger.texts()] == [0.0, 0.02, 1.0]


def test_a_blocked_request_is_named_and_stays_on_account(tmp_path: Path) -> None:
    ledger = SubmissionLedger(tmp_path / "submissions.jsonl")
    blocked = LLMTextResponse(parsed=None, text="", block_reason="SAFETY", cost=Cost(amount_usd=0.01))
    with pytest.raises(LLMError, match="blocked the plan under its policy"):
        ask(FakeLLMClient(texts=[blocked]), ledger, tmp_path)
    assert [known.counts_usd for known in ledger.texts()] == [0.01]


def test_the_budget_holds_for_text_too(tmp_path: Path) -> None:
    client = FakeLLMClient(texts=[PRICED])
    ledger = SubmissionLedger(tmp_path / "submissions.jsonl", budget=Budget(per_persona=1.0))
    ask(client, ledger, tmp_path)
    with pytest.raises(BudgetReachedError):
        ask(client, ledger, tmp_path)
    assert len(client.prompts) == 1, "0.02 spent and 1.0 for what it may cost at most are more than 1.0"


def test_without_a_book_it_is_only_asked(tmp_path: Path) -> None:
    assert ask(FakeLLMClient(texts=[PRICED]), None, tmp_path) is PRICED

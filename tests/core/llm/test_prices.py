"""Prices from the dated table: what is known is computed, what is not stays unknown."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from personalab_core.llm import Usage
from personalab_core.llm.prices import Price, cost_from_table, price_table, worst_case_price

MIXED = Price(
    provider="acme",
    model="m",
    per_million_input_tokens=2.0,
    per_million_output_tokens=8.0,
    as_of=date(2026, 11, 1),
    source="https://example.org/prices",
)


def test_tokens_are_priced_by_the_million() -> None:
    # 2 $ * 0.25 + 8 $ * 0.125
    assert MIXED.amount_usd(Usage(input_tokens=250_000, output_tokens=125_000)) == pytest.approx(1.5)


@pytest.mark.parametrize("usage", [Usage(), Usage(input_tokens=5), Usage(output_tokens=5), Usage(n_images=1)])
def test_a_figure_that_is_missing_makes_the_price_unknown(usage: Usage) -> None:
    assert MIXED.amount_usd(usage) is None


def test_a_row_without_prices_prices_nothing() -> None:
    bare = Price(provider="acme", model="m", as_of=date(2026, 11, 1), source="https://example.org")
    assert bare.amount_usd(Usage(n_images=1)) is None


def test_a_picture_is_priced_by_its_model_and_names_the_day() -> None:
    cost = cost_from_table("replicate", "black-forest-labs/flux-1.1-pro", Usage(n_images=2))
    assert (cost.amount_usd, cost.source) == (pytest.approx(0.08), "price table as of 2026-10-07, transcribed")


@pytest.mark.parametrize(
    ("provider", "model", "usage", "size"),
    [
        ("replicate", "acme/portraits", Usage(n_images=1), None),
        ("acme", "black-forest-labs/flux-1.1-pro", Usage(n_images=1), None),
        ("replicate", "black-forest-labs/flux-1.1-pro", Usage(n_images=0), None),
        ("gemini", "veo-3.1-generate-preview", Usage(seconds=8), "4k"),
        ("openai", "gpt-5.5", Usage(input_tokens=1, output_tokens=1), None),
    ],
    ids=["model", "provider", "nothing came", "size", "vendor without prices"],
)
def test_what_has_no_row_is_unknown_and_not_free(provider: str, model: str, usage: Usage, size: str | None) -> None:
    cost = cost_from_table(provider, model, usage, size=size)
    assert (cost.amount_usd, cost.source) == (None, "unknown")


def test_a_price_that_has_run_out_is_not_used() -> None:
    usage = Usage(input_tokens=1_000_000, output_tokens=0)
    last, next_day = date(2026, 12, 31), date(2027, 1, 1)
    assert cost_from_table("gemini", "gemini-3.8-flash", usage, today=last).amount_usd == pytest.approx(0.75)
    assert cost_from_table("gemini", "gemini-3.8-flash", usage, today=next_day).amount_usd is None


def test_credits_are_turned_into_dollars() -> None:
    assert cost_from_table("runway", "*", Usage(), credits_spent=25).amount_usd == pytest.approx(0.25)
    assert cost_from_table("runway", "*", Usage(), credits_spent=None).amount_usd is None


def test_every_row_says_when_and_where_it_was_read() -> None:
    assert price_table()
    for row in price_table():
        assert row.source.startswith("https://")
        assert row.as_of <= date(2026, 11, 22)
        assert row.transcription is None or row.transcription.startswith("https://")


def test_a_price_read_at_first_hand_does_not_say_transcribed() -> None:
    assert MIXED.origin == "price table as of 2026-11-01"


@pytest.mark.parametrize(
    ("provider", "model", "modality", "asked", "most_usd"),
    [
        ("gemini", "gemini-3-pro-image-preview", "image", {"n_references": 2}, 0.134 + 2 * 0.0011 + 0.05),
        ("gemini", "veo-3.1-generate-preview", "video", {"size": "720p"}, 8 * 0.40),
        ("gemini", "veo-3.1-generate-preview", "video", {"duration_s": 4.0}, 4 * 0.40),
        ("replicate", "black-forest-labs/flux-1.1-pro", "image", {"n_references": 3}, 0.04),
        ("runway", "gen4.5", "video", {}, 5 * 12 * 0.01),
        ("runway", "gen4_turbo", "video", {"duration_s": 10}, 10 * 5 * 0.01),
        ("runway", "veo3.1", "video", {"size": "1080p"}, 8 * 40 * 0.01),
        ("runway", "veo3.1_fast", "video", {}, 8 * 15 * 0.01),
        ("simulated", "portrait-image-1", "image", {}, 0.0),
    ],
)
def test_an_unanswered_call_is_counted_at_the_most_it_can_have_cost(
    provider: str, model: str, modality: Any, asked: dict[str, Any], most_usd: float
) -> None:
    price = worst_case_price(provider, model, modality, **asked)
    assert price is not None
    assert price.amount_usd == pytest.approx(most_usd)


@pytest.mark.parametrize(
    ("provider", "model", "modality", "asked"),
    [
        ("gemini", "gemini-3.8-flash", "text", {}),
        ("gemini", "veo-3.1-generate-preview", "video", {"size": "4k"}),
        ("gemini", "gemini-x-image", "image", {}),
        ("replicate", "black-forest-labs/flux-dev", "video", {"duration_s": 5}),
        ("runware", "bfl:3@1", "image", {}),
        ("runway", "kling_4", "video", {}),
        ("acme", "m", "image", {}),
    ],
    ids=["text", "size", "model", "modality", "vendor that tells afterwards", "credits unknown", "vendor"],
)
def test_what_the_table_does_not_bound_has_no_worst_case(
    provider: str, model: str, modality: Any, asked: dict[str, Any]
) -> None:
    assert worst_case_price(provider, model, modality, **asked) is None


def test_a_worst_case_says_where_it_comes_from() -> None:
    price = worst_case_price("replicate", "black-forest-labs/flux-dev", "image")
    assert price is not None
    assert price.source == "worst case, price table as of 2026-10-07, transcribed"


def test_no_real_price_is_above_its_worst_case() -> None:
    spent = cost_from_table("runway", "*", Usage(), credits_spent=25).amount_usd
    most = worst_case_price("runway", "gen4_turbo", "video", duration_s=5)
    assert most is not None
    assert spent == most.amount_usd

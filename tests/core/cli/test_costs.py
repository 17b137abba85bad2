"""``personalab costs`` over written records."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from personalab_core.cli import app
from personalab_core.identity import ANCHORS_LOG
from personalab_core.observability import GenerationMetricsLogger, Journal
from personalab_core.schemas import AnchorRecord, AssetOutcome, Cost
from tests.support.records import NOON, make_attempt


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    log = GenerationMetricsLogger(tmp_path / "generated_content")
    prices = (Cost(amount_usd=0.25), Cost(amount_usd=0.5, source="provider"), Cost(), Cost(possibly_paid=True))
    outcomes = (None, AssetOutcome.ACCEPTED, None, None)
    for number, (cost, outcome) in enumerate(zip(prices, outcomes, strict=True)):
        log.log(make_attempt(attempt_id=f"a.{number}", cost=cost, outcome=outcome))
    return tmp_path


def test_the_sums_name_what_is_not_known(workspace: Path) -> None:
    result = run("-w", workspace, "costs")
    assert result.exit_code == 0
    assert "≥ $0.75" in result.stdout
    assert "≥ $0.750" in result.stdout
    assert "price of 2 calls is not known" in result.stderr
    assert "1 were never answered" in result.stderr


def test_programs_get_every_figure(workspace: Path) -> None:
    document = json.loads(run("-w", workspace, "costs", "--json").stdout)
    expected = {"attempts": 4, "accepted": 1, "known_usd": 0.75, "n_unknown": 2, "n_possibly_paid": 1}
    assert document["total"].items() >= expected.items()
    assert document["total"]["per_accepted_usd"] == 0.75
    assert [row["name"] for row in document["by_persona"]] == ["daniperez"]
    assert [row["name"] for row in document["by_provider"]] == ["simulated"]


def test_reference_pictures_are_in_the_sums(workspace: Path) -> None:
    record = AnchorRecord(
        kind="anchor_candidate",
        timestamp=NOON,
        persona="daniperez",
        anchor_kind="frontal",
        path="daniperez/anchors/candidates/a.png",
        image_sha256="0" * 64,
        context=make_attempt().context,
        cost=Cost(amount_usd=0.25),
    )
    Journal(workspace / "references" / "daniperez" / "anchors" / ANCHORS_LOG, AnchorRecord).append(record)
    document = json.loads(run("-w", workspace, "costs", "--json").stdout)
    assert document["total"].items() >= {"anchor_calls": 1, "anchors_usd": 0.25, "known_usd": 1.0}.items()
    assert document["by_persona"][0]["per_accepted_usd"] == document["by_provider"][0]["per_accepted_usd"] == 1.0


def test_without_records_nothing_was_spent(tmp_path: Path) -> None:
    result = run("-w", tmp_path, "costs")
    assert (result.exit_code, result.stdout) == (0, "No attempt yet, so nothing was spent.\n")


def test_a_persona_that_does_not_exist_is_named(workspace: Path) -> None:
    result = run("-w", workspace, "costs", "nobody")
    assert result.exit_code == 2
    assert "nobody" in result.stderr

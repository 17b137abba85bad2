"""Costs per persona and provider: an unknown price is never counted as nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from personalab_core.generation.ticket import open_ledger
from personalab_core.jobs import WorkspaceRef
from personalab_core.observability import GenerationMetricsLogger
from personalab_core.observability.submission import Call
from personalab_core.schemas import AssetOutcome, Cost, SubmissionAnswer
from personalab_core.views.costs import build_costs
from personalab_core.views.history import PersonaHistory
from personalab_core.views.workspace import Workspace
from tests.support.records import make_attempt
from tests.support.workspace_builder import typical_workspace


@pytest.fixture
def paid(tmp_path: Path) -> list[PersonaHistory]:
    """Mara has two calls of a paid provider, one of them of unknown price, and one accepted asset among them."""
    typical_workspace(tmp_path)
    space = Workspace.open(WorkspaceRef(folder=str(tmp_path), profile="simulated"))
    log = GenerationMetricsLogger(space.config.paths.output)
    context = make_attempt().context.model_copy(update={"provider": "acme", "simulated": False})
    for name, amount, outcome in (("a", 0.04, AssetOutcome.ACCEPTED), ("b", None, AssetOutcome.EXHAUSTED)):
        log.log(
            make_attempt(
                persona="mara",
                attempt_id=f"{name}.1",
                asset_id=name,
                context=context,
                outcome=outcome,
                cost=Cost(amount_usd=amount, source="answer" if amount else "unknown"),
            )
        )
    return Workspace.open(WorkspaceRef(folder=str(tmp_path), profile="simulated")).histories()


def test_a_provider_with_an_unknown_price_has_a_lower_bound(paid: list[PersonaHistory]) -> None:
    view = build_costs(paid)
    acme = next(row for row in view.providers if row[0] == "acme")
    assert acme == ("acme", "2", "1", "≥ $0.04", "≥ $0.040", "1")
    assert "At least $0.04" in view.answer
    assert "not known" in view.answer


def test_every_persona_with_a_call_has_a_row(typical: Mapping[str, PersonaHistory]) -> None:
    view = build_costs(list(typical.values()))
    assert {row[0] for row in view.personas} >= {"Mara Lindqvist"}
    assert [row[0] for row in view.providers] == sorted(row[0] for row in view.providers)


def test_nothing_asked_is_said() -> None:
    assert build_costs([]).answer == "Nothing has been asked of a provider yet."


def test_plans_and_prompts_are_in_the_tables(tmp_path: Path) -> None:
    typical_workspace(tmp_path)
    space = Workspace.open(WorkspaceRef(folder=str(tmp_path), profile="simulated"))
    ledger = open_ledger(space.config)
    before = build_costs(space.histories())
    for plan, persona, amount in (("a", "mara", 0.25), ("b", "mara", None), ("c", "gone", 0.5)):
        call = Call(persona, plan, plan, "wordy", "t1", False, None, "p" * 16, None, asset_type="text")
        submission = ledger.submit(call, bound_usd=1.0)
        ledger.note(submission, call, "answered", answer=SubmissionAnswer(cost=Cost(amount_usd=amount)))
    view = build_costs(space.histories(), space.text_calls())
    assert ("wordy", "3", "0", "≥ $0.75", "–", "1") in view.providers
    assert ("gone", "1", "0", "$0.50", "–", "0") in view.personas, "a persona that is no more has cost what it has cost"
    calls = {row[0]: int(row[1].replace(",", "")) for row in before.personas}
    assert next(int(row[1]) for row in view.personas if row[0] == "Mara Lindqvist") == calls["Mara Lindqvist"] + 2

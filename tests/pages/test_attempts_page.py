"""Attempts: every filter narrows, and a person's decision stands beside the measured one."""

from __future__ import annotations

from datetime import UTC, date, timedelta

import pytest
import streamlit as st

from pages.components import attempts_page
from personalab_core.jobs import WorkspaceRef
from personalab_core.observability import GenerationMetricsLogger
from personalab_core.orchestration import OverrideWriter, RegistryWriter
from personalab_core.schemas import Decision
from personalab_core.views.attempts import build_attempts_view
from personalab_core.views.workspace import Workspace
from tests.pages.conftest import OpenPage, answer_of, labels_of, words_of
from tests.support.workspace_builder import NOW, WorkspaceBuilder


@pytest.fixture
def mara(builder: WorkspaceBuilder) -> WorkspaceBuilder:
    builder.persona("Mara Lindqvist", persona_id="mara")
    builder.anchors("mara")
    builder.asset("mara", 0.47, 0.72, at=NOW - timedelta(days=3))
    builder.asset("mara", 0.31, framing="full_body", at=NOW - timedelta(days=1))
    return builder


@pytest.mark.parametrize(
    ("key", "value", "hidden"),
    [
        ("attempts.framing", "full_body", 2),
        ("attempts.scores", (0.4, 0.5), 2),
        ("attempts.scores", (0.0, 0.31), 2),
        ("attempts.days", (date(2026, 11, 21), date(2026, 11, 21)), 2),
        ("attempts.days", (date(2026, 11, 20),), 2),
        ("attempts.days", "not a date", 0),
        ("attempts.scores", "nonsense", 0),
    ],
)
def test_a_filter_narrows(
    mara: WorkspaceBuilder, monkeypatch: pytest.MonkeyPatch, key: str, value: object, hidden: int
) -> None:
    monkeypatch.setattr(st, "session_state", {key: value})
    space = Workspace.open(WorkspaceRef(folder=str(mara.root), profile="simulated"))
    view = build_attempts_view(space.histories(), attempts_page.wanted("mara"), now=NOW, zone=UTC)
    assert view.n_all - view.n_matching == hidden


def test_filters_are_offered_and_cleared(open_page: OpenPage, mara: WorkspaceBuilder) -> None:
    at = open_page("attempts", mara.root, persona="mara")
    at.selectbox(key="attempts.framing").set_value("full_body").run()
    assert "2 are hidden by the filters" in words_of(at)
    at.button(key="attempts.clear").click().run()
    assert "hidden" not in words_of(at)


def test_a_person_overrides_with_a_reason(open_page: OpenPage, mara: WorkspaceBuilder) -> None:
    at = open_page("attempts", mara.root, attempt="mara-0002-1")
    at.button(key="attempt.disagree").click().run()
    assert at.button(key="attempt.record").disabled
    at.text_input(key="attempt.why").set_value("client approved").run()
    at.button(key="attempt.record").click().run()
    assert not at.exception
    said = words_of(at)
    assert "Accepted by you" in said
    assert "client approved" in said
    assert "Measured: rejected, 0.31." in said
    assert answer_of(at) == "This is someone else."
    registered = RegistryWriter(mara.config.paths.output).read("mara")
    assert [r.accepted_by for r in registered] == ["person"]
    assert "Change your decision" in labels_of(at)


def test_the_counts_respect_a_persons_decision(open_page: OpenPage, mara: WorkspaceBuilder) -> None:
    at = open_page("attempts", mara.root, persona="mara")
    assert answer_of(at) == "2 of 3 attempts of Mara were not accepted."
    refused = GenerationMetricsLogger(mara.config.paths.output).read_log("mara")[-1]
    OverrideWriter(mara.config.paths.output).override(refused, Decision.ACCEPT, reason="client approved")
    assert answer_of(at.run()) == "1 of 3 attempts of Mara were not accepted."
    at.session_state["attempts.decision"] = {"selected": ["person"]}
    at.run()
    assert "2 are hidden by the filters" in words_of(at)

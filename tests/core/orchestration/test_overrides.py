"""A person's decision stands beside the measured one; the registry follows it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from personalab_core.errors import InputError
from personalab_core.observability import Journal
from personalab_core.orchestration import OverrideWriter, RegistryWriter
from personalab_core.schemas import AttemptRecord, Decision, OverrideRecord, Reason
from tests.support.workspace_builder import WorkspaceBuilder

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture
def builder(tmp_path: Path) -> WorkspaceBuilder:
    made = WorkspaceBuilder(tmp_path)
    made.persona("Mara Lindqvist", persona_id="mara")
    return made


@pytest.fixture
def writer(builder: WorkspaceBuilder) -> OverrideWriter:
    return OverrideWriter(builder.config.paths.output, clock=lambda: AT)


@pytest.fixture
def refused(builder: WorkspaceBuilder) -> AttemptRecord:
    return builder.asset("mara", 0.3)[0]


def registered(builder: WorkspaceBuilder) -> list[tuple[str, str]]:
    return [(r.attempt_id, r.accepted_by) for r in RegistryWriter(builder.config.paths.output).read("mara")]


def test_an_accepted_override_enters_the_registry(
    builder: WorkspaceBuilder, writer: OverrideWriter, refused: AttemptRecord
) -> None:
    record = writer.override(refused, Decision.ACCEPT, reason=" client  approved ")
    assert (record.measured, record.decision, record.reason) == (
        Decision.REJECT_FINAL,
        Decision.ACCEPT,
        "client approved",
    )
    assert registered(builder) == [("mara-0001-1", "person")]


def test_an_override_taken_back_leaves_the_registry_as_measured(
    builder: WorkspaceBuilder, writer: OverrideWriter, refused: AttemptRecord
) -> None:
    writer.override(refused, Decision.ACCEPT, reason="client approved")
    writer.override(refused, None, reason="client changed his mind")
    assert registered(builder) == []
    assert writer.read("mara") == {}
    # Nothing was overwritten: both decisions and both registry lines are still there, in one chain.
    journal = Journal(writer.path("mara"), OverrideRecord)
    assert [r.decision for r in journal.read().records] == [Decision.ACCEPT, None]
    assert journal.verify().ok


def test_a_rejected_override_withdraws_an_accepted_asset(builder: WorkspaceBuilder, writer: OverrideWriter) -> None:
    (attempt,) = builder.asset("mara", 0.8)
    RegistryWriter(builder.config.paths.output).register(attempt)
    writer.override(attempt, Decision.REJECT_FINAL, reason="wrong scar")
    assert registered(builder) == []
    writer.override(attempt, None, reason="it is make-up")
    assert registered(builder) == [("mara-0001-1", "measurement")]


@pytest.mark.parametrize("reason", ["", "  \n "])
def test_a_reason_is_needed(writer: OverrideWriter, refused: AttemptRecord, reason: str) -> None:
    with pytest.raises(InputError, match="needs a reason"):
        writer.override(refused, Decision.ACCEPT, reason=reason)
    assert not writer.path("mara").exists()


def test_only_accept_and_reject_are_decisions_of_a_person(writer: OverrideWriter, refused: AttemptRecord) -> None:
    with pytest.raises(InputError, match="'accept' or 'reject_final'"):
        writer.override(refused, Decision.RETRY, reason="try again")


def test_what_has_no_picture_cannot_be_accepted(builder: WorkspaceBuilder, writer: OverrideWriter) -> None:
    (attempt,) = builder.asset("mara", Reason.BLOCKED)
    with pytest.raises(InputError, match="no picture to accept"):
        writer.override(attempt, Decision.ACCEPT, reason="looks fine")

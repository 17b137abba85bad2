"""An export as a job: what left, what did not and why, and what a person stopped."""

from __future__ import annotations

from pathlib import Path

import pytest

from personalab_core.jobs import ExportParams, WorkspaceRef
from personalab_core.jobs.control import JobCancelledError
from personalab_core.jobs.exports import export_assets
from personalab_core.jobs.studio import Studio
from personalab_core.orchestration import RegistryWriter
from tests.support.loop_fakes import FakeEvaluator
from tests.support.workspace_builder import WorkspaceBuilder


class Reports:
    """Collects what the job reports; asks it to stop once ``stop_after`` assets are done."""

    def __init__(self, stop_after: int = 99) -> None:
        self.done: list[int] = []
        self._stop_after = stop_after

    def report(self, done: int, message: str) -> None:
        self.done.append(done)

    def should_stop(self) -> bool:
        return len(self.done) >= self._stop_after


@pytest.fixture
def mara(tmp_path: Path) -> WorkspaceBuilder:
    """Two accepted pictures."""
    builder = WorkspaceBuilder(tmp_path)
    builder.persona("Mara Lindqvist", persona_id="mara")
    builder.anchors("mara")
    registry = RegistryWriter(builder.config.paths.output)
    for score in (0.7, 0.8):
        (attempt,) = builder.asset("mara", score)
        registry.register(attempt)
    return builder


def order(builder: WorkspaceBuilder) -> tuple[Studio, ExportParams]:
    assets = tuple(record.asset_id for record in RegistryWriter(builder.config.paths.output).read("mara"))
    params = ExportParams(workspace=WorkspaceRef(), persona="mara", channel="original", assets=assets)
    return Studio(builder.config, evaluator=FakeEvaluator()), params


def test_what_left_is_counted_and_what_did_not_is_named(mara: WorkspaceBuilder) -> None:
    first, *_ = sorted(mara.config.paths.output.glob("mara/images/*.png"))
    first.write_bytes(b"something else")
    studio, params = order(mara)
    ending = export_assets(studio, params, Reports())
    assert ending.message.startswith("1 of 2 exported")
    assert ending.error is not None
    assert "the file was changed after it was accepted" in ending.error


def test_a_stopped_export_keeps_what_has_left(mara: WorkspaceBuilder) -> None:
    studio, params = order(mara)
    reports = Reports(stop_after=1)
    with pytest.raises(JobCancelledError):
        export_assets(studio, params, reports)
    assert reports.done == [1]
    assert len(list(mara.config.paths.output.glob("mara/exports/*.zip"))) == 1
    assert len(studio.exporter.journal("mara").read().records) == 1

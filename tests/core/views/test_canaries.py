"""What the fixed prompts say of a change: the vendor's, or our own."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.drift_process import Case
from personalab_core.views.drift import DriftFilter, build_drift_view
from personalab_core.views.records import Records
from tests.support.drift_timelines import write_timeline
from tests.support.workspace_builder import NOW, WorkspaceBuilder


@pytest.mark.parametrize(
    ("case", "meaning"),
    [(Case("stable"), "our own prompts changed"), (Case("step", "step", 0.10), "on the vendor's side")],
)
def test_canaries_tell_the_vendor_from_the_prompts(case: Case, meaning: str, tmp_path: Path) -> None:
    builder = WorkspaceBuilder(tmp_path)
    character = builder.persona("Mara Lindqvist", persona_id="mara")
    output = builder.config.paths.output
    write_timeline(output, Case("step", "step", 0.10), seed=3, length=230, faces=False)
    (tmp_path / "canaries").mkdir()
    write_timeline(tmp_path / "canaries", case, seed=5, length=230, faces=False)
    (tmp_path / "canaries" / "drift").rename(output / "drift" / "canaries")
    timelines = builder.config.evaluation.drift.log_dir
    records = Records(output, builder.config.paths.references, timelines, clock=lambda: NOW)
    view = build_drift_view(records.history(character), DriftFilter(), now=NOW, zone=NOW.tzinfo)  # type: ignore[arg-type]
    assert view.mark.word == "Level down"
    assert view.canaries is not None
    assert meaning in view.canaries.meaning
    assert [name for name, _ in view.canaries.lines] == ["scores", "level"]

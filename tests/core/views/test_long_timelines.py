"""A timeline too long to be judged at once is judged by and by, visit after visit."""

from __future__ import annotations

from pathlib import Path

import pytest

from personalab_core.views import records as module
from personalab_core.views.records import Records
from tests.support.workspace_builder import WorkspaceBuilder


def test_every_visit_judges_the_next_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    builder = WorkspaceBuilder(tmp_path)
    character = builder.persona("Mara", persona_id="mara")
    builder.anchors("mara")
    builder.history("mara", 12)
    config = builder.config
    records = Records(config.paths.output, config.paths.references, config.evaluation.drift.log_dir)
    monkeypatch.setattr("personalab_core.identity.drift.following._BLOCK_BYTES", 2_000)
    monkeypatch.setattr(module, "_AT_ONCE_BYTES", 1)
    left = []
    for _ in range(50):
        found = records.history(character).monitored
        left.append(found.behind_bytes if found else -1)
        if left[-1] == 0:
            break
    assert left[-1] == 0 and len(left) > 2
    assert left == sorted(left, reverse=True)
    assert records.history(character) is records.history(character), "and is kept when all of it is judged"

"""Patch effects: pairs of attempts in a row, counted by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from personalab_core.observability import Journal
from personalab_core.schemas import AttemptRecord, PromptPatch, Reason
from personalab_core.views.patch_effects import PatchKey, patch_effects
from personalab_core.views.workspace import Workspace
from tests.support.workspace_builder import WorkspaceBuilder

FIRST = PatchKey("identity_low", "", 1)
SECOND = PatchKey("identity_low", "", 2)


def opened(builder: WorkspaceBuilder) -> Workspace:
    from personalab_core.jobs import WorkspaceRef

    space = Workspace.open(WorkspaceRef(folder=str(builder.root), profile="simulated"))
    space.records.refresh(["mara"])
    return space


@pytest.fixture
def mara(tmp_path: Path) -> WorkspaceBuilder:
    builder = WorkspaceBuilder(tmp_path)
    builder.persona("Mara Lindqvist", persona_id="mara")
    builder.anchors("mara")
    return builder


def test_nothing_tried_gives_nothing(mara: WorkspaceBuilder) -> None:
    assert patch_effects(opened(mara).records.index, ["mara"]) == ()


def test_a_patch_counts_where_it_is_new(mara: WorkspaceBuilder) -> None:
    """The builder's attempt k carries the patches of levels 1 to k-1."""
    mara.asset("mara", 0.40, 0.60)
    mara.asset("mara", 0.44, 0.50, 0.70)
    (found,) = patch_effects(opened(mara).records.index, ["mara"])
    effects = dict(found.patches)
    assert set(effects) == {FIRST, SECOND}
    first = effects[FIRST]  # 0.40 -> 0.60 and 0.44 -> 0.50
    assert (first.n, first.n_scored, first.n_accepted) == (2, 2, 1)
    assert first.mean_before == pytest.approx(0.42)
    assert first.mean_after == pytest.approx(0.55)
    assert first.change == pytest.approx(0.13)
    assert first.standard_error == pytest.approx(0.07)  # changes 0.20 and 0.06: sd 0.099, over the root of two
    assert effects[SECOND].change == pytest.approx(0.20)
    assert effects[SECOND].standard_error is None
    assert (found.provider, found.asset_type, found.every_retry.n) == ("simulated", "image", 3)


def test_a_pair_without_a_score_counts_but_has_no_mean(mara: WorkspaceBuilder) -> None:
    mara.asset("mara", Reason.NO_FACE, 0.70)
    (found,) = patch_effects(opened(mara).records.index, ["mara"])
    effect = dict(found.patches)[FIRST]
    assert (effect.n, effect.n_scored, effect.n_accepted) == (1, 0, 1)
    assert effect.change is None


def test_only_the_newest_are_looked_at(mara: WorkspaceBuilder) -> None:
    for _ in range(3):
        mara.asset("mara", 0.40, 0.60)
    (found,) = patch_effects(opened(mara).records.index, ["mara"], newest=2)
    assert found.every_retry.n == 2


def test_parts_of_the_face_are_apart(mara: WorkspaceBuilder) -> None:
    before, after = mara.asset("mara", 0.40, 0.60)
    jaw = PromptPatch(reason=Reason.GEOMETRY_OFF, level=1, text="The jaw.", part="jaw")
    log = mara.config.paths.output / "mara" / "metrics.jsonl"
    log.unlink()
    journal = Journal(log, AttemptRecord)
    journal.append(before)
    journal.append(after.model_copy(update={"patches": (jaw,)}))
    (found,) = patch_effects(opened(mara).records.index, ["mara"])
    assert [key for key, _ in found.patches] == [PatchKey("geometry_off", "jaw", 1)]

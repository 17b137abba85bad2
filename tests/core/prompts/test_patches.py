"""Retry patches escalate, stay at their last level, and can be found again in a prompt."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from personalab_core.config import load_config
from personalab_core.errors import ConfigError, InputError
from personalab_core.prompts import PatchCatalogue, PromptBuilder, load_patch_catalogue
from personalab_core.schemas import FacePart, ImagePrompt, Reason


@pytest.fixture
def shipped(tmp_path: Path) -> PatchCatalogue:
    return load_patch_catalogue(load_config(workspace=tmp_path, environ={}))


def test_levels_escalate_and_then_stay() -> None:
    catalogue = PatchCatalogue({Reason.NO_FACE: ["First.", "Second."]})
    patches = [catalogue.patch_for(Reason.NO_FACE, level) for level in (1, 2, 3, 9)]
    assert [(p.level, p.text) for p in patches if p] == [(1, "First."), (2, "Second."), (2, "Second."), (2, "Second.")]


def test_reason_without_texts_has_no_patch() -> None:
    assert PatchCatalogue({Reason.NO_FACE: []}).patch_for(Reason.NO_FACE, 1) is None
    assert PatchCatalogue({}).patch_for(Reason.NONE, 1) is None


def test_level_below_one_is_refused() -> None:
    with pytest.raises(InputError, match="1 or more"):
        PatchCatalogue({}).patch_for(Reason.NO_FACE, 0)


def test_every_reason_to_retry_has_a_patch(shipped: PatchCatalogue) -> None:
    no_retry = {Reason.NONE, Reason.NO_EVALUATOR}
    retried = [
        Reason.IDENTITY_LOW, Reason.GEOMETRY_OFF, Reason.NO_FACE, Reason.SEVERAL_FACES, Reason.FACE_TOO_SMALL,
        Reason.TURNED_AWAY, Reason.UNREADABLE, Reason.BLOCKED, Reason.EMPTY_ANSWER,
    ]  # fmt: skip
    assert all(shipped.patch_for(reason, 1) for reason in retried)
    assert not any(shipped.patch_for(reason, 1) for reason in no_retry)


def test_reasons_that_a_prompt_can_mend_escalate(shipped: PatchCatalogue) -> None:
    mended = [
        Reason.IDENTITY_LOW, Reason.GEOMETRY_OFF, Reason.FACE_TOO_SMALL, Reason.TURNED_AWAY, Reason.SEVERAL_FACES,
        Reason.NO_FACE, Reason.BLOCKED, Reason.BLURRED,
    ]  # fmt: skip
    for reason in mended:
        first, second = shipped.patch_for(reason, 1), shipped.patch_for(reason, 2)
        assert first is not None
        assert second is not None
        assert (first.level, second.level) == (1, 2)
        assert first.text != second.text


def test_each_patch_is_found_in_a_prompt_and_no_other(shipped: PatchCatalogue) -> None:
    for reason, levels in shipped.texts.items():
        for level in range(1, len(levels) + 1):
            patch = shipped.patch_for(reason, level)
            assert patch is not None
            built = PromptBuilder().build(ImagePrompt(subject_description="a woman"), patches=[patch])
            assert shipped.found_in(built.text) == (patch,)
    assert shipped.found_in(PromptBuilder().build(ImagePrompt(subject_description="a woman")).text) == ()


def test_every_part_of_the_face_has_escalating_patches_that_are_found_again(shipped: PatchCatalogue) -> None:
    for part in get_args(FacePart):
        first, second, again = (shipped.part_patch(part, level) for level in (1, 2, 3))
        assert first is not None
        assert second is not None
        assert (first.part, first.reason, first.level, second.level) == (part, Reason.GEOMETRY_OFF, 1, 2)
        assert again == second != first
        assert shipped.found_in(f"A picture.\n{second.text}") == (second,)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("parts: {ears: [Keep the ears.]}", "unknown part 'ears'. Known: eyes, nose, mouth, jaw, chin"),
        ("parts: {nose: Keep it.}", "'parts.nose': expected a list of texts"),
        ("parts: [nose]", "expected parts by name"),
    ],
)
def test_broken_parts_are_named(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "retry_patches.yml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=re.escape(why)):
        load_patch_catalogue(load_config(workspace=tmp_path, environ={}))

"""Prompts: what is sent, what patches add and have done, which file a text comes from."""

from __future__ import annotations

from pathlib import Path

from tests.pages.conftest import OpenPage, answer_of, words_of
from tests.support.workspace_builder import WorkspaceBuilder


def with_mara(builder: WorkspaceBuilder) -> WorkspaceBuilder:
    builder.persona("Mara Lindqvist", persona_id="mara")
    builder.anchors("mara")
    return builder


def test_an_empty_workspace_shows_the_patches(open_page: OpenPage, tmp_path: Path) -> None:
    at = open_page("prompts", tmp_path)
    assert not at.exception
    assert answer_of(at) == "No attempt was tried again yet."
    assert "retry_patches.yml, as shipped" in words_of(at)


def test_effects_are_shown_with_their_caution(open_page: OpenPage, builder: WorkspaceBuilder) -> None:
    mara = with_mara(builder)
    mara.asset("mara", 0.40, 0.60)
    mara.asset("mara", 0.44, 0.50, 0.70)
    at = open_page("prompts", mara.root, persona="mara")
    assert not at.exception
    assert answer_of(at) == "3 retries show what the patches do."
    said = words_of(at)
    assert "regression to the mean" in said
    assert "Not alike enough, level 1" in said
    assert "+0.13 ± 0.07" in said
    assert "All retries together" in said


def test_a_patch_is_underlined_in_the_prompt(open_page: OpenPage, builder: WorkspaceBuilder) -> None:
    at = open_page("prompts", with_mara(builder).root, persona="mara")
    bodies = " ".join(element.proto.body for element in at.get("html"))
    assert "<ins>" not in bodies
    at.selectbox(key="prompts.patch").set_value("parts.jaw").run()
    bodies = " ".join(element.proto.body for element in at.get("html"))
    assert "<ins>" in bodies
    assert not at.exception


def test_an_own_file_is_named(open_page: OpenPage, builder: WorkspaceBuilder) -> None:
    own = with_mara(builder).config.paths.prompts
    own.mkdir(parents=True, exist_ok=True)
    (own / "retry_patches.yml").write_text("parts:\n  jaw:\n    - Keep my jaw.\n")
    at = open_page("prompts", builder.root, persona="mara")
    said = words_of(at)
    assert "Keep my jaw." in said
    assert "retry_patches.yml, your own" in said
    assert "parts.jaw" in said


def test_a_broken_prompt_file_is_one_sentence(open_page: OpenPage, builder: WorkspaceBuilder) -> None:
    own = with_mara(builder).config.paths.prompts
    own.mkdir(parents=True, exist_ok=True)
    (own / "retry_patches.yml").write_text("identity_lo:\n  - x\n")
    at = open_page("prompts", builder.root, persona="mara")
    assert not at.exception
    assert answer_of(at) == "A setting is wrong."
    assert "identity_low" in words_of(at)


def test_a_request_is_understood_by_rule_and_by_the_provider(open_page: OpenPage, builder: WorkspaceBuilder) -> None:
    at = open_page("prompts", with_mara(builder).root, persona="mara")
    at.selectbox(key="prompts.scene").set_value("own").run()
    at.selectbox(key="prompts.kind").set_value("A video").run()
    at.text_area(key="prompts.request").set_value("walking along the beach, laughing, 6 seconds").run()
    assert not at.exception
    said = words_of(at)
    assert "along the beach" in said
    assert "6.0" in said
    at.button(key="prompts.ask").click().run()
    assert not at.exception
    assert not at.error
    assert "How it was understood" in words_of(at)

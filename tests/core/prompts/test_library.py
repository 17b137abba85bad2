"""Shipped prompt files are complete; the user's own lie over them key by key."""

from __future__ import annotations

from pathlib import Path

import pytest

from personalab_core.config import Config, load_config
from personalab_core.errors import ConfigError
from personalab_core.prompts import (
    PromptBuilder,
    load_anchor_templates,
    load_asset_scenarios,
    load_patch_catalogue,
    load_system_prompts,
    render_template,
)
from personalab_core.schemas import ImagePrompt, Reason, VideoPrompt


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "prompts").mkdir()
    return load_config(workspace=tmp_path, environ={})


def override(config: Config, name: str, text: str) -> Path:
    path = Path(config.paths.prompts) / name
    path.write_text(text, encoding="utf-8")
    return path


def test_shipped_scenarios_build_and_cover_every_framing(config: Config) -> None:
    images = load_asset_scenarios(config)["image_scenarios"]
    assert len(images["scenarios"]) >= 12
    assert {scene["framing"] for scene in images["scenarios"]} == {"headshot", "half_body", "full_body"}
    for scene in images["scenarios"]:
        prompt = ImagePrompt.from_scenario_details(scene, subject_description="a woman")
        text = PromptBuilder(images).build(prompt).text
        assert scene["location_details"] in text
        assert "${" not in text


def test_shipped_video_scenarios_build(config: Config) -> None:
    videos = load_asset_scenarios(config).video_scenarios
    assert {scene.framing for scene in videos.scenarios} == {"headshot", "half_body", "full_body"}
    for scene in videos.scenarios:
        prompt = VideoPrompt.from_scenario_details(scene, subject_description="a woman")
        assert f"Length: {scene.duration_s:g} seconds" in PromptBuilder(videos).build(prompt).text


def test_five_anchor_kinds_with_the_frontal_one_from_text_alone(config: Config) -> None:
    anchors = load_anchor_templates(config)
    assert list(anchors) == ["frontal", "three_quarter", "smile", "silhouette", "natural_light"]
    words = {
        "frontal": "Facing the camera straight on",
        "three_quarter": "Three-quarter view",
        "smile": "smiling",
        "silhouette": "silhouette",
        "natural_light": "window light",
    }
    for kind, template in anchors.items():
        text = PromptBuilder(template).build(ImagePrompt(subject_description="a woman")).text
        assert words[kind] in text
        assert ("reference picture" in text) == (kind != "frontal")


def test_system_prompts_render_with_their_variables(config: Config) -> None:
    prompts = load_system_prompts(config)
    assert set(prompts) == {"content_plan", "image_prompt", "video_prompt"}
    names = ("PERSONA_NAME", "SUBJECT", "VIBE", "LOCATION", "PILLARS", "N_ITEMS", "REQUEST")
    for prompt in prompts.values():
        for text in (prompt.system, prompt.user):
            assert "${" not in render_template(text, dict.fromkeys(names, "x"), source=prompt.source)


def test_own_scenario_joins_the_shipped_ones(config: Config) -> None:
    path = override(
        config,
        "scenarios.yml",
        "image_scenarios:\n  template: My ${SUBJECT}\n  scenarios:\n"
        "    lake: {framing: full_body, location_details: lake}\n    cafe_selfie: {mood: sleepy}\n",
    )
    images = load_asset_scenarios(config).image_scenarios
    assert images.source == str(path)
    assert images.scenario("lake").location_details == "lake"
    assert images.scenario("cafe_selfie").mood == "sleepy"
    assert images.scenario("cafe_selfie").framing == "headshot"
    assert images.scenario("beach_walk").framing == "full_body"


def test_unknown_scenario_names_the_nearest(config: Config) -> None:
    with pytest.raises(ConfigError, match="Did you mean 'cafe_selfie'"):
        load_asset_scenarios(config).image_scenarios.scenario("cafe_selfy")


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("scenarios.yml", "image_scenario: {}", "Did you mean 'image_scenarios'"),
        ("scenarios.yml", "image_scenarios: {scenarios: {x: {ligthing: a}}}", "Did you mean 'lighting'"),
        ("scenarios.yml", "image_scenarios: {scenarios: {x: {framing: wide}}}", "expected one of 'headshot'"),
        ("scenarios.yml", "image_scenarios: {scenarios: [a]}", "expected scenes by name"),
        ("scenarios.yml", "image_scenarios: {template: 5}", "expected text, got the number 5"),
        ("anchor_templates.yml", "side: {}", "unknown anchor kind 'side'"),
        ("anchor_templates.yml", "smile: hello", "expected 'key: value' lines, got the text 'hello'"),
        ("system_prompts.yml", "content_plan: {sytem: x}", "Did you mean 'system'"),
        ("retry_patches.yml", "identity_lo: [x]", "Did you mean 'identity_low'"),
        ("retry_patches.yml", "no_face: x", "expected a list of texts, got the text 'x'"),
        ("retry_patches.yml", "no_face: [", "not valid YAML"),
    ],
)
def test_a_mistake_in_an_own_file_names_file_and_key(config: Config, name: str, text: str, problem: str) -> None:
    path = override(config, name, text)
    with pytest.raises(ConfigError) as caught:
        load_asset_scenarios(config)
        load_anchor_templates(config)
        load_system_prompts(config)
        load_patch_catalogue(config)
    assert str(caught.value).startswith(str(path))
    assert problem in str(caught.value)


def test_own_patches_replace_those_of_one_reason(config: Config) -> None:
    override(config, "retry_patches.yml", "no_face: [Show the face.]")
    catalogue = load_patch_catalogue(config)
    assert catalogue.texts[Reason.NO_FACE] == ("Show the face.",)
    assert len(catalogue.texts[Reason.IDENTITY_LOW]) >= 3

"""A structured prompt becomes one text that says what was given and nothing else."""

from __future__ import annotations

import pytest

from personalab_core.config import load_config
from personalab_core.errors import ConfigError
from personalab_core.prompts import PromptBuilder, load_asset_scenarios, prompt_hash
from personalab_core.schemas import Character, ImagePrompt, PromptPatch, Reason, VideoPrompt

PATCH = PromptPatch(reason=Reason.IDENTITY_LOW, level=1, text="Keep exactly the same person.")


def test_lines_with_nothing_to_say_are_left_out() -> None:
    template = "Photo of ${SUBJECT}.\nPlace: ${LOCATION}.\nLight: ${LIGHTING}.\nA fixed line."
    built = PromptBuilder(template).build(ImagePrompt(subject_description="a woman", lighting="Golden hour."))
    assert built.text == "Photo of a woman.\nLight: Golden hour.\nA fixed line."


def test_hashes_are_of_text_and_template() -> None:
    template = "Photo of ${SUBJECT}."
    built = PromptBuilder(template).build(ImagePrompt(subject_description="a woman"))
    assert built.prompt_hash == prompt_hash("Photo of a woman.")
    assert built.template_hash == prompt_hash(template)
    assert "woman" not in repr(built)


@pytest.mark.parametrize(("template", "expected"), [("A\n${PATCHES}\nB", "A\n{0}\nB"), ("A\nB", "A\nB\n{0}")])
def test_patches_are_never_lost(template: str, expected: str) -> None:
    built = PromptBuilder(template).build(ImagePrompt(subject_description="x"), patches=[PATCH])
    assert built.text == expected.format(PATCH.text)
    assert PromptBuilder(template).build(ImagePrompt(subject_description="x")).text == "\n".join(
        line for line in expected.splitlines() if line != "{0}"
    )


@pytest.mark.parametrize("template", [None, {}])
def test_no_template_means_the_built_in_one_of_the_kind(template: dict[str, str] | None, tmp_path: object) -> None:
    shipped = load_asset_scenarios(load_config(workspace=str(tmp_path), environ={}))
    image, video = ImagePrompt(subject_description="..."), VideoPrompt(subject_description="x", duration_s=6)
    assert PromptBuilder(template).build(image) == PromptBuilder(shipped["image_scenarios"]).build(image)
    assert PromptBuilder(template).build(video) == PromptBuilder(shipped["video_scenarios"]).build(video)
    assert "Length: 6 seconds" in PromptBuilder(template).build(video).text


@pytest.mark.parametrize(
    ("framing", "words"),
    [("headshot", "headshot portrait"), ("half_body", "half-body portrait"), ("full_body", "full-body photo")],
)
def test_framing_is_said_in_plain_words(framing: str, words: str) -> None:
    prompt = ImagePrompt(subject_description="a man", framing=framing)  # type: ignore[arg-type]
    assert words in PromptBuilder().build(prompt).text
    by_template = PromptBuilder({"template": "${FRAMING}", "framing": framing})
    assert by_template.build(ImagePrompt(subject_description="a man")).text == words


def test_own_variables_and_persona_reach_the_template() -> None:
    built = PromptBuilder("${PERSONA}, ${SEASON}").build(
        ImagePrompt(subject_description="x"), persona=Character(name="Dani"), variables={"SEASON": "spring"}
    )
    assert built.text == "Dani, spring"


def test_unknown_variable_names_the_template_file() -> None:
    with pytest.raises(ConfigError, match=r"my\.yml: the template uses \$\{PLACE\}"):
        PromptBuilder({"template": "In ${PLACE}", "source": "my.yml"}).build(ImagePrompt(subject_description="x"))


def test_template_must_be_text() -> None:
    with pytest.raises(ConfigError, match="expected 'template' to be text"):
        PromptBuilder({"template": ["a"]})


def test_prompts_built_from_user_text_do_not_become_templates() -> None:
    built = PromptBuilder("Photo of ${SUBJECT}.").build(ImagePrompt(subject_description="${MOOD} {0} $5"))
    assert built.text == "Photo of ${MOOD} {0} $5."

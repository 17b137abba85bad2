"""What is typed into the persona form becomes the persona, and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalab_core.config import data_path
from personalab_core.config.personas import PersonaStore
from personalab_core.prompts import subject_description
from personalab_core.schemas import Character
from personalab_core.views.persona_form import PersonaDraft, check_draft, draft_of, suggested_id

words = st.text(st.characters(codec="utf-8", categories=("L", "N")), min_size=1, max_size=12)
looks = st.dictionaries(words, st.one_of(words, st.dictionaries(words, words, min_size=1, max_size=2)), max_size=4)


@pytest.mark.parametrize("persona", ["daniperez", "ingrid-solberg", "kwame-mensah"])
def test_a_shipped_persona_survives_the_form_unchanged(persona: str) -> None:
    character = PersonaStore(data_path("personas")).get(persona)
    checked = check_draft(draft_of(character), persona_id=persona)
    assert checked.character == character
    assert checked.character is not None
    assert subject_description(checked.character) == subject_description(character)


@given(looks)
def test_any_look_survives_the_form(look: dict[str, object]) -> None:
    character = Character(name="Mara", id="mara", physical_description=look)
    checked = check_draft(draft_of(character), persona_id="mara")
    assert checked.problems == {}
    assert checked.character == character


def test_a_plain_eye_colour_becomes_the_colour_of_the_eyes() -> None:
    character = Character(name="Mara", id="mara", physical_description={"eyes": "green", "age_range": 41})
    checked = check_draft(draft_of(character), persona_id="mara")
    assert checked.character is not None
    assert checked.character.physical_description == {"age_range": "41", "eyes": {"color": "green"}}


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        (PersonaDraft(name=" "), "name"),
        (PersonaDraft(name="x" * 121), "name"),
        (PersonaDraft(name="Mara", skin_tone="y" * 201), "skin_tone"),
        (PersonaDraft(name="Mara", features="\n".join("abc" for _ in range(30))), "features"),
        (PersonaDraft(name="Mara", more="eyes: ["), "more"),
        (PersonaDraft(name="Mara", more="eyes: 1\neyes: 2"), "more"),
        (PersonaDraft(name="Мара"), "id"),
        (PersonaDraft(name="Mara", id="../x"), "id"),
    ],
)
def test_what_is_wrong_is_said_of_its_field(draft: PersonaDraft, field: str) -> None:
    checked = check_draft(draft)
    assert checked.character is None
    assert list(checked.problems) == [field]


def test_a_free_id_is_suggested() -> None:
    assert suggested_id("Mara Lind", {"mara-lind", "mara-lind-2"}) == "mara-lind-3"
    assert suggested_id("Мара", set()) == ""

"""Personas: list, form, import, archive; the newcomer's way begins here."""

from __future__ import annotations

from pathlib import Path

import pytest

from personalab_core.schemas import Character
from tests.pages.conftest import OpenPage, answer_of, labels_of, words_of
from tests.support.workspace_builder import WorkspaceBuilder

NEW = "personas.form.new."
MARA = "personas.form.mara."

YAML = b"""id: ines
name: Ines Duarte
physical_description:
  age_range: "41"
"""


def stored(builder: WorkspaceBuilder, persona: str) -> Character:
    from personalab_core.config.personas import PersonaStore

    return PersonaStore(builder.config.paths.personas).get(persona)


@pytest.fixture
def mara(builder: WorkspaceBuilder) -> WorkspaceBuilder:
    builder.persona("Mara Lindqvist", persona_id="mara")
    return builder


def test_an_empty_workspace_offers_the_first_persona(open_page: OpenPage, tmp_path: Path) -> None:
    at = open_page("personas", tmp_path)
    assert answer_of(at) == "No persona yet. The first one takes about two minutes."
    assert labels_of(at) == ["Import YAML", "Create the first persona"]


def test_the_list_says_who_has_an_anchor(open_page: OpenPage, typical_root: Path) -> None:
    assert answer_of(open_page("personas", typical_root)) == "Four personas, three with an anchor."


def test_a_broken_file_is_named_and_the_others_are_listed(open_page: OpenPage, mara: WorkspaceBuilder) -> None:
    mara.break_persona()
    at = open_page("personas", mara.root)
    assert not at.exception
    assert answer_of(at) == "One persona, no anchor yet."
    assert "1 record or file could not be read" in at.expander[0].label.replace("\u00a0", " ")


def test_a_new_persona_is_created_and_its_anchors_come_next(open_page: OpenPage, builder: WorkspaceBuilder) -> None:
    at = open_page("personas", builder.root, edit="new")
    assert at.button(key="personas.save").disabled
    at.text_input(key=f"{NEW}.name").set_value("Noor Haddad")
    at.text_input(key=f"{NEW}.age_range").set_value("34")
    at.text_area(key=f"{NEW}.features").set_value("broad nose\n\nlaugh lines")
    at.text_area(key=f"{NEW}.more").set_value("eyes: {shape: round}")
    at.run()
    assert answer_of(at) == "Noor can be created."
    assert "a 34-year-old person with eyes (round)" in words_of(at)
    at.button(key="personas.save").click().run()
    assert not at.exception
    assert stored(builder, "noor-haddad").physical_description == {
        "age_range": "34",
        "eyes": {"shape": "round"},
        "distinctive_features": ["broad nose", "laugh lines"],
    }


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("id", "Mara Lind", "Use 1 to 64 characters"),
        ("id", "mara", "There is a persona mara already."),
        ("more", "eyes: [", "not valid YAML"),
        ("more", "- a list", "expected settings"),
    ],
)
def test_a_wrong_field_says_what_is_wrong(
    open_page: OpenPage, mara: WorkspaceBuilder, field: str, value: str, sentence: str
) -> None:
    at = open_page("personas", mara.root, edit="new")
    at.text_input(key=f"{NEW}.name").set_value("Somebody")
    widget = at.text_area if field == "more" else at.text_input
    widget(key=f"{NEW}.{field}").set_value(value)
    at.run()
    assert answer_of(at) == "Something in the form is not right yet."
    assert sentence.lower() in words_of(at).lower()
    assert at.button(key="personas.save").disabled


def test_a_change_is_saved_under_the_same_id(open_page: OpenPage, mara: WorkspaceBuilder) -> None:
    at = open_page("personas", mara.root, edit="mara")
    assert answer_of(at) == "This is how Mara is described."
    assert at.button(key="personas.save").disabled
    at.text_input(key=f"{MARA}.location").set_value("Malmö").run()
    at.button(key="personas.save").click().run()
    assert stored(mara, "mara").location == "Malmö"
    assert stored(mara, "mara").physical_description == {"age_range": "23", "gender": "female"}


def test_a_change_made_elsewhere_is_not_overwritten(open_page: OpenPage, mara: WorkspaceBuilder) -> None:
    at = open_page("personas", mara.root, edit="mara")
    mara.persona("Mara Lindgren", persona_id="mara")
    at.text_input(key=f"{MARA}.location").set_value("Malmö").run()
    at.button(key="personas.save").click().run()
    assert "was changed elsewhere" in at.error[0].value
    assert stored(mara, "mara").name == "Mara Lindgren"


def test_a_duplicate_begins_with_the_same_look_under_another_name(open_page: OpenPage, mara: WorkspaceBuilder) -> None:
    at = open_page("personas", mara.root, edit="new", copy="mara")
    assert at.text_input(key="personas.form.new.mara.name").value == "Mara Lindqvist 2"
    at.button(key="personas.save").click().run()
    assert stored(mara, "mara-lindqvist-2").physical_description == stored(mara, "mara").physical_description


def test_archived_is_out_of_the_way_and_comes_back(open_page: OpenPage, mara: WorkspaceBuilder) -> None:
    at = open_page("personas", mara.root, edit="mara")
    at.button(key="personas.archive").click().run()
    at.button(key="personas.archive_now").click().run()
    assert stored(mara, "mara").archived
    at = open_page("personas", mara.root, edit="mara")
    at.button(key="personas.restore").click().run()
    assert not stored(mara, "mara").archived


def test_a_persona_is_imported_once(open_page: OpenPage, builder: WorkspaceBuilder) -> None:
    def imported(name: str, data: bytes) -> tuple[list[str], list[str]]:
        at = open_page("personas", builder.root)
        at.button(key="personas.import").click().run()
        at.file_uploader(key="personas.files").set_value([(name, data, "application/yaml")]).run()
        at.button(key="personas.take").click().run()
        assert not at.exception
        return [e.value for e in at.success], [e.value for e in at.error]

    assert imported("ines.yml", YAML) == (["Added Ines Duarte."], [])
    assert stored(builder, "ines").physical_description == {"age_range": "41"}
    added, refused = imported("again.yml", YAML)
    assert added == []
    assert "already" in refused[0]
    added, refused = imported("bad.yml", b"\xff\xfe")
    assert added == []
    assert "Nothing was stored from it." in refused[0]


@pytest.mark.parametrize("wanted", ["../../etc/passwd", "nobody"])
def test_an_unknown_persona_in_the_address_is_a_sentence(
    open_page: OpenPage, mara: WorkspaceBuilder, wanted: str
) -> None:
    at = open_page("personas", mara.root, edit=wanted)
    assert not at.exception
    assert answer_of(at).startswith("This persona")

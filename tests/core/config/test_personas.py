"""Persona files: one each, a broken one never hides the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from personalab_core.config import PersonaStore, data_path
from personalab_core.errors import ConfigError, InputError, UnknownPersonaError
from personalab_core.schemas import Character


def dani() -> Character:
    return Character(
        name="Daniela 'Dani' Pérez",
        id="daniperez",
        content_pillars=("Food",),
        physical_description={"age_range": "23", "hair": {"base_color": "dark brown"}},
    )


def test_what_is_saved_is_got_back(tmp_path: Path) -> None:
    store = PersonaStore(tmp_path / "personas")
    assert store.list() == []
    path = store.save(dani())
    assert path == tmp_path / "personas" / "daniperez.yml"
    assert store.get("daniperez") == dani()
    assert store.exists("daniperez")
    assert not store.exists("other")


def test_unknown_persona_names_the_nearest(tmp_path: Path) -> None:
    store = PersonaStore(tmp_path)
    with pytest.raises(UnknownPersonaError, match="There are none yet"):
        store.get("daniperes")
    store.save(dani())
    with pytest.raises(UnknownPersonaError, match="Did you mean 'daniperez'"):
        store.get("daniperes")


@pytest.mark.parametrize("bad", ["../x", "A", "", "a/b", "x" * 65])
def test_no_path_is_made_of_a_bad_id(tmp_path: Path, bad: str) -> None:
    store = PersonaStore(tmp_path)
    for act in (store.get, store.exists, store.delete, store.archive):
        with pytest.raises(InputError, match="is not a persona id"):
            act(bad)


@pytest.mark.parametrize(
    ("file", "text", "problem"),
    [
        ("x.yml", "name: [", ", line "),
        ("x.yml", "nam: A", "unknown key 'nam'. Did you mean 'name'?"),
        ("x.yml", "vibe: calm", "the key 'name' is missing"),
        ("x.yml", "name: 5", "'name': expected text, got the number 5"),
        ("x.yml", "name: A\nid: y", "the id in the file is 'y'"),
        ("Not A Slug.yml", "name: A", "the file name is not a persona id"),
    ],
)
def test_broken_file_is_a_problem_and_others_are_listed(tmp_path: Path, file: str, text: str, problem: str) -> None:
    store = PersonaStore(tmp_path)
    store.save(dani())
    (tmp_path / file).write_text(text)
    assert store.list() == [dani()]
    (sentence,) = store.problems
    assert sentence.startswith(str(tmp_path / file))
    assert problem in sentence


def test_getting_a_broken_persona_says_where(tmp_path: Path) -> None:
    (tmp_path / "x.yml").write_text("name: A\nage: 3")
    with pytest.raises(ConfigError, match="unknown key 'age'"):
        PersonaStore(tmp_path).get("x")


def test_archived_persona_is_kept_but_not_listed(tmp_path: Path) -> None:
    store = PersonaStore(tmp_path)
    store.save(dani())
    assert store.archive("daniperez").archived
    assert store.list() == []
    assert [c.id for c in store.list(include_archived=True)] == ["daniperez"]
    assert store.restore("daniperez") == dani()
    assert store.list() == [dani()]
    store.delete("daniperez")
    with pytest.raises(UnknownPersonaError):
        store.delete("daniperez")


def test_shipped_examples_are_complete() -> None:
    store = PersonaStore(data_path("personas"))
    personas = store.list()
    assert store.problems == ()
    assert len(personas) >= 3
    assert "daniperez" in {p.id for p in personas}
    for persona in personas:
        assert {"age_range", "gender", "skin_tone", "eyes", "hair"} <= set(persona.physical_description)
        assert persona.content_pillars

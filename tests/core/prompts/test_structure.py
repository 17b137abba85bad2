"""A persona's look in words, by rule."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalab_core.config import PersonaStore, data_path
from personalab_core.prompts import describe_person, subject_description


@pytest.mark.parametrize(
    ("look", "words"),
    [
        ({}, "a person"),
        ({"gender": "female"}, "a woman"),
        ({"age_range": 18, "gender": "male"}, "an 18-year-old man"),
        ({"age_range": "25-30", "gender": "nonbinary"}, "a 25-30-year-old nonbinary person"),
        ({"age_range": "early forties", "gender": "woman"}, "a woman, early forties"),
        ({"age_range": "23", "hair": {"base_color": "dark brown"}}, "a 23-year-old person with dark brown hair"),
        ({"hair": "short red hair", "eyes": "green"}, "a person with green eyes and short red hair"),
        ({"skin_tone": "fair skin", "eyes": {}, "hair": {}}, "a person with fair skin"),
        ({"hair": {"length": "long", "style": "wavy"}}, "a person with hair (long; wavy)"),
        (
            {"eyes": {"color": "blue", "shape": "almond"}, "marks": ["mole", "scar"], "glasses": False},
            "a person with blue eyes (almond); marks: mole, scar",
        ),
    ],
)
def test_look_in_words(look: dict[str, Any], words: str) -> None:
    assert describe_person(look) == words


def test_persona_of_the_specification() -> None:
    dani = PersonaStore(data_path("personas")).get("daniperez")
    assert subject_description(dani).startswith(
        "a 23-year-old woman with warm medium brown skin, dark brown eyes (almond) and dark brown hair (long"
    )


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_keys = st.sampled_from(["age_range", "gender", "skin_tone", "eyes", "hair", "marks"])


@given(st.dictionaries(_keys, _values))
def test_any_look_gives_one_line(look: dict[str, Any]) -> None:
    words = describe_person(look)
    assert words.startswith(("a ", "an "))
    assert len(words.splitlines()) == 1

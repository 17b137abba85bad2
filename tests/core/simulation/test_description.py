"""Written descriptions are obeyed where they say something."""

from typing import Any

import pytest

from personalab_core.simulation import identity_from_description, sample_identity, style_from_description
from personalab_core.simulation.description import age_in_years


@pytest.mark.parametrize(
    ("description", "years"),
    [
        ({"age_range": "23"}, 23),
        ({"age_range": "25-30"}, 27.5),
        ({"appearance": "a woman in her mid-thirties"}, 35),
        ({"age_range": "early twenties"}, 22),
        ({"age": 61}, 61),
        ({"hair": "blond"}, None),
    ],
)
def test_age_is_read(description: dict[str, Any], years: float | None) -> None:
    assert age_in_years(description) == years


def test_the_specification_sample_has_dark_brown_hair_and_is_young() -> None:
    person = identity_from_description({"age_range": "23", "hair": {"base_color": "dark brown"}}, seed=1)
    assert person.value("hair_mel") == pytest.approx(0.5)
    assert person.value("hair_grey") < 0
    assert person.value("age") == pytest.approx(-0.875)


def test_nested_and_free_text_mean_the_same() -> None:
    nested = identity_from_description({"hair": {"color": "ginger"}, "eyes": {"color": "green"}, "gender": "female"}, 3)
    free = identity_from_description({"appearance": "a female persona, ginger hair, green eyes"}, 3)
    for name in ("hair_red", "hair_mel", "eye_hue", "eye_light", "masc"):
        assert nested.value(name) == free.value(name)


def test_words_do_not_leak_between_topics() -> None:
    person = identity_from_description({"appearance": "black hair, blue eyes, fair skin"}, 3)
    assert person.value("hair_mel") == 1.0
    assert person.value("eye_hue") == 1.0
    assert person.value("skin_tone") == -0.75


def test_what_is_not_said_comes_from_the_seed() -> None:
    person = identity_from_description({"eyes": "blue"}, 8)
    sampled = sample_identity(8)
    assert person.geometry == sampled.geometry
    assert person.value("skin_tone") == sampled.value("skin_tone")
    assert identity_from_description({}, 8) == sampled


def test_gender_words_move_the_bones_too() -> None:
    woman = identity_from_description({"gender": "woman"}, 8)
    man = identity_from_description({"gender": "man"}, 8)
    assert woman.value("masc") < 0 < man.value("masc")
    assert woman.value("jaw_w") < man.value("jaw_w")


@pytest.mark.parametrize(
    ("hair", "attribute", "value"),
    [
        ({"length": "long"}, "length", 0.65),
        ({"length": "short"}, "length", -0.4),
        ({"style": "shoulder-length"}, "length", 0.2),
        ({"texture": "curly"}, "wave", 0.75),
        ({"texture": "straight"}, "wave", -0.8),
        ({"style": "with bangs"}, "fringe", 0.7),
    ],
)
def test_hair_style_is_obeyed(hair: dict[str, str], attribute: str, value: float) -> None:
    style = style_from_description({"hair": hair}, sample_identity(2), seed=2)
    assert getattr(style, attribute) == value


def test_beard_and_its_absence() -> None:
    man = identity_from_description({"gender": "male"}, 2)
    assert style_from_description({"face": "full beard"}, man, 2).stubble == 1.0
    assert style_from_description({"face": "clean-shaven"}, man, 2).stubble == -1.0
    assert style_from_description({"face": "clean-shaven"}, man, 2).length != -1.0, "shaven speaks of the chin"


@pytest.mark.parametrize(
    ("words", "length"),
    [
        ("long, past the shoulders", 0.65),
        ("falls below her shoulders", 0.65),
        ("very long, well past the shoulders", 0.95),
        ("shoulder-length", 0.2),
        ("just above the shoulders", 0.2),
        ("chin-length bob", 0.1),
        ("short", -0.4),
    ],
)
def test_hair_length_is_read_as_meant(words: str, length: float) -> None:
    described: dict[str, Any] = {"hair": {"length": words}}
    assert style_from_description(described, sample_identity(3), 3).length == length

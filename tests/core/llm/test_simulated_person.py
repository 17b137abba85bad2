"""Words make one and the same person, and others make another."""

from __future__ import annotations

import numpy as np

from personalab_core.llm.simulated_person import SIBLING_GEOMETRY_EPS, person_from_text, sibling, subject_of
from personalab_core.simulation import identity_vector

DANI = "a 23-year-old woman with dark brown eyes and dark brown hair (long; softly wavy)"


def test_the_subject_is_what_follows_the_colon_of_its_line() -> None:
    prompt = f"A headshot portrait of one person: {DANI}.\nHair off the face. 85 mm lens at eye level."
    assert subject_of(prompt) == DANI


def test_a_colon_within_the_description_ends_no_label() -> None:
    said = "a 57-year-old man with red hair; distinctive features: a scar"
    assert subject_of(said) == said
    assert subject_of(f"One person: {said}.") == said


def test_one_description_is_one_person_whatever_the_picture() -> None:
    first = person_from_text(f"A headshot of one person: {DANI}.\nFacing the camera.")
    second = person_from_text(f"A full-body photo of the person in the reference picture: {DANI}.\nOn a beach.")
    assert first == second


def test_another_description_is_another_person() -> None:
    one, _ = person_from_text(f"One person: {DANI}, called Dani.")
    other, _ = person_from_text(f"One person: {DANI}, called Ana.")
    assert np.abs(identity_vector(one) - identity_vector(other)).mean() > 0.2


def test_hair_age_and_gender_are_obeyed() -> None:
    young, long_hair = person_from_text("A 22-year-old woman with long blonde hair.")
    old, short_hair = person_from_text("A 70-year-old man with short black hair.")
    assert young.value("age") < 0 < old.value("age")
    assert young.value("masc") < 0 < old.value("masc")
    assert young.value("hair_mel") < old.value("hair_mel")
    assert long_hair.length > short_hair.length


def test_details_in_brackets_belong_to_the_word_before_them() -> None:
    _, wavy = person_from_text("One person: a woman with brown hair (long, past the chin; curly).")
    _, straight = person_from_text("One person: a woman with brown hair (long, past the chin; straight).")
    assert wavy.wave > straight.wave


def test_candidates_are_siblings_and_not_strangers() -> None:
    identity, _ = person_from_text(DANI)
    distances = [
        float(np.sqrt(np.mean(np.subtract(sibling(identity, seed).geometry, identity.geometry) ** 2)))
        for seed in range(20)
    ]
    assert min(distances) > 0
    assert max(distances) < 1.05 * SIBLING_GEOMETRY_EPS  # bounding the parameters moves a few of them

"""Free requests taken apart by rule."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalab_core.errors import InputError
from personalab_core.generation import structure_prompt
from personalab_core.generation.seeds import derived_seed
from personalab_core.schemas import ImagePrompt


def structured(text: str) -> ImagePrompt:
    return structure_prompt(text, subject_description="a woman")


def test_each_piece_goes_where_its_words_belong() -> None:
    prompt = structured(
        "full body shot, walking along the pier, wearing a yellow raincoat, laughing, golden hour, "
        "dreamy mood, 35mm lens, no sunglasses"
    )
    assert prompt == ImagePrompt(
        subject_description="a woman",
        framing="full_body",
        action_details="full body shot, walking",
        location_details="along the pier",
        outfit_details="wearing a yellow raincoat",
        expression="laughing",
        lighting="golden hour",
        mood="dreamy mood",
        camera="35mm lens",
        negative="no sunglasses",
    )


def test_an_action_and_its_place_are_parted() -> None:
    prompt = structured("reading a book in the library")
    assert (prompt.action_details, prompt.location_details) == ("reading a book", "in the library")


def test_other_people_are_noticed() -> None:
    assert structured("having lunch with friends").other_people
    assert not structured("having lunch").other_people


@pytest.mark.parametrize("text", ["", "  ", ", ;."])
def test_an_empty_request_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="empty"):
        structured(text)


@given(st.text(alphabet=st.sampled_from("abc in a cafe, smiling. light"), min_size=1, max_size=60))
def test_no_word_is_lost(text: str) -> None:
    try:
        prompt = structured(text)
    except InputError:
        return
    fields = prompt.model_dump(exclude={"subject_description", "framing", "other_people"})
    assert sorted(" ".join(fields.values()).replace(",", " ").split()) == sorted(
        text.replace(",", " ").replace(".", " ").split()
    )


@given(st.integers(), st.integers(1, 9))
def test_derived_seeds_repeat_and_fit_every_vendor(seed: int, attempt: int) -> None:
    assert derived_seed(seed, attempt) == derived_seed(seed, attempt)
    assert 0 <= derived_seed(seed, attempt) < 2**31


def test_derived_seeds_are_the_same_on_every_machine() -> None:
    assert [derived_seed(42, attempt) for attempt in (1, 2)] == [64878673, 1307930519]

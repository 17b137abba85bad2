"""Which ideas were there before: reworded copies are found, different scenes of one persona are not."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.idea_novelty import halves, picked
from personalab_core.config.resources import data_path
from personalab_core.generation.novelty import NEAR_DUPLICATE, idea_similarity, repetitions
from personalab_core.schemas import PlannedIdea


def idea(title: str, action: str, place: str) -> PlannedIdea:
    return PlannedIdea(title=title, scenario_details={"action_details": action, "location_details": place})


COFFEE = idea("A slow morning", "sitting by the window with both hands around a cup of coffee", "a small café in Lima")
BEACH = idea("To the coast", "strolling along the shore with shoes in one hand", "a wide beach at low tide near Lima")


def test_the_same_words_are_a_repetition_whatever_their_case_and_accents() -> None:
    shouted = idea("A SLOW MORNING", COFFEE.scenario_details["action_details"].upper(), "A SMALL CAFE IN LIMA")
    assert idea_similarity(COFFEE, shouted) == pytest.approx(1.0)


def test_a_reworded_copy_is_found_and_named() -> None:
    again = idea("Slow mornings", "sits at a window, hands around a coffee cup", "in a small café of Lima")
    [found] = repetitions([BEACH, again], [COFFEE])
    assert (found.index, found.earlier) == (1, "A slow morning")
    assert found.similarity > NEAR_DUPLICATE


def test_an_idea_may_not_repeat_one_of_its_own_list() -> None:
    assert [found.index for found in repetitions([COFFEE, BEACH, COFFEE], [])] == [2]


def test_no_two_scenes_of_the_simulated_provider_are_taken_for_one() -> None:
    scenes = yaml.safe_load(data_path("simulation", "phrases.yml").read_text(encoding="utf-8"))["scenes"]
    filled = [{name: text.format(pillar="Pottery", place="Lima") for name, text in scene.items()} for scene in scenes]
    ideas = [idea(one["title"], one["action_details"], one["location_details"]) for one in filled]
    assert len(ideas) >= 16
    assert repetitions(ideas, []) == []


def test_the_threshold_is_the_one_picked_on_one_half_of_the_labelled_ideas_and_holds_on_the_other() -> None:
    first, second = halves()
    near_missed, far_missed, refused = second.errors(NEAR_DUPLICATE)
    print(f"near copies missed {near_missed:.0%}, far copies missed {far_missed:.0%}, different refused {refused:.1%}")
    assert round(picked(first), 2) == NEAR_DUPLICATE
    assert (near_missed, refused) == (0, 0)
    assert far_missed == 1  # as the documentation admits


@given(st.text(max_size=80), st.text(max_size=80))
def test_similarity_is_symmetric_and_bounded(one: str, other: str) -> None:
    first, second = idea("x" + one, "walking", "here"), idea("x" + other, "walking", "here")
    assert 0 <= idea_similarity(first, second) <= 1
    assert idea_similarity(first, second) == pytest.approx(idea_similarity(second, first))

"""Answers obey the schema and speak of the persona."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
from pydantic import BaseModel, Field

from personalab_core.llm.simulated_text import DEFAULT_ITEMS, answer_json, read_brief
from personalab_core.schemas import ImagePrompt, VideoPrompt

PROMPT = """Persona: Daniela
Location: Lima, Peru
Content pillars: Sustainable Andean Fashion, Peruvian Gastronomy

Plan 4 pieces of content."""


class Details(BaseModel):
    framing: Literal["headshot", "half_body", "full_body"]
    action_details: str = Field(min_length=3)
    location_details: str
    energy: float = Field(ge=0.2, le=0.4)
    weight: int = Field(gt=3, lt=6)
    note: str | None = None


class Item(BaseModel):
    title: str = Field(max_length=40)
    pillar: str
    hashtags: list[str] = Field(min_length=2, max_length=2)
    scenario_details: Details
    pinned: bool
    kind: Literal["image"] = "image"


class Plan(BaseModel):
    planned_content: list[Item] = Field(min_length=1)


def _answer(schema: dict[str, Any] | None, *, prompt: str = PROMPT, seed: int = 1) -> Any:
    return answer_json(schema, prompt, np.random.default_rng(seed))


def test_the_prompt_is_understood() -> None:
    brief = read_brief(PROMPT)
    assert brief.location == "Lima, Peru"
    assert brief.pillars == ("Sustainable Andean Fashion", "Peruvian Gastronomy")
    assert brief.n_items == 4


def test_a_yaml_list_of_pillars_is_understood() -> None:
    brief = read_brief("content_pillars:\n  - Food\n  - Travel\nlocation: Oslo\n")
    assert (brief.pillars, brief.location, brief.n_items) == (("Food", "Travel"), "Oslo", DEFAULT_ITEMS)


@pytest.mark.parametrize("seed", range(5))
def test_a_plan_obeys_its_schema(seed: int) -> None:
    plan = Plan.model_validate(_answer(Plan.model_json_schema(), seed=seed))
    assert len(plan.planned_content) == 4
    assert {item.pillar for item in plan.planned_content} == {"Sustainable Andean Fashion", "Peruvian Gastronomy"}
    assert any("Lima, Peru" in item.scenario_details.location_details for item in plan.planned_content)


def test_the_items_of_a_plan_differ() -> None:
    plan = Plan.model_validate(_answer(Plan.model_json_schema()))
    assert len({item.title for item in plan.planned_content}) == 4


def test_one_seed_gives_one_answer() -> None:
    schema = Plan.model_json_schema()
    assert _answer(schema, seed=3) == _answer(schema, seed=3)
    assert any(_answer(schema, seed=3) != _answer(schema, seed=seed) for seed in (4, 5, 6))


@pytest.mark.parametrize("kind", [ImagePrompt, VideoPrompt])
def test_structured_prompts_of_this_package_can_be_filled(kind: type[ImagePrompt | VideoPrompt]) -> None:
    prompt = kind.model_validate(_answer(kind.model_json_schema()))
    assert prompt.action_details


def test_a_free_request_becomes_the_action() -> None:
    prompt = "The person: a woman with red hair\nThe request: dancing on the beach\n"
    answer = _answer(ImagePrompt.model_json_schema(), prompt=prompt)
    assert answer["subject_description"] == "a woman with red hair"
    assert answer["action_details"] == "dancing on the beach"


def test_without_a_schema_a_small_plan_comes() -> None:
    plan = _answer(None)["planned_content"]
    assert len(plan) == 4
    ImagePrompt.from_scenario_details(plan[0]["scenario_details"], subject_description="a woman")


def test_a_schema_that_contains_itself_ends() -> None:
    tree = {"type": "object", "properties": {"child": {"$ref": "#/$defs/Tree"}}, "required": ["child"]}
    assert "child" in _answer({"$ref": "#/$defs/Tree", "$defs": {"Tree": {**tree, "required": []}}})

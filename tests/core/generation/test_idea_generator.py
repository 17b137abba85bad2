"""Content plans: valid, saved whole, repaired once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from personalab_core.config import load_config
from personalab_core.errors import ConfigError, LLMError
from personalab_core.generation import IdeaGenerator
from personalab_core.llm import LLMTextResponse, Source
from personalab_core.prompts import load_system_prompts
from personalab_core.schemas import Character, ImagePrompt
from tests.support.fakes import FakeLLMClient
from tests.support.loop_fakes import TickingClock

DANI = Character(
    name="Daniela 'Dani' Perez",
    location="Lima, Peru",
    content_pillars=["Peruvian Gastronomy"],
    physical_description={"age_range": "23"},
    id="daniperez",
)
GOOD = {
    "planned_content": [
        {
            "title": "Market morning",
            "scenario_details": {"action_details": "walking", "location_details": "a market", "framing": "half_body"},
            "a_remark": "dropped",
        }
    ]
}
BAD = {"planned_content": [{"title": "No scenario"}]}


def generator(tmp_path: Path, *answers: Any) -> tuple[IdeaGenerator, FakeLLMClient]:
    config = load_config(environ={}, workspace=tmp_path)
    client = FakeLLMClient(texts=answers)
    prompts = load_system_prompts(config)
    ideas = IdeaGenerator(
        client=client, config=config, persona=DANI, system_prompts=prompts, n_items=1, clock=TickingClock()
    )
    return ideas, client


def test_the_plan_reads_as_the_quickstart_reads_it(tmp_path: Path) -> None:
    ideas, client = generator(tmp_path, GOOD)
    path = tmp_path / "plans" / "content_plan.yml"
    plan = ideas.generate_and_save(path)
    scenario = plan["planned_content"][0]["scenario_details"]
    prompt = ImagePrompt.from_scenario_details(scenario, subject_description="a woman")
    assert (prompt.action_details, prompt.framing) == ("walking", "half_body")
    assert yaml.safe_load(path.read_text(encoding="utf-8"))["planned_content"][0]["title"] == "Market morning"
    assert (plan.persona, plan.provider) == ("daniperez", "fake")
    assert "Peruvian Gastronomy" in client.prompts[0]
    assert "Lima, Peru" in client.prompts[0]


def test_an_invalid_answer_is_sent_back_once_with_what_is_wrong(tmp_path: Path) -> None:
    ideas, client = generator(tmp_path, BAD, GOOD)
    assert ideas.generate().planned_content[0].title == "Market morning"
    assert "planned_content.0.scenario_details: missing" in client.prompts[1]


@pytest.mark.parametrize(
    "answer",
    [
        None,
        {},
        {"planned_content": []},
        BAD,
        {"planned_content": [{"title": "x", "scenario_details": {"framing": "sideways"}}]},
    ],
)
def test_twice_invalid_is_an_error_and_leaves_the_old_file(tmp_path: Path, answer: Any) -> None:
    ideas, client = generator(tmp_path, answer)
    path = tmp_path / "content_plan.yml"
    path.write_text("old: plan\n")
    with pytest.raises(LLMError, match="not a content plan"):
        ideas.generate_and_save(path)
    assert path.read_text() == "old: plan\n"
    assert len(client.prompts) == 2


def test_a_blocked_plan_is_an_error(tmp_path: Path) -> None:
    ideas, _ = generator(tmp_path, LLMTextResponse(block_reason="SAFETY"))
    with pytest.raises(LLMError, match="blocked"):
        ideas.generate()


def test_the_sources_are_kept(tmp_path: Path) -> None:
    ideas, _ = generator(tmp_path, LLMTextResponse(parsed=GOOD, sources=(Source("News", "https://example.org"),)))
    assert [(source.title, source.url) for source in ideas.generate().sources] == [("News", "https://example.org")]


def test_a_missing_system_prompt_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="content_plan"):
        IdeaGenerator(
            client=FakeLLMClient(),
            config=load_config(environ={}, workspace=tmp_path),
            persona=DANI,
            system_prompts={},
        )

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
from personalab_core.schemas import Character, ImagePrompt, PlannedIdea
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


def test_pages_found_before_a_correction_are_kept_and_named_once(tmp_path: Path) -> None:
    market, knitwear = Source("Markets", "https://example.com/m"), Source("Knitwear", "https://example.com/k")
    first, second = (
        LLMTextResponse(parsed=BAD, sources=(market,)),
        LLMTextResponse(parsed=GOOD, sources=(market, knitwear)),
    )
    ideas, _ = generator(tmp_path, first, second)
    assert [source.url for source in ideas.generate().sources] == [market.url, knitwear.url]


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


def idea(title: str, action: str, pillar: str = "Peruvian Gastronomy") -> dict[str, Any]:
    return {"title": title, "pillar": pillar, "scenario_details": {"action_details": action, "location_details": "x"}}


COFFEE = idea("Slow coffee", "sitting by the window with a cup of coffee")
BEACH = idea("Low tide", "strolling along the shore with shoes in one hand")


def planner(tmp_path: Path, *answers: Any) -> tuple[IdeaGenerator, FakeLLMClient]:
    config = load_config(environ={}, workspace=tmp_path)
    client = FakeLLMClient(texts=[{"planned_content": answer} for answer in answers])
    earlier = (PlannedIdea.model_validate(COFFEE),)
    prompts = load_system_prompts(config)
    ideas = IdeaGenerator(client=client, config=config, persona=DANI, system_prompts=prompts, earlier=earlier)
    return ideas, client


def test_earlier_ideas_are_told_and_a_repetition_is_sent_back(tmp_path: Path) -> None:
    ideas, client = planner(tmp_path, [COFFEE, BEACH], [BEACH])
    assert [item.title for item in ideas.generate().planned_content] == ["Low tide"]
    assert "- Slow coffee: sitting by the window" in client.prompts[0]
    assert "planned_content.0 repeats the earlier idea 'Slow coffee'" in client.prompts[1]


def test_what_still_repeats_is_left_out_and_named(tmp_path: Path) -> None:
    ideas, _ = planner(tmp_path, [COFFEE, BEACH])
    plan = ideas.generate()
    assert [item.title for item in plan.planned_content] == ["Low tide"]
    assert plan.repeated == ("Slow coffee",)


def test_nothing_new_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    ideas, _ = planner(tmp_path, [COFFEE])
    with pytest.raises(LLMError, match=r"repeat earlier ones.*widen the content pillars"):
        ideas.generate()


def test_a_pillar_the_persona_does_not_have_is_sent_back_and_then_left_empty(tmp_path: Path) -> None:
    ideas, client = planner(tmp_path, [idea("Low tide", "strolling along the shore", "Crypto")])
    assert ideas.generate().planned_content[0].pillar == ""
    assert "pillar is none of: Peruvian Gastronomy" in client.prompts[1]


def test_a_pillar_in_other_letters_is_the_personas_own(tmp_path: Path) -> None:
    ideas, client = planner(tmp_path, [idea("Low tide", "strolling along the shore", "peruvian  gastronomy")])
    assert ideas.generate().planned_content[0].pillar == "Peruvian Gastronomy"
    assert len(client.prompts) == 1


def test_an_earlier_plan_at_the_path_is_kept(tmp_path: Path) -> None:
    ideas, _ = generator(tmp_path, GOOD)
    for _ in range(2):
        ideas.generate_and_save(tmp_path / "content_plan.yml")
    assert [path.name for path in (tmp_path / "plans").iterdir()] == ["content_plan-0001.yml"]

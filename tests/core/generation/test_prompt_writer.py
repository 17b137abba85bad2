"""Free requests turned into structured prompts by a text model: checked, corrected once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from personalab_core.config import load_config
from personalab_core.errors import InputError, LLMError
from personalab_core.generation import PromptWriter, structure_video_prompt
from personalab_core.prompts import load_system_prompts
from personalab_core.schemas import Character, ImagePrompt, VideoPrompt
from tests.support.fakes import FakeLLMClient

MARA = Character(name="Mara Lind", id="mara", physical_description={"age_range": "23", "gender": "female"})


def writer(tmp_path: Path, *answers: Any) -> tuple[PromptWriter, FakeLLMClient]:
    config = load_config(environ={}, workspace=tmp_path)
    client = FakeLLMClient(texts=answers)
    return PromptWriter(client=client, config=config, persona=MARA, system_prompts=load_system_prompts(config)), client


def test_the_answer_becomes_a_prompt_with_our_own_look(tmp_path: Path) -> None:
    answer = {"action_details": "reading", "framing": "headshot", "subject_description": "somebody else", "odd": 1}
    writes, client = writer(tmp_path, answer)
    assert writes.image("reading in a cafe") == ImagePrompt(
        subject_description="a 23-year-old woman", action_details="reading", framing="headshot"
    )
    assert "reading in a cafe" in client.prompts[0]
    assert "a 23-year-old woman" in client.prompts[0]


def test_a_video_has_a_length(tmp_path: Path) -> None:
    writes, _ = writer(tmp_path, {"action_details": "walking", "duration_s": 6})
    assert writes.video("walking, six seconds") == VideoPrompt(
        subject_description="a 23-year-old woman", action_details="walking", duration_s=6
    )


def test_what_breaks_the_schema_is_asked_again_once(tmp_path: Path) -> None:
    writes, client = writer(tmp_path, {"framing": "sideways"}, {"action_details": "reading"})
    assert writes.image("reading").action_details == "reading"
    assert "framing: literal_error" in client.prompts[1]
    assert "sideways" not in client.prompts[1]


def test_wrong_twice_is_an_error(tmp_path: Path) -> None:
    writes, _ = writer(tmp_path, ["no"], {"duration_s": -1})
    with pytest.raises(LLMError, match="even after one correction: duration_s"):
        writes.video("walking")


def test_an_empty_request_costs_nothing(tmp_path: Path) -> None:
    writes, client = writer(tmp_path)
    with pytest.raises(InputError, match="empty"):
        writes.image("  ")
    assert client.prompts == []


@pytest.mark.parametrize(
    ("text", "duration_s"),
    [
        ("dancing, 8s", 8.0),
        ("dancing for 5 seconds", 5.0),
        ("a 10-second walk", 10.0),
        ("dancing", None),
        ("35mm lens, 0 s", None),
    ],
)
def test_seconds_are_a_length(text: str, duration_s: float | None) -> None:
    prompt = structure_video_prompt(text, subject_description="a woman")
    assert prompt.duration_s == duration_s
    assert "second" not in prompt.action_details


def test_only_a_length_is_empty() -> None:
    with pytest.raises(InputError, match="empty"):
        structure_video_prompt("6 seconds", subject_description="a woman")

"""What a persona will post: the file ``content_plan.yml``."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field, ValidationError

from personalab_core.schemas.contract import Contract
from personalab_core.schemas.prompts import ImagePrompt

_NOT_PLANNED = frozenset({"subject_description", "negative", "other_people"})


def _fits_an_image_prompt(details: dict[str, Any]) -> dict[str, Any]:
    try:
        ImagePrompt.from_scenario_details(details, subject_description="the persona")
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        raise ValueError(f"{problem['loc'][0]}: {problem['msg']}") from error
    return details


def _scenario_schema() -> dict[str, Any]:
    properties = ImagePrompt.model_json_schema()["properties"]
    planned = {name: value for name, value in properties.items() if name not in _NOT_PLANNED}
    return {"type": "object", "properties": planned, "required": ["action_details", "location_details"]}


ScenarioDetails = Annotated[
    dict[str, Any], AfterValidator(_fits_an_image_prompt), Field(min_length=1, json_schema_extra=_scenario_schema())
]
"""Fields of an ``ImagePrompt`` by name; further keys stay available to templates."""


class PlannedContent(Contract):
    """One planned piece. What a model adds beyond these fields is dropped."""

    model_config = ConfigDict(extra="ignore")

    title: str = Field(min_length=1)
    pillar: str = ""
    caption: str = ""
    hashtags: tuple[str, ...] = ()
    scenario_details: ScenarioDetails


class PlanSource(Contract):
    """A web page that the plan rests on."""

    title: str
    url: str


class ContentPlan(Contract):
    """A persona's plan, with where it came from."""

    persona: str
    created_at: AwareDatetime
    provider: str
    model: str
    simulated: bool
    prompt_hash: str
    sources: tuple[PlanSource, ...] = ()
    planned_content: tuple[PlannedContent, ...] = Field(min_length=1)

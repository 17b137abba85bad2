"""What a persona will post: the file ``content_plan.yml``."""

from __future__ import annotations

from datetime import date
from itertools import count
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field, ValidationError, model_validator

from personalab_core.errors import InputError
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


PlanStatus = Literal["idea", "approved", "made", "dropped"]
"""``idea``: proposed; ``approved``: a person wants it; ``made``: an asset was accepted; ``dropped``: not wanted."""


class PlannedIdea(Contract):
    """One idea, as a text model is asked for it. What it adds beyond these fields is dropped."""

    model_config = ConfigDict(extra="ignore")

    title: str = Field(min_length=1)
    pillar: str = ""
    caption: str = ""
    hashtags: tuple[str, ...] = ()
    scenario_details: ScenarioDetails


class PlannedContent(PlannedIdea):
    """One planned piece: the idea, and what became of it.

    Attributes:
        id: Names it within its plan, such as ``item-3``.
        scheduled: The day it is meant for, ``None`` if it has none.
        asset_type: ``image`` or ``video``.
        status: How far it is.
        assets: Ids of the assets made for it, the accepted and the others, oldest first.
    """

    id: str = Field(default="", max_length=64)
    scheduled: date | None = None
    asset_type: Literal["image", "video"] = "image"
    status: PlanStatus = "idea"
    assets: tuple[str, ...] = ()

    @property
    def post(self) -> str:
        """What is posted with it: the caption, and below it the hashtags."""
        tags = " ".join(f"#{tag.lstrip('#')}" for tag in self.hashtags if tag.lstrip("#"))
        return "\n\n".join(part for part in (self.caption, tags) if part)


class PlanSource(Contract):
    """A web page that the plan rests on."""

    title: str
    url: str


class ContentPlan(Contract):
    """A persona's plan, with where it came from.

    ``repeated`` are titles of ideas that were left out because they were too near to earlier ones; ``job`` is the
    job that made the plan, if one did, so that it is not asked and paid for again when that job is resumed.
    """

    persona: str
    created_at: AwareDatetime
    provider: str
    model: str
    simulated: bool
    prompt_hash: str
    sources: tuple[PlanSource, ...] = ()
    repeated: tuple[str, ...] = ()
    job: str | None = None
    planned_content: tuple[PlannedContent, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _items_have_names(self) -> Self:
        """Name items that have no id yet, so that files written by hand or before need none."""
        if all(item.id for item in self.planned_content):
            names = [item.id for item in self.planned_content]
            if len(set(names)) < len(names):
                raise ValueError("two items have the same id")
            return self
        taken = {item.id for item in self.planned_content}
        free = (f"item-{n}" for n in count(1) if f"item-{n}" not in taken)
        named = tuple(item if item.id else item.model_copy(update={"id": next(free)}) for item in self.planned_content)
        object.__setattr__(self, "planned_content", named)
        return self

    def item(self, item_id: str) -> PlannedContent:
        """Return the item of that id.

        Raises:
            InputError: There is none; the message lists the ids.
        """
        for item in self.planned_content:
            if item.id == item_id:
                return item
        known = ", ".join(item.id for item in self.planned_content)
        raise InputError(f"the plan of {self.persona} has no item {item_id!r}. It has: {known}.")

    def with_item(self, changed: PlannedContent) -> Self:
        """Return the plan with one item replaced by another of the same id."""
        items = tuple(changed if item.id == changed.id else item for item in self.planned_content)
        return self.model_copy(update={"planned_content": items})

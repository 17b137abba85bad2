"""What is asked of a provider, before it becomes text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field

from personalab_core.schemas.contract import Contract

Framing = Literal["headshot", "half_body", "full_body"]
"""How much of the person a picture shows."""


class _ScenePrompt(Contract):
    subject_description: str = Field(min_length=1)
    action_details: str = ""
    location_details: str = ""
    outfit_details: str = ""
    expression: str = ""
    lighting: str = ""
    mood: str = ""
    camera: str = ""
    framing: Framing | None = None
    other_people: bool = False
    negative: str = ""

    @classmethod
    def from_scenario_details(cls, scenario: Mapping[str, Any], *, subject_description: str) -> Self:
        """Return the prompt that a content plan's ``scenario_details`` describe.

        Known keys are taken over; the plan's free extra keys are ignored here (they
        stay available to templates).
        """
        known = {k: v for k, v in scenario.items() if k in cls.model_fields and v is not None}
        return cls(**{**known, "subject_description": subject_description})


class ImagePrompt(_ScenePrompt):
    """A structured image request. ``ImagePrompt(subject_description="...")`` is enough."""


class VideoPrompt(_ScenePrompt):
    """A structured video request."""

    duration_s: float | None = Field(default=None, gt=0)

"""The persona: who the pictures are supposed to show."""

from __future__ import annotations

from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from personalab_core.errors import InputError
from personalab_core.schemas.contract import Contract
from personalab_core.schemas.slugs import check_slug, slugify


class Character(Contract):
    """A synthetic persona.

    ``physical_description`` is free-form but conventional: ``age_range``, ``gender``,
    ``skin_tone``, ``eyes.color``, ``hair.base_color``, ``hair.length``, ``hair.style``,
    ``distinctive_features``. Nested mappings and lists are allowed.
    ``id`` defaults to a slug of the name.
    """

    name: str = Field(min_length=1, max_length=120)
    vibe: str = Field(default="", max_length=400)
    location: str = Field(default="", max_length=200)
    content_pillars: tuple[str, ...] = ()
    physical_description: dict[str, Any] = Field(default_factory=dict)
    id: str = ""
    archived: bool = False

    @field_validator("id")
    @classmethod
    def _slug(cls, value: str) -> str:
        try:
            return check_slug(value) if value else value
        except InputError as error:
            raise ValueError(str(error)) from error

    @model_validator(mode="after")
    def _default_id(self) -> Self:
        if not self.id:
            try:
                object.__setattr__(self, "id", slugify(self.name))
            except InputError as error:
                raise ValueError(f"no persona id can be made of the name; give one as 'id'. {error}") from error
        return self

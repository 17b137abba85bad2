"""A group of settings that reads as attributes and as a mapping alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict


class Section(BaseModel, Mapping[str, Any]):
    """A frozen group of settings: ``section.name``, ``section["name"]`` and ``section.get("name")``.

    Types are strict: text is never taken for a number, nor a number for a switch.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, protected_namespaces=())

    def __getitem__(self, name: str) -> Any:
        if name in type(self).model_fields:
            return getattr(self, name)
        return (self.model_extra or {})[name]

    def __iter__(self) -> Iterator[str]:  # type: ignore[override]  # a mapping yields names, pydantic yields pairs
        yield from type(self).model_fields
        yield from self.model_extra or {}

    def __len__(self) -> int:
        return len(type(self).model_fields) + len(self.model_extra or {})

    def to_mapping(self) -> dict[str, Any]:
        """Return the settings as nested plain dicts of text, numbers, switches and ``None``."""
        return {name: _plain(value) for name, value in self.items()}


class OpenSection(Section):
    """A section whose names the user chooses, such as limits per provider."""

    model_config = ConfigDict(extra="allow")


def _plain(value: Any) -> Any:
    if isinstance(value, Section):
        return value.to_mapping()
    return value.as_posix() if isinstance(value, Path) else value

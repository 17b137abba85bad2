"""The one model configuration every contract shares."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class Contract(BaseModel):
    """A frozen value that crosses a border (file, JSONL line, process, vendor).

    Unknown fields are refused, so that a typo never becomes a silent default.
    Fields can be read as attributes and, as in a JSON object, by name:
    ``record.scores`` and ``record["scores"]`` are the same.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    def __getitem__(self, name: str) -> Any:
        if name not in type(self).model_fields:
            raise KeyError(name)
        return getattr(self, name)

    def get(self, name: str, default: Any = None) -> Any:
        """Return the field ``name``, or ``default`` if there is no such field."""
        return getattr(self, name) if name in type(self).model_fields else default

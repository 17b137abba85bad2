"""A vendor's JSON crosses the border here: checked once, then typed."""

from __future__ import annotations

import json
import re
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from personalab_core.errors import OutputLostError
from personalab_core.llm.vendor_errors import Vendor

_FENCE = re.compile(r"\s*```(?:json)?\s*(.*?)\s*```\s*", re.S)


class Answer(BaseModel):
    """Part of an answer that is read; whatever else a vendor sends is left aside."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())


A = TypeVar("A", bound=Answer)


def read_answer(vendor: Vendor, kind: type[A], body: Any) -> A:
    """Return a decoded body, or the text or bytes of one, as ``kind``.

    Raises:
        OutputLostError: It is not JSON, or not what the vendor documents.
    """
    try:
        return kind.model_validate(json.loads(body) if isinstance(body, (str, bytes)) else body)
    except (ValueError, ValidationError):
        # Not chained: the text of a validation error quotes what it refused.
        raise vendor.failure(OutputLostError) from None


def decoded_json(text: str) -> Any:
    """Return the JSON of a model's text, fenced or not; ``None`` if it is none."""
    fenced = _FENCE.fullmatch(text)
    try:
        return json.loads(fenced[1] if fenced else text)
    except json.JSONDecodeError:
        return None

"""Say in a sentence what is wrong with a value: what was expected, what came."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

_MAX_SHOWN = 60
_EXPECTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "text",
    "path_type": "a path",
    "is_instance_of": "a path",
    "model_type": "a group of settings",
    "dict_type": "a mapping of names to values",
    "list_type": "a list",
    "tuple_type": "a list",
    "string_too_short": "text that is not empty",
    "finite_number": "a finite number",
}


def explain(error: ValidationError, origins: Mapping[str, str]) -> str:
    """Return one sentence per wrong value, each naming where it was set and its dotted key.

    Args:
        error: What pydantic found.
        origins: Where each dotted key was set.
    """
    return "\n".join(_sentence(details, origins) for details in error.errors(include_url=False))


def describe(value: Any) -> str:
    """Return what a value is, in words, cut to one line."""
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return f"the switch {str(value).lower()}"
    if isinstance(value, int | float):
        return f"the number {value}"
    kinds: dict[type, str] = {str: "the text", list: "the list", tuple: "the list", dict: "the mapping"}
    shown = repr(value)
    shown = shown if len(shown) <= _MAX_SHOWN else f"{shown[: _MAX_SHOWN - 3]}..."
    return f"{kinds.get(type(value), type(value).__name__)} {shown}"


def expectation(details: ErrorDetails) -> str:
    """Return what should have come instead, as a phrase after "expected"."""
    kind = details["type"]
    context = details.get("ctx", {})
    bounds = {"greater_than_equal": ("ge", ">="), "greater_than": ("gt", ">"), "less_than_equal": ("le", "<=")}
    if kind in bounds:
        name, sign = bounds[kind]
        return f"a number {sign} {context[name]}"
    if kind == "literal_error":
        return f"one of {context['expected']}"
    if kind == "string_pattern_mismatch":
        return "text such as '4:5' (width:height)"
    return _EXPECTED.get(kind, details["msg"])


def _sentence(details: ErrorDetails, origins: Mapping[str, str]) -> str:
    key = ".".join(str(part) for part in details["loc"])
    origin = _origin_of(key, origins)
    if details["type"] == "value_error":
        return f"{origin}: '{key}': {details['ctx']['error']}."
    if details["type"] == "missing":
        return f"{origin}: '{key}' is missing."
    return f"{origin}: '{key}': expected {expectation(details)}, got {describe(details['input'])}."


def _origin_of(key: str, origins: Mapping[str, str]) -> str:
    """Return where the key, or the last set of the keys below it, came from."""
    if key in origins:
        return origins[key]
    below = [origin for name, origin in origins.items() if name.startswith(f"{key}.")]
    # Two thresholds in the wrong order were made so by whoever changed one of them.
    changed = [origin for origin in below if not origin.endswith("defaults.yml")]
    return (changed or below or ["settings"])[-1]

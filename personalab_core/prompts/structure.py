"""A persona's look in plain words, by rule: the same persona always reads the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from personalab_core.schemas import Character

_NOUNS = {"female": "woman", "woman": "woman", "male": "man", "man": "man"}
_DESCRIBED_FIRST = ("age_range", "gender", "skin_tone", "eyes", "hair")


def subject_description(character: Character) -> str:
    """Return how a persona looks, as a phrase that fits after "a picture of"."""
    return describe_person(character.physical_description)


def describe_person(physical_description: Mapping[str, Any]) -> str:
    """Return a physical description as a phrase that fits after "a picture of".

    Conventional keys (age, gender, skin, eyes, hair) come first, in a fixed order; any
    other key follows under its own name.

    >>> describe_person({"age_range": "23", "gender": "female", "hair": {"base_color": "dark brown", "length": "long"}})
    'a 23-year-old woman with dark brown hair (long)'
    """
    traits = [
        _noun_with(physical_description.get("skin_tone"), "skin"),
        _coloured(physical_description.get("eyes"), "eyes", "color"),
        _coloured(physical_description.get("hair"), "hair", "base_color"),
    ]
    known = _joined([trait for trait in traits if trait])
    others = [
        f"{_words(name)}: {text}"
        for name, value in physical_description.items()
        if name not in _DESCRIBED_FIRST and (text := _text(value))
    ]
    person = _person(_text(physical_description.get("age_range")), _text(physical_description.get("gender")))
    return "; ".join([f"{person} with {known}" if known else person, *others])


def _person(age: str, gender: str) -> str:
    noun = _NOUNS.get(gender.lower(), f"{gender} person".strip())
    if not age:
        return f"a {noun}"
    described = f"{age}-year-old {noun}" if age.replace("-", "").isdigit() else f"{noun}, {age}"
    article = "an" if age.startswith("8") or age in {"11", "18"} else "a"
    return f"{article} {described}"


def _noun_with(value: Any, noun: str) -> str:
    text = _text(value)
    return text if not text or noun in text.lower() else f"{text} {noun}"


def _coloured(value: Any, noun: str, colour_key: str) -> str:
    """Return ``"<colour> <noun> (<all else>)"`` of a mapping, or a plain value with the noun."""
    if not isinstance(value, Mapping):
        return _noun_with(value, noun)
    rest = "; ".join(text for key, part in value.items() if key != colour_key and (text := _text(part)))
    if not rest and not _text(value.get(colour_key)):
        return ""
    head = _noun_with(value.get(colour_key), noun) or noun
    return f"{head} ({rest})" if rest else head


def _text(value: Any) -> str:
    """Return any plain value as one line."""
    if value is None or value is False:
        return ""
    if isinstance(value, Mapping):
        return ", ".join(f"{_words(key)} {text}" for key, part in value.items() if (text := _text(part)))
    if isinstance(value, Iterable) and not isinstance(value, str):
        return ", ".join(text for part in value if (text := _text(part)))
    return " ".join(str(value).split()) if value is not True else "yes"


def _words(key: Any) -> str:
    return " ".join(str(key).replace("_", " ").split())


def _joined(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if parts else ""

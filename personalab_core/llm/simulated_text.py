"""Structured answers of the simulated provider: a JSON schema obeyed, with what the prompt says of the persona.

No language model: phrases from ``data/simulation/phrases.yml`` chosen by seed. A
schema's required shape, enumerations and bounds are always kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

import numpy as np
import yaml

from personalab_core.config.resources import data_path

T = TypeVar("T")

DEFAULT_ITEMS = 3
MAX_ITEMS = 12
_MAX_DEPTH = 12
"""Deeper than any sensible schema; a schema that refers to itself ends here."""

_FALLBACK = "Something small from everyday life"
_SCENARIO_FIELDS = (
    "action_details",
    "location_details",
    "outfit_details",
    "expression",
    "lighting",
    "mood",
    "camera",
    "framing",
)
_COUNT = re.compile(
    r"\b(\d{1,2})\s+(?:\w+\s+){0,2}?(?:posts?|ideas?|items?|pieces?|scenarios?|entries|assets?)\b", re.I
)


@dataclass(frozen=True)
class Brief:
    """What a prompt says of the persona and the job."""

    pillars: tuple[str, ...] = ()
    location: str = ""
    subject: str = ""
    request: str = ""
    n_items: int = DEFAULT_ITEMS


@dataclass(frozen=True)
class _PhraseBank:
    """Phrases with ``{pillar}`` and ``{place}`` to be filled in: whole scenes, and single fields by name."""

    scenes: Sequence[Mapping[str, str]]
    fields: Mapping[str, Sequence[str]]


@cache
def _phrases() -> _PhraseBank:
    content = yaml.safe_load(data_path("simulation", "phrases.yml").read_text(encoding="utf-8"))
    scenes = content.pop("scenes")
    return _PhraseBank(scenes=scenes, fields=content)


def read_brief(text: str) -> Brief:
    """Return the persona's pillars and location and the number of items a prompt names."""
    count = _COUNT.search(text)
    return Brief(
        pillars=tuple(
            part for part in re.split(r"\s*[,;\n]\s*-?\s*", _labelled("(?:content[ _])?pillars?", text)) if part
        ),
        location=_labelled("location", text),
        subject=_labelled("(?:subject|physical|look|person)(?:[ _]description)?", text),
        request=_labelled("request", text),
        n_items=min(MAX_ITEMS, max(1, int(count[1]))) if count else DEFAULT_ITEMS,
    )


def _labelled(label: str, text: str) -> str:
    """Return what follows ``label:`` on its line, or in a YAML or JSON list of it."""
    match = re.search(rf"\b{label}\b[\"']?\s*:[ \t]*(?:\[([^\]]*)\]|((?:\n\s*-\s*[^\n]+)+)|([^\n]+))", text, re.I)
    if match is None:
        return ""
    found = next(group for group in match.groups() if group is not None)
    return re.sub(r"[\"'{}]", "", re.sub(r"^\s*-\s*", "", found.strip())).strip(" .,")


def answer_json(schema: Mapping[str, Any] | None, prompt: str, rng: np.random.Generator) -> Any:
    """Return a value that obeys ``schema``; without one, a small content plan.

    Args:
        schema: JSON Schema (the part pydantic writes: types, properties, items, enum,
            const, anyOf/oneOf/allOf, $ref into $defs, bounds of numbers and lengths).
        prompt: System instruction and user prompt.
        rng: Chooses among the phrases.
    """
    filler = _Filler(
        brief=read_brief(prompt), rng=rng, definitions=_definitions(schema or {}), scenes=_not_yet_used(prompt)
    )
    if not schema:
        return {"planned_content": [filler.default_item() for _ in range(filler.brief.n_items)]}
    return filler.fill(schema, name="", depth=0)


def _not_yet_used(prompt: str) -> Sequence[Mapping[str, str]]:
    """Return the scenes whose action the prompt does not name, as a model asked not to repeat itself would."""
    scenes = _phrases().scenes
    return [scene for scene in scenes if scene["action_details"] not in prompt] or scenes


def _definitions(schema: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    return {
        f"#/{place}/{name}": definition
        for place in ("$defs", "definitions")
        for name, definition in schema.get(place, {}).items()
    }


@dataclass
class _Filler:
    brief: Brief
    rng: np.random.Generator
    definitions: Mapping[str, Mapping[str, Any]]
    scenes: Sequence[Mapping[str, str]] = field(default_factory=lambda: _phrases().scenes)
    """Those to choose from."""
    used: dict[str, int] = field(default_factory=dict)
    """How many phrases of each kind were handed out, so that items of a list differ."""
    scene: Mapping[str, str] = field(default_factory=dict)
    pillar: str = "everyday life"

    def __post_init__(self) -> None:
        self.next_scene()

    def next_scene(self) -> None:
        """Go on to another scene and the next pillar: what one planned item is about."""
        self.scene = self._next("{scene}", self.scenes)
        if self.brief.pillars:
            self.pillar = self._next("{pillar}", self.brief.pillars)

    def fill(self, schema: Mapping[str, Any], *, name: str, depth: int) -> Any:
        schema = self._resolved(schema)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return self._enumerated(schema["enum"], name)
        kind = _kind(schema)
        if kind == "object":
            return self._object(schema, name, depth)
        if kind == "array":
            return self._array(schema, name, depth)
        if kind in ("integer", "number"):
            return self._number(schema, whole=kind == "integer")
        if kind == "boolean":
            return False
        return None if kind == "null" else self._text(schema, name)

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """Follow references and take the first alternative that is not null."""
        for _ in range(_MAX_DEPTH):
            if "$ref" in schema:
                rest = {key: value for key, value in schema.items() if key != "$ref"}
                schema = {**self.definitions.get(schema["$ref"], {}), **rest}
            elif schema.get("allOf"):
                rest = {key: value for key, value in schema.items() if key != "allOf"}
                merged: dict[str, Any] = {}
                for part in schema["allOf"]:
                    merged.update(self._resolved(part))
                schema = {**merged, **rest}
            elif schema.get("anyOf") or schema.get("oneOf"):
                alternatives = schema.get("anyOf") or schema["oneOf"]
                schema = next((a for a in alternatives if a.get("type") != "null"), alternatives[0])
            else:
                break
        return schema

    def _enumerated(self, values: Sequence[Any], name: str) -> Any:
        fitting = self.pillar if name == "pillar" else self.scene.get(name)
        return fitting if fitting in values else values[int(self.rng.integers(len(values)))]

    def _object(self, schema: Mapping[str, Any], name: str, depth: int) -> dict[str, Any]:
        properties: Mapping[str, Mapping[str, Any]] = schema.get("properties", {})
        required = set(schema.get("required", ()))
        if not properties and name == "scenario_details":
            return self._scenario()
        wanted = properties if depth < _MAX_DEPTH else {key: properties[key] for key in properties if key in required}
        filled = {key: self.fill(value, name=key, depth=depth + 1) for key, value in wanted.items()}
        return {**filled, **{key: self._text({}, key) for key in required - set(properties)}}

    def _array(self, schema: Mapping[str, Any], name: str, depth: int) -> list[Any]:
        wanted = self.brief.n_items if depth <= 1 else DEFAULT_ITEMS
        n = min(max(wanted, int(schema.get("minItems", 0))), int(schema.get("maxItems", MAX_ITEMS)))
        if depth >= _MAX_DEPTH:
            n = int(schema.get("minItems", 0))
        items = schema.get("items") or {"type": "string"}
        filled = []
        for _ in range(n):
            if depth <= 1:
                self.next_scene()
            filled.append(self.fill(items, name=_singular(name), depth=depth + 1))
        return filled

    def _number(self, schema: Mapping[str, Any], *, whole: bool) -> float | int:
        step = 1 if whole else 1e-3
        low = schema.get("minimum", schema.get("exclusiveMinimum", 0) + (step if "exclusiveMinimum" in schema else 0))
        high = schema.get(
            "maximum", schema.get("exclusiveMaximum", low + 10) - (step if "exclusiveMaximum" in schema else 0)
        )
        return (
            int(self.rng.integers(int(low), int(high) + 1)) if whole else float(low + (high - low) * self.rng.random())
        )

    def _text(self, schema: Mapping[str, Any], name: str) -> str:
        if schema.get("format") == "date":
            return "2030-01-01"
        text = self._phrase(name)
        text += "." * (int(schema.get("minLength", 0)) - len(text))
        return text[: int(schema["maxLength"])] if "maxLength" in schema else text

    def _phrase(self, name: str) -> str:
        if name == "pillar":
            return self.pillar
        said = {"subject_description": self.brief.subject, "action_details": self.brief.request}.get(name)
        if said:
            return said
        phrase = self.scene.get(name) or self._next(name, _phrases().fields.get(name, (_FALLBACK,)))
        return phrase.format(pillar=self.pillar, place=self.brief.location or "the neighbourhood")

    def _next(self, name: str, phrases: Sequence[T]) -> T:
        """Return the phrases of one kind in turn, from a seeded start."""
        if name not in self.used:
            self.used[name] = int(self.rng.integers(len(phrases)))
        phrase = phrases[self.used[name] % len(phrases)]
        self.used[name] += 1
        return phrase

    def _scenario(self) -> dict[str, Any]:
        return {key: self._text({}, key) for key in _SCENARIO_FIELDS}

    def default_item(self) -> dict[str, Any]:
        """Return one planned item, for a request without a schema."""
        self.next_scene()
        return {
            "title": self._phrase("title"),
            "pillar": self.pillar,
            "caption": self._phrase("caption"),
            "hashtags": [self._phrase("hashtag") for _ in range(DEFAULT_ITEMS)],
            "scenario_details": self._scenario(),
        }


def _kind(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((k for k in kind if k != "null"), "null")
    if kind is None:
        kind = "object" if "properties" in schema else "array" if "items" in schema else "string"
    return str(kind)


def _singular(name: str) -> str:
    return name[:-1] if name.endswith("s") else name

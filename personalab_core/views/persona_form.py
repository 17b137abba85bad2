"""The persona form: what the fields hold as text, what is wrong with them, and the persona they make."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import Any

from pydantic import ValidationError

from personalab_core.config.yaml_files import parse_yaml_mapping, yaml_text
from personalab_core.errors import ConfigError, InputError
from personalab_core.schemas import Character, check_slug
from personalab_core.schemas.slugs import slugify

MAX_LOOK = 200
"""Characters of one field of the look."""
MAX_LINES = 24
MAX_MORE = 4000

_PLAIN = {"age_range": "age_range", "gender": "gender", "skin_tone": "skin_tone"}
_GROUPED = {
    "eye_color": ("eyes", "color"),
    "hair_color": ("hair", "base_color"),
    "hair_length": ("hair", "length"),
    "hair_style": ("hair", "style"),
}
_FEATURES = "distinctive_features"


@dataclass(frozen=True, slots=True)
class PersonaDraft:
    """The fields of the form as a person typed them.

    ``content_pillars`` and ``features`` are one entry a line; ``more`` is YAML with every further
    part of the look.
    """

    name: str = ""
    id: str = ""
    vibe: str = ""
    location: str = ""
    content_pillars: str = ""
    age_range: str = ""
    gender: str = ""
    skin_tone: str = ""
    eye_color: str = ""
    hair_color: str = ""
    hair_length: str = ""
    hair_style: str = ""
    features: str = ""
    more: str = ""


FIELDS: tuple[str, ...] = tuple(field.name for field in fields(PersonaDraft))


@dataclass(frozen=True, slots=True)
class CheckedDraft:
    """What a draft comes to: the persona, or one sentence per field that is wrong."""

    character: Character | None
    problems: Mapping[str, str]


def draft_of(character: Character) -> PersonaDraft:
    """Return a persona as the form shows it; :func:`check_draft` makes the same persona of it again."""
    look = dict(character.physical_description)
    texts = {name: _taken(look, key) for name, key in _PLAIN.items()}
    texts |= {name: _taken_from_group(look, *place) for name, place in _GROUPED.items()}
    features = look.pop(_FEATURES, ())
    return PersonaDraft(
        name=character.name,
        id=character.id,
        vibe=character.vibe,
        location=character.location,
        content_pillars="\n".join(character.content_pillars),
        features=features if isinstance(features, str) else "\n".join(str(feature) for feature in features or ()),
        more=yaml_text(look).strip() if look else "",
        **texts,
    )


def check_draft(
    draft: PersonaDraft, *, taken: Collection[str] = (), persona_id: str | None = None, archived: bool = False
) -> CheckedDraft:
    """Return the persona that a draft makes, or what is wrong with it, field by field.

    Args:
        draft: What was typed.
        taken: Ids that are in use.
        persona_id: Id of the persona that is edited; ``None`` for a new one.
        archived: Whether the edited persona is archived.
    """
    problems: dict[str, str] = {}
    character_id = persona_id or _id(draft, taken, problems)
    _check_lengths(draft, problems)
    look = _look(draft, problems)
    if problems:
        return CheckedDraft(None, problems)
    try:
        character = Character(
            name=" ".join(draft.name.split()),
            id=character_id,
            vibe=draft.vibe.strip(),
            location=draft.location.strip(),
            content_pillars=tuple(_lines(draft.content_pillars)),
            physical_description=look,
            archived=archived,
        )
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = str(first["loc"][0]) if first["loc"] else "name"
        return CheckedDraft(None, {where if where in FIELDS else "more": f"{first['msg']}."})
    return CheckedDraft(character, {})


def suggested_id(name: str, taken: Collection[str]) -> str:
    """Return a free id that a name suggests, or nothing where the name has no letter of the Latin alphabet."""
    try:
        base = slugify(name)
    except InputError:
        return ""
    numbered = (f"{base[:60]}-{n}" for n in range(2, len(taken) + 3))
    return next(candidate for candidate in (base, *numbered) if candidate not in taken)


def _id(draft: PersonaDraft, taken: Collection[str], problems: dict[str, str]) -> str:
    wanted = draft.id.strip() or suggested_id(draft.name, taken)
    if not draft.name.strip():
        return wanted
    try:
        check_slug(wanted)
    except InputError:
        problems["id"] = "Use 1 to 64 characters out of a-z, 0-9, - and _, such as mara-lind."
    if wanted in taken:
        problems["id"] = f"There is a persona {wanted} already."
    return wanted


def _check_lengths(draft: PersonaDraft, problems: dict[str, str]) -> None:
    if not draft.name.strip():
        problems["name"] = "A persona needs a name."
    limits = {"name": 120, "vibe": 400, "location": 200, "more": MAX_MORE}
    limits |= dict.fromkeys((*_PLAIN, *_GROUPED), MAX_LOOK)
    for name, most in limits.items():
        length = len(getattr(draft, name).strip())
        if length > most:
            problems[name] = f"At most {most} characters; this has {length}."
    for name in ("content_pillars", "features"):
        lines = _lines(getattr(draft, name))
        if len(lines) > MAX_LINES or any(len(line) > MAX_LOOK for line in lines):
            problems[name] = f"At most {MAX_LINES} lines of {MAX_LOOK} characters."


def _look(draft: PersonaDraft, problems: dict[str, str]) -> dict[str, Any]:
    """Return the physical description: the form's own fields first, then the rest as it was given."""
    look: dict[str, Any] = {key: text for name, key in _PLAIN.items() if (text := getattr(draft, name).strip())}
    for name, (group, key) in _GROUPED.items():
        text = getattr(draft, name).strip()
        if text:
            look.setdefault(group, {})[key] = text
    try:
        more = parse_yaml_mapping(draft.more, source="More")
    except ConfigError as error:
        problems["more"] = _without_source(str(error))
        return look
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(look.get(key), dict):
            look[key] = {**value, **look[key]}
        else:
            look.setdefault(key, value)
    features = _lines(draft.features)
    if features:
        look[_FEATURES] = features
    return look


def _without_source(message: str) -> str:
    text = message.removeprefix("More").lstrip(":, ")
    return text[:1].upper() + text[1:]


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _taken(look: dict[str, Any], key: str) -> str:
    """Take a plain value out of a look; anything else stays for the field that holds the rest."""
    value = look.get(key)
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        return ""
    del look[key]
    return str(value)


def _taken_from_group(look: dict[str, Any], group: str, key: str) -> str:
    inner = look.get(group)
    if isinstance(inner, str) and key in {"color", "base_color"}:
        del look[group]  # "eyes: brown" means their colour
        return inner
    if not isinstance(inner, dict) or not isinstance(inner.get(key), str):
        return ""
    rest = {name: value for name, value in inner.items() if name != key}
    look.pop(group)
    if rest:
        look[group] = rest
    return str(inner[key])

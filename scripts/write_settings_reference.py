"""Write docs/settings.md: every setting with type, default and meaning.

    python scripts/write_settings_reference.py          writes the file
    python scripts/write_settings_reference.py --check  only says whether it is up to date

Types and ranges come from the schemas, defaults and meanings from data/config/defaults.yml, so that
the page cannot say anything else than the program does.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import NoneType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from personalab_core.config.resources import data_path
from personalab_core.config.section import OpenSection, Section
from personalab_core.config.settings import Settings
from personalab_core.config.yaml_files import read_yaml_mapping

TARGET = Path(__file__).resolve().parent.parent / "docs" / "settings.md"
DEFAULTS = data_path("config", "defaults.yml")

INTRODUCTION = """# Every setting

<!-- Written by scripts/write_settings_reference.py from the schemas and data/config/defaults.yml. Do not edit. -->

Put what you change into a `config.yml`; whatever it leaves out stays as it is here. Later layers win:

1. the shipped defaults, then those of the profile (`simulated` or `default`),
2. your file (`--config FILE`, else `config.yml` or `personalab.yml` in the workspace),
3. `.env` and the environment: `PERSONALAB__EVALUATION__RETRY__MAX_ATTEMPTS=5` sets `evaluation.retry.max_attempts`,
4. what a command or a page sets for one run.

A file turns the simulation off (profile `default`) unless it says `profile: simulated`. An unknown key is an error that
names the file and the nearest key there is. `personalab config show` prints what is in force and where it comes from.
Keys of providers are never settings: they come from the environment or `.env` only.
"""

_LINE = re.compile(r"^(?P<indent> *)(?P<key>[A-Za-z0-9_]+):[^#]*(?:#\s*(?P<comment>.*))?$")


def reference() -> str:
    """Return the page."""
    meanings, defaults = _comments(DEFAULTS.read_text(encoding="utf-8")), read_yaml_mapping(DEFAULTS)
    parts = [INTRODUCTION]
    for name, info in Settings.model_fields.items():
        section = _section(info)
        if section is not None:
            head = "| setting | default | type | meaning |\n|---|---|---|---|"
            rows = "\n".join(_rows(section, defaults[name], name, meanings))
            parts.append(f"## {name}\n\n{_first_sentence(section)}\n\n{head}\n{rows}")
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def _rows(
    section: type[Section], defaults: Mapping[str, Any], above: str, meanings: Mapping[str, str]
) -> Iterator[str]:
    for name, value in defaults.items():
        key = f"{above}.{name}"
        info = section.model_fields.get(name)
        child = _section(info) if info is not None else None
        if child is not None:
            yield from _rows(child, value, key, meanings)
        elif info is not None:
            yield f"| `{key}` | {_default(value)} | {_kind(info)} | {meanings.get(key, '')} |"
        else:  # a name of the user's own: the group's comment says what it is
            yield f"| `{key}` | {_default(value)} | {_open_kind(section)} | {meanings.get(key) or meanings[above]} |"


def _section(info: FieldInfo) -> type[Section] | None:
    kind = info.annotation
    return kind if isinstance(kind, type) and issubclass(kind, Section) else None


def _comments(text: str) -> dict[str, str]:
    """Return the comment behind every key, by dotted key."""
    found: dict[str, str] = {}
    path: list[str] = []
    for line in text.splitlines():
        match = _LINE.match(line)
        if match is None:
            continue
        depth = len(match["indent"]) // 2
        path[depth:] = [match["key"]]
        if match["comment"]:
            found[".".join(path)] = match["comment"].replace("|", "\\|").replace("<", "&lt;")
    return found


def _kind(info: FieldInfo) -> str:
    words = _words(info.annotation)
    limits = [_limit(limit) for limit in info.metadata]
    return " ".join([words, *(limit for limit in limits if limit)]).replace("|", "\\|")


def _words(annotation: Any) -> str:
    if get_origin(annotation) is dict:
        return "group"
    if get_origin(annotation) is Literal:
        return " \\| ".join(f"`{choice}`" for choice in get_args(annotation)).replace("\\|", "|")
    choices = [choice for choice in get_args(annotation) if choice is not NoneType]
    if get_origin(annotation) is Union or (choices and NoneType in get_args(annotation)):
        return f"{' or '.join(map(_words, choices))}, or null"
    if hasattr(annotation, "__metadata__"):
        first, *limits = get_args(annotation)
        return " ".join([_words(first), *filter(None, map(_limit, _flat(limits)))])
    names = {bool: "true or false", int: "whole number", float: "number", str: "text", Path: "path"}
    return names.get(annotation, getattr(annotation, "__name__", "value"))


def _flat(limits: list[Any]) -> list[Any]:
    return [one for limit in limits for one in (limit.metadata if isinstance(limit, FieldInfo) else [limit])]


def _limit(limit: Any) -> str:
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    for name, sign in signs.items():
        if (value := getattr(limit, name, None)) is not None:
            return f"{sign} {value:g}"
    return ""


def _open_kind(section: type[Section]) -> str:
    extra = section.__annotations__.get("__pydantic_extra__", "") if issubclass(section, OpenSection) else ""
    return "whole number ≥ 1" if "Count" in str(extra) else "number > 0"


def _default(value: Any) -> str:
    if value is None:
        return "`null`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _first_sentence(section: type[Section]) -> str:
    return " ".join((section.__doc__ or "").split("\n\n")[0].split())


def main() -> int:
    """Write the page, or check it."""
    page = reference()
    if "--check" in sys.argv[1:]:
        if TARGET.is_file() and TARGET.read_text(encoding="utf-8") == page:
            return 0
        print(f"{TARGET.name} is out of date: run python scripts/write_settings_reference.py")
        return 1
    TARGET.write_text(page, encoding="utf-8")
    print(f"Written: {TARGET}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""YAML in and out: plain data, one clear sentence when a file is broken, whole files or none.

Reading follows the core schema of YAML 1.2, so that ``4:5`` and ``no`` are text (YAML 1.1
takes them for the number 245 and the switch false) and ``1e-3`` is a number. A key given
twice is refused, because one of the two values would be lost without a word.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from personalab_core.config.atomic_files import write_atomic
from personalab_core.errors import ConfigError

MAX_YAML_BYTES = 2_000_000

_BOOL = re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$")
_NULL = re.compile(r"^(?:~|null|Null|NULL|)$")
_INT = re.compile(r"^[-+]?[0-9]+$")
_FLOAT = re.compile(
    r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
)


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # libyaml is optional
    """Safe loader with the scalars of YAML 1.2 that refuses doubled keys."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own hook


class _Dumper(yaml.SafeDumper):
    """Safe dumper that quotes what :class:`_Loader` would not read as text."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - overrides
        return True  # equal parts are written out, not as references


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # Unicode line breaks survive only in double quotes, where they are escaped.
    style = '"' if re.search("[\x85\u2028\u2029]", text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)
for _class in (_Loader, _Dumper):
    _class.add_implicit_resolver("tag:yaml.org,2002:bool", _BOOL, list("tTfF"))
    _class.add_implicit_resolver("tag:yaml.org,2002:int", _INT, list("-+0123456789"))
    _class.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+0123456789."))
    _class.add_implicit_resolver("tag:yaml.org,2002:null", _NULL, ["~", "n", "N", ""])
    _class.add_implicit_resolver("tag:yaml.org,2002:merge", re.compile(r"^(?:<<)$"), ["<"])


def _construct_int(loader: Any, node: yaml.ScalarNode) -> int:
    return int(loader.construct_scalar(node))


def _construct_mapping(loader: Any, node: yaml.MappingNode) -> dict[Any, Any]:
    seen = set()
    for key_node, _ in node.value:
        if key_node.value in seen and key_node.value != "<<":
            raise yaml.constructor.ConstructorError(
                None, None, f"the key '{key_node.value}' is given twice", key_node.start_mark
            )
        if isinstance(key_node.value, str):
            seen.add(key_node.value)
    loader.flatten_mapping(node)
    mapping: dict[Any, Any] = loader.construct_mapping(node, deep=True)
    return mapping


_Loader.add_constructor("tag:yaml.org,2002:int", _construct_int)
_Loader.add_constructor("tag:yaml.org,2002:map", _construct_mapping)


def parse_yaml(text: str | bytes, *, source: str) -> Any:
    """Return the data in a YAML text.

    Args:
        text: The text, or UTF-8 bytes.
        source: What to call it in messages, usually the path.

    Raises:
        ConfigError: The text is not YAML; the message has source, line and column.
    """
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - _Loader is a safe loader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ConfigError(f"{source}{place}: not valid YAML: {error.problem or error.context}.") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = str(getattr(error, "reason", None) or "it cannot be decoded as UTF-8 text").splitlines()[0]
        raise ConfigError(f"{source}: not valid YAML: {reason}.") from error


def read_yaml(path: Path) -> Any:
    """Return the data in a YAML file.

    Raises:
        ConfigError: The file cannot be read, is larger than 2 MB, or is not YAML.
    """
    try:
        size = path.stat().st_size
        if size > MAX_YAML_BYTES:
            raise ConfigError(f"{path}: a settings file has at most {MAX_YAML_BYTES:,} bytes, this one has {size:,}.")
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}.") from error
    return parse_yaml(data, source=str(path))


def read_yaml_mapping(path: Path) -> dict[str, Any]:
    """Return the mapping in a YAML file; an empty file is an empty mapping.

    Raises:
        ConfigError: As :func:`read_yaml`; or the file holds a list or a single value, or a key is not text.
    """
    return _mapping(read_yaml(path), source=str(path))


def parse_yaml_mapping(text: str | bytes, *, source: str) -> dict[str, Any]:
    """Return the mapping in a YAML text; an empty text is an empty mapping.

    Raises:
        ConfigError: As :func:`parse_yaml`; or the text is over 2 MB or holds something else.
    """
    if len(text) > MAX_YAML_BYTES:
        raise ConfigError(
            f"{source}: a settings file has at most {MAX_YAML_BYTES:,} bytes, this one has {len(text):,}."
        )
    return _mapping(parse_yaml(text, source=source), source=source)


def _mapping(data: Any, *, source: str) -> dict[str, Any]:
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ConfigError(f"{source}: expected settings as 'key: value' lines, got a {type(data).__name__}.")
    for key in data:
        if not isinstance(key, str):
            raise ConfigError(f"{source}: expected text as key, got {key!r}; put it in quotes.")
    return data


def yaml_text(data: Any) -> str:
    """Return plain data as YAML, keeping the order of keys."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


def write_yaml(path: Path, data: Any) -> None:
    """Write plain data as YAML, atomically, keeping the order of keys.

    Raises:
        WorkspaceError: The disk is full or the folder cannot be written.
    """
    write_atomic(path, yaml_text(data).encode())

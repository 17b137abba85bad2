"""YAML: the core schema of 1.2, no doubled keys, one clear sentence when broken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalab_core.config.yaml_files import parse_yaml, read_yaml, read_yaml_mapping, write_yaml
from personalab_core.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("4:5", "4:5"),
        ("no", "no"),
        ("2026-01-01", "2026-01-01"),
        ("1e-3", 0.001),
        ("007", 7),
        ("true", True),
        ("~", None),
        ("", None),
        ("'5'", "5"),
        ("{a: 1, b: [x]}", {"a": 1, "b": ["x"]}),
        ("a: &x {k: 1}\nb: {<<: *x, l: 2}", {"a": {"k": 1}, "b": {"k": 1, "l": 2}}),
    ],
)
def test_scalars_mean_what_they_look_like(text: str, value: object) -> None:
    assert parse_yaml(text, source="t") == value


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: 1\nb: [1", "f.yml, line "),
        ("a: 1\nb: 2\na: 3", "f.yml, line 3, column 1: not valid YAML: the key 'a' is given twice"),
        ("a: !!python/object:os.system x", "f.yml, line 1"),
        (b"\xff\xfe\xfa", "f.yml"),
        (b"a: \xff", "f.yml"),
    ],
)
def test_broken_text_names_source_and_line(text: str | bytes, place: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_yaml(text, source="f.yml")
    assert str(caught.value).startswith(place)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["1e-3", "no", "4:5", "007", "null", "<<", "=", "- a", "a: b", "#x", "", " ", "\x85\u2028"]
)
def test_text_that_looks_like_something_else_stays_text(tmp_path: Path, text: str) -> None:
    write_yaml(tmp_path / "t.yml", {text: [text]})
    assert read_yaml(tmp_path / "t.yml") == {text: [text]}


def test_file_over_the_limit_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "big.yml"
    path.write_bytes(b"#" * 2_000_001)
    with pytest.raises(ConfigError, match="at most 2,000,000 bytes"):
        read_yaml(path)


def test_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read_yaml(tmp_path / "none.yml")


def test_keys_are_text(tmp_path: Path) -> None:
    (tmp_path / "n.yml").write_text("1: a")
    with pytest.raises(ConfigError, match="put it in quotes"):
        read_yaml_mapping(tmp_path / "n.yml")


_plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(_plain)
def test_what_is_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, data: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "round-trip.yml"
    write_yaml(path, data)
    assert read_yaml(path) == data

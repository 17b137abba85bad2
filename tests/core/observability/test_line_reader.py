"""Growing files of lines are read piece by piece, each whole line once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalab_core.observability.line_index import LineIndex
from personalab_core.observability.line_reader import LineReader


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "records.jsonl"


def read(reader: LineReader) -> list[bytes]:
    return [line.data for line in reader.new_lines()]


def test_a_file_that_is_not_there_has_no_lines(path: Path) -> None:
    assert read(LineReader(path)) == []


def test_only_what_is_new_is_read(path: Path) -> None:
    path.write_bytes(b"one\ntwo\n")
    reader = LineReader(path)
    assert [(line.number, line.offset, line.data) for line in reader.new_lines()] == [(1, 0, b"one"), (2, 4, b"two")]
    assert read(reader) == []
    with path.open("ab") as file:
        file.write(b"three\n")
    assert [(line.number, line.offset) for line in reader.new_lines()] == [(3, 8)]
    assert not reader.restarted


def test_an_unfinished_line_waits_for_its_end(path: Path) -> None:
    path.write_bytes(b"one\ntw")
    reader = LineReader(path)
    assert read(reader) == [b"one"]
    with path.open("ab") as file:
        file.write(b"o\n")
    assert read(reader) == [b"two"]


def test_another_reader_goes_on_from_a_stored_position(path: Path) -> None:
    path.write_bytes(b"one\n")
    first = LineReader(path)
    read(first)
    with path.open("ab") as file:
        file.write(b"two\n")
    second = LineReader(path, first.position)
    assert (read(second), second.restarted) == ([b"two"], False)


@pytest.mark.parametrize("replacement", [b"x\n", b"ONE\ntwo\nthree\n"])
def test_a_file_that_was_replaced_is_read_anew(path: Path, replacement: bytes) -> None:
    """Shorter, or as long and rewritten in place: what was read before no longer counts."""
    path.write_bytes(b"one\ntwo\n")
    reader = LineReader(path)
    read(reader)
    path.write_bytes(replacement.replace(b"two", b"TWO"))
    assert read(reader) == replacement.replace(b"two", b"TWO").splitlines()
    assert reader.restarted


def test_a_file_as_long_as_before_but_written_over_is_read_anew(path: Path) -> None:
    path.write_bytes(b"one\ntwo\n")
    reader = LineReader(path)
    read(reader)
    path.write_bytes(b"one\nTWO\n")
    os.utime(path, ns=(1, 1))  # else it may happen within one tick of the file system's clock
    assert (read(reader), reader.restarted) == ([b"one", b"TWO"], True)


def test_a_file_in_which_nothing_happened_is_not_opened_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_bytes(b"one\n")
    reader = LineReader(path)
    read(reader)
    monkeypatch.setattr(Path, "open", lambda *_, **__: pytest.fail("it was opened"))
    assert (read(reader), reader.restarted) == ([], False)


def test_a_file_that_was_removed_is_empty_again(path: Path) -> None:
    path.write_bytes(b"one\n")
    reader = LineReader(path)
    read(reader)
    path.unlink()
    assert (read(reader), reader.restarted) == ([], True)


@given(st.lists(st.binary(max_size=30).map(lambda data: data.replace(b"\n", b"")), max_size=20), st.integers(1, 40))
def test_any_pieces_give_every_line_once(tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], n: int) -> None:
    path = tmp_path_factory.mktemp("pieces") / "f"
    data = b"".join(line + b"\n" for line in lines)
    reader, found = LineReader(path), []
    for start in range(0, len(data), n):
        with path.open("ab") as file:
            file.write(data[start : start + n])
        found += read(reader)
    assert found == lines


def test_an_index_finds_the_lines_of_a_value(path: Path) -> None:
    path.write_bytes(b'{"asset_id":"a","n":1}\n{"asset_id":"b"}\n{"text":"\\"asset_id\\":\\"c\\""}\n')
    index = LineIndex(path, "asset_id")
    assert index.lines("a") == [b'{"asset_id":"a","n":1}']
    assert "c" not in index, "what stands inside a text is no field"
    with path.open("ab") as file:
        file.write(b'{"asset_id":"a","n":2}\n')
    assert len(index.lines("a")) == 2

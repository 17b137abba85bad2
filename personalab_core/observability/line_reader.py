"""Reads a growing file of lines piece by piece, each whole line once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

import orjson

from personalab_core.config.atomic_files import workspace_errors

BLOCK_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Line:
    """One whole line.

    Attributes:
        number: Counted from 1 in this file.
        offset: Of its first byte; ``len(data) + 1`` further begins the next.
        data: Its bytes, without the line end.
    """

    number: int
    offset: int
    data: bytes

    def fields(self) -> dict[str, Any] | None:
        """Return the record as plain JSON data, unchecked; ``None`` if it is not a JSON object."""
        try:
            fields = orjson.loads(self.data)
        except orjson.JSONDecodeError:
            return None
        return fields if isinstance(fields, dict) else None


@dataclass(frozen=True, slots=True)
class Position:
    """Up to where a file has been read; plain values, so that an index can store it.

    Attributes:
        offset: First byte not read yet, always the beginning of a line.
        lines: Whole lines before it.
        inode: Of the file; another one means that it was replaced.
        last_bytes: The end of the last line read; if it is no longer there, the file was rewritten.
    """

    offset: int = 0
    lines: int = 0
    inode: int = 0
    last_bytes: bytes = b""


class LineReader:
    """Hands out the whole lines of a file that others append to.

    A last line without its end is left for the next time (its writer is not ready, or has
    died; the next writer sets it aside). A file that was replaced, shortened below what was
    read or rewritten is read anew; :attr:`restarted` then says that what was read before no
    longer counts.

    Args:
        path: The file; it need not exist yet.
        position: Where an earlier reader stopped.
    """

    def __init__(self, path: str | Path, position: Position | None = None) -> None:
        self.path = Path(path)
        self.position = position or Position()
        self.restarted = False
        self._read_up_to: tuple[int, int, int] | None = None

    def new_lines(self) -> Iterator[Line]:
        """Yield the whole lines that came since the last time, in file order.

        :attr:`position` moves on with every block that was handed out entirely, so that an
        interrupted reader never skips a line.

        Raises:
            WorkspaceError: The file is there but cannot be read.
        """
        self.restarted = False
        with workspace_errors("read", self.path):
            try:
                if _state(self.path.stat()) == self._read_up_to:
                    return
                file = self.path.open("rb", buffering=0)
            except FileNotFoundError:
                self._start_anew_unless_new()
                return
            with file:
                status = os.fstat(file.fileno())
                self._find_place(file, status)
                yield from self._lines(file)
                self._read_up_to = _state(status)

    def _find_place(self, file: FileIO, status: os.stat_result) -> None:
        known = self.position
        same_file = known.inode in (0, status.st_ino) and status.st_size >= known.offset
        if not same_file or self._before(file, known) != known.last_bytes:
            self._start_anew_unless_new()
        at = self.position
        self.position = Position(at.offset, at.lines, status.st_ino, at.last_bytes)

    def _before(self, file: FileIO, known: Position) -> bytes:
        file.seek(known.offset - len(known.last_bytes))
        return file.read(len(known.last_bytes)) or b""

    def _start_anew_unless_new(self) -> None:
        self.restarted = self.position.offset > 0
        self.position = Position()

    def _lines(self, file: FileIO) -> Iterator[Line]:
        carried = b""
        file.seek(self.position.offset)
        while block := file.read(BLOCK_BYTES):
            *whole, carried_on = (carried + block).split(b"\n")
            start, number = self.position.offset, self.position.lines
            offset = start
            for data in whole:
                number += 1
                yield Line(number, offset, data)
                offset += len(data) + 1
            if whole:
                self.position = Position(offset, number, self.position.inode, (whole[-1] + b"\n")[-64:])
            carried = carried_on


def _state(status: os.stat_result) -> tuple[int, int, int]:
    """What changes whenever a file is replaced, appended to or written over."""
    return status.st_ino, status.st_size, status.st_mtime_ns

"""An append-only file of chained records, safe between threads and processes."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import ValidationError

from personalab_core.config.atomic_files import workspace_errors
from personalab_core.errors import RecordError
from personalab_core.observability.chain import ChainReport, Link, check_lines, forge, link_of
from personalab_core.observability.line_files import (
    last_lines,
    set_torn_tail_aside,
    split_lines,
    sync_folder,
    torn_pieces,
)
from personalab_core.observability.locking import exclusive
from personalab_core.schemas import Record

_R = TypeVar("_R", bound=Record)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class JournalContents(Generic[_R]):
    """What could be read from a file.

    Attributes:
        records: In file order.
        problems: One sentence for every line or piece that could not be read.
    """

    records: list[_R]
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _FileState:
    inode: int
    size: int
    modified_ns: int

    @classmethod
    def of(cls, descriptor: int) -> _FileState:
        status = os.fstat(descriptor)
        return cls(status.st_ino, status.st_size, status.st_mtime_ns)


class Journal(Generic[_R]):
    """One JSONL file of records of one type.

    Writers lock ``<file>.lock``, so any number of threads and processes may append. A line is
    written whole and flushed, or not at all. Readers need no lock and tolerate a last line
    that was cut off; the next writer sets that piece aside into ``<file>.torn-<n>``.

    Args:
        path: The file; it and its folder are made at the first append.
        record_type: The model of every line.
        fsync: Whether an append returns only when the line is on the disk itself.
    """

    def __init__(self, path: str | Path, record_type: type[_R], *, fsync: bool = False) -> None:
        self.path = Path(path)
        self.record_type = record_type
        self._fsync = fsync
        self._thread_lock = threading.Lock()
        # The end of the file as this object left it: spares reading it again while nobody else writes.
        self._last: tuple[_FileState, Link] | None = None

    def append(self, record: _R) -> _R:
        """Write a record as the next line and return it with number and hashes filled in.

        Raises:
            WorkspaceError: The disk is full or read-only, or another process holds the file for
                longer than 30 s; the file is as before.
            RecordError: The last line is damaged, so that the chain cannot be continued.
        """
        return self.append_made(lambda: record)

    def append_made(self, make: Callable[[], _R]) -> _R:
        """Write the record that ``make`` returns; nobody else can write from its start to the end.

        So ``make`` may look at the file and decide; what it raises leaves the file as it was.

        Raises:
            WorkspaceError: As :meth:`append`.
            RecordError: As :meth:`append`.
        """
        with self._writing() as descriptor:
            record = make()
            fields = record.model_dump(mode="json")
            link = self._end_of_chain(descriptor)
            line, new_link = forge(fields, link)
            self._write_whole(descriptor, line + b"\n")
            self._last = (_FileState.of(descriptor), new_link)
        chained = {"previous_hash": link.record_hash, "record_hash": new_link.record_hash}
        return record.model_copy(update={"sequence_number": new_link.sequence_number, **chained})

    def read(self) -> JournalContents[_R]:
        """Return all records that can be read; a file that does not exist has none.

        Raises:
            WorkspaceError: The file is there but cannot be read.
        """
        return self._parse(*split_lines(self._bytes()), first=1)

    def tail(self, n: int) -> list[_R]:
        """Return the last ``n`` readable records, reading only the end of the file.

        Raises:
            WorkspaceError: The file is there but cannot be read.
        """
        if not self.path.is_file():
            return []
        with workspace_errors("read", self.path):
            lines = last_lines(self.path, n)
        return self._parse(lines, b"", first=None).records

    def verify(self) -> ChainReport:
        """Return whether every line is exactly as it was written, none missing, none put in.

        Raises:
            WorkspaceError: The file is there but cannot be read.
        """
        lines, torn = split_lines(self._bytes())
        bad_line, problem = check_lines(lines)
        n = len(lines) + bool(torn)
        if bad_line is None and torn:
            bad_line, problem = n, "it is cut off"
        return ChainReport(ok=bad_line is None, first_bad_line=bad_line, problem=problem, n=n)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[int]:
        """Give the descriptor of the file, opened to append, to one writer at a time."""
        # Unbuffered, so that one call to write() is one write to the file.
        with (
            self._thread_lock,
            exclusive(self.path),
            workspace_errors("write", self.path),
            self.path.open("ab", buffering=0) as file,
        ):
            yield file.fileno()

    def _end_of_chain(self, descriptor: int) -> Link:
        state = _FileState.of(descriptor)
        if state.size == 0:
            return Link()
        if self._last and self._last[0] == state:
            return self._last[1]
        aside = set_torn_tail_aside(self.path)
        if aside:
            _log.warning("%s ended in an unfinished line; it was set aside into %s.", self.path, aside.name)
        lines = last_lines(self.path, 1)
        if not lines:
            return Link()
        link = link_of(lines[-1])
        if link is None:
            raise RecordError(
                f"{self.path}: the last line is damaged, so nothing can be added after it. "
                "Repair or remove that line, or move the file away to start a new one."
            )
        return link

    def _write_whole(self, descriptor: int, data: bytes) -> None:
        size = os.fstat(descriptor).st_size
        try:
            written = os.write(descriptor, data)
            while written < len(data):  # a nearly full disk takes a part first and fails on the rest
                written += os.write(descriptor, data[written:])
            if self._fsync:
                os.fsync(descriptor)
                if size == 0:
                    sync_folder(self.path.parent)
        except BaseException:
            self._last = None
            with contextlib.suppress(OSError):  # the next append sets aside what could not be taken back
                os.ftruncate(descriptor, size)
            raise

    def _bytes(self) -> bytes:
        with workspace_errors("read", self.path):
            try:
                return self.path.read_bytes()
            except FileNotFoundError:
                return b""

    def _parse(self, lines: list[bytes], torn: bytes, *, first: int | None) -> JournalContents[_R]:
        records: list[_R] = []
        problems = [
            f"{piece}: an unfinished line of {piece.stat().st_size:,} bytes was set aside here."
            for piece in torn_pieces(self.path)
        ]
        for i, line in enumerate(lines):
            try:
                records.append(self.record_type.model_validate_json(line))
            except ValidationError as error:
                problems.append(f"{self.path}, line {(first or 1) + i}: cannot be read: {_reason(error)}.")
        if torn:
            problems.append(f"{self.path}: the last line is unfinished ({len(torn):,} bytes) and was left out.")
        return JournalContents(records, tuple(problems))


def _reason(error: ValidationError) -> str:
    """Return the first problem with its field, without the value (prompts stay out of messages)."""
    details = error.errors(include_url=False, include_input=False)[0]
    if details["type"] == "json_invalid":
        return "it is not valid JSON"
    return f"'{'.'.join(str(part) for part in details['loc'])}': {details['msg']}"

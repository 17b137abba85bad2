"""Where in a journal the records of one thing are, kept up to date by reading only what is new."""

from __future__ import annotations

import threading
from pathlib import Path

from personalab_core.config.atomic_files import workspace_errors
from personalab_core.observability.line_reader import LineReader


class LineIndex:
    """Finds the lines whose text field ``name`` (of the record itself, at the outer level first) has a value.

    Lines are looked through as bytes, not parsed: a record is canonical JSON, and inside its
    texts every quotation mark is escaped, so ``"name":"`` stands nowhere but at a field.

    Args:
        path: The journal's file.
        name: The field; its values are slugs or ids, without characters that JSON escapes.
    """

    def __init__(self, path: str | Path, name: str) -> None:
        self._reader = LineReader(path)
        self._mark = f'"{name}":"'.encode()
        self._places: dict[str, list[tuple[int, int]]] = {}
        self._lock = threading.Lock()

    def __contains__(self, value: str) -> bool:
        with self._lock:
            self._catch_up()
            return value in self._places

    def lines(self, value: str) -> list[bytes]:
        """Return the lines, in file order, without line ends.

        Raises:
            WorkspaceError: The file is there but cannot be read.
        """
        with self._lock:
            self._catch_up()
            places = list(self._places.get(value, ()))
        if not places:
            return []
        with workspace_errors("read", self._reader.path), self._reader.path.open("rb") as file:
            found = []
            for offset, n_bytes in places:
                file.seek(offset)
                found.append(file.read(n_bytes))
            return found

    def _catch_up(self) -> None:
        first = True
        for line in self._reader.new_lines():
            if first and self._reader.restarted:
                self._places.clear()
            first = False
            start = line.data.find(self._mark)
            if start >= 0:
                start += len(self._mark)
                value = line.data[start : line.data.find(b'"', start)].decode()
                self._places.setdefault(value, []).append((line.offset, len(line.data)))

"""The records of a workspace, read through its index."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

from pydantic import ValidationError

from personalab_core.errors import WorkspaceError
from personalab_core.identity.anchors import ANCHORS_LOG, anchor_folder
from personalab_core.identity.drift import DriftTracker
from personalab_core.observability import Journal
from personalab_core.observability.line_files import torn_pieces
from personalab_core.observability.metrics import METRICS_FILE
from personalab_core.schemas import AnchorRecord, Character, Record
from personalab_core.views.history import PersonaHistory
from personalab_core.views.index_rows import RowKind
from personalab_core.views.logs import AttemptLog, DriftLog
from personalab_core.views.record_index import INDEX_FILE, RECORD_TYPES, RecordIndex, Source

_REMEMBERED = 2_048
"""Parsed lines kept in memory; one with landmarks takes about 20 kB."""


class Records:
    """Attempts, timelines and anchors of every persona of a workspace.

    Keeps what it read: a persona whose files did not change is not read again.

    Args:
        output: Folder of the attempts; the index lies in it.
        references: Folder of the anchors.
        timelines: Folder of the drift records.
    """

    def __init__(self, output: Path, references: Path, timelines: Path) -> None:
        self._output, self._references = output, references
        self._drift = DriftTracker(timelines)
        self.index = RecordIndex(output / INDEX_FILE)
        self._lock = threading.Lock()
        self._histories: dict[str, tuple[object, PersonaHistory]] = {}
        self._line = lru_cache(maxsize=_REMEMBERED)(self._read_line)

    def refresh(self, personas: Sequence[str], *, told: Callable[[int, int], None] | None = None) -> None:
        """Bring the index up to date with the files.

        Args:
            personas: Ids of the personas that are looked at.
            told: Called with bytes read and bytes to read after every block.

        Raises:
            WorkspaceError: A file cannot be read, or the index cannot be written.
        """
        self.index.refresh([source for persona in personas for source in self._sources(persona)], told=told)

    def history(self, character: Character) -> PersonaHistory:
        """Return one persona with its records as they are now; the same object as long as nothing changed.

        Raises:
            WorkspaceError: A file cannot be read.
        """
        self.refresh([character.id])
        anchors_log = anchor_folder(self._references, character.id) / ANCHORS_LOG
        state = (character, *map(self.index.state, self._sources(character.id)), _stamp(anchors_log))
        with self._lock:
            known = self._histories.get(character.id)
        if known and known[0] == state:
            return known[1]
        history = self._history(character, anchors_log)
        with self._lock:
            self._histories[character.id] = (state, history)
        return history

    def _history(self, character: Character, anchors_log: Path) -> PersonaHistory:
        persona = character.id
        anchors, problems = _anchors(anchors_log)
        torn = [
            f"{piece}: an unfinished line of {piece.stat().st_size:,} bytes was set aside here."
            for source in self._sources(persona)
            for piece in torn_pieces(source.path)
        ]
        return PersonaHistory(
            character=character,
            attempts=AttemptLog(self.index, self._line, "attempt", "persona=?", (persona,)),
            drift=DriftLog(self.index, self._line, "drift", "persona=?", (persona,)),
            anchors=anchors,
            problems=(*torn, *self.index.problems(persona), *problems),
        )

    def _sources(self, persona: str) -> tuple[Source, Source]:
        return (
            Source(persona, "attempt", self._output / persona / METRICS_FILE),
            Source(persona, "drift", self._drift.journal(persona).path),
        )

    def _read_line(self, kind: RowKind, persona: str, start: int, length: int) -> Record | None:
        attempts, drift = self._sources(persona)
        path = attempts.path if kind == "attempt" else drift.path
        try:
            with path.open("rb") as file:
                file.seek(start)
                line = file.read(length)
        except OSError as error:
            raise WorkspaceError(f"Cannot read {path}: {error.strerror}.") from error
        try:
            return RECORD_TYPES[kind].model_validate_json(line)
        except ValidationError:
            return None


def _anchors(path: Path) -> tuple[tuple[AnchorRecord, ...], tuple[str, ...]]:
    if not path.is_file():
        return (), ()
    try:
        contents = Journal(path, AnchorRecord).read()
    except WorkspaceError as error:
        return (), (str(error),)
    return tuple(contents.records), contents.problems


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns

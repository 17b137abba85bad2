"""The records of a workspace, read through its index."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache, partial
from itertools import chain
from pathlib import Path
from types import MappingProxyType

from pydantic import ValidationError

from personalab_core.errors import WorkspaceError
from personalab_core.identity.anchors import ANCHORS_LOG, anchor_folder
from personalab_core.identity.drift import DriftTracker
from personalab_core.identity.drift.watch import CANARY_FOLDER, Drift, DriftWatch
from personalab_core.jobs.judging import Judge, ThoroughJudge
from personalab_core.observability import Journal
from personalab_core.observability.line_files import torn_pieces
from personalab_core.observability.metrics import METRICS_FILE
from personalab_core.orchestration.overrides import OVERRIDES_FILE, in_force
from personalab_core.schemas import AnchorRecord, Character, OverrideRecord, Record
from personalab_core.views.history import PersonaHistory
from personalab_core.views.index_rows import RowKind
from personalab_core.views.logs import AttemptLog, DriftLog
from personalab_core.views.pictures import HASH_DIGITS
from personalab_core.views.record_index import INDEX_FILE, RECORD_TYPES, RecordIndex, Source

_REMEMBERED = 2_048
"""Parsed lines kept in memory; one with landmarks takes about 20 kB."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


_HASH = re.compile(rb'"(?:image|anchor)_sha256":"([0-9a-f]{%d})' % HASH_DIGITS)


class Records:
    """Attempts, timelines and anchors of every persona of a workspace.

    Keeps what it read: a persona whose files did not change is not read again.

    Args:
        output: Folder of the attempts; the index lies in it.
        references: Folder of the anchors.
        timelines: Folder of the drift records.
        clock: Time of what the drift monitor finds.
        judge: Who judges timelines; a page cannot wait for a long one.
    """

    def __init__(
        self,
        output: Path,
        references: Path,
        timelines: Path,
        *,
        clock: Callable[[], datetime] = _utc_now,
        judge: Judge | None = None,
    ) -> None:
        self._output, self._references = output, references
        self._drift = DriftTracker(timelines)
        self.watch = DriftWatch(timelines, output, clock=clock)
        self.canaries = DriftWatch(timelines / CANARY_FOLDER, output / CANARY_FOLDER, clock=clock)
        self.judge = judge or ThoroughJudge()
        self.index = RecordIndex(output / INDEX_FILE)
        self._lock = threading.Lock()
        self._histories: dict[str, tuple[object, PersonaHistory]] = {}
        self._said: dict[tuple[DriftWatch, str], tuple[object, Drift | None]] = {}
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

    def unread(self, personas: Sequence[str]) -> int:
        """Return how many bytes of these personas' records are not in the index yet.

        Raises:
            WorkspaceError: The index cannot be read.
        """
        return self.index.unread([source for persona in personas for source in self._sources(persona)])

    def history(self, character: Character) -> PersonaHistory:
        """Return one persona with its records as they are now; the same object as long as nothing changed.

        Raises:
            WorkspaceError: A file cannot be read.
        """
        self.refresh([character.id])
        anchors_log = anchor_folder(self._references, character.id) / ANCHORS_LOG
        overrides = self._output / character.id / OVERRIDES_FILE
        state = (character, *map(self.index.state, self._sources(character.id)), _stamp(anchors_log), _stamp(overrides))
        with self._lock:
            known = self._histories.get(character.id)
        if known and known[0] == state:
            return known[1]
        history = self._history(character, anchors_log)
        with self._lock:
            self._histories[character.id] = (state, history)
        return history

    def knows_picture(self, digest: str) -> bool:
        """Return whether a record of this workspace names a picture with this hash (its first hex digits)."""
        if self._indexed(digest):
            return True
        # Perhaps it was recorded since the last page was made.
        self.refresh([log.parent.name for log in self._output.glob(f"*/{METRICS_FILE}")])
        if self._indexed(digest):
            return True
        logs = chain(self._references.glob(f"*/*/{ANCHORS_LOG}"), self._output.glob("evaluations/*/*.jsonl"))
        return any(digest in _hashes(str(log), _stamp(log)) for log in logs)

    def _indexed(self, digest: str) -> bool:
        return bool(self.index.ask("SELECT 1 FROM attempt WHERE picture_hash=? LIMIT 1", (digest,)))

    def _history(self, character: Character, anchors_log: Path) -> PersonaHistory:
        persona = character.id
        anchors, problems = _anchors(anchors_log)
        overrides, unread = _overrides(self._output / persona / OVERRIDES_FILE)
        torn = [
            f"{piece}: an unfinished line of {piece.stat().st_size:,} bytes was set aside here."
            for source in self._sources(persona)
            for piece in torn_pieces(source.path)
        ]
        return PersonaHistory(
            character=character,
            attempts=AttemptLog(
                self.index, self._line, "attempt", "persona=?", (persona,), overrides=MappingProxyType(overrides)
            ),
            drift=DriftLog(self.index, self._line, "drift", "persona=?", (persona,)),
            anchors=anchors,
            problems=(*torn, *self.index.problems(persona), *problems, *unread),
            look=partial(self._judged, self.watch, persona),
            look_at_canaries=partial(self._judged, self.canaries, persona),
        )

    def _judged(self, watch: DriftWatch, persona: str, anchor: str | None) -> Drift | None:
        """Return what is known of a timeline; what was said last, as long as nothing came of it since."""
        files = (watch.timeline(persona), watch.kept(persona), watch.events(persona).path)
        state = (anchor, *map(_stamp, files))
        with self._lock:
            said = self._said.get((watch, persona))
        if said and said[0] == state and not (said[1] and said[1].behind_bytes):
            return said[1]
        found = self.judge(watch, persona, anchor)
        with self._lock:
            self._said[watch, persona] = (state, found)
        return found

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


@lru_cache(maxsize=512)
def _hashes(path: str, _stamp: object) -> frozenset[str]:
    try:
        return frozenset(found.decode() for found in _HASH.findall(Path(path).read_bytes()))
    except OSError:
        return frozenset()


def _anchors(path: Path) -> tuple[tuple[AnchorRecord, ...], tuple[str, ...]]:
    if not path.is_file():
        return (), ()
    try:
        contents = Journal(path, AnchorRecord).read()
    except WorkspaceError as error:
        return (), (str(error),)
    return tuple(contents.records), contents.problems


def _overrides(path: Path) -> tuple[dict[str, OverrideRecord], tuple[str, ...]]:
    if not path.is_file():
        return {}, ()
    try:
        contents = Journal(path, OverrideRecord).read()
    except WorkspaceError as error:
        return {}, (str(error),)
    return in_force(contents.records), contents.problems


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns

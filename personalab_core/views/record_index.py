"""The index of a workspace: which line of which file says what, in one SQLite file beside the records.

The JSONL files stay the truth. The index holds the few columns that pages count, filter and
sort by, and where each line lies, so that a page of a hundred thousand attempts reads only the
two dozen lines it shows. It is derived and disposable: only new lines are read, a file that was
changed otherwise is read again, and an index of another version or a damaged one is made anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from pydantic import ValidationError

from personalab_core.config.atomic_files import workspace_errors
from personalab_core.schemas import AttemptRecord, DriftRecord, Record
from personalab_core.views.index_rows import COLUMNS, Row, RowKind, row_of

INDEX_FILE = "index.sqlite3"
VERSION = 4
"""Of the columns and of the rules behind them; another version is made anew."""
BLOCK_BYTES = 8_388_608
"""So much of a file is read and stored at a time."""

_ANSWERS, _SHORT_ANSWER = 2_000, 64
"""Answers kept until something new is read, and the most rows of one that is kept."""

RECORD_TYPES: dict[RowKind, type[Record]] = {"attempt": AttemptRecord, "drift": DriftRecord}

_PLACE = "persona TEXT NOT NULL, line INTEGER NOT NULL, start INTEGER NOT NULL, length INTEGER NOT NULL"


def _table(kind: RowKind) -> str:
    columns = ", ".join(f"{name} {sql}" for name, sql in COLUMNS[kind].items())
    return f"CREATE TABLE {kind} (id INTEGER PRIMARY KEY, {_PLACE}, {columns}) STRICT;"


_SCHEMA = f"""
CREATE TABLE source (persona TEXT NOT NULL, kind TEXT NOT NULL, size INTEGER NOT NULL, modified_ns INTEGER NOT NULL,
  bytes INTEGER NOT NULL, lines INTEGER NOT NULL, last_start INTEGER NOT NULL, last_hash TEXT NOT NULL,
  PRIMARY KEY (persona, kind)) STRICT;
CREATE TABLE problem (persona TEXT NOT NULL, kind TEXT NOT NULL, sentence TEXT NOT NULL) STRICT;
CREATE TABLE asset (id INTEGER PRIMARY KEY, persona TEXT NOT NULL, asset_id TEXT NOT NULL, outcome TEXT,
  UNIQUE (persona, asset_id)) STRICT;
{_table("attempt")}
{_table("drift")}
CREATE INDEX attempt_by_line ON attempt(persona, line);
CREATE INDEX attempt_by_time ON attempt(at);
CREATE INDEX attempt_by_persona_and_time ON attempt(persona, at);
CREATE INDEX attempt_to_count ON attempt(persona, decision, reason, provider, framing, simulated, cost_usd);
CREATE INDEX attempt_by_id ON attempt(persona, attempt_id);
CREATE INDEX attempt_by_asset ON attempt(persona, asset_id);
CREATE INDEX attempt_by_job ON attempt(persona, job_id) WHERE job_id IS NOT NULL;
CREATE INDEX attempt_by_picture ON attempt(picture_hash) WHERE picture_hash IS NOT NULL;
CREATE INDEX asset_by_place ON asset(persona, id);
CREATE INDEX drift_by_line ON drift(persona, line);
CREATE INDEX drift_by_id ON drift(persona, attempt_id);
"""


@dataclass(frozen=True, slots=True)
class Source:
    """One record file of one persona."""

    persona: str
    kind: RowKind
    path: Path


@dataclass(frozen=True, slots=True)
class _State:
    """How far a file is indexed. ``bytes`` ends with a whole line; what follows it is not finished yet."""

    size: int = 0
    modified_ns: int = 0
    bytes: int = 0
    lines: int = 0
    last_start: int = 0
    last_hash: str = ""


class RecordIndex:
    """Reads record files into SQLite and answers questions about them. Safe between threads and processes.

    Args:
        path: The SQLite file. Where its folder cannot be written, a temporary file stands in.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._known: dict[Source, _State] = {}
        # Counting a hundred thousand rows takes longer than anything else a page does; it is done once a change.
        self._answers: dict[tuple[str, tuple[Any, ...]], list[tuple[Any, ...]]] = {}
        self._connection = self._open()

    def refresh(self, sources: Sequence[Source], *, told: Callable[[int, int], None] | None = None) -> None:
        """Read what is new in the files; files that did not change cost one look at their size and time.

        Args:
            sources: The files. One that is gone loses its rows.
            told: Called with bytes read and bytes to read after every block.

        Raises:
            WorkspaceError: A file is there but cannot be read, or the index cannot be written.
        """
        changed = [source for source in sources if self._changed(source)]
        if not changed:
            return
        whole = sum(_size(source.path) for source in changed)
        done = 0
        for source in changed:
            for position in self._read(source):
                if told:
                    told(done + position, whole)
            done += _size(source.path)

    def unread(self, sources: Sequence[Source]) -> int:
        """Return how many bytes of the files :meth:`refresh` would read now.

        Raises:
            WorkspaceError: The index cannot be read.
        """
        changed = [source for source in sources if self._changed(source)]
        rows = self.ask("SELECT persona, kind, size, bytes FROM source") if changed else []
        read = {(persona, kind): (size, n_bytes) for persona, kind, size, n_bytes in rows}
        return sum(_unread(_size(source.path), *read.get((source.persona, source.kind), (-1, 0))) for source in changed)

    def ask(self, sql: str, arguments: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a query.

        Raises:
            WorkspaceError: The index cannot be read.
        """
        question = (sql, tuple(arguments))
        with self._lock, workspace_errors("read", self.path), _as_os_error():
            rows = self._answers.get(question)
            if rows is None:
                rows = self._connection.execute(sql, arguments).fetchall()
                if len(rows) <= _SHORT_ANSWER and len(self._answers) < _ANSWERS:
                    self._answers[question] = rows
            return rows

    def state(self, source: Source) -> object:
        """Return something that is equal as long as nothing new was read of a file."""
        return self._known.get(source)

    def problems(self, persona: str) -> list[str]:
        """Return one sentence for every line of a persona that could not be read."""
        return [s for (s,) in self.ask("SELECT sentence FROM problem WHERE persona=? ORDER BY rowid", (persona,))]

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    # Opening --------------------------------------------------------------------

    def _open(self) -> sqlite3.Connection:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            return self._connect()
        except sqlite3.DatabaseError:
            # Damaged, or of a version whose tables are not these. Nothing is in it that the records do not say.
            with contextlib.suppress(OSError):
                for suffix in ("", "-wal", "-shm"):
                    self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
                return self._connect()
        except OSError:
            pass
        self.path = Path(tempfile.mkdtemp(prefix="personalab-index-")) / INDEX_FILE
        return self._connect()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=60, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute("BEGIN IMMEDIATE")
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version != VERSION:
                for (name,) in connection.execute(
                    "SELECT name FROM sqlite_master WHERE type='table' AND name NOT LIKE 'sqlite_%'"
                ).fetchall():
                    connection.execute(f'DROP TABLE "{name}"')
                for statement in filter(str.strip, _SCHEMA.split(";")):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version={VERSION}")
            connection.execute("COMMIT")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    # Reading --------------------------------------------------------------------

    def _changed(self, source: Source) -> bool:
        known = self._known.get(source)
        try:
            status = source.path.stat()
        except OSError:
            return known is None or known.lines > 0
        return known is None or (status.st_size, status.st_mtime_ns) != (known.size, known.modified_ns)

    def _read(self, source: Source) -> Iterator[int]:
        """Read one file to its end, block by block; yields how far it is."""
        more = True
        while more:
            with self._writing() as connection:
                more, state = _read_block(connection, source)
                self._known[source] = state
            yield state.bytes

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, workspace_errors("write", self.path), _as_os_error():
            self._answers.clear()
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")


@contextlib.contextmanager
def _as_os_error() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise OSError(f"{error}") from error


def _unread(size: int, known_size: int, n_read: int) -> int:
    """Return how much of a file is new: nothing of one as large as it was, all of one that shrank."""
    return 0 if size == known_size else size - n_read if size >= n_read else size


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _read_block(connection: sqlite3.Connection, source: Source) -> tuple[bool, _State]:
    """Read the next block of a file; return whether more follows, and how far it is now."""
    key = (source.persona, source.kind)
    row = connection.execute(
        "SELECT size, modified_ns, bytes, lines, last_start, last_hash FROM source WHERE persona=? AND kind=?", key
    ).fetchone()
    state = _State(*row) if row else _State()
    try:
        status = source.path.stat()
    except OSError:
        _forget(connection, source)
        return False, _State()
    if row and (status.st_size, status.st_mtime_ns) == (state.size, state.modified_ns):
        return False, state  # another process was faster
    with source.path.open("rb") as file:
        if not _continues(file, state, status.st_size):
            _forget(connection, source)
            state = _State()
        whole = _whole_lines(file, state.bytes)
    lines = whole.split(b"\n")[:-1]
    _store(connection, source, lines, state)
    n_read = state.bytes + len(whole)
    ends = n_read >= status.st_size or not whole
    if ends and status.st_size > n_read:
        _add_problem(connection, source, _unfinished(source, status.st_size - n_read))
    new = _State(
        # Short of the end the file does not count as seen, so that the next look goes on.
        size=status.st_size if ends else -1,
        modified_ns=status.st_mtime_ns,
        bytes=n_read,
        lines=state.lines + len(lines),
        last_start=n_read - len(lines[-1]) - 1 if lines else state.last_start,
        last_hash=_hash(lines[-1]) if lines else state.last_hash,
    )
    connection.execute(
        "INSERT OR REPLACE INTO source VALUES (?,?,?,?,?,?,?,?)",
        (*key, new.size, new.modified_ns, new.bytes, new.lines, new.last_start, new.last_hash),
    )
    return not ends, new


def _whole_lines(file: BinaryIO, start: int) -> bytes:
    """Return about :data:`BLOCK_BYTES` from a place in a file, up to the end of a line; at least one whole line."""
    file.seek(start)
    block = file.read(BLOCK_BYTES)
    while block and b"\n" not in block and (more := file.read(BLOCK_BYTES)):
        block += more
    return block[: block.rfind(b"\n") + 1]


def _continues(file: BinaryIO, state: _State, size: int) -> bool:
    """Whether the file only grew since: then the last line read still stands where it stood."""
    if state.bytes == 0:
        return True
    if size < state.bytes or size == state.size:
        return False
    file.seek(state.last_start)
    return _hash(file.read(state.bytes - state.last_start)[:-1]) == state.last_hash


def _hash(line: bytes) -> str:
    return hashlib.blake2b(line, digest_size=12).hexdigest()


def _forget(connection: sqlite3.Connection, source: Source) -> None:
    key = (source.persona, source.kind)
    connection.execute("DELETE FROM source WHERE persona=? AND kind=?", key)
    connection.execute("DELETE FROM problem WHERE persona=? AND kind=?", key)
    connection.execute(f"DELETE FROM {source.kind} WHERE persona=?", (source.persona,))  # noqa: S608 - one of two names
    if source.kind == "attempt":
        connection.execute("DELETE FROM asset WHERE persona=?", (source.persona,))


def _store(connection: sqlite3.Connection, source: Source, lines: Sequence[bytes], state: _State) -> None:
    _drop_problem(connection, source)
    rows = []
    start = state.bytes
    for n, line in enumerate(lines, state.lines + 1):
        row = _row(connection, source, line, n)
        if row is not None:
            rows.append((source.persona, n, start, len(line), *row))
        start += len(line) + 1
    names = ", ".join(["persona", "line", "start", "length", *COLUMNS[source.kind]])
    places = ", ".join("?" * (4 + len(COLUMNS[source.kind])))
    connection.executemany(f"INSERT INTO {source.kind} ({names}) VALUES ({places})", rows)  # noqa: S608 - own names
    if source.kind == "attempt":
        outcome = 4 + list(COLUMNS["attempt"]).index("outcome")
        connection.executemany(
            "INSERT INTO asset (persona, asset_id, outcome) VALUES (?,?,?) "
            "ON CONFLICT (persona, asset_id) DO UPDATE SET outcome=excluded.outcome",
            ((row[0], row[5], row[outcome]) for row in rows),
        )


def _row(connection: sqlite3.Connection, source: Source, line: bytes, number: int) -> Row | None:
    try:
        return row_of(source.kind, line)
    except (ValueError, KeyError, TypeError):
        pass
    # Broken, or written by an earlier version with fewer fields: the model itself decides.
    try:
        record = RECORD_TYPES[source.kind].model_validate_json(line)
    except ValidationError as error:
        _add_problem(connection, source, f"{source.path}, line {number}: cannot be read: {_reason(error)}.")
        return None
    return row_of(source.kind, record.model_dump_json().encode())


def _reason(error: ValidationError) -> str:
    """Return the first problem with its field, without the value (prompts stay out of messages)."""
    details = error.errors(include_url=False, include_input=False)[0]
    if details["type"] == "json_invalid":
        return "it is not valid JSON"
    return f"'{'.'.join(str(part) for part in details['loc'])}': {details['msg']}"


_UNFINISHED = "the last line is unfinished"


def _unfinished(source: Source, n_bytes: int) -> str:
    return f"{source.path}: {_UNFINISHED} ({n_bytes:,} bytes) and was left out."


def _add_problem(connection: sqlite3.Connection, source: Source, sentence: str) -> None:
    connection.execute("INSERT INTO problem VALUES (?,?,?)", (source.persona, source.kind, sentence))


def _drop_problem(connection: sqlite3.Connection, source: Source) -> None:
    """Take back what was said about an unfinished last line: by now it may be a whole one."""
    connection.execute(
        "DELETE FROM problem WHERE persona=? AND kind=? AND sentence LIKE ?",
        (source.persona, source.kind, f"%: {_UNFINISHED} %"),
    )

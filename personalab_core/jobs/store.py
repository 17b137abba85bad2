"""The durable truth about jobs: one SQLite file (WAL), one short connection an operation.

Whoever submits a job only inserts a row and starts a process; whoever watches it only
reads rows. A page refresh, a second tab or a killed server changes nothing for a
running job, and a killed worker leaves a row that says ``lost`` and can be resumed.
The file needs a local disk: SQLite's WAL does not work over NFS.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pydantic import JsonValue

from personalab_core.errors import InputError, WorkspaceError
from personalab_core.jobs.job import Job, JobState, job_from_row
from personalab_core.jobs.params import PARAMS_OF, JobKind, JobParams
from personalab_core.jobs.processes import birth_mark, is_alive, start_worker

MAX_RUNNING = 2
"""Jobs that may run at once; the others wait. Two, because a job keeps one core busy."""

_STARTING_S = 60.0
"""A queued row without any process this long after submission was never started."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS job (
  id TEXT PRIMARY KEY, kind TEXT NOT NULL, persona TEXT, title TEXT NOT NULL, params TEXT NOT NULL,
  state TEXT NOT NULL, done INTEGER NOT NULL DEFAULT 0, total INTEGER NOT NULL,
  message TEXT NOT NULL DEFAULT '', error TEXT, cancel INTEGER NOT NULL DEFAULT 0,
  run INTEGER NOT NULL DEFAULT 0, pid INTEGER, birth_mark TEXT, heartbeat_at REAL,
  created_at REAL NOT NULL, started_at REAL, finished_at REAL
) STRICT;
CREATE INDEX IF NOT EXISTS job_by_state ON job(state, created_at);
"""


def _now() -> datetime:
    return datetime.now(UTC)


class JobStore:
    """Jobs of one workspace.

    Args:
        path: The SQLite file; it and its folder are made at the first submission.
        start: Starts the worker process of a job and returns its process id.
        clock: Current time (UTC).
    """

    def __init__(
        self,
        path: Path | str,
        *,
        start: Callable[[Path, str, Path], int] = start_worker,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self.path = Path(path).absolute()
        self._start = start
        self._clock = clock

    def log_path(self, job_id: str) -> Path:
        """Return the file that holds what the job's worker printed, tracebacks included."""
        return self.path.with_suffix(".logs") / f"{job_id}.log"

    def submit(self, kind: JobKind, params: JobParams) -> str:
        """Queue a job, start its worker process and return the job's id.

        Raises:
            InputError: ``kind`` is unknown or ``params`` are those of another kind.
            WorkspaceError: The database cannot be written.
        """
        model = PARAMS_OF.get(kind)
        if model is None:
            raise InputError(f"Unknown kind of job {kind!r}. Known: {', '.join(PARAMS_OF)}.")
        if not isinstance(params, model):
            raise InputError(f"A job of kind {kind!r} takes {model.__name__}, got {type(params).__name__}.")
        job_id = uuid.uuid4().hex[:12]
        with self._connect(create=True) as connection:
            connection.execute(
                "INSERT INTO job(id,kind,persona,title,params,state,total,message,created_at) "
                "VALUES(?,?,?,?,?,'queued',?,'starting',?)",
                (
                    job_id,
                    kind,
                    params.persona_id,
                    params.title,
                    params.model_dump_json(),
                    params.n_items,
                    self._timestamp(),
                ),
            )
        self._launch(job_id)
        return job_id

    def get(self, job_id: str) -> Job:
        """Return one job as it is now.

        Raises:
            InputError: There is no such job.
        """
        self.reconcile()
        for job in self._select("WHERE id=?", (job_id,)):
            return job
        raise InputError(f"There is no job {job_id!r} in {self.path}.")

    def list(self, *, persona: str | None = None, limit: int = 50) -> tuple[Job, ...]:
        """Return the newest jobs first, those of one persona if asked."""
        self.reconcile()
        if persona is None:
            return self._select("ORDER BY created_at DESC, rowid DESC LIMIT ?", (limit,))
        return self._select("WHERE persona=? ORDER BY created_at DESC, rowid DESC LIMIT ?", (persona, limit))

    def cancel(self, job_id: str) -> Job:
        """Ask a job to stop after the step it is in; what is finished is kept. No effect on ended jobs."""
        with self._connect() as connection:
            connection.execute(
                "UPDATE job SET cancel=1, message='cancel requested', "
                "finished_at=CASE state WHEN 'queued' THEN ? ELSE finished_at END, "
                "state=CASE state WHEN 'queued' THEN 'cancelled' ELSE 'cancelling' END "
                "WHERE id=? AND state IN ('queued','running','cancelling')",
                (self._timestamp(), job_id),
            )
        return self.get(job_id)

    def resume(self, job_id: str, *, overrides: Mapping[str, JsonValue] | None = None) -> Job:
        """Queue a lost, failed, cancelled or paused job again; finished items are skipped.

        Args:
            job_id: The job.
            overrides: Configuration keys and values from now on, such as ``{"budget.per_run": 5.0}``.

        Raises:
            InputError: There is no such job, or its state is another one.
        """
        if overrides:
            self._override(job_id, overrides)
        with self._connect() as connection:
            resumed = connection.execute(
                "UPDATE job SET state='queued', cancel=0, error=NULL, pid=NULL, birth_mark=NULL, heartbeat_at=?, "
                "finished_at=NULL, message='resuming' WHERE id=? AND state IN ('lost','failed','cancelled','paused')",
                (self._timestamp(), job_id),
            ).rowcount
        if not resumed:
            raise InputError(
                f"Job {job_id} is {self.get(job_id).state}; only a lost, failed, cancelled or paused job resumes."
            )
        self._launch(job_id)
        return self.get(job_id)

    def _override(self, job_id: str, overrides: Mapping[str, JsonValue]) -> None:
        job = self.get(job_id)
        params = PARAMS_OF[job.kind].model_validate_json(job.params_json)
        changed = params.model_copy(update={"overrides": {**params.overrides, **overrides}})
        with self._connect() as connection:
            connection.execute("UPDATE job SET params=? WHERE id=?", (changed.model_dump_json(), job_id))

    def reconcile(self) -> int:
        """Mark jobs whose process is gone as lost (or cancelled, if that was asked) and return how many."""
        if not self.path.exists():
            return 0
        with self._connect() as connection:
            return _reconcile(connection, self._timestamp())

    # What the worker process says ------------------------------------------------

    def claim(self, job_id: str, *, pid: int) -> Job | None:
        """Take a queued job for this process, or return ``None`` if it must wait for a free place.

        Raises:
            InputError: The job is not queued any more (cancelled, or taken by another process).
        """
        with self._connect() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                taken = self._claim(connection, job_id, pid)
            finally:
                connection.execute("COMMIT")
        return self.get(job_id) if taken else None

    def report(self, job_id: str, *, done: int | None = None, message: str | None = None) -> bool:
        """Store progress and a sign of life; return whether the job was asked to stop."""
        with self._connect() as connection:
            row = connection.execute(
                "UPDATE job SET done=coalesce(?,done), message=coalesce(?,message), heartbeat_at=? "
                "WHERE id=? RETURNING cancel",
                (done, message, self._timestamp(), job_id),
            ).fetchone()
        return bool(row and row["cancel"])

    def finish(self, job_id: str, state: JobState, *, message: str, error: str | None = None) -> None:
        """Store how the job ended."""
        with self._connect() as connection:
            connection.execute(
                "UPDATE job SET state=?, message=?, error=?, finished_at=? WHERE id=?",
                (state, message, error, self._timestamp(), job_id),
            )

    def _claim(self, connection: sqlite3.Connection, job_id: str, pid: int) -> bool:
        now = self._timestamp()
        _reconcile(connection, now)
        row = connection.execute("SELECT state FROM job WHERE id=?", (job_id,)).fetchone()
        if row is None or row["state"] != "queued":
            raise InputError(f"Job {job_id} is not waiting for a worker ({row['state'] if row else 'unknown'}).")
        n_running = connection.execute("SELECT count(*) FROM job WHERE state IN ('running','cancelling')").fetchone()[0]
        next_up = connection.execute(
            "SELECT id FROM job WHERE state='queued' ORDER BY created_at, rowid LIMIT ?",
            (max(0, MAX_RUNNING - n_running),),
        ).fetchall()
        if job_id not in {row["id"] for row in next_up}:
            connection.execute("UPDATE job SET heartbeat_at=?, message='waiting for a place' WHERE id=?", (now, job_id))
            return False
        connection.execute(
            "UPDATE job SET state='running', pid=?, birth_mark=?, heartbeat_at=?, run=run+1, message='', "
            "started_at=coalesce(started_at,?) WHERE id=?",
            (pid, birth_mark(pid), now, now, job_id),
        )
        return True

    def _launch(self, job_id: str) -> None:
        try:
            pid = self._start(self.path, job_id, self.log_path(job_id))
        except OSError as error:
            sentence = f"{type(error).__name__}: the worker process could not be started ({error.strerror})."
            self.finish(job_id, "failed", message="not started", error=sentence)
            raise WorkspaceError(f"Job {job_id} could not be started: {error.strerror}.") from error
        with self._connect() as connection:
            # Only while nobody claimed it: the claiming process has written its own id.
            connection.execute(
                "UPDATE job SET pid=?, birth_mark=? WHERE id=? AND state='queued'", (pid, birth_mark(pid), job_id)
            )

    def _select(self, clause: str, arguments: tuple[object, ...]) -> tuple[Job, ...]:
        if not self.path.exists():
            return ()
        with self._connect() as connection:
            return tuple(job_from_row(row) for row in connection.execute(f"SELECT * FROM job {clause}", arguments))  # noqa: S608

    def _timestamp(self) -> float:
        return self._clock().timestamp()

    @contextmanager
    def _connect(self, *, create: bool = False) -> Iterator[sqlite3.Connection]:
        """One short connection: nothing is shared between threads, nothing stays open."""
        if not create and not self.path.exists():
            raise InputError(f"There are no jobs yet in {self.path.parent}.")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self.path, timeout=20, isolation_level=None)
        except (OSError, sqlite3.Error) as error:
            raise _unusable(self.path, error) from error
        try:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            if create:
                connection.executescript(_SCHEMA)
            yield connection
        except sqlite3.Error as error:
            raise _unusable(self.path, error) from error
        finally:
            connection.close()


def _unusable(path: Path, error: Exception) -> WorkspaceError:
    return WorkspaceError(f"The job database {path} cannot be used: {error}. Check free space and permissions.")


def _reconcile(connection: sqlite3.Connection, now: float) -> int:
    n_lost = 0
    for row in connection.execute("SELECT * FROM job WHERE state IN ('queued','running','cancelling')").fetchall():
        if is_alive(row["pid"], row["birth_mark"]) or _is_starting(row, now):
            continue
        state = "cancelled" if row["cancel"] else "lost"
        error = (
            None
            if row["cancel"]
            else (
                "WorkerLost: the worker process ended without a result: it was killed (the system does that when "
                "memory runs out), or the machine was restarted. Resume goes on where it stopped."
            )
        )
        n_lost += connection.execute(
            "UPDATE job SET state=?, finished_at=?, message='the worker process ended', error=? "
            "WHERE id=? AND state=? AND pid IS ?",
            (state, now, error, row["id"], row["state"], row["pid"]),
        ).rowcount
    return n_lost


def _is_starting(row: sqlite3.Row, now: float) -> bool:
    """Whether somebody has only just queued this job and has not told the process id yet."""
    since = max(row["created_at"], row["heartbeat_at"] or 0.0)
    return row["state"] == "queued" and row["pid"] is None and now - since < _STARTING_S

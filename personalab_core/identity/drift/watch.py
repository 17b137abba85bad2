"""Follows a persona's timeline with the monitor: reads what is new, keeps what it knows beside the records.

Everything here except the events is derived from the timeline and may be deleted; it is then worked out
anew. Nothing of it runs inside the attempt loop.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from personalab_core.config.atomic_files import workspace_errors
from personalab_core.errors import InputError
from personalab_core.identity.drift.following import WatchState
from personalab_core.identity.drift.looking import ANCHOR_DIGITS, STATE, STATE_FILE, Look, hash_of, instrument_of
from personalab_core.identity.drift.monitor import DriftMonitor
from personalab_core.identity.drift.parameters import DriftParameters, Usual, shipped_parameters
from personalab_core.identity.drift.pooling import PersonaFit, pool
from personalab_core.identity.drift.status import DriftStatus, status_of
from personalab_core.identity.drift.trace import Trace, TraceFile
from personalab_core.identity.drift.tracker import DriftTracker
from personalab_core.observability import Journal
from personalab_core.observability.locking import exclusive
from personalab_core.schemas import DriftEventRecord, check_slug

_NOT_SEEN = (-1, -1)
_LONGEST_LINE_BYTES = 65_536

MONITOR_FOLDER = "monitor"
CANARY_FOLDER = "canaries"
"""Below the folder of timelines: those of the fixed prompts, which are a series of their own."""


@dataclass(frozen=True, slots=True)
class Drift:
    """What is known of one persona's timeline.

    Attributes:
        persona: Id of the persona.
        status: Of the timeline in force.
        trace: What the charts said of each of its records.
        sources: Names behind the trace's source numbers.
        events: Of this timeline, oldest first.
        behind_bytes: Of the timeline's file, in whole lines, not judged yet.
    """

    persona: str
    status: DriftStatus
    trace: Trace
    sources: tuple[str, ...]
    events: tuple[DriftEventRecord, ...]
    behind_bytes: int = 0

    @property
    def open_alarm(self) -> DriftEventRecord | None:
        """The alarm that waits for an answer, if there is one."""
        if not self.status.state.alarming or self.status.held:
            return None
        return next((e for e in reversed(self.events) if e.event == "alarm"), None)


class DriftWatch:
    """Judges the timelines below one folder. Safe between threads and processes.

    Args:
        log_dir: Folder of the timelines (``config.evaluation.drift.log_dir``).
        output_dir: The workspace's output folder, which holds the embeddings.
        parameters: Limits and the usual persona; those that ship if ``None``.
        clock: Time of the events that are found.
    """

    def __init__(
        self,
        log_dir: Path,
        output_dir: Path,
        *,
        clock: Callable[[], datetime],
        parameters: DriftParameters | None = None,
    ) -> None:
        self._tracker = DriftTracker(log_dir)
        self._log_dir = Path(log_dir)
        self._output_dir = Path(output_dir)
        self._parameters = parameters
        self._clock = clock

    def look(self, persona: str, *, anchor_sha256: str | None = None, max_bytes: int | None = None) -> Drift | None:
        """Return what is known of a persona's timeline, ``None`` if there is no record on it.

        Args:
            persona: Id of the persona.
            anchor_sha256: The timeline against this anchor; that of the newest record if ``None``.
            max_bytes: Read at most so much of the timeline now, so that a page opens at once.

        Raises:
            InputError: ``persona`` is not a persona id.
            WorkspaceError: A file cannot be read or written.
        """
        folder = self._folder(persona)
        timeline = self.timeline(persona)
        if not timeline.is_file():
            return None
        with exclusive(folder / STATE_FILE):
            state = self._load(folder, timeline)
            look = Look(self, persona, folder, state)
            if look.read(timeline, max_bytes):
                look.finish()
        return self._said(persona, folder, state, anchor_sha256, _unjudged_bytes(timeline, state))

    def known(self, persona: str, *, anchor_sha256: str | None = None) -> Drift | None:
        """Return what earlier looks came to, ``None`` if nothing is judged yet; judges nothing and waits for nobody.

        Args:
            persona: Id of the persona.
            anchor_sha256: The timeline against this anchor; that of the newest judged record if ``None``.

        Raises:
            InputError: ``persona`` is not a persona id.
            WorkspaceError: A file cannot be read.
        """
        folder, timeline, kept = self._folder(persona), self.timeline(persona), self.kept(persona)
        found: Drift | None = None
        seen: tuple[int, int] | None = _NOT_SEEN
        # What is kept is replaced as a whole: if it was not while we read, rows and state belong together.
        while timeline.is_file() and (stamp := _stamp(kept)) != seen:
            state, seen = self._load(folder, timeline), stamp
            found = self._said(persona, folder, state, anchor_sha256, _unjudged_bytes(timeline, state))
        return found

    def unjudged_bytes(self, persona: str) -> int:
        """Return how much of a persona's timeline no look has judged yet, in whole lines.

        Raises:
            InputError: ``persona`` is not a persona id.
            WorkspaceError: A file cannot be read.
        """
        folder, timeline = self._folder(persona), self.timeline(persona)
        return _unjudged_bytes(timeline, self._load(folder, timeline)) if timeline.is_file() else 0

    def kept(self, persona: str) -> Path:
        """Return the file that holds what is known of a persona's timeline; another one after every look that judged.

        Raises:
            InputError: ``persona`` is not a persona id.
        """
        return self._folder(persona) / STATE_FILE

    def timeline(self, persona: str) -> Path:
        """Return where a persona's timeline is.

        Raises:
            InputError: ``persona`` is not a persona id.
        """
        return self._tracker.journal(persona).path

    def events(self, persona: str) -> Journal[DriftEventRecord]:
        """Return the log of alarms and answers of a persona.

        Raises:
            InputError: ``persona`` is not a persona id.
        """
        return Journal(self._log_dir / f"{check_slug(persona)}_drift_events.jsonl", DriftEventRecord)

    def accept(self, persona: str, *, reason: str) -> DriftEventRecord:
        """Take what is since the change for normal: a new baseline begins at the change point.

        Raises:
            InputError: Nothing was found, or no reason is given.
        """
        return self._answer(persona, "accepted", reason)

    def hold(self, persona: str, *, reason: str) -> DriftEventRecord:
        """Keep the baseline: the change is not normal, and the next one is news again.

        Raises:
            InputError: Nothing was found, or no reason is given.
        """
        return self._answer(persona, "held", reason)

    def _answer(self, persona: str, event: Literal["accepted", "held"], reason: str) -> DriftEventRecord:
        found = self.look(persona)
        if found is None or not found.status.state.alarming:
            raise InputError(f"{persona} has no change to answer: {found.status.state if found else 'no record yet'}.")
        if not reason.strip():
            raise InputError("A reason is needed; it is kept with the record.")
        status = found.status
        what = "Accepted as the new normal" if event == "accepted" else "Held: the old baseline stays"
        alarm = next(e for e in reversed(found.events) if e.event == "alarm")
        record = self.events(persona).append(
            alarm.model_copy(
                update={
                    "timestamp": self._clock(),
                    "event": event,
                    "state": status.state,
                    "line": int(found.trace["line"][-1]),
                    "number": status.n,
                    "since": status.since or status.number,
                    "sentence": f"{what}, from record {status.since or status.number} on."
                    if event == "accepted"
                    else f"{what}.",
                    "reason": reason.strip(),
                    "sequence_number": None,
                    "previous_hash": None,
                    "record_hash": None,
                }
            )
        )
        self.look(persona)
        return record

    def usual(self, series: str) -> Usual:
        """Return what is usual among the personas of this workspace that were measured by the same instrument."""
        shipped = self._limits().usual
        fits = []
        for path in sorted((self._log_dir / MONITOR_FOLDER).glob(f"*/{instrument_of(series)}.fit.json")):
            try:
                fits.append(PersonaFit.model_validate_json(path.read_bytes()))
            except (OSError, ValidationError):
                continue
        return pool(fits, shipped)

    def new_monitor(self, series: str) -> DriftMonitor:
        """Return a monitor for a new baseline."""
        return DriftMonitor(DriftParameters(limits=self._limits().limits, usual=self.usual(series)))

    def now(self) -> datetime:
        """Return the current time."""
        return self._clock()

    @property
    def output_dir(self) -> Path:
        """Folder of the embeddings."""
        return self._output_dir

    def _limits(self) -> DriftParameters:
        return self._parameters or shipped_parameters()

    def _folder(self, persona: str) -> Path:
        return self._log_dir / MONITOR_FOLDER / check_slug(persona)

    def _load(self, folder: Path, timeline: Path) -> WatchState:
        """Return what an earlier look came to, or nothing if the timeline is another one since."""
        try:
            state = STATE.validate_json((folder / STATE_FILE).read_bytes())
        except (OSError, ValidationError):
            return WatchState()
        whole = all(TraceFile(folder / f"{key}.trace").holds(s.n) for key, s in state.series.items())
        return state if whole and _continues(timeline, state) else WatchState()

    def _said(self, persona: str, folder: Path, state: WatchState, anchor: str | None, behind: int) -> Drift | None:
        keys = [key for key in state.series if anchor is None or key.endswith(f"_{anchor[:ANCHOR_DIGITS]}")]
        if not keys:
            return None
        key = max(keys, key=lambda key: state.series[key].last_line)
        series = state.series[key]
        monitor = DriftMonitor(series.monitor.parameters, state=series.monitor)
        return Drift(
            persona,
            status_of(monitor, offset=series.offset),
            TraceFile(folder / f"{key}.trace").read(series.n),
            tuple(series.sources),
            tuple(event for event in self.events(persona).read().records if event.series == key),
            behind,
        )


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


def _unjudged_bytes(timeline: Path, state: WatchState) -> int:
    """Return how many bytes follow what was judged, without a last line that is not finished."""
    with workspace_errors("read", timeline), timeline.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(state.bytes, size - _LONGEST_LINE_BYTES))
        return max(0, file.tell() + file.read().rfind(b"\n") + 1 - state.bytes)


def _continues(timeline: Path, state: WatchState) -> bool:
    """Return whether the last line that was read still stands where it stood."""
    if state.bytes == 0:
        return True
    with workspace_errors("read", timeline), timeline.open("rb") as file:
        file.seek(state.last_start)
        return hash_of(file.read(state.bytes - state.last_start)) == state.last_hash

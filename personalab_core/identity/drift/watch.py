"""Follows a persona's timeline with the monitor: reads what is new, keeps what it knows beside the records.

Everything here except the events is derived from the timeline and may be deleted; it is then worked out
anew. Nothing of it runs inside the attempt loop.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import TypeAdapter, ValidationError

from personalab_core.config.atomic_files import workspace_errors, write_atomic
from personalab_core.errors import InputError
from personalab_core.identity.drift.following import SeriesState, WatchState, blocks_of, record_in, trace_row
from personalab_core.identity.drift.monitor import DriftMonitor
from personalab_core.identity.drift.observing import EmbeddingRows, observe, source_of
from personalab_core.identity.drift.parameters import ChartName, DriftParameters, Usual, shipped_parameters
from personalab_core.identity.drift.pooling import PersonaFit, pool
from personalab_core.identity.drift.sentences import explanation, headline
from personalab_core.identity.drift.status import DriftStatus, state_of, status_of
from personalab_core.identity.drift.trace import TRACE, Trace, TraceFile, empty
from personalab_core.identity.drift.tracker import DriftTracker
from personalab_core.observability import Journal
from personalab_core.observability.locking import exclusive
from personalab_core.schemas import DriftEventRecord, DriftRecord, DriftState, check_slug

MONITOR_FOLDER = "monitor"
CANARY_FOLDER = "canaries"
"""Below the folder of timelines: those of the fixed prompts, which are a series of their own."""
SAME_WITHIN = 20
"""Two alarms of one chart, within so many records and without an answer between them, are one."""
_ANCHOR_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Drift:
    """What is known of one persona's timeline.

    Attributes:
        persona: Id of the persona.
        status: Of the timeline in force.
        trace: What the charts said of each of its records.
        sources: Names behind the trace's source numbers.
        events: Of this timeline, oldest first.
        behind_bytes: Of the timeline's file, not read yet.
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


_STATE = TypeAdapter(WatchState)


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
        with exclusive(folder / "state.json"):
            state = self._load(folder, timeline)
            work = _Work(self, persona, folder, state)
            if work.read(timeline, max_bytes):
                work.finish()
        return self._said(persona, folder, state, anchor_sha256, timeline.stat().st_size - state.bytes)

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
        for path in sorted((self._log_dir / MONITOR_FOLDER).glob(f"*/{_instrument(series)}.fit.json")):
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
            state = _STATE.validate_json((folder / "state.json").read_bytes())
        except (OSError, ValidationError):
            return WatchState()
        whole = all(TraceFile(folder / f"{key}.trace").holds(s.n) for key, s in state.series.items())
        return state if whole and _continues(timeline, state) else WatchState()

    def _said(self, persona: str, folder: Path, state: WatchState, anchor: str | None, behind: int) -> Drift | None:
        keys = [key for key in state.series if anchor is None or key.endswith(f"_{anchor[:_ANCHOR_DIGITS]}")]
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


def _continues(timeline: Path, state: WatchState) -> bool:
    """Return whether the last line that was read still stands where it stood."""
    if state.bytes == 0:
        return True
    with workspace_errors("read", timeline), timeline.open("rb") as file:
        file.seek(state.last_start)
        return _hash(file.read(state.bytes - state.last_start)) == state.last_hash


def _hash(line: bytes) -> str:
    return hashlib.blake2b(line, digest_size=12).hexdigest()


def _instrument(series: str) -> str:
    return series.rsplit("_", 1)[0]


class _Work:
    """One look: reads new lines, feeds the monitors, answers and events."""

    def __init__(self, watch: DriftWatch, persona: str, folder: Path, state: WatchState) -> None:
        self._watch, self._persona, self._folder, self._state = watch, persona, folder, state
        self._rows: dict[str, list[tuple[object, ...]]] = {}
        self._answers = [e for e in watch.events(persona).read().records if e.event in ("accepted", "held")]
        self._monitors: dict[str, DriftMonitor] = {}
        self._embeddings = EmbeddingRows(watch.output_dir, persona)
        self._found: list[DriftEventRecord] = []
        self._first_row: dict[str, int] = {}

    def read(self, timeline: Path, max_bytes: int | None) -> bool:
        """Read what is new, in blocks; return whether anything changed."""
        changed = self._answer_due()
        read = 0
        for block in blocks_of(timeline, self._state.bytes):
            self._take(block)
            changed = True
            read += len(block)
            if max_bytes is not None and read >= max_bytes:
                break
        return changed

    def finish(self) -> None:
        """Write everything down: first the rows, then the state that counts them, then the events."""
        for key, rows in self._rows.items():
            TraceFile(self._folder / f"{key}.trace").write(np.array(rows, TRACE), after=self._first_row[key])
        for key, monitor in self._monitors.items():
            charts = monitor.charts
            if charts is not None:
                fit = PersonaFit(fit=charts.fit, reference=monitor.state.reference)
                write_atomic(self._folder / f"{_instrument(key)}.fit.json", fit.model_dump_json().encode())
        write_atomic(self._folder / "state.json", _STATE.dump_json(self._state))
        self._log_events()

    def _take(self, block: bytes) -> None:
        start = self._state.bytes
        lines = block.split(b"\n")[:-1]
        parsed = [record_in(line) for line in lines]
        faces = self._embeddings.of([r for r in parsed if r is not None])
        for line, record in zip(lines, parsed, strict=True):
            length = len(line) + 1
            self._state.lines += 1
            if record is not None and record.asset_type == "image":
                self._feed(record, faces, start, length)
            self._state.last_start, self._state.last_hash = start, _hash(line + b"\n")
            start += length
            self._state.bytes = start
            self._answer_due()

    def _feed(self, record: DriftRecord, faces: Callable[[DriftRecord], object], start: int, length: int) -> None:
        key = self._series_of(record)
        series = self._state.series.get(key)
        if series is None:
            series = self._begin(key, record)
        self._state.current = key
        source = source_of(record)
        if source not in series.sources:
            series.sources.append(source)
        monitor = self._monitor(key)
        reading = monitor.update(observe(record, monitor.state.parameters.usual), faces(record))  # type: ignore[arg-type]
        row = trace_row(record, reading, monitor, series, start, length, self._state.lines)
        self._rows.setdefault(key, []).append(row)
        self._first_row.setdefault(key, series.n)
        series.n += 1
        series.last_line = self._state.lines
        for chart in reading.raised:
            alarm = next(a for a in monitor.state.alarms if a.chart == chart)
            self._event("alarm", key, record, state_of(alarm), chart=chart)

    def _begin(self, key: str, record: DriftRecord) -> SeriesState:
        earlier = self._state.current
        series = self._state.series[key] = SeriesState(self._watch.new_monitor(key).state)
        if earlier is not None:
            same = _instrument(earlier) == _instrument(key)
            why = "another anchor" if same else "another recogniser or model pack"
            self._event("new_baseline", key, record, DriftState.CALIBRATING, sentence=f"A new baseline begins: {why}.")
        return series

    def _monitor(self, key: str) -> DriftMonitor:
        if key not in self._monitors:
            state = self._state.series[key].monitor
            self._monitors[key] = DriftMonitor(state.parameters, state=state)
        return self._monitors[key]

    def _series_of(self, record: DriftRecord) -> str:
        """Return the timeline a record belongs to; one without an anchor belongs to that in force."""
        self._state.anchor = record.anchor_sha256 or self._state.anchor
        return f"{record.evaluator}-{record.pack_hash[:16]}_{(self._state.anchor or 'none')[:_ANCHOR_DIGITS]}"

    def _answer_due(self) -> bool:
        """Carry out the answers of people that were given at this point of the timeline."""
        done = False
        while self._state.answered < len(self._answers):
            answer = self._answers[self._state.answered]
            if answer.line > self._state.lines or answer.series not in self._state.series:
                break
            self._state.answered += 1
            done = True
            if answer.event == "held":
                self._monitor(answer.series).hold()
            else:
                self._rebase(answer)
        return done

    def _rebase(self, answer: DriftEventRecord) -> None:
        """Begin a new baseline at the change point and judge the records since then by it."""
        key = answer.series
        series = self._state.series[key]
        trace = self._trace(key)
        first = max(0, min((answer.since or series.n) - 1, series.n))
        monitor = self._watch.new_monitor(key)
        series.monitor, series.segment, series.offset, series.n = monitor.state, series.segment + 1, first, first
        self._monitors[key] = monitor
        kept = self._rows.get(key, [])
        begun = self._first_row.setdefault(key, first)
        if first >= begun:
            self._rows[key] = kept[: first - begun]
        else:
            self._rows[key], self._first_row[key] = [], first
        for row in trace[first:]:
            record = self._record_at(int(row["start"]), int(row["length"]))
            faces = self._embeddings.of([record])
            reading = monitor.update(observe(record, monitor.state.parameters.usual), faces(record))
            again = trace_row(record, reading, monitor, series, int(row["start"]), int(row["length"]), int(row["line"]))
            self._rows[key].append(again)
            series.n += 1

    def _trace(self, key: str) -> Trace:
        series = self._state.series[key]
        new = self._rows.get(key, [])
        old = TraceFile(self._folder / f"{key}.trace").read(self._first_row.get(key, series.n))
        return np.concatenate([old, np.array(new, TRACE)]) if new else old

    def _record_at(self, start: int, length: int) -> DriftRecord:
        path = self._watch.timeline(self._persona)
        with workspace_errors("read", path), path.open("rb") as file:
            file.seek(start)
            return DriftRecord.model_validate_json(file.read(length))

    def _event(
        self,
        event: Literal["alarm", "new_baseline"],
        key: str,
        record: DriftRecord,
        state: DriftState,
        *,
        sentence: str | None = None,
        chart: ChartName | None = None,
    ) -> None:
        series = self._state.series[key]
        status = status_of(self._monitor(key), offset=series.offset, chart=chart)
        said = sentence or " ".join(filter(None, (headline(status, self._persona), explanation(status))))
        self._found.append(
            DriftEventRecord(
                timestamp=self._watch.now(),
                event=event,
                persona=self._persona,
                series=key,
                segment=series.segment,
                state=state,
                line=self._state.lines,
                number=series.n,
                attempt_id=record.attempt_id,
                since=status.since,
                since_error=status.since_error,
                size=status.size,
                sentence=said,
                simulated=record.simulated,
            )
        )

    def _log_events(self) -> None:
        """Append what was found, unless an earlier look, whose state was lost, has found it before."""
        if not self._found:
            return
        journal = self._watch.events(self._persona)
        known = journal.read().records
        for event in self._found:
            if not _is_known(event, known):
                journal.append(event)


def _is_known(event: DriftEventRecord, known: Sequence[DriftEventRecord]) -> bool:
    """Return whether this was recorded before; another version of the monitor may notice it a little later."""
    own = [e for e in known if (e.series, e.segment) == (event.series, event.segment)]
    held = [e.number for e in own if e.event == "held" and e.number < event.number]
    near = [e for e in own if (e.event, e.state) == (event.event, event.state)]
    return any(abs(e.number - event.number) <= SAME_WITHIN and not any(n >= e.number for n in held) for e in near)


__all__ = ["Drift", "DriftWatch", "empty"]

"""One look at a persona's timeline: reads new lines, feeds the monitors, carries out answers, notes events."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import TypeAdapter

from personalab_core.config.atomic_files import workspace_errors, write_atomic
from personalab_core.identity.drift.following import SeriesState, WatchState, blocks_of, record_in, trace_row
from personalab_core.identity.drift.monitor import DriftMonitor
from personalab_core.identity.drift.observing import EmbeddingRows, observe, source_of
from personalab_core.identity.drift.parameters import ChartName
from personalab_core.identity.drift.pooling import PersonaFit
from personalab_core.identity.drift.sentences import explanation, headline
from personalab_core.identity.drift.status import state_of, status_of
from personalab_core.identity.drift.trace import TRACE, Trace, TraceFile
from personalab_core.schemas import DriftEventRecord, DriftRecord, DriftState

if TYPE_CHECKING:
    from personalab_core.identity.drift.watch import DriftWatch

ANCHOR_DIGITS = 12
"""Of an anchor's hash in the name of a series."""
SAME_WITHIN = 20
"""Two alarms of one chart, within so many records and without an answer between them, are one."""
STATE = TypeAdapter(WatchState)
STATE_FILE = "state.json"
"""In a persona's folder of the monitor: what is known of its timelines."""


def hash_of(line: bytes) -> str:
    """Return what a line is known by."""
    return hashlib.blake2b(line, digest_size=12).hexdigest()


def instrument_of(series: str) -> str:
    """Return the instrument in the name of a series."""
    return series.rsplit("_", 1)[0]


class Look:
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
                write_atomic(self._folder / f"{instrument_of(key)}.fit.json", fit.model_dump_json().encode())
        write_atomic(self._folder / STATE_FILE, STATE.dump_json(self._state))
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
            self._state.last_start, self._state.last_hash = start, hash_of(line + b"\n")
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
            same = instrument_of(earlier) == instrument_of(key)
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
        return f"{record.evaluator}-{record.pack_hash[:16]}_{(self._state.anchor or 'none')[:ANCHOR_DIGITS]}"

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

"""How fast records are written and read.

    python -m benchmarks.journal_speed [--records 1000000] [--folder FOLDER]

Appends attempt records as they are (about 2 kB) through the real journal: chained, locked, flushed, and once
more with every line brought to the disk itself. Then reads a file of ``--records`` such lines into an index
of their fields, and once more after a few were added. Judged is the process CPU time, which a busy machine
does not change, and for fsync the wall time, most of it the disk's; both are printed. Exit code 1 if a
target is missed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from personalab_core.observability import Journal
from personalab_core.observability.chain import Link, forge
from personalab_core.observability.line_reader import LineReader
from personalab_core.schemas import (
    AttemptRecord,
    Decision,
    EvaluatorInfo,
    GenerationContext,
    Reason,
    Scores,
)
from personalab_core.schemas.version import __version__

FLUSHED_PER_S, FSYNCED_PER_S, READ_S = 5_000, 200, 60.0
N_FLUSHED, N_FSYNCED, N_ADDED = 20_000, 1_000, 1_000
_INDEXED = ("sequence_number", "attempt_id", "asset_id", "timestamp", "decision", "reason", "outcome", "scores")


def attempt(number: int) -> AttemptRecord:
    """Return a record of ordinary size."""
    return AttemptRecord.model_validate(
        {
            "timestamp": f"2026-11-22T09:{number // 60 % 60:02d}:{number % 60:02d}+00:00",
            "attempt_id": f"asset-{number:07d}-a1",
            "asset_id": f"asset-{number:07d}",
            "persona": "daniperez",
            "attempt": 1,
            "max_attempts": 3,
            "final": True,
            "context": GenerationContext(
                provider="simulated",
                model="portrait-image-1",
                profile="simulated",
                simulated=True,
                seed=number,
                config_hash="0" * 16,
                package_version=__version__,
            ),
            "prompt": "A headshot portrait of a woman of 23 with long dark brown hair. " * 12,
            "prompt_hash": "1" * 64,
            "scores": Scores(composite=0.62, cosine_similarity=0.55, geometric_error=0.04),
            "decision": Decision.ACCEPT,
            "reason": Reason.NONE,
            "sentence": "Accepted: the face is that of the anchor.",
            "evaluator": EvaluatorInfo(
                name="arcface", version="1", pack="simface", pack_hash="0123456789abcdef", metric="cosine_similarity"
            ),
        }
    )


@dataclass(frozen=True)
class Took:
    """Seconds of wall and of process CPU time."""

    wall_s: float
    cpu_s: float

    @classmethod
    def by(cls, work: Callable[[], None]) -> Self:
        """Return how long ``work`` takes."""
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        work()
        return cls(time.perf_counter() - wall_s, time.process_time() - cpu_s)


def append(path: Path, n: int, *, fsync: bool) -> Took:
    """Return how long it takes to append ``n`` records."""
    journal = Journal(path, AttemptRecord, fsync=fsync)
    records = [attempt(number) for number in range(n)]

    def work() -> None:
        for record in records:
            journal.append(record)

    return Took.by(work)


def write_lines(path: Path, n: int) -> None:
    """Write ``n`` chained lines at once; only the reading of them is measured."""
    link, fields = Link(), attempt(0).model_dump(mode="json")
    with path.open("wb", buffering=1 << 20) as file:
        for number in range(n):
            fields |= {"attempt_id": f"asset-{number:07d}-a1", "asset_id": f"asset-{number:07d}"}
            line, link = forge(fields, link)
            file.write(line + b"\n")


def read_into(index: dict[int, tuple[object, ...]], reader: LineReader) -> None:
    """Add what is new to the index."""
    for line in reader.new_lines():
        fields = line.fields()
        if fields is not None:
            index[line.number] = (line.offset, *(fields.get(name) for name in _INDEXED))


def main() -> int:
    """Measure, print and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=1_000_000, help="lines to read into the index")
    parser.add_argument("--folder", type=Path, help="where to write; a temporary folder by default")
    options = parser.parse_args()
    n, index = options.records, dict[int, tuple[object, ...]]()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        flushed = append(Path(folder) / "flushed.jsonl", N_FLUSHED, fsync=False)
        fsynced = append(Path(folder) / "fsynced.jsonl", N_FSYNCED, fsync=True)
        path = Path(folder) / "many.jsonl"
        write_lines(path, n)
        size_gb = path.stat().st_size / 1e9
        reader = LineReader(path)
        read = Took.by(lambda: read_into(index, reader))
        append(path, N_ADDED, fsync=False)
        again = Took.by(lambda: read_into(index, reader))
    print(
        f"appended, flushed:  {N_FLUSHED / flushed.cpu_s:8,.0f} records/s of CPU time (target {FLUSHED_PER_S:,}), "
        f"{N_FLUSHED / flushed.wall_s:,.0f} of wall time"
    )
    print(f"appended, fsynced:  {N_FSYNCED / fsynced.wall_s:8,.0f} records/s of wall time (target {FSYNCED_PER_S:,})")
    print(
        f"read into an index: {read.cpu_s:8.1f} s of CPU time, {read.wall_s:.1f} s of wall time for {n:,} records, "
        f"{size_gb:.1f} GB (target {READ_S * n / 1e6:.0f} s)"
    )
    print(f"what was added:     {again.cpu_s * 1000:8.1f} ms of CPU time for {N_ADDED:,} records more")
    met = N_FLUSHED / flushed.cpu_s > FLUSHED_PER_S and N_FSYNCED / fsynced.wall_s > FSYNCED_PER_S
    return 0 if met and read.cpu_s < READ_S * n / 1e6 and len(index) == n + N_ADDED else 1


if __name__ == "__main__":
    sys.exit(main())

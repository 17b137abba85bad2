"""Judges timelines in a process of its own: ``python -m personalab_core.jobs.judging TIMELINES OUTPUT``.

Workers judge what they make as they make it. Much to judge at once is there only where the monitor's files are
gone, of an older version, or where records came from elsewhere. A page that did it would keep every other page of the
server waiting, so it shows what is known and starts this process. What is judged is kept after every part: a process
that was killed is followed by one that goes on where it stopped.
"""

from __future__ import annotations

import argparse
import logging
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from filelock import FileLock

from personalab_core.errors import WorkspaceError
from personalab_core.identity.drift.status import DriftStatus
from personalab_core.identity.drift.trace import empty
from personalab_core.identity.drift.watch import CANARY_FOLDER, MONITOR_FOLDER, Drift, DriftWatch
from personalab_core.jobs.processes import birth_mark, give_way, is_alive, start_detached
from personalab_core.schemas import DriftState

PART_BYTES = 4_194_304
"""So much is judged before it is kept, and others may look: about a second of work."""
AT_ONCE_BYTES = 524_288
"""So much a server judges itself within :data:`AT_ONCE_S`, of all timelines together: about 600 records, 0.1 s."""
AT_ONCE_S = 2.0
AGAIN_AFTER_S = 15.0
"""So long a process that got no further is not followed by another one."""
JUDGING_LOCK = "judging.lock"
"""In the monitor's folder; held by the process that judges."""
_POLL_S = 0.5
_TIMELINE = "_drift.jsonl"

_log = logging.getLogger(__name__)


def judge(watch: DriftWatch, persona: str) -> Drift | None:
    """Judge a persona's timeline to its end, part by part, and return what is then known of it.

    Raises:
        InputError: ``persona`` is not a persona id.
        WorkspaceError: A file cannot be read or written; what was judged until then is kept.
    """
    left, found = -1, watch.look(persona, max_bytes=PART_BYTES)
    while found is not None and found.behind_bytes not in (0, left):
        left, found = found.behind_bytes, watch.look(persona, max_bytes=PART_BYTES)
    return found


class Judge(Protocol):
    """Who says what is known of a timeline, and whether more is on its way."""

    @property
    def busy(self) -> bool:
        """Whether timelines are being judged somewhere else."""
        ...

    def __call__(self, watch: DriftWatch, persona: str, anchor_sha256: str | None) -> Drift | None:
        """Return what is known of a persona's timeline against an anchor; ``None`` if there is no record on it."""
        ...


class ThoroughJudge:
    """Judges everything before it answers: for reports, the command line, whoever can wait."""

    busy = False

    def __call__(self, watch: DriftWatch, persona: str, anchor_sha256: str | None) -> Drift | None:
        """Return what is known of a timeline once all of it is judged."""
        return watch.look(persona, anchor_sha256=anchor_sha256)


def log_path(timelines: Path) -> Path:
    """Return the file that holds what the process printed."""
    return timelines / MONITOR_FOLDER / "judging.log"


def start_judging(timelines: Path, output: Path) -> int:
    """Start the detached process for two folders and return its id."""
    arguments = ["personalab_core.jobs.judging", str(timelines.absolute()), str(output.absolute())]
    return start_detached(arguments, log=log_path(timelines))


class BackgroundJudge:
    """Judges a little at once and leaves much to a process of its own, so that a page opens at once.

    Args:
        timelines: Folder of the drift records.
        output: Folder of the attempts.
        at_once_bytes: So much is judged here within :data:`AT_ONCE_S`.
        start: Starts the process for two folders and returns its id.
        clock: Seconds that only go up.
    """

    def __init__(
        self,
        timelines: Path,
        output: Path,
        *,
        at_once_bytes: int = AT_ONCE_BYTES,
        start: Callable[[Path, Path], int] = start_judging,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._timelines, self._output, self._start, self._clock = timelines, output, start, clock
        self._at_once_bytes = at_once_bytes
        self._process: tuple[int, str | None] | None = None
        self._asked: dict[Path, tuple[int, float]] = {}
        self._since, self._judged_bytes = clock(), 0
        self._lock = threading.Lock()

    def __call__(self, watch: DriftWatch, persona: str, anchor_sha256: str | None) -> Drift | None:
        """Return what is known of a timeline; ``behind_bytes`` says whether more is on its way.

        Raises:
            WorkspaceError: A file cannot be read or written.
        """
        left = watch.unjudged_bytes(persona)
        if left and self._may_look(left):
            return watch.look(persona, anchor_sha256=anchor_sha256)
        if left:
            self._begin(watch.timeline(persona), left)
        known = watch.known(persona, anchor_sha256=anchor_sha256)
        return _nothing_yet(persona, left) if known is None and left else known

    @property
    def busy(self) -> bool:
        """Whether the process is at work."""
        return self._process is not None and is_alive(*self._process)

    def _may_look(self, n_bytes: int) -> bool:
        """Return whether so much may be judged here, and count it."""
        with self._lock:
            if self._clock() - self._since >= AT_ONCE_S:
                self._since, self._judged_bytes = self._clock(), 0
            if self._judged_bytes + n_bytes > self._at_once_bytes:
                return False
            self._judged_bytes += n_bytes
            return True

    def _begin(self, timeline: Path, left: int) -> None:
        """Start the process, unless the last one has just got no further here: its log says why."""
        with self._lock:
            asked, at = self._asked.get(timeline, (-1, 0.0))
            if self.busy or (asked == left and self._clock() - at < AGAIN_AFTER_S):
                return
            self._asked[timeline] = (left, self._clock())
            try:
                pid = self._start(self._timelines, self._output)
            except OSError as error:
                _log.warning("Timelines in %s cannot be judged: %s.", self._timelines, error.strerror)
            else:
                self._process = (pid, birth_mark(pid))


def _nothing_yet(persona: str, left: int) -> Drift:
    return Drift(persona, DriftStatus(DriftState.CALIBRATING, 0, 0), empty(), (), (), left)


def judge_all(timelines: Path, output: Path) -> bool:
    """Judge every timeline of a workspace, those of the canaries included; return whether all could be judged.

    While another process does it, this one waits, and finds nothing left to do.
    """
    lock = timelines / MONITOR_FOLDER / JUDGING_LOCK
    folders = [(timelines, output), (timelines / CANARY_FOLDER, output / CANARY_FOLDER)]
    lock.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(lock, poll_interval=_POLL_S):
        judged = [_judge_folder(log, out) for log, out in folders]
    return all(judged)


def _judge_folder(timelines: Path, output: Path) -> bool:
    watch = DriftWatch(timelines, output, clock=lambda: datetime.now(UTC))
    good = True
    for path in sorted(timelines.glob(f"*{_TIMELINE}"), key=lambda path: path.stat().st_size):
        try:
            judge(watch, path.name.removesuffix(_TIMELINE))
        except WorkspaceError as error:
            # The others can be judged all the same.
            print(error, flush=True)  # noqa: T201 - standard output is the log file
            good = False
    return good


def main(arguments: list[str] | None = None) -> int:
    """Judge the timelines of the folders on the command line and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m personalab_core.jobs.judging", description=__doc__)
    parser.add_argument("timelines", type=Path, help="folder of the drift records")
    parser.add_argument("output", type=Path, help="folder of the attempts")
    options = parser.parse_args(arguments)
    give_way()
    return 0 if judge_all(options.timelines, options.output) else 1


if __name__ == "__main__":
    sys.exit(main())

"""What the charts said of every record: fixed rows in a file beside the timeline, derived and disposable."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from personalab_core.config.atomic_files import workspace_errors
from personalab_core.schemas import Decision

TRACE = np.dtype(
    [
        ("start", "<u8"),
        ("length", "<u4"),
        ("line", "<u4"),
        ("at", "<f8"),
        ("score", "<f4"),
        ("framing", "u1"),
        ("decision", "u1"),
        ("source", "<u2"),
        ("segment", "<u2"),
        ("judged", "u1"),
        ("raised", "u1"),
        ("z", "<f4"),
        ("unit", "<f4"),
        ("centre", "<f4"),
        ("level", "<f4"),
        ("band", "<f4"),
        ("failures", "<f4"),
        ("spread", "<f4"),
        ("direction", "<f4"),
    ]
)
"""One record. ``start``, ``length`` and ``line``: its line in the timeline. ``unit``: score units per
standard deviation; ``centre``, ``level`` and ``band``: what the baseline expects, the adjusted level and the half
width of its limits; all in score units at half-body framing.
``failures`` and ``spread``: as shares of their limits; ``direction``: as the share of the way from chance to its limit.
``raised``: bits of the charts that went beyond their limit here. NaN while calibrating."""

FRAMINGS = ("head", "half", "full")
DECISIONS = tuple(Decision)

Trace = NDArray[np.void]


def empty() -> Trace:
    """Return a trace without rows."""
    return np.empty(0, TRACE)


class TraceFile:
    """The rows of one timeline. The writer says how many count; what follows them is overwritten."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, n: int) -> Trace:
        """Return the first ``n`` rows.

        Raises:
            WorkspaceError: The file cannot be read.
        """
        if n == 0:
            return empty()
        with workspace_errors("read", self.path):
            return np.fromfile(self.path, dtype=TRACE, count=n)

    def holds(self, n: int) -> bool:
        """Return whether there are at least ``n`` rows."""
        return (self.path.stat().st_size if self.path.is_file() else 0) >= n * TRACE.itemsize

    def write(self, rows: Trace, *, after: int) -> None:
        """Write rows after the first ``after`` ones.

        Raises:
            WorkspaceError: The file cannot be written.
        """
        with workspace_errors("write", self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("r+b" if self.path.exists() else "w+b") as file:
                file.truncate(after * TRACE.itemsize)
                file.seek(0, os.SEEK_END)
                file.write(rows.tobytes())

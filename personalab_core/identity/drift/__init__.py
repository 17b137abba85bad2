"""Whether a persona has slowly become someone else: the timeline, and a monitor with a promised false-alarm rate.

Good means: what is shown and alarmed on is adjusted for what was asked for (framing, provider, patches),
every limit comes from a calibration that a command repeats, and what cannot be told yet is called so.
"""

from __future__ import annotations

from personalab_core.identity.drift.tracker import (
    TREND_SLOPE,
    TREND_WINDOW,
    DriftSummary,
    DriftTracker,
    Trend,
    drift_record,
    summarise,
)

__all__ = [
    "TREND_SLOPE",
    "TREND_WINDOW",
    "DriftSummary",
    "DriftTracker",
    "Trend",
    "drift_record",
    "summarise",
]

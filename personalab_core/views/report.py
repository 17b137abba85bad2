"""The identity report of one persona and month: made, accepted, how stable, events, cost, method and its limits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from personalab_core.errors import InputError
from personalab_core.identity.drift.residuals import BASELINE
from personalab_core.identity.drift.trace import Trace
from personalab_core.schemas import Reason
from personalab_core.views import numbers, words
from personalab_core.views.history import PersonaHistory
from personalab_core.views.logs import AttemptLog, Tally

_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")
MAX_PICTURES = 8


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month, UTC."""

    start: datetime
    end: datetime

    @classmethod
    def of(cls, text: str) -> Month:
        """Return the month that ``2026-10`` names.

        Raises:
            InputError: It is not of that form.
        """
        found = _MONTH.fullmatch(text)
        if not found:
            raise InputError(f"A month is written as 2026-10, got {text!r}.")
        year, month = int(found[1]), int(found[2])
        following = (year + 1, 1) if month == 12 else (year, month + 1)
        return cls(datetime(year, month, 1, tzinfo=UTC), datetime(*following, 1, tzinfo=UTC))

    @property
    def name(self) -> str:
        """Such as ``October 2026``."""
        return f"{_MONTHS[self.start.month - 1]} {self.start.year}"


_MONTHS = (
    "January February March April May June July August September October November December".split()  # noqa: SIM905
)


@dataclass(frozen=True, slots=True)
class ReportEvent:
    """Something found or answered in the month."""

    when: str
    said: str
    reason: str


@dataclass(frozen=True, slots=True)
class ReportChart:
    """The month's records: score, adjusted level and its limits, by record number; ``None`` while calibrating."""

    numbers: tuple[int, ...]
    scores: tuple[float, ...]
    levels: tuple[float | None, ...]
    lower: tuple[float | None, ...]
    upper: tuple[float | None, ...]
    accept_threshold: float | None


@dataclass(frozen=True, slots=True)
class IdentityReport:
    """Everything the report prints, in words and numbers ready to print."""

    persona: str
    name: str
    month: str
    made_on: str
    simulated: bool
    finding: str
    made: tuple[tuple[str, str], ...]
    refused: tuple[tuple[str, str], ...]
    stability: tuple[tuple[str, str], ...]
    events: tuple[ReportEvent, ...]
    cost: tuple[tuple[str, str], ...]
    method: tuple[str, ...]
    limits: tuple[str, ...]
    chart: ReportChart
    anchor: Path | None
    pictures: tuple[Path, ...]


def build_report(history: PersonaHistory, month: Month, *, rooms: Mapping[str, Path], now: datetime) -> IdentityReport:
    """Return the report of a persona and month.

    Args:
        history: The persona and its records.
        month: Which month.
        rooms: The folders of pictures, by name.
        now: Current time (UTC).
    """
    attempts = history.attempts.narrowed("at>=? AND at<?", month.start.timestamp(), month.end.timestamp())
    trace = _rows(history, month)
    tally = attempts.tally
    events = [e for e in (history.monitored.events if history.monitored else ()) if _within(e.timestamp, month)]
    anchor = history.anchor
    return IdentityReport(
        persona=history.id,
        name=history.name,
        month=month.name,
        made_on=f"{now:%Y-%m-%d %H:%M} UTC",
        simulated=tally.n_simulated > 0,
        finding=_finding(history.first_name, tally, trace, [e.sentence for e in events if e.event == "alarm"]),
        made=_made(attempts, tally),
        refused=tuple((words.REASONS[reason], str(n)) for reason, n in _refused(attempts)),
        stability=_stability(trace),
        events=tuple(ReportEvent(f"{e.timestamp:%Y-%m-%d}", e.sentence, e.reason) for e in events),
        cost=_cost(tally),
        method=_method(attempts),
        limits=_limits(tally),
        chart=_chart(trace, history),
        anchor=rooms["references"] / anchor.path if anchor else None,
        pictures=_pictures(attempts, rooms["output"]),
    )


def _within(moment: datetime, month: Month) -> bool:
    return month.start <= moment < month.end


def _rows(history: PersonaHistory, month: Month) -> tuple[int, Trace] | None:
    """Return the number before the first record of the month, and the month's rows."""
    if history.monitored is None:
        return None
    at = history.monitored.trace["at"]
    first, last = np.searchsorted(at, [month.start.timestamp(), month.end.timestamp()])
    return int(first), history.monitored.trace[first:last]


def _finding(name: str, tally: Tally, trace: tuple[int, Trace] | None, alarms: list[str]) -> str:
    if not tally.n:
        return f"Nothing was made of {name} in this month."
    made = f"{numbers.count(tally.n_accepted)} of {numbers.plural(tally.n, 'picture')} showed {name} and were accepted."
    if alarms:
        return f"{made} {alarms[0]}"
    judged = trace is not None and bool(np.isfinite(trace[1]["level"]).any())
    return f"{made} No change of the face was found." if judged else f"{made} It is too early for a verdict on drift."


def _made(attempts: AttemptLog, tally: Tally) -> tuple[tuple[str, str], ...]:
    assets = set(attempts.column("asset_id"))
    measured = len(attempts.narrowed("composite IS NOT NULL"))
    return (
        ("Assets worked on", numbers.count(len(assets))),
        ("Attempts", numbers.count(tally.n)),
        ("Accepted", f"{numbers.count(tally.n_accepted)} ({numbers.percent(tally.n_accepted, tally.n)} of attempts)"),
        (
            "Measured",
            f"{numbers.count(measured)} of {numbers.count(tally.n)}; the rest had no face to measure or no picture",
        ),
    )


def _refused(attempts: AttemptLog) -> list[tuple[Reason, int]]:
    return list(attempts.refused.items())


def _stability(trace: tuple[int, Trace] | None) -> tuple[tuple[str, str], ...]:
    if trace is None or not len(trace[1]):
        return (("Adjusted level", "no record in this month"),)
    rows = trace[1]
    judged = rows[np.isfinite(rows["level"])]
    scores = rows["score"].astype(float)
    spread = f"{scores.mean():.3f} (standard deviation {scores.std():.3f}, {len(scores)} records)"
    if not len(judged):
        return (
            ("Adjusted level", f"calibrating; the first {BASELINE} records say what is normal"),
            ("Raw mean", spread),
        )
    first, last = judged[0], judged[-1]
    return (
        ("Adjusted level", f"{first['level']:.3f} at the beginning, {last['level']:.3f} at the end"),
        ("Expected by the baseline", f"{last['centre']:.3f}, within ±{last['band']:.3f}"),
        ("Raw mean", spread),
        ("Nearest to a limit", _nearest(judged)),
    )


def _nearest(judged: Trace) -> str:
    level = np.abs(judged["level"] - judged["centre"]) / judged["band"]
    shares = {"level": level, **{name: judged[name] for name in ("failures", "spread", "direction")}}
    name, share = max(((name, float(values.max())) for name, values in shares.items()), key=lambda pair: pair[1])
    return f"{name}, {100 * share:.0f} % of its limit"


def _cost(tally: Tally) -> tuple[tuple[str, str], ...]:
    if tally.simulated:
        return (("Spent", "$0.00, simulated"),)
    if tally.known_usd is None:
        return (("Spent", "price unknown"),)
    each = numbers.money(tally.known_usd / tally.n_accepted, digits=3) if tally.n_accepted else "none accepted"
    return (("Spent, as far as prices are known", numbers.money(tally.known_usd)), ("Per accepted picture", each))


def _method(attempts: AttemptLog) -> tuple[str, ...]:
    newest = attempts.newest(1, "evaluator IS NOT NULL")
    info = newest[0].evaluator if newest else None
    instrument = f"Instrument: {info.name} with {info.pack} ({info.pack_hash}). " if info else ""
    return (
        (
            f"{instrument}Each picture is compared with the anchor: 0.7 times the cosine similarity of the face "
            "embeddings, plus 0.3 times one minus the error of the landmark ratios."
        ),
        (
            "The drift monitor compares each measured picture, accepted or not, with what the persona's own baseline "
            "expects of its framing, provider, face size and prompt patches. Four charts watch the level, the "
            "failures, the spread and the direction of the embedding."
        ),
        (
            "In simulated personas in whom nothing changes, the four charts together raise one false alarm in about "
            "1,000 records."
        ),
    )


def _limits(tally: Tally) -> tuple[str, ...]:
    simulated = (words.SIMULATED_WHY,) if tally.n_simulated else ()
    return (
        *simulated,
        words.UNCALIBRATED,
        "The false-alarm rate comes from a simulation; it was not calibrated on real timelines.",
        (
            f"Changes within the first {BASELINE} records, of less than about 0.03, or slower than 0.0005 per record "
            "are not found quickly by any method."
        ),
        "The report shows what was measured. It does not prove who a picture shows.",
    )


def _chart(trace: tuple[int, Trace] | None, history: PersonaHistory) -> ReportChart:
    thresholds = history.attempts.thresholds
    accept = thresholds[0] if thresholds else None
    if trace is None:
        return ReportChart((), (), (), (), (), accept)
    before, rows = trace

    def known(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> tuple[float | None, ...]:
        return tuple(float(v) if np.isfinite(v) else None for v in values)

    return ReportChart(
        tuple(range(before + 1, before + len(rows) + 1)),
        tuple(rows["score"].astype(float).tolist()),
        known(rows["level"].astype(float)),
        known((rows["centre"] - rows["band"]).astype(float)),
        known((rows["centre"] + rows["band"]).astype(float)),
        accept,
    )


def _pictures(attempts: AttemptLog, output: Path) -> tuple[Path, ...]:
    newest = attempts.newest(MAX_PICTURES, "decision='accept' AND has_picture")
    paths = (output / (r.thumbnail_path or r.image_path or "") for r in newest)
    return tuple(path for path in paths if path.is_file())

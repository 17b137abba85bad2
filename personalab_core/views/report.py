"""The identity report of one persona and month: made, accepted, how stable, events, cost, method and its limits."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from personalab_core.errors import InputError
from personalab_core.identity.drift.residuals import BASELINE
from personalab_core.identity.drift.sentences import named
from personalab_core.identity.drift.trace import Trace
from personalab_core.schemas import DriftEventRecord
from personalab_core.views import numbers, words
from personalab_core.views.drift import event_title
from personalab_core.views.history import PersonaHistory
from personalab_core.views.logs import AttemptLog, Tally
from personalab_core.views.report_chart import ReportChart
from personalab_core.views.thinning import kept

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


def months_of(history: PersonaHistory) -> tuple[Month, ...]:
    """Return the months from the first attempt to the newest one, newest first."""
    if not history.attempts:
        return ()
    first, month = history.attempts[0].timestamp, Month.of(f"{history.attempts[-1].timestamp.astimezone(UTC):%Y-%m}")
    months = [month]
    while months[-1].start > first:
        months.append(Month.of(f"{months[-1].start - timedelta(days=1):%Y-%m}"))
    return tuple(months)


_MONTHS = (
    "January February March April May June July August September October November December".split()  # noqa: SIM905
)


@dataclass(frozen=True, slots=True)
class ReportEvent:
    """Something found or answered in the month."""

    when: str
    what: str
    said: str
    reason: str


@dataclass(frozen=True, slots=True)
class ReportPicture:
    """A picture with what stands under it."""

    path: Path
    caption: str


@dataclass(frozen=True, slots=True)
class IdentityReport:
    """Everything the report prints, in words and numbers ready to print."""

    name: str
    month: str
    made_on: str
    simulated: bool
    finding: str
    summary: str
    made: tuple[tuple[str, str], ...]
    refused: tuple[tuple[str, str], ...]
    stability: tuple[tuple[str, str], ...]
    events: tuple[ReportEvent, ...]
    cost: tuple[tuple[str, str], ...]
    method: tuple[str, ...]
    limits: tuple[str, ...]
    chart: ReportChart
    anchor: Path | None
    pictures: tuple[ReportPicture, ...]


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
    known = history.monitored.events if history.monitored else ()
    events = [e for e in known if month.start <= e.timestamp < month.end]
    standing = _standing([e for e in known if e.timestamp < month.end])
    anchor = history.anchor
    return IdentityReport(
        name=history.name,
        month=month.name,
        made_on=f"{now.day} {now:%b %Y, %H:%M} UTC",
        simulated=tally.n_simulated > 0,
        finding=_finding(history, tally, trace, standing, new=standing in events),
        summary=_summary(history.first_name, tally),
        made=_made(attempts, tally),
        refused=tuple((words.REASONS[reason], numbers.count(n)) for reason, n in attempts.refused.items()),
        stability=_stability(trace),
        events=tuple(_event(e, history) for e in events),
        cost=_cost(tally),
        method=_method(attempts),
        limits=_limits(tally),
        chart=_chart(trace, history, standing),
        anchor=rooms["references"] / anchor.path if anchor else None,
        pictures=_pictures(attempts, rooms["output"]),
    )


def _standing(events: Sequence[DriftEventRecord]) -> DriftEventRecord | None:
    """Return the first change found that nobody has accepted as normal by then."""
    standing = None
    for event in events:
        if event.event == "alarm":
            standing = standing or event
        elif event.event != "held":
            standing = None
    return standing


def _event(event: DriftEventRecord, history: PersonaHistory) -> ReportEvent:
    said = named(event.sentence, history.id, history.first_name)
    return ReportEvent(_day(event.timestamp), event_title(event), said, event.reason)


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%b}"


def _rows(history: PersonaHistory, month: Month) -> tuple[int, Trace] | None:
    """Return the number before the first record of the month, and the month's rows."""
    if history.monitored is None:
        return None
    at = history.monitored.trace["at"]
    first, last = np.searchsorted(at, [month.start.timestamp(), month.end.timestamp()])
    return int(first), history.monitored.trace[first:last]


def _finding(
    history: PersonaHistory,
    tally: Tally,
    trace: tuple[int, Trace] | None,
    standing: DriftEventRecord | None,
    *,
    new: bool,
) -> str:
    """Return the answer of the report in one sentence."""
    name = history.first_name
    if standing is not None:
        said = named(standing.sentence, history.id, name).split(". ")[0].rstrip(".")
        return f"{said}." if new else f"The change found on {_day(standing.timestamp)} stands: {said}."
    if not tally.n:
        return f"Nothing was made of {name} in this month."
    judged = trace is not None and bool(np.isfinite(trace[1]["level"]).any())
    return f"{name} is steady: no change of the face was found." if judged else "Too early for a verdict on drift."


def _summary(name: str, tally: Tally) -> str:
    if not tally.n:
        return "No picture was asked for."
    return f"{numbers.count(tally.n_accepted)} of {numbers.plural(tally.n, 'attempt')} showed {name} and were accepted."


def _made(attempts: AttemptLog, tally: Tally) -> tuple[tuple[str, str], ...]:
    assets = set(attempts.column("asset_id"))
    measured = len(attempts.narrowed("composite IS NOT NULL"))
    return (
        ("Assets worked on", numbers.count(len(assets))),
        ("Attempts", numbers.count(tally.n)),
        ("Accepted", numbers.share(tally.n_accepted, tally.n)),
        ("Measured", f"{numbers.share(measured, tally.n)}; the rest had no face to measure or no picture"),
    )


def _stability(trace: tuple[int, Trace] | None) -> tuple[tuple[str, str], ...]:
    if trace is None or not len(trace[1]):
        return (("Adjusted level", "no record in this month"),)
    rows = trace[1]
    judged = rows[np.isfinite(rows["level"])]
    scores = rows["score"].astype(float)
    spread = (
        f"{numbers.level(scores.mean())}, standard deviation {numbers.level(scores.std())}, "
        f"{numbers.plural(len(scores), 'record')}"
    )
    if not len(judged):
        return (
            ("Adjusted level", f"calibrating; the first {BASELINE} records say what is normal"),
            ("Mean score", spread),
        )
    first, last = judged[0], judged[-1]
    return (
        (
            "Adjusted level",
            f"{numbers.level(first['level'])} at the beginning, {numbers.level(last['level'])} at the end",
        ),
        ("Expected by the baseline", f"{numbers.level(last['centre'])}, within ±{numbers.level(last['band'])}"),
        ("Mean score", spread),
        ("Nearest to a limit", _nearest(judged)),
    )


def _nearest(judged: Trace) -> str:
    level = np.abs(judged["level"] - judged["centre"]) / judged["band"]
    shares = {"level": level, **{name: judged[name] for name in ("failures", "spread", "direction")}}
    name, share = max(((name, float(values.max())) for name, values in shares.items()), key=lambda pair: pair[1])
    return f"{name}, {100 * share:.0f}{numbers.NBSP}% of its limit"


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


def _chart(trace: tuple[int, Trace] | None, history: PersonaHistory, standing: DriftEventRecord | None) -> ReportChart:
    thresholds = history.attempts.thresholds
    accept = thresholds[0] if thresholds else None
    if trace is None or not len(trace[1]):
        return ReportChart((), (), (), (), (), ("", ""), accept, None)
    before, every = trace
    numbered = np.arange(before + 1, before + len(every) + 1)
    places = list(kept(numbered, every["score"]))
    own, rows = numbered[places], every[places]
    since = standing.since if standing is not None else None
    return ReportChart(
        tuple(own.tolist()),
        tuple(rows["score"].astype(float).tolist()),
        _known(rows["level"]),
        _known(rows["centre"] - rows["band"]),
        _known(rows["centre"] + rows["band"]),
        (_day(_moment(every[0])), _day(_moment(every[-1]))),
        accept,
        since if since is not None and since <= own[-1] else None,
    )


def _known(values: NDArray[np.float32]) -> tuple[float | None, ...]:
    return tuple(float(v) if np.isfinite(v) else None for v in values)


def _moment(row: np.void) -> datetime:
    return datetime.fromtimestamp(float(row["at"]), UTC)


def _pictures(attempts: AttemptLog, output: Path) -> tuple[ReportPicture, ...]:
    newest = attempts.newest(MAX_PICTURES, "decision='accept' AND has_picture")
    pictures = (
        ReportPicture(
            output / (r.thumbnail_path or r.image_path or ""),
            f"{_day(r.timestamp)}, {numbers.score(r.scores.composite)}",
        )
        for r in newest
    )
    return tuple(picture for picture in pictures if picture.path.is_file())

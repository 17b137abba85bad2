"""The report's chart as shapes that HTML and PDF draw alike: scores, the adjusted level in its limits, the change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from personalab_core.views import numbers

WIDTH, HEIGHT = 820.0, 270.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 34.0, 92.0, 8.0, 30.0
SCORE_RANGE = (0.36, 0.92)
"""Wider only where the scores need it, so that two reports compare by eye."""
HOW_TO_READ = (
    "Each point is one measured picture. The line is their level, adjusted for framing and provider; "
    "the field around it is where it stays by chance."
)
BLUE, WINE, GREY, INK, MUTED, LINE, FIELD, PALE = (
    "#0F4FB0",
    "#861539",
    "#A9A9B2",
    "#1B1B1F",
    "#5F5F68",
    "#E3E3E7",
    "#DCE6F5",
    "#F5F5F6",
)

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class ReportChart:
    """The month's records by their numbers.

    Attributes:
        numbers: Of the records on the timeline, from 1.
        scores: Composite scores.
        levels: Adjusted level; ``None`` while calibrating.
        lower: Lower limit of the level.
        upper: Upper limit.
        days: Of the first and the last record.
        accept_threshold: From where a picture is accepted.
        change: First changed record, in this month or before.
    """

    numbers: tuple[int, ...]
    scores: tuple[float, ...]
    levels: tuple[float | None, ...]
    lower: tuple[float | None, ...]
    upper: tuple[float | None, ...]
    days: tuple[str, str]
    accept_threshold: float | None
    change: int | None


@dataclass(frozen=True, slots=True)
class Area:
    """A filled polygon."""

    points: tuple[Point, ...]
    colour: str


@dataclass(frozen=True, slots=True)
class Stroke:
    """A line through points."""

    points: tuple[Point, ...]
    colour: str
    width: float = 1.0
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Dots:
    """Discs of one size."""

    points: tuple[Point, ...]
    colour: str
    radius: float = 2.6


@dataclass(frozen=True, slots=True)
class Label:
    """A text that begins, or ends, at a point."""

    at: Point
    text: str
    colour: str
    ends: bool = False


Shape = Area | Stroke | Dots | Label


def shapes_of(chart: ReportChart) -> list[Shape]:
    """Return what to draw, from back to front; nothing without a record."""
    if not chart.numbers:
        return []
    place = _placing(chart)
    band = _band(chart, place)
    return [
        *_calibrating(chart, place),
        *([Area(band, FIELD)] if band else []),
        *_grid(chart, place),
        Dots(tuple(place(n, score) for n, score in zip(chart.numbers, chart.scores, strict=True)), GREY),
        *_level(chart, place),
        *_change(chart, place),
        *_axis(chart, place),
    ]


def to_svg(chart: ReportChart) -> str:
    """Return the chart as SVG, or a sentence where there is nothing to draw."""
    if not chart.numbers:
        return "<p>No record in this month.</p>"
    alt = f"Scores and adjusted level of records {chart.numbers[0]} to {chart.numbers[-1]}"
    body = "".join(_svg(shape) for shape in shapes_of(chart))
    return f'<svg viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img" aria-label="{alt}">{body}</svg>'


def _svg(shape: Shape) -> str:
    match shape:
        case Area(points, colour):
            return f'<polygon points="{_path(points)}" fill="{colour}"/>'
        case Stroke(points, colour, width, dashed):
            dash = ' stroke-dasharray="4 4"' if dashed else ""
            line = f'fill="none" stroke="{colour}" stroke-width="{width:g}"{dash}'
            return f'<polyline points="{_path(points)}" {line}/>'
        case Dots(points, colour, radius):
            return "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" fill="{colour}"/>' for x, y in points)
        case Label((x, y), text, colour, ends):
            anchor = "end" if ends else "start"
            place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
            return f'<text {place} font-size="12" fill="{colour}">{escape(text)}</text>'


def _path(points: Sequence[Point]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


Placing = Callable[[float, float], Point]


def _placing(chart: ReportChart) -> Placing:
    low, high = min([SCORE_RANGE[0], *chart.scores]), max([SCORE_RANGE[1], *chart.scores])
    first, last = chart.numbers[0], chart.numbers[-1]

    def place(number: float, value: float) -> Point:
        across = (number - first) / max(last - first, 1)
        up = (value - low) / (high - low)
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * across, _TOP + (HEIGHT - _TOP - _BOTTOM) * (1 - up)

    return place


def _band(chart: ReportChart, place: Placing) -> tuple[Point, ...]:
    lower = [place(n, v) for n, v in zip(chart.numbers, chart.lower, strict=True) if v is not None]
    upper = [place(n, v) for n, v in zip(chart.numbers, chart.upper, strict=True) if v is not None]
    return (*lower, *reversed(upper))


def _calibrating(chart: ReportChart, place: Placing) -> list[Shape]:
    """Return the field of the records that only said what is normal."""
    own = [n for n, level in zip(chart.numbers, chart.levels, strict=True) if level is None]
    if not own:
        return []
    (left, _), (right, _) = place(own[0], 0), place(own[-1], 0)
    top, bottom = _TOP, HEIGHT - _BOTTOM
    corners = ((left, top), (right, top), (right, bottom), (left, bottom))
    return [Area(corners, PALE), Label((left + 4, top + 12), "calibrating", MUTED)]


def _grid(chart: ReportChart, place: Placing) -> list[Shape]:
    right = WIDTH - _RIGHT
    drawn: list[Shape] = []
    for value in (0.4, 0.6, 0.8):
        _, y = place(chart.numbers[0], value)
        drawn += [Stroke(((_LEFT, y), (right, y)), LINE), Label((0, y + 4), f"{value:.1f}", MUTED)]
    if chart.accept_threshold is not None:
        _, y = place(chart.numbers[0], chart.accept_threshold)
        words = f"accept {numbers.score(chart.accept_threshold)}"
        drawn += [Stroke(((_LEFT, y), (right, y)), MUTED, dashed=True), Label((right + 6, y + 4), words, MUTED)]
    return drawn


def _level(chart: ReportChart, place: Placing) -> list[Shape]:
    """Return the level in stretches without a gap, blue up to the change and wine since; its name at the end."""
    drawn: list[Shape] = []
    run: list[tuple[int, Point]] = []
    for number, value in [*zip(chart.numbers, chart.levels, strict=True), (0, None)]:
        if value is not None:
            run.append((number, place(number, value)))
            continue
        drawn += _coloured(run, chart.change)
        run = []
    ends = [(n, v) for n, v in zip(chart.numbers, chart.levels, strict=True) if v is not None]
    if ends:
        x, y = place(*ends[-1])
        apart = chart.accept_threshold is None or abs(y - place(0, chart.accept_threshold)[1]) > 12
        drawn.append(Label((x + 6, y + (4 if apart else -8)), f"level {numbers.level(ends[-1][1])}", INK))
    return drawn


def _coloured(run: Sequence[tuple[int, Point]], change: int | None) -> list[Shape]:
    before = tuple(point for n, point in run if change is None or n <= change)
    since = tuple(point for n, point in run if change is not None and n >= change)
    return [Stroke(p, colour, 2.5) for p, colour in ((before, BLUE), (since, WINE)) if len(p) > 1]


def _change(chart: ReportChart, place: Placing) -> list[Shape]:
    if chart.change is None or chart.change < chart.numbers[0]:
        return []
    x, _ = place(chart.change - 0.5, 0)
    late = x > WIDTH * 0.6
    words = f"about record {chart.change}"
    mark = Stroke(((x, _TOP), (x, HEIGHT - _BOTTOM)), WINE, 1.5)
    return [mark, Label((x - 6 if late else x + 6, _TOP + 12), words, WINE, ends=late)]


def _axis(chart: ReportChart, place: Placing) -> list[Shape]:
    y = HEIGHT - 10
    first, last = chart.numbers[0], chart.numbers[-1]
    (left, _), (right, _) = place(first, 0), place(last, 0)
    begin = Label((left, y), f"record {first}, {chart.days[0]}", MUTED)
    return [begin] if first == last else [begin, Label((right, y), f"record {last}, {chart.days[1]}", MUTED, ends=True)]

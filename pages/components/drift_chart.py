"""The drift chart: raw scores by framing, the adjusted level in its limits, the moment of change, the strips below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from pages.components.tokens import Tokens, faint, tokens
from personalab_core.views.drift import Comparison, DriftView
from personalab_core.views.drift_lines import ChangeMark, DriftLines, Line, Strip

__all__ = [
    "SCORE_RANGE",
    "SHAPES",
    "draw_canaries",
    "draw_comparison",
    "draw_sources",
    "draw_timeline",
    "timeline_height",
]

SHAPES = {"head": "circle", "half": "diamond", "full": "triangle-up"}
SCORE_RANGE = (0.36, 0.92)
"""Score axis of every timeline, so that two personas compare by eye; wider only where the data need it."""
CHART_PX, STRIP_PX = 400, 54
FULL = 1.25
"""A strip is this high, in shares of its limit."""
_END: dict[str, Any] = {"xanchor": "left", "xshift": 6}
LABEL_SHARE = 0.065
"""Height of a label as a share of a chart of lines."""
DASHED_FROM = 4
"""From the fifth line on, colour alone does not tell them apart."""
_APART = 0.03
"""Labels at the right end that are closer than this, in score, would lie on each other."""


def timeline_height(view: DriftView) -> int:
    """Return the height of the chart in pixels."""
    return CHART_PX + STRIP_PX * len(view.lines.strips if view.lines else ())


def draw_timeline(view: DriftView, picked: str | None) -> go.Figure:
    """Return the timeline with its strips on the same axis of records."""
    c, figure = tokens(), go.Figure()
    low = min([SCORE_RANGE[0], *(p.score - 0.03 for p in view.points)])
    high = max([SCORE_RANGE[1], *(p.score + 0.03 for p in view.points)])
    _add_bands(figure, view, c, low, high)
    _add_points(figure, view, c, picked)
    notes = _thresholds(view, c)
    if view.lines is not None:
        notes += _add_lines(figure, view, view.lines, c, high)
        notes += _add_strips(figure, view.lines.strips, c, view.n_records)
    _axes(figure, view, low, high)
    figure.update_layout(margin={"l": 8, "r": 110, "t": 4, "b": 8}, clickmode="event+select", annotations=notes)
    return figure


def draw_comparison(comparison: Comparison) -> go.Figure:
    """Return the adjusted level of several personas, one line each."""
    return _lines(comparison.lines)


def draw_sources(view: DriftView) -> go.Figure:
    """Return the adjusted level of each provider and model by itself."""
    return _lines(view.by_source)


def draw_canaries(view: DriftView) -> go.Figure:
    """Return the scores and the adjusted level of the fixed prompts."""
    return _lines(view.canaries.lines if view.canaries else ())


def _lines(lines: Sequence[tuple[str, Line]]) -> go.Figure:
    c, figure = tokens(), go.Figure()
    drawn = [(name, line) for name, line in lines if line]
    last = max((line[-1][0] for _, line in drawn), default=1)
    values = [value for _, line in drawn for _, value in line]
    low, high = min([SCORE_RANGE[0], *values]), max([SCORE_RANGE[1], *values])
    ends = _apart([line[-1][1] for _, line in drawn], (high - low) * LABEL_SHARE)
    notes = []
    for place, ((name, line), end) in enumerate(zip(drawn, ends, strict=True)):
        colour = c.series[place % len(c.series)]
        _line(figure, line, colour, 2.5, dash="solid" if place < DASHED_FROM else "dash")
        notes.append(_note(last, end, name, colour, **_END))
    ticks = record_ticks(int(last))
    figure.update_yaxes(range=[low, high], tickformat=".2f", dtick=0.1)
    figure.update_xaxes(range=[0, last + 1], tickvals=ticks, ticktext=_ticktext(ticks))
    figure.update_layout(margin={"l": 8, "r": 130, "t": 4, "b": 8}, annotations=notes)
    return figure


def _apart(values: Sequence[float], least: float) -> list[float]:
    """Return places for labels at these values, moved up where they would lie on the one below."""
    places = list(values)
    below = -np.inf
    for i in sorted(range(len(values)), key=lambda i: values[i]):
        below = places[i] = max(values[i], below + least)
    return places


def _axes(figure: go.Figure, view: DriftView, low: float, high: float) -> None:
    strips = view.lines.strips if view.lines else ()
    whole = timeline_height(view)
    bottom = STRIP_PX * len(strips) / whole
    ticks = record_ticks(view.n_records)
    figure.update_layout(yaxis={"domain": [bottom, 1], "range": [low, high], "tickformat": ".2f", "dtick": 0.1})
    for place in range(len(strips)):
        top = bottom - place * STRIP_PX / whole
        domain = [top - 0.8 * STRIP_PX / whole, top - 0.2 * STRIP_PX / whole]
        axis = {"domain": domain, "range": [0, FULL], "showgrid": False, "showticklabels": False}
        figure.update_layout({f"yaxis{place + 2}": axis})
    figure.update_xaxes(
        range=[0, view.n_records + 1], tickvals=ticks, ticktext=_ticktext(ticks), anchor="free", position=0
    )


def _add_bands(figure: go.Figure, view: DriftView, c: Tokens, low: float, high: float) -> None:
    """Lay the decision bands, the calibrating fields and the threshold lines under the points."""
    if view.accept_threshold is not None and view.retry_threshold is not None:
        bands = ((view.retry_threshold, view.accept_threshold, c.retry), (low, view.retry_threshold, c.reject))
        for y0, y1, colour in bands:
            if y1 > max(y0, low):
                _field(figure, (0, 1), (max(y0, low), y1), faint(colour, 0.08), xref="x domain")
    for threshold in (view.accept_threshold, view.retry_threshold):
        if threshold is not None and low <= threshold <= high:
            line = {"color": c.muted, "width": 1, "dash": "dash"}
            figure.add_shape(type="line", xref="x domain", x0=0, x1=1, y0=threshold, y1=threshold, line=line)
    for first, last in view.lines.calibrating if view.lines else ():
        _field(figure, (first - 0.5, last + 0.5), (low, high), c.shade)


def _field(figure: go.Figure, x: tuple[float, float], y: tuple[float, float], colour: str, *, xref: str = "x") -> None:
    figure.add_shape(
        type="rect", xref=xref, x0=x[0], x1=x[1], y0=y[0], y1=y[1], fillcolor=colour, line_width=0, layer="below"
    )


def _add_points(figure: go.Figure, view: DriftView, c: Tokens, picked: str | None) -> None:
    for size, shape in SHAPES.items():
        points = [p for p in view.points if p.frame_size == size]
        if not points:
            continue
        figure.add_trace(
            go.Scatter(
                # Arrays: Plotly looks at every element of a list.
                x=np.array([p.number for p in points]),
                y=np.array([p.score for p in points]),
                customdata=np.array([p.attempt_id for p in points]),
                mode="markers",
                marker={"symbol": shape, "size": 7, "color": c.dot, "opacity": 0.85, "line_width": 0},
                selected={"marker": {"opacity": 1}},
                unselected={"marker": {"opacity": 0.85}},
                hovertemplate="Record %{x}<br>Score %{y:.2f}<extra></extra>",
            )
        )
    ring = next((p for p in view.points if p.attempt_id == picked), None)
    if ring:
        marker = {"symbol": f"{SHAPES[ring.frame_size]}-open", "size": 14, "color": c.ink, "line_width": 2}
        figure.add_trace(
            go.Scatter(
                x=[ring.number], y=[ring.score], mode="markers", hoverinfo="skip", marker=marker, cliponaxis=False
            )
        )


def _add_lines(figure: go.Figure, view: DriftView, lines: DriftLines, c: Tokens, high: float) -> list[dict[str, Any]]:
    """Draw limits, raw mean, level and the moment of change; return their labels."""
    last = view.n_records
    _limits(figure, lines, c)
    _line(figure, lines.raw_mean, c.muted, 1, dash="dot")
    _line(figure, lines.level, c.accept, 2.5)
    _line(figure, lines.level_after, c.reject, 2.5)
    notes = [
        _note(first - 0.5, high, "calibrating", c.muted, yanchor="top", xanchor="left", xshift=4)
        for first, end in lines.calibrating
        if end - first > max(6, last * 0.08)
    ]
    now = (lines.level_after or lines.level)[-1:]
    for _, value in now:
        colour = c.reject if lines.level_after else c.accept
        beside = _beside(value, (view.accept_threshold, view.retry_threshold))
        notes.append(_note(last, value, f"level {value:.3f}", colour, yshift=beside, **_END))
        raw = lines.raw_mean[-1][1] if lines.raw_mean else value
        if abs(raw - value) > _APART:
            notes.append(_note(last, raw, "raw mean", c.muted, **_END))
    return notes + (_mark_change(figure, lines.change, c, high, last) if lines.change else [])


def _beside(value: float, others: Sequence[float | None]) -> int:
    """Return how many pixels to move a label that would lie on another one."""
    near = next((other for other in others if other is not None and abs(value - other) < _APART), None)
    return 0 if near is None else 12 if value >= near else -12


def _limits(figure: go.Figure, lines: DriftLines, c: Tokens) -> None:
    if not lines.limits:
        return
    x = [n for n, _, _ in lines.limits]
    outline = [*(low for _, low, _ in lines.limits), *(high for _, _, high in reversed(lines.limits))]
    figure.add_trace(
        go.Scatter(
            x=np.array([*x, *reversed(x)]),
            y=np.array(outline),
            fill="toself",
            mode="lines",
            line={"width": 0},
            fillcolor=faint(c.accept, 0.12),
            hoverinfo="skip",
        )
    )


def _mark_change(figure: go.Figure, change: ChangeMark, c: Tokens, high: float, last: int) -> list[dict[str, Any]]:
    """Draw when it began, how exactly that is known, and the levels before and since."""
    figure.add_shape(
        type="line", x0=change.number - 0.5, x1=change.number - 0.5, y0=0, y1=1, yref="y domain",
        line={"color": c.reject, "width": 1.5},
    )  # fmt: skip
    if change.high > change.low:
        field = faint(c.reject, 0.12)
        figure.add_shape(
            type="rect", x0=change.low - 0.5, x1=change.high + 0.5, y0=0, y1=1, yref="y domain", line_width=0,
            fillcolor=field, layer="below",
        )  # fmt: skip
    for value, x0, x1 in ((change.before, 0.5, change.number - 0.5), (change.after, change.number - 0.5, last + 0.5)):
        if value is not None:
            line = {"color": c.ink, "width": 1, "dash": "dot"}
            figure.add_shape(type="line", x0=x0, x1=x1, y0=value, y1=value, line=line)
    side = "right" if change.number > last * 0.7 else "left"
    shift = -6 if side == "right" else 6
    return [_note(change.number, high, change.words, c.reject, yanchor="top", xanchor=side, xshift=shift)]


def _add_strips(figure: go.Figure, strips: Sequence[Strip], c: Tokens, last: int) -> list[dict[str, Any]]:
    """Draw each strip, filling up towards its limit; return its name and that of the limit."""
    notes = []
    for place, strip in enumerate(strips, 2):
        axis = f"y{place}"
        over = any(value > 1 for _, value in strip.line)
        colour = c.reject if over else c.strong
        figure.add_trace(
            go.Scatter(
                x=np.array([n for n, _ in strip.line]),
                y=np.minimum(np.array([value for _, value in strip.line]), FULL),
                yaxis=axis,
                mode="lines",
                line={"color": colour, "width": 1.5},
                fill="tozeroy",
                fillcolor=faint(colour, 0.15),
                hoverinfo="skip",
            )
        )
        line = {"color": c.muted, "width": 1, "dash": "dash"}
        figure.add_shape(type="line", xref="x domain", x0=0, x1=1, y0=1, y1=1, yref=axis, line=line)
        notes.append(_note(last, 0.5, strip.name, colour, yref=axis, **_END))
    return notes


def _thresholds(view: DriftView, c: Tokens) -> list[dict[str, Any]]:
    notes = []
    if view.accept_threshold is not None:
        notes.append(
            _note(view.n_records, view.accept_threshold, f"accept {view.accept_threshold:.2f}", c.muted, **_END)
        )
    if view.retry_threshold is not None and view.retry_threshold >= SCORE_RANGE[0] - 0.02:
        notes.append(_note(view.n_records, view.retry_threshold, f"reject {view.retry_threshold:.2f}", c.muted, **_END))
    return notes


def _line(figure: go.Figure, line: Line, colour: str, width: float, *, dash: str = "solid") -> None:
    if line:
        figure.add_trace(
            go.Scatter(
                x=np.array([n for n, _ in line]),
                y=np.array([value for _, value in line]),
                mode="lines",
                line={"color": colour, "width": width, "dash": dash},
                hoverinfo="skip",
            )
        )


def _note(x: float, y: float, text: str, colour: str, **place: Any) -> dict[str, Any]:
    return {"x": x, "y": y, "text": text, "font": {"size": 12, "color": colour}, "showarrow": False, **place}


def _ticktext(ticks: Sequence[int]) -> list[str]:
    return [*(str(n) for n in ticks[:-1]), f"record {ticks[-1]}"]


def record_ticks(last: int) -> list[int]:
    """Return where the axis of records has its ticks: the first, the last, round numbers between."""
    step = next(step for step in (5, 10, 20, 50, 100, 200, 500, 1000, 5000, 20000, 100000) if last / step <= 6)
    return [1, *(n for n in range(step, last, step) if last - n > step * 0.45 and n > 1), last] if last > 1 else [1]

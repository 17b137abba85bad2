"""The charts. The heading above a chart says its finding, lines are named at their ends, gaps stay gaps."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from pages.components.tokens import Tokens, faint, tokens
from personalab_core.views.anchors import Matrix
from personalab_core.views.drift import DriftView
from personalab_core.views.levels import RECENT_RECORDS
from personalab_core.views.numbers import MINUS, NBSP, deviation
from personalab_core.views.ratios import RatioChart

__all__ = ["DRIFT_RANGE", "SHAPES", "draw_matrix", "draw_ratios", "draw_timeline", "show"]

CONFIG = {"displayModeBar": False, "scrollZoom": False, "doubleClick": "reset"}
FONT = "Inter, system-ui, sans-serif"
SHAPES = {"head": "circle", "half": "diamond", "full": "triangle-up"}
DRIFT_RANGE = (0.36, 0.92)
"""Score axis of every timeline, so that two personas compare by eye; wider only where the data need it."""


def template(c: Tokens) -> go.layout.Template:
    """Return the product's chart template for one theme."""
    axis = {
        "gridcolor": c.line,
        "gridwidth": 1,
        "zeroline": False,
        "linecolor": c.line,
        "ticks": "",
        "tickcolor": c.line,
        "tickfont": {"size": 12, "color": c.muted},
        "title": {"font": {"size": 12, "color": c.muted}, "standoff": 8},
        "automargin": True,
    }
    return go.layout.Template(
        layout={
            "font": {"family": FONT, "size": 13, "color": c.ink},
            "colorway": c.series,
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
            "xaxis": {**axis, "showgrid": False},
            "yaxis": axis,
            "showlegend": False,
            "hovermode": "closest",
            "dragmode": False,
            "separators": ". ",
            "hoverlabel": {
                "bgcolor": c.ink,
                "bordercolor": c.ink,
                "font": {"color": c.surface, "size": 12, "family": FONT},
                "align": "left",
            },
            "annotationdefaults": {"font": {"size": 12, "color": c.muted}, "showarrow": False},
        }
    )


def show(
    figure: go.Figure, *, key: str, alt: str, height: int, on_select: Literal["rerun", "ignore"] = "ignore"
) -> Any:
    """Draw a figure in the product's look and return its selection."""
    figure.update_layout(template=template(tokens()), height=height)
    return st.plotly_chart(
        figure, key=key, theme=None, config=CONFIG, alt=alt, on_select=on_select, selection_mode="points"
    )


def _note(x: float, y: float, text: str, colour: str, **place: Any) -> dict[str, Any]:
    return {"x": x, "y": y, "text": text, "font": {"size": 12, "color": colour}, "showarrow": False, **place}


def draw_timeline(view: DriftView, picked: str | None) -> go.Figure:
    """Return the timeline: single pictures by framing, rolling mean, decision bands, thresholds."""
    c = tokens()
    figure = go.Figure()
    low = min([DRIFT_RANGE[0], *(p.score - 0.03 for p in view.points)])
    high = max([DRIFT_RANGE[1], *(p.score + 0.03 for p in view.points)])
    _add_bands(figure, view, c, low, high)
    _add_points(figure, view, c, picked)
    figure.add_trace(
        go.Scatter(
            x=np.array([n for n, _ in view.mean]),
            y=np.array([value for _, value in view.mean]),
            mode="lines",
            line={"color": c.accept, "width": 2.5},
            hoverinfo="skip",
        )
    )
    last = view.n_records
    ticks = _record_ticks(last)
    figure.update_yaxes(range=[low, high], tickformat=".2f", dtick=0.1)
    figure.update_xaxes(range=[0, last + 1], tickvals=ticks, ticktext=[*(str(n) for n in ticks[:-1]), f"record {last}"])
    notes = _timeline_notes(view, c, high)
    figure.update_layout(margin={"l": 8, "r": 100, "t": 4, "b": 8}, clickmode="event+select", annotations=notes)
    return figure


def _add_bands(figure: go.Figure, view: DriftView, c: Tokens, low: float, high: float) -> None:
    """Lay the decision bands, the calibrating field and the threshold lines under the points."""
    if view.accept_threshold is not None and view.retry_threshold is not None:
        bands = ((view.retry_threshold, view.accept_threshold, c.retry), (low, view.retry_threshold, c.reject))
        for y0, y1, colour in bands:
            if y1 > max(y0, low):
                figure.add_hrect(y0=max(y0, low), y1=y1, fillcolor=faint(colour, 0.08), line_width=0, layer="below")
    for threshold in (view.accept_threshold, view.retry_threshold):
        if threshold is not None and low <= threshold <= high:
            figure.add_hline(y=threshold, line={"color": c.muted, "width": 1, "dash": "dash"})
    if view.calibrated_at:
        figure.add_vrect(x0=0.5, x1=view.calibrated_at + 0.5, fillcolor=c.shade, line_width=0, layer="below")
    if view.before is not None:
        line = {"color": c.ink, "width": 1, "dash": "dot"}
        figure.add_shape(type="line", x0=0.5, x1=view.n_records + 0.5, y0=view.before, y1=view.before, line=line)


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
        figure.add_trace(go.Scatter(x=[ring.number], y=[ring.score], mode="markers", hoverinfo="skip", marker=marker))


def _timeline_notes(view: DriftView, c: Tokens, high: float) -> list[dict[str, Any]]:
    end: dict[str, Any] = {"xanchor": "left", "xshift": 6}
    last = view.n_records
    notes = []
    if view.calibrated_at and last > 6:
        notes.append(_note(0.5, high, "calibrating", c.muted, yanchor="top", xanchor="left", xshift=4))
    if view.accept_threshold is not None:
        notes.append(_note(last, view.accept_threshold, f"accept {view.accept_threshold:.2f}", c.muted, **end))
    if view.retry_threshold is not None and view.retry_threshold >= DRIFT_RANGE[0] - 0.02:
        notes.append(_note(last, view.retry_threshold, f"reject {view.retry_threshold:.2f}", c.muted, **end))
    if view.mean:
        _, value = view.mean[-1]
        notes.append(
            _note(last, value, f"mean of {RECENT_RECORDS}", c.accept, **end, yshift=_apart(value, view.before))
        )
    if view.before is not None:
        notes.append(_note(last, view.before, f"at first {view.before:.3f}", c.ink, **end))
    return notes


def _apart(value: float, other: float | None) -> int:
    """Return how many pixels to move a label that would lie on another one."""
    if other is None or abs(value - other) > 0.03:
        return 0
    return 14 if value >= other else -14


def _record_ticks(last: int) -> list[int]:
    step = next(step for step in (5, 10, 20, 50, 100, 200, 500, 1000, 5000, 20000, 100000) if last / step <= 6)
    return [1, *(n for n in range(step, last, step) if last - n > step * 0.45 and n > 1), last] if last > 1 else [1]


def draw_matrix(matrix: Matrix) -> go.Figure:
    """Return the lower triangle of the pair similarities, every value written in its field."""
    c = tokens()
    rows, columns = matrix.names[1:], matrix.names[:-1]
    shown = [
        [value if column <= row else None for column, value in enumerate(values[:-1])]
        for row, values in enumerate(matrix.values[1:])
    ]
    text = [[f"{v:.2f}" if v is not None else "" for v in row] for row in shown]
    known = [v for row in shown for v in row if v is not None]
    figure = go.Figure(
        go.Heatmap(
            z=shown,
            x=columns,
            y=rows,
            text=text,
            texttemplate="%{text}",
            textfont={"size": 12, "family": FONT},
            colorscale=[[n / 9, colour] for n, colour in enumerate(c.sequential)],
            zmin=min(0.35, *known) if known else 0.35,
            zmax=1.0,
            xgap=2,
            ygap=2,
            hoverongaps=False,
            showscale=False,
            hovertemplate="%{y} and %{x}<br>Similarity %{z:.2f}<extra></extra>",
        )
    )
    label = [f"<b>{name}</b>" if n == matrix.chosen else name for n, name in enumerate(matrix.names)]
    figure.update_yaxes(autorange="reversed", showgrid=False, tickvals=rows, ticktext=label[1:])
    figure.update_xaxes(side="bottom", tickvals=columns, ticktext=label[:-1], tickangle=-90 if len(columns) > 6 else 0)
    return figure


def draw_ratios(chart: RatioChart) -> go.Figure:
    """Return how far each ratio is from the anchor's, the farthest on top; the limit is a field."""
    c = tokens()
    rows = chart.rows[::-1]
    limit = chart.limit_percent
    figure = go.Figure()
    figure.add_vrect(x0=-limit, x1=limit, fillcolor=c.shade, line_width=0, layer="below")
    figure.add_vline(x=0, line={"color": c.strong, "width": 1})
    for row in rows:
        colour = c.reject if row.outside else c.strong
        line = {"color": colour, "width": 2}
        figure.add_trace(
            go.Scatter(x=[0, row.off_percent], y=[row.name] * 2, mode="lines", line=line, hoverinfo="skip")
        )
    colours = [c.reject if row.outside else c.strong for row in rows]
    figure.add_trace(
        go.Scatter(
            x=[row.off_percent for row in rows],
            y=[row.name for row in rows],
            mode="markers+text",
            marker={"size": 11, "symbol": ["diamond" if r.outside else "circle" for r in rows], "color": colours},
            text=[deviation(row.candidate / row.anchor) for row in rows],
            textposition=["middle right" if row.off_percent > 0 else "middle left" for row in rows],
            textfont={"size": 12, "color": [c.ink if row.outside else c.muted for row in rows]},
            customdata=[(row.anchor, row.candidate) for row in rows],
            hovertemplate="%{y}<br>anchor %{customdata[0]:.2f}, candidate %{customdata[1]:.2f}<extra></extra>",
        )
    )
    reach = max([20.0, limit * 1.3, *(abs(row.off_percent) * 1.3 for row in rows)])
    ticks = [f"{MINUS}{limit:.0f}{NBSP}%", "as the anchor", f"+{limit:.0f}{NBSP}%"]
    figure.update_xaxes(range=[-reach, reach], tickvals=[-limit, 0, limit], ticktext=ticks, tickangle=0)
    figure.update_yaxes(showgrid=False, tickfont={"size": 13, "color": c.ink})
    return figure

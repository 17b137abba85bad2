"""The charts. The heading above a chart says its finding, lines are named at their ends, gaps stay gaps."""

from __future__ import annotations

from typing import Any, Literal

import plotly.graph_objects as go
import streamlit as st

from pages.components.tokens import Tokens, tokens
from personalab_core.views.anchors import Matrix
from personalab_core.views.numbers import MINUS, NBSP, deviation
from personalab_core.views.ratios import RatioChart

__all__ = ["FONT", "draw_matrix", "draw_ratios", "show"]

CONFIG = {"displayModeBar": False, "scrollZoom": False, "doubleClick": "reset"}
FONT = "Inter, system-ui, sans-serif"


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
            "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": c.strong, "activecolor": c.ink},
            "annotationdefaults": {"font": {"size": 12, "color": c.muted}, "showarrow": False},
        }
    )


def show(
    figure: go.Figure,
    *,
    key: str,
    alt: str,
    height: int,
    on_select: Literal["rerun", "ignore"] = "ignore",
    file_name: str | None = None,
) -> Any:
    """Draw a figure in the product's look and return its selection.

    Args:
        figure: What to draw.
        key: Of the widget.
        alt: The finding in words and numbers.
        height: In pixels.
        on_select: Whether a click on a point reruns the page.
        file_name: Offers the chart as a PNG of this name.
    """
    figure.update_layout(template=template(tokens()), height=height)
    config = {**CONFIG, **_as_png(file_name)} if file_name else CONFIG
    return st.plotly_chart(
        figure, key=key, theme=None, config=config, alt=alt, on_select=on_select, selection_mode="points"
    )


def _as_png(name: str) -> dict[str, Any]:
    """Return the settings that leave one button, "save as PNG", at twice the resolution of the screen."""
    image = {"format": "png", "filename": name, "scale": 2}
    return {
        "displayModeBar": True,
        "displaylogo": False,
        "modeBarButtons": [["toImage"]],
        "toImageButtonOptions": image,
    }


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
    # Each side reaches as far as its own ratios, with room for their labels: a narrow column clips nothing.
    low = min([-20.0, -limit * 1.3, *(row.off_percent * 1.7 for row in rows)])
    high = max([20.0, limit * 1.3, *(row.off_percent * 1.7 for row in rows)])
    ticks = [f"{MINUS}{limit:.0f}{NBSP}%", "anchor", f"+{limit:.0f}{NBSP}%"]
    figure.update_xaxes(range=[low, high], tickvals=[-limit, 0, limit], ticktext=ticks, tickangle=0)
    figure.update_yaxes(showgrid=False, tickfont={"size": 13, "color": c.ink})
    return figure

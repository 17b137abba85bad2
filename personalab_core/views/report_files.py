"""The identity report as one HTML file with its pictures inside, and as PDF."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from personalab_core.config.atomic_files import write_atomic
from personalab_core.config.resources import data_path
from personalab_core.errors import MissingDependencyError
from personalab_core.views.report import IdentityReport, ReportChart

if TYPE_CHECKING:
    from fpdf import FPDF

INSTALL = "pip install 'personalab-core[report]'"
PICTURE_PX = 320
WIDTH, HEIGHT, LEFT, BOTTOM = 820.0, 260.0, 44.0, 24.0
LOW, HIGH = 0.36, 0.92
BLUE, GREY, FIELD, LINE = "#0F4FB0", "#A9A9B2", "#DCE6F5", "#5F5F68"
_PLAIN = str.maketrans({"−": "-", "–": "-", "≥": ">=", "≤": "<=", "’": "'", "\u00a0": " ", "\u202f": " "})


def write_report(report: IdentityReport, folder: Path, *, stem: str) -> tuple[Path, Path]:
    """Write ``<stem>.html`` and ``<stem>.pdf`` and return their paths.

    Raises:
        MissingDependencyError: The extra ``report`` is not installed.
        WorkspaceError: The folder cannot be written.
    """
    html, pdf = folder / f"{stem}.html", folder / f"{stem}.pdf"
    page, document = to_html(report), to_pdf(report)
    write_atomic(html, page.encode())
    write_atomic(pdf, document)
    return html, pdf


def to_html(report: IdentityReport) -> str:
    """Return the report as one HTML file.

    Raises:
        MissingDependencyError: Jinja2 is not installed.
    """
    try:
        from jinja2 import Environment, StrictUndefined
        from markupsafe import Markup, escape
    except ImportError:
        raise MissingDependencyError(f"Reports need Jinja2: {INSTALL}") from None

    def table(rows: Sequence[tuple[str, str]]) -> Markup:
        cells = "".join(f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>" for name, value in rows)
        return Markup(f"<table>{cells}</table>")  # noqa: S704 - every cell was escaped

    source = data_path("report", "identity.html.j2").read_text(encoding="utf-8")
    template = Environment(autoescape=True, undefined=StrictUndefined).from_string(source)
    return template.render(
        r=report,
        table=table,
        chart=Markup(chart_svg(report.chart)),  # noqa: S704 - numbers only
        anchor=_data_url(report.anchor),
        pictures=[url for path in report.pictures if (url := _data_url(path))],
    )


def to_pdf(report: IdentityReport) -> bytes:
    """Return the report as PDF, A4.

    Its built-in fonts know the letters of western European languages; others become question marks.

    Raises:
        MissingDependencyError: fpdf2 is not installed.
    """
    try:
        from fpdf import FPDF
    except ImportError:
        raise MissingDependencyError(f"PDF reports need fpdf2: {INSTALL}") from None
    pdf = FPDF(format="A4")
    pdf.set_title(plain(f"Identity report: {report.name}, {report.month}"))
    pdf.set_auto_page_break(auto=True, margin=18)
    pdf.set_margins(18, 18)
    pdf.add_page()
    _head(pdf, report)
    _section(pdf, "How stable")
    _draw(pdf, report.chart)
    _table(pdf, report.stability)
    _section(pdf, "What was made")
    _table(pdf, report.made)
    if report.refused:
        _section(pdf, "Why pictures were refused")
        _table(pdf, report.refused)
    _section(pdf, "Events")
    _table(pdf, [(e.when, " ".join(filter(None, (e.said, e.reason)))) for e in report.events] or [("None", "")])
    _section(pdf, "Cost")
    _table(pdf, report.cost)
    if report.pictures:
        _pictures(pdf, report.pictures)
    _section(pdf, "How it was measured")
    for line in (*report.method,):
        _paragraph(pdf, line)
    _section(pdf, "Limits")
    for line in report.limits:
        _paragraph(pdf, f"- {line}")
    _paragraph(pdf, f"Made on {report.made_on} from the records of the workspace.")
    return bytes(pdf.output())


def plain(text: str) -> str:
    """Return text in the letters that the PDF's built-in fonts have."""
    return text.translate(_PLAIN).encode("latin-1", "replace").decode("latin-1")


def _head(pdf: FPDF, report: IdentityReport) -> None:
    top = pdf.get_y()
    picture = _jpeg(report.anchor)
    if picture is not None:
        pdf.image(picture, x=pdf.w - 18 - 26, y=top, w=26, h=32.5, keep_aspect_ratio=True)
    width = pdf.epw - 32
    _text(pdf, f"Identity report, {report.month}{', simulated' if report.simulated else ''}", 10, width=width)
    _text(pdf, report.name, 20, bold=True, width=width)
    _text(pdf, report.finding, 11, width=width)
    pdf.set_y(max(pdf.get_y(), top + 36))


def _section(pdf: FPDF, title: str) -> None:
    pdf.ln(4)
    _text(pdf, title, 13, bold=True)


def _paragraph(pdf: FPDF, text: str) -> None:
    _text(pdf, text, 10)


def _text(pdf: FPDF, text: str, size: float, *, bold: bool = False, width: float = 0) -> None:
    pdf.set_font("Helvetica", "B" if bold else "", size)
    pdf.multi_cell(width, size * 0.52, plain(text), new_x="LMARGIN", new_y="NEXT", align="L")


def _table(pdf: FPDF, rows: Sequence[tuple[str, str]]) -> None:
    pdf.set_font("Helvetica", "", 10)
    with pdf.table(
        first_row_as_headings=False, col_widths=(34, 66), borders_layout="HORIZONTAL_LINES", line_height=6, align="LEFT"
    ) as table:
        for row in rows:
            cells = table.row()
            for cell in row:
                cells.cell(plain(cell))


def _pictures(pdf: FPDF, paths: Sequence[Path]) -> None:
    _section(pdf, "Accepted pictures")
    if pdf.get_y() + 32 > pdf.h - 18:
        pdf.add_page()
    top = pdf.get_y() + 1
    for place, path in enumerate(paths):
        picture = _jpeg(path)
        if picture is not None:
            pdf.image(picture, x=18 + place * 22, y=top, w=20, h=25, keep_aspect_ratio=True)
    pdf.set_y(top + 28)


def _draw(pdf: FPDF, chart: ReportChart) -> None:
    """Draw the chart with the PDF's own lines."""
    if not chart.numbers:
        _paragraph(pdf, "No record in this month.")
        return
    left, top, scale = pdf.get_x(), pdf.get_y() + 2, pdf.epw / WIDTH
    place = _placing(chart)

    def at(number: float, value: float) -> tuple[float, float]:
        x, y = place(number, value)
        return left + x * scale, top + y * scale

    _polygon(pdf, [at(n, v) for n, v in _outline(chart)])
    pdf.set_draw_color(GREY)
    pdf.set_fill_color(GREY)
    for number, score in zip(chart.numbers, chart.scores, strict=True):
        x, y = at(number, score)
        pdf.ellipse(x - 0.5, y - 0.5, 1.0, 1.0, style="F")
    pdf.set_draw_color(BLUE)
    pdf.set_line_width(0.6)
    for run in _runs(chart.numbers, chart.levels):
        pdf.polyline([at(n, v) for n, v in run])
    pdf.set_line_width(0.2)
    pdf.set_font("Helvetica", "", 8)
    for value in (0.4, 0.6, 0.8):
        x, y = at(chart.numbers[0], value)
        pdf.text(left, y + 1, f"{value:.1f}")
    pdf.text(left + LEFT * scale, top + HEIGHT * scale + 3, f"record {chart.numbers[0]} to {chart.numbers[-1]}")
    pdf.set_y(top + HEIGHT * scale + 6)


def _polygon(pdf: FPDF, outline: Sequence[tuple[float, float]]) -> None:
    if outline:
        pdf.set_fill_color(FIELD)
        pdf.polygon(outline, style="F")


def chart_svg(chart: ReportChart) -> str:
    """Return the chart as SVG: grey points, the level's field of limits, the blue level."""
    if not chart.numbers:
        return "<p>No record in this month.</p>"
    place = _placing(chart)

    def path(points: Sequence[tuple[float, float]]) -> str:
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(n, v) for n, v in points))

    parts = [f'<polygon points="{path(_outline(chart))}" fill="{FIELD}"/>'] if _outline(chart) else []
    for value in (0.4, 0.6, 0.8):
        _, y = place(chart.numbers[0], value)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#E3E3E7"/>')
        parts.append(f'<text x="0" y="{y + 4:.1f}" font-size="12" fill="{LINE}">{value:.1f}</text>')
    for number, score in zip(chart.numbers, chart.scores, strict=True):
        x, y = place(number, score)
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{GREY}"/>')
    parts += [
        f'<polyline points="{path(run)}" fill="none" stroke="{BLUE}" stroke-width="2.5"/>'
        for run in _runs(chart.numbers, chart.levels)
    ]
    words = f"record {chart.numbers[0]} to {chart.numbers[-1]}"
    parts.append(f'<text x="{LEFT}" y="{HEIGHT - 4}" font-size="12" fill="{LINE}">{words}</text>')
    alt = f"Scores and adjusted level, {words}"
    return f'<svg viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img" aria-label="{alt}">{"".join(parts)}</svg>'


def _placing(chart: ReportChart) -> Callable[[float, float], tuple[float, float]]:
    low, high = min([LOW, *chart.scores]), max([HIGH, *chart.scores])
    first, last = chart.numbers[0], chart.numbers[-1]

    def place(number: float, value: float) -> tuple[float, float]:
        x = LEFT + (WIDTH - LEFT - 8) * ((number - first) / max(last - first, 1))
        return x, (HEIGHT - BOTTOM) * (1 - (value - low) / (high - low))

    return place


def _outline(chart: ReportChart) -> list[tuple[float, float]]:
    lower = [(n, v) for n, v in zip(chart.numbers, chart.lower, strict=True) if v is not None]
    upper = [(n, v) for n, v in zip(chart.numbers, chart.upper, strict=True) if v is not None]
    return [*lower, *reversed(upper)]


def _runs(numbers: Sequence[int], values: Sequence[float | None]) -> list[list[tuple[float, float]]]:
    """Return the stretches without a gap that have at least two points."""
    runs: list[list[tuple[float, float]]] = [[]]
    for number, value in zip(numbers, values, strict=True):
        if value is None:
            runs.append([])
        else:
            runs[-1].append((number, value))
    return [run for run in runs if len(run) > 1]


def _jpeg(path: Path | None) -> io.BytesIO | None:
    """Return a small copy of a picture, ``None`` if it cannot be read."""
    from PIL import Image, UnidentifiedImageError

    if path is None:
        return None
    try:
        with Image.open(path) as picture:
            small = picture.convert("RGB")
            small.thumbnail((PICTURE_PX, PICTURE_PX))
            out = io.BytesIO()
            small.save(out, "JPEG", quality=85)
    except (OSError, UnidentifiedImageError, ValueError):
        return None
    out.seek(0)
    return out


def _data_url(path: Path | None) -> str:
    picture = _jpeg(path)
    return f"data:image/jpeg;base64,{base64.b64encode(picture.getvalue()).decode()}" if picture else ""

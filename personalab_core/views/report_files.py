"""The identity report as one HTML file with its pictures inside, and as PDF."""

from __future__ import annotations

import base64
import io
import unicodedata
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from personalab_core.config.atomic_files import write_atomic
from personalab_core.config.resources import data_path
from personalab_core.errors import MissingDependencyError
from personalab_core.views.report import IdentityReport, ReportPicture
from personalab_core.views.report_chart import (
    HEIGHT,
    HOW_TO_READ,
    LINE,
    MUTED,
    WIDTH,
    Area,
    Dots,
    Label,
    Point,
    ReportChart,
    Shape,
    Stroke,
    shapes_of,
    to_svg,
)

if TYPE_CHECKING:
    from fpdf import FPDF

INSTALL = "pip install 'personalab-core[report]'"
PICTURE_PX = 320
MARGIN_MM = 18.0
ANCHOR_MM, PICTURE_MM = (26.0, 32.5), (41.0, 51.25)
PICTURES_PER_ROW = 4
_INK = "#1B1B1F"
_PLAIN = str.maketrans({"−": "-", "–": "-", "≥": ">=", "≤": "<=", "’": "'", "\u00a0": " ", "\u202f": " "})
"""What the PDF's fonts do not have, in letters they have."""


LOST_LETTERS = (
    "The fonts of this PDF do not have every letter of these names and reasons: such letters stand without their "
    "accents, or as question marks. The HTML report has them all."
)


def can_write_pdf() -> bool:
    """Return whether fpdf2, of the extra ``report``, is installed."""
    return find_spec("fpdf") is not None


def write_report(report: IdentityReport, folder: Path, *, stem: str) -> tuple[Path, Path | None]:
    """Write ``<stem>.html`` and ``<stem>.pdf`` and return their paths; no PDF, and ``None``, without fpdf2.

    Raises:
        MissingDependencyError: Jinja2 is not installed.
        WorkspaceError: The folder cannot be written.
    """
    html, pdf = folder / f"{stem}.html", folder / f"{stem}.pdf"
    page = to_html(report)
    try:
        document = to_pdf(report)
    except MissingDependencyError:
        document = None
    write_atomic(html, page.encode())
    if document is None:
        return html, None
    write_atomic(pdf, document)
    return html, pdf


def to_html(report: IdentityReport) -> str:
    """Return the report as one HTML file.

    Raises:
        MissingDependencyError: Jinja2 is not installed.
    """
    try:
        from jinja2 import Environment, StrictUndefined
        from markupsafe import Markup
    except ImportError:
        raise MissingDependencyError(f"Reports need Jinja2: {INSTALL}") from None
    source = data_path("report", "identity.html.j2").read_text(encoding="utf-8")
    template = Environment(autoescape=True, undefined=StrictUndefined).from_string(source)
    return template.render(
        r=report,
        how_to_read=HOW_TO_READ,
        chart=Markup(to_svg(report.chart)),  # noqa: S704 - numbers, and labels that were escaped
        anchor=_data_url(report.anchor),
        pictures=[(url, p.caption) for p in report.pictures if (url := _data_url(p.path))],
    )


def to_pdf(report: IdentityReport) -> bytes:
    """Return the report as PDF, A4.

    Its built-in fonts know the letters of western European languages; others lose their accents, or become
    question marks, and the document says so.

    Raises:
        MissingDependencyError: fpdf2 is not installed.
    """
    pdf = _document(report)
    _head(pdf, report)
    _section(pdf, "How stable", keep_mm=100)
    _text(pdf, HOW_TO_READ, 9, colour=MUTED)
    pdf.ln(2)
    _draw(pdf, report.chart)
    _table(pdf, report.stability)
    _section(pdf, "What was made", keep_mm=40)
    _table(pdf, report.made)
    if report.pictures:
        _pictures(pdf, report.pictures)
    if report.refused:
        _section(pdf, "Why attempts were refused", keep_mm=30)
        _table(pdf, report.refused)
    _section(pdf, "Events", keep_mm=30)
    events = [(f"{e.when}\n{e.what}", " ".join(filter(None, (e.said, e.reason)))) for e in report.events]
    _table(pdf, events or [("None", "")])
    _section(pdf, "Cost", keep_mm=20)
    _table(pdf, report.cost)
    _section(pdf, "How it was measured", keep_mm=40)
    for line in report.method:
        _paragraph(pdf, line)
    _section(pdf, "Limits", keep_mm=40)
    for line in (*report.limits, *([LOST_LETTERS] if loses_letters(report) else [])):
        _paragraph(pdf, f"\u2022 {line}")
    return bytes(pdf.output())


def loses_letters(report: IdentityReport) -> bool:
    """Return whether a letter of the report is not in the PDF's fonts."""
    said = (report.name, report.finding, report.summary, report.made, report.refused, report.events, report.stability)
    return any(not _has(letter) for letter in repr(said).translate(_PLAIN))


def plain(text: str) -> str:
    """Return text in the letters that the PDF's built-in fonts have."""
    return "".join(_plain_letter(letter) for letter in text.translate(_PLAIN))


def _plain_letter(letter: str) -> str:
    if _has(letter):
        return letter
    bare = unicodedata.normalize("NFKD", letter)[0]
    return bare if _has(bare) else "?"


def _has(letter: str) -> bool:
    # The built-in fonts are encoded as Windows-1252.
    return bool(letter.encode("cp1252", "ignore"))


def _document(report: IdentityReport) -> FPDF:
    """Return an empty document that numbers its pages."""
    try:
        from fpdf import FPDF
    except ImportError:
        raise MissingDependencyError(f"PDF reports need fpdf2: {INSTALL}") from None

    class Document(FPDF):
        def footer(self) -> None:
            self.set_y(-14)
            self.set_font("Helvetica", "", 8)
            self.set_text_color(MUTED)
            words = f"{report.name}, {report.month}. Made on {report.made_on} from the records of the workspace."
            self.cell(0, 4, plain(words))
            self.cell(0, 4, f"{self.page_no()} of {{nb}}", align="R")

    pdf = Document(format="A4")
    pdf.core_fonts_encoding = "cp1252"
    pdf.set_title(plain(f"Identity report: {report.name}, {report.month}"))
    pdf.set_auto_page_break(auto=True, margin=MARGIN_MM)
    pdf.set_margins(MARGIN_MM, MARGIN_MM)
    pdf.c_margin = 0
    pdf.add_page()
    return pdf


def _head(pdf: FPDF, report: IdentityReport) -> None:
    top = pdf.get_y()
    picture = _jpeg(report.anchor)
    if picture is not None:
        width, height = ANCHOR_MM
        pdf.image(picture, x=pdf.w - MARGIN_MM - width, y=top, w=width, h=height, keep_aspect_ratio=True)
    width = pdf.epw - 32
    tag = ", simulated" if report.simulated else ""
    _text(pdf, f"Identity report: {report.name}, {report.month}{tag}", 10, width=width, colour=MUTED)
    pdf.ln(1)
    _text(pdf, report.finding, 17, bold=True, width=width)
    pdf.ln(1.5)
    _text(pdf, report.summary, 11, width=width)
    pdf.set_y(max(pdf.get_y(), top + ANCHOR_MM[1] + 2))


def _section(pdf: FPDF, title: str, *, keep_mm: float) -> None:
    """Begin a section; on a new page where less than ``keep_mm`` is left of this one."""
    if pdf.get_y() + keep_mm > pdf.h - MARGIN_MM:
        pdf.add_page()
    else:
        pdf.ln(6)
    _text(pdf, title, 13, bold=True)
    pdf.ln(1)


def _paragraph(pdf: FPDF, text: str) -> None:
    _text(pdf, text, 10)
    pdf.ln(1.2)


def _text(pdf: FPDF, text: str, size: float, *, bold: bool = False, width: float = 0, colour: str = _INK) -> None:
    pdf.set_font("Helvetica", "B" if bold else "", size)
    pdf.set_text_color(colour)
    pdf.multi_cell(width, size * 0.5, plain(text), new_x="LMARGIN", new_y="NEXT", align="L")


def _table(pdf: FPDF, rows: Sequence[tuple[str, str]]) -> None:
    from fpdf.fonts import FontFace

    pdf.set_font("Helvetica", "", 10)
    pdf.set_draw_color(LINE)
    pdf.set_fill_color(255)
    with pdf.table(
        first_row_as_headings=False,
        col_widths=(34, 66),
        borders_layout="HORIZONTAL_LINES",
        line_height=5.2,
        padding=(0.8, 2, 0.8, 0),
        text_align="LEFT",
        v_align="TOP",
        align="LEFT",
    ) as table:
        for name, value in rows:
            row = table.row()
            row.cell(plain(name), style=FontFace(color=MUTED))
            row.cell(plain(value), style=FontFace(color=_INK))


def _pictures(pdf: FPDF, pictures: Sequence[ReportPicture]) -> None:
    width, height = PICTURE_MM
    _section(pdf, "Accepted pictures", keep_mm=height + 20)
    readable = [(picture, p.caption) for p in pictures if (picture := _jpeg(p.path)) is not None]
    for begin in range(0, len(readable), PICTURES_PER_ROW):
        if pdf.get_y() + height + 8 > pdf.h - MARGIN_MM:
            pdf.add_page()
        top = pdf.get_y()
        for place, (picture, caption) in enumerate(readable[begin : begin + PICTURES_PER_ROW]):
            left = MARGIN_MM + place * (width + 3.3)
            pdf.image(picture, x=left, y=top, w=width, h=height, keep_aspect_ratio=True)
            pdf.set_xy(left, top + height + 0.5)
            pdf.set_font("Helvetica", "", 8)
            pdf.set_text_color(MUTED)
            pdf.cell(width, 4, plain(caption))
        pdf.set_xy(MARGIN_MM, top + height + 7)


def _draw(pdf: FPDF, chart: ReportChart) -> None:
    """Draw the chart with the PDF's own lines."""
    if not chart.numbers:
        _paragraph(pdf, "No record in this month.")
        return
    left, top, scale = pdf.get_x(), pdf.get_y(), pdf.epw / WIDTH
    for shape in shapes_of(chart):
        _draw_shape(pdf, shape, left, top, scale)
    pdf.set_line_width(0.2)
    pdf.set_draw_color(LINE)
    pdf.set_y(top + HEIGHT * scale + 1)


def _draw_shape(pdf: FPDF, shape: Shape, left: float, top: float, scale: float) -> None:
    def at(point: Point) -> Point:
        return left + point[0] * scale, top + point[1] * scale

    match shape:
        case Area(points, colour):
            pdf.set_fill_color(colour)
            pdf.polygon([at(p) for p in points], style="F")
        case Stroke(points, colour, width, dashed):
            pdf.set_draw_color(colour)
            pdf.set_line_width(width * scale)
            pdf.set_dash_pattern(*((0.8, 0.8) if dashed else ()))
            pdf.polyline([at(p) for p in points])
            pdf.set_dash_pattern()
        case Dots(points, colour, radius):
            pdf.set_fill_color(colour)
            for x, y in map(at, points):
                pdf.circle(x, y, radius * scale, style="F")
        case Label(point, text, colour, ends):
            pdf.set_font("Helvetica", "", 8)
            pdf.set_text_color(colour)
            x, y = at(point)
            pdf.text(x - (pdf.get_string_width(plain(text)) if ends else 0), y, plain(text))


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

"""The monthly report: what it says, and that both files hold it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from personalab_core.errors import InputError
from personalab_core.views.history import PersonaHistory
from personalab_core.views.records import Records
from personalab_core.views.report import IdentityReport, Month, build_report, months_of
from personalab_core.views.report_chart import BLUE, WINE, Label, ReportChart, Stroke, shapes_of, to_svg
from personalab_core.views.report_files import loses_letters, plain, to_html, to_pdf, write_report
from tests.support.workspace_builder import NOW, WorkspaceBuilder


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> IdentityReport:
    root = tmp_path_factory.mktemp("report")
    builder = WorkspaceBuilder(root)
    character = builder.persona("Inès <Duarte>", persona_id="ines")
    builder.anchors("ines")
    builder.history("ines", 66, after=44, step=-0.1)
    config = builder.config
    records = Records(config.paths.output, config.paths.references, config.evaluation.drift.log_dir, clock=lambda: NOW)
    rooms = {"output": config.paths.output, "references": config.paths.references}
    return build_report(records.history(character), Month.of("2026-11"), rooms=rooms, now=NOW)


def test_it_says_what_was_made_and_what_was_found(report: IdentityReport) -> None:
    assert report.month == "November 2026"
    assert report.finding.startswith("Inès has changed since about record")
    assert report.summary.startswith("66 of ")
    assert dict(report.made)["Assets worked on"] == "66"
    assert dict(report.cost) == {"Spent": "$0.00, simulated"}
    assert [(e.when, e.what) for e in report.events] == [("22 Nov", "Found: level down")]
    assert report.events[0].said.startswith("Inès has changed"), "the name, not the id"
    assert report.chart.levels[0] is None and report.chart.levels[-1] is not None
    assert report.chart.change is not None and report.chart.days[1] == "22 Nov"
    assert len(report.pictures) == 8


def test_the_chart_is_blue_before_the_change_and_wine_since() -> None:
    """Ten records, the first four calibrating, changed from the eighth on."""
    levels = (None,) * 4 + (0.7,) * 6
    chart = ReportChart(
        numbers=tuple(range(1, 11)),
        scores=(0.7,) * 10,
        levels=levels,
        lower=tuple(None if v is None else v - 0.05 for v in levels),
        upper=tuple(None if v is None else v + 0.05 for v in levels),
        days=("1 Nov", "9 Nov"),
        accept_threshold=0.55,
        change=8,
    )
    lines = [(s.colour, len(s.points)) for s in shapes_of(chart) if isinstance(s, Stroke) and s.width == 2.5]
    assert lines == [(BLUE, 4), (WINE, 3)]
    texts = {s.text for s in shapes_of(chart) if isinstance(s, Label)}
    expected = {"calibrating", "accept 0.55", "level 0.700", "about record 8", "record 1, 1 Nov", "record 10, 9 Nov"}
    assert expected <= texts
    later = replace(chart, change=0)
    assert {s.colour for s in shapes_of(later) if isinstance(s, Stroke) and s.width == 2.5} == {WINE}
    assert not any(isinstance(s, Label) and s.text.startswith("about") for s in shapes_of(later))


def test_the_html_holds_everything_and_escapes_names(report: IdentityReport) -> None:
    page = to_html(report)
    assert "Inès &lt;Duarte&gt;" in page
    assert page.count("data:image/jpeg;base64,") == 9
    assert "<polyline" in page
    assert "http://" not in page and "https://" not in page


def test_both_files_are_written(report: IdentityReport, tmp_path: Path) -> None:
    html, pdf = write_report(report, tmp_path, stem="ines-2026-11")
    assert html.read_text().startswith("<!doctype html>")
    assert pdf.read_bytes().startswith(b"%PDF-")
    assert to_pdf(report).count(b"/Type /Page\n") >= 1


def test_a_month_without_a_record_is_said(typical: Mapping[str, PersonaHistory], tmp_path: Path) -> None:
    rooms = {"output": tmp_path, "references": tmp_path}
    empty = build_report(typical["noor"], Month.of("2020-01"), rooms=rooms, now=NOW)
    assert empty.finding == "Nothing was made of Noor in this month."
    assert to_svg(empty.chart) == "<p>No record in this month.</p>"
    assert to_pdf(empty).startswith(b"%PDF-")


def test_without_the_pdf_library_the_html_is_written_all_the_same(
    report: IdentityReport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fpdf", None)
    html, pdf = write_report(report, tmp_path, stem="ines-2026-11")
    assert pdf is None
    assert [path.name for path in tmp_path.iterdir()] == [html.name]


def test_the_pdf_says_where_it_lacks_letters(report: IdentityReport) -> None:
    assert not loses_letters(report), "Inès is western European"
    assert loses_letters(replace(report, name="Żaneta"))
    assert len(to_pdf(replace(report, summary="Żaneta"))) > len(to_pdf(replace(report, summary="Zaneta")))


def test_letters_the_pdf_lacks_lose_their_accents() -> None:
    assert plain("−0.058 – Żaneta Müller 美") == "-0.058 - Zaneta Müller ?"


@pytest.mark.parametrize("text", ["2026-13", "2026", "26-01", "October 2026"])
def test_a_month_has_one_form(text: str) -> None:
    with pytest.raises(InputError, match="2026-10"):
        Month.of(text)


def test_every_month_from_the_first_attempt_on_can_be_reported(tmp_path: Path) -> None:
    builder = WorkspaceBuilder(tmp_path)
    character = builder.persona("Mara", persona_id="mara")
    config = builder.config
    records = Records(config.paths.output, config.paths.references, config.evaluation.drift.log_dir)
    assert months_of(records.history(character)) == ()
    builder.anchors("mara")
    builder.asset("mara", 0.8, at=datetime(2026, 9, 30, 23, tzinfo=UTC))
    builder.asset("mara", 0.8, at=datetime(2026, 11, 2, tzinfo=UTC))
    names = [month.name for month in months_of(records.history(character))]
    assert names == ["November 2026", "October 2026", "September 2026"]


def test_the_last_month_of_a_year_ends_with_the_year() -> None:
    assert Month.of("2026-12").end == datetime(2027, 1, 1, tzinfo=UTC)

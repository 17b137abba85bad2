"""The Drift page in a real browser: what can be saved from it, and several personas in one chart."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock
from PIL import Image

from benchmarks.dashboard_workspace import build
from personalab_core.identity import DriftTracker
from personalab_core.identity.drift.watch import MONITOR_FOLDER
from personalab_core.jobs.judging import JUDGING_LOCK
from tests.support.dashboard import STEP_MS, DashboardServer, Theme, new_context
from tests.support.journeys import heading, open_choices, open_settled
from tests.support.workspace_builder import WorkspaceBuilder

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

Serve = Callable[..., DashboardServer]

LONG = 1_600
"""Attempts of a workspace in which half of them are more than a server judges while a page is made."""


def test_chart_and_records_can_be_saved(
    page: Page, typical_server: DashboardServer, typical_root: Path, tmp_path: Path
) -> None:
    open_settled(page, f"{typical_server.address}/drift?persona=ines")
    heading(page, re.compile("Ines has changed since about record"))
    page.locator(".js-plotly-plot").first.hover()
    with page.expect_download() as png:
        page.locator('.modebar-btn[data-title*="plot"], .modebar-btn[data-title*="png"]').first.click()
    assert png.value.suggested_filename == "drift-ines.png"
    png.value.save_as(tmp_path / "chart.png")
    with Image.open(tmp_path / "chart.png") as picture:
        assert picture.format == "PNG"
        box = page.locator(".js-plotly-plot").first.bounding_box()
        assert box is not None
        assert picture.size == pytest.approx((2 * box["width"], 2 * box["height"]), abs=4)
        assert len(picture.convert("RGB").getcolors(1 << 20) or []) > 20, "something is drawn"

    with page.expect_download() as table:
        page.get_by_role("button", name="Save all records as CSV").click()
    assert table.value.suggested_filename == "drift-ines.csv"
    rows = list(csv.DictReader(io.StringIO(Path(table.value.path()).read_text())))
    records = DriftTracker(WorkspaceBuilder(typical_root).config.evaluation.drift.log_dir).read("ines")
    assert [float(row["score"]) for row in rows] == pytest.approx([r.composite_score for r in records], abs=1e-4)
    assert rows[0]["level"] == "" and float(rows[-1]["level"]) > 0


def test_the_month_s_report_can_be_handed_on(page: Page, typical_server: DashboardServer) -> None:
    open_settled(page, f"{typical_server.address}/drift?persona=ines")
    for label, begin in (("Save report as PDF", b"%PDF-"), ("Save report as HTML", b"<!doctype html>")):
        with page.expect_download() as saved:
            page.get_by_role("button", name=label).click()
        assert re.fullmatch(r"ines-2026-\d\d\.(pdf|html)", saved.value.suggested_filename)
        assert Path(saved.value.path()).read_bytes().startswith(begin)


def test_personas_are_compared_in_one_chart(page: Page, typical_server: DashboardServer) -> None:
    open_settled(page, f"{typical_server.address}/drift?persona=ines")
    open_choices(page, "Compare with")
    page.get_by_role("option", name="Mara Lindqvist").click()
    page.keyboard.press("Escape")
    chart = page.locator(".js-plotly-plot").last
    chart.get_by_text("Ines", exact=True).wait_for()
    chart.get_by_text("Mara", exact=True).wait_for()


def test_an_open_choice_survives_the_page_that_gets_its_verdict(page: Page, serve: Serve, tmp_path: Path) -> None:
    """A long timeline is judged beside the page, which is drawn anew afterwards."""
    from playwright.sync_api import expect

    root = tmp_path / "work"
    build(root, LONG, biggest_share=0.5)
    monitor = WorkspaceBuilder(root).config.evaluation.drift.log_dir / MONITOR_FOLDER
    monitor.mkdir()
    with FileLock(monitor / JUDGING_LOCK):  # as long as another process judges, this server's waits for it
        open_settled(page, f"{serve(root).address}/drift?persona=ines")
        heading(page, "Not all records of Ines are judged yet.")
        expect(page.get_by_text(re.compile("0 of .* are judged. It goes on if you leave."))).to_be_visible()
        expect(page.get_by_role("button", name="Save all records as CSV")).to_have_count(0)
        open_choices(page, "Compare with")
        option = page.get_by_role("option", name="Mara Lindqvist")
        option.wait_for()
    # By its tag: with a list open, screen readers are told of nothing else.
    expect(page.locator("h1")).to_have_text(re.compile("Ines is steady"), timeout=STEP_MS)
    option.click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Save all records as CSV")).to_be_visible(timeout=STEP_MS)
    page.locator(".js-plotly-plot").last.get_by_text("Mara", exact=True).wait_for()


@pytest.mark.parametrize(("theme", "width"), [("light", 900), ("dark", 1280), ("dark", 2000)])
def test_nothing_scrolls_sideways(browser: Browser, typical_server: DashboardServer, width: int, theme: Theme) -> None:
    context = new_context(browser, theme=theme, width=width)
    try:
        page = context.new_page()
        open_settled(page, f"{typical_server.address}/drift?persona=ines")
        page.locator(".js-plotly-plot .scatterlayer").first.wait_for()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    finally:
        context.close()

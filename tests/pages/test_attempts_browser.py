"""The contact sheet in a real browser: turning its pages, and the same attempts as a table."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import pytest

from personalab_core.views.attempts import PAGE_SIZE
from tests.support.dashboard import STEP_MS, DashboardServer
from tests.support.journeys import heading, open_settled, settle

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def cards(page: Page) -> Locator:
    return page.get_by_role("button", name=re.compile("^Ines Duarte, attempt"))


def n_attempts(page: Page) -> int:
    said = re.search(r"of (\d+) attempts", page.locator("h1").inner_text())
    assert said
    return int(said[1])


def test_every_page_of_the_sheet_can_be_reached(page: Page, typical_server: DashboardServer) -> None:
    from playwright.sync_api import expect

    open_settled(page, f"{typical_server.address}/attempts?persona=ines")
    n = n_attempts(page)
    n_pages = math.ceil(n / PAGE_SIZE)
    turning = page.get_by_role("navigation", name="Pagination")
    first = cards(page).first
    for number in range(1, n_pages):
        expect(cards(page)).to_have_count(PAGE_SIZE, timeout=STEP_MS)
        before = first.text_content() or ""
        turning.get_by_role("button", name="Next page").click()
        expect(first).not_to_have_text(before, timeout=STEP_MS)
        expect(turning.get_by_role("button", name=f"Page {number + 1}", exact=True)).to_be_visible(timeout=STEP_MS)
    expect(cards(page)).to_have_count(n - PAGE_SIZE * (n_pages - 1), timeout=STEP_MS)
    expect(turning.get_by_role("button", name="Next page")).to_be_disabled()
    turning.get_by_role("button", name="Page 1", exact=True).click()
    expect(cards(page)).to_have_count(PAGE_SIZE, timeout=STEP_MS)


def test_a_row_of_the_table_opens_its_attempt(page: Page, typical_server: DashboardServer) -> None:
    open_settled(page, f"{typical_server.address}/attempts?persona=ines")
    page.get_by_role("button", name="Table", exact=True).click()
    table = page.get_by_role("region", name=f"Table of {PAGE_SIZE} attempts, newest first")
    table.wait_for()
    settle(page)
    box = table.bounding_box()
    assert box is not None
    # Rows are painted on a canvas: the box to pick one lies at its left edge, below the head.
    page.mouse.click(box["x"] + 18, box["y"] + 55)
    heading(page, re.compile("This is Ines|Not sure it is Ines|Not measurable"))
    assert "attempt=ines-" in page.url
    page.get_by_role("button", name="All attempts").click()
    heading(page, re.compile(r"of \d+ attempts of Ines"))

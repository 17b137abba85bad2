"""One short look through a real browser, in every run of the tests: the pages come, with picture and font."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.support.dashboard import DashboardServer
from tests.support.journeys import heading, see_pictures

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser


def test_a_card_opens_its_persona(page: Page, typical_server: DashboardServer) -> None:
    page.goto(typical_server.address)
    heading(page, "One of four personas needs you: Ines.")
    page.wait_for_function("document.fonts.check('15px Inter')")
    page.get_by_role("button", name=re.compile("Mara Lindqvist")).focus()
    page.keyboard.press("Enter")
    heading(page, re.compile("Mara"))
    see_pictures(page)
    assert page.get_by_role("img", name=re.compile("Mara Lindqvist")).count()

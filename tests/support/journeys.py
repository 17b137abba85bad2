"""Steps that journeys in the browser share. None of them sleeps; each waits for what a person would see."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.support.dashboard import STEP_MS

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROLE_OF_FOCUS = """() => {
  let e = document.activeElement
  while (e?.shadowRoot?.activeElement) e = e.shadowRoot.activeElement
  return e?.getAttribute("role")
}"""

SETTLED = """() => document.querySelector('[data-testid="stApp"]')?.dataset.testScriptState === "notRunning"
  && !!document.querySelector("h1")
  && !document.querySelector('[data-testid="stSkeleton"], [data-testid="stAppSkeleton"], [data-stale="true"]')"""


PICTURES_SHOWN = """() => {
  const shown = (root) => [...root.querySelectorAll("*")].every((e) => {
    const box = e.getBoundingClientRect()
    const away = box.bottom < 0 || box.top > innerHeight || !box.width
    return (e.tagName !== "IMG" || away || (e.complete && e.naturalWidth > 0)) && (!e.shadowRoot || shown(e.shadowRoot))
  })
  return shown(document)
}"""
"""Whether every picture in sight is there; those in components count, too."""


def heading(page: Page, text: str | re.Pattern[str]) -> None:
    """Wait until the page answers with this sentence; a failure says first what the page answered instead."""
    from playwright.sync_api import expect

    try:
        expect(page.get_by_role("heading", level=1, name=text)).to_be_visible(timeout=STEP_MS)
    except AssertionError as error:
        said = page.get_by_role("heading", level=1).all_inner_texts()
        more = page.locator("h1 + p, [data-testid=stAlert]").all_inner_texts()
        buttons = page.get_by_role("button").all_inner_texts()
        raise AssertionError(f"the page says {said}, {more}, with the buttons {buttons}") from error


def open_settled(page: Page, address: str) -> None:
    """Open an address and wait until nothing is on its way any more."""
    page.goto(address)
    settle(page)


def settle(page: Page) -> None:
    """Wait until nothing is on its way any more."""
    page.wait_for_function(SETTLED)


def see_pictures(page: Page) -> None:
    """Wait until every picture in sight is shown."""
    page.wait_for_function(PICTURES_SHOWN)

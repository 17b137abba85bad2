"""Steps that journeys in the browser share. None of them sleeps; each waits for what a person would see."""

from __future__ import annotations

import re
from collections.abc import Callable
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


RESTED = """(box) => new Promise((done) => {
  let last = "", frames = 0
  const drawn = () => document.querySelectorAll('[data-testid="stPlotlyChart"]').length ===
    document.querySelectorAll('[data-testid="stPlotlyChart"] .main-svg .infolayer').length
  const look = () => {
    const { top, left } = box.getBoundingClientRect(), now = `${top} ${left}`
    frames = now === last && drawn() ? frames + 1 : 0
    last = now
    frames > 5 ? done() : requestAnimationFrame(look)
  }
  look()
})"""
"""Resolves when every chart is drawn and an element has not moved for some frames, news of scrolling included."""

PICTURES_SHOWN = """() => {
  const shown = (root) => [...root.querySelectorAll("*")].every((e) => {
    const box = e.getBoundingClientRect()
    const away = box.bottom < 0 || box.top > innerHeight || !box.width
    return (e.tagName !== "IMG" || away || (e.complete && e.naturalWidth > 0)) && (!e.shadowRoot || shown(e.shadowRoot))
  })
  return shown(document)
}"""
"""Whether every picture in sight is there; those in components count, too."""


WATCH_PLACES = """(() => {
  window.seenPlaces = {}
  new MutationObserver(() => {
    for (const button of document.querySelectorAll("button")) {
      const box = button.getBoundingClientRect(), name = button.innerText
      if (!box.width || !/^(NAMES)$/.test(name)) continue
      const seen = (window.seenPlaces[name] ??= [])
      if (!seen.some((x) => Math.abs(x - box.x) < 2)) seen.push(box.x)
    }
  }).observe(document, { childList: true, subtree: true, attributes: true })
})()"""


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


def open_choices(page: Page, label: str) -> None:
    """Open a list of choices as a person does: in sight, and once the page rests. Any scrolling closes it again."""
    box = page.get_by_role("combobox", name=label)
    box.scroll_into_view_if_needed()
    box.evaluate(RESTED)
    box.click()


def watch_places(page: Page, names: str) -> Callable[[], dict[str, list[int]]]:
    """Note where buttons of these names begin whenever the page changes; a button that moves is clicked beside.

    Call it before the page is opened.
    """
    page.add_init_script(WATCH_PLACES.replace("NAMES", names))
    return lambda: page.evaluate("window.seenPlaces")  # type: ignore[no-any-return]


def see_pictures(page: Page) -> None:
    """Wait until every picture in sight is shown."""
    page.wait_for_function(PICTURES_SHOWN)

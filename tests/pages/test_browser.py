"""Journeys in a real browser, over a real server."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from personalab_core.identity import DriftTracker
from tests.support.workspace_builder import WorkspaceBuilder

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-quic", "--no-first-run"]
START_S = 120
STEP_MS = 150_000

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]

ROLE_OF_FOCUS = """() => {
  let e = document.activeElement
  while (e?.shadowRoot?.activeElement) e = e.shadowRoot.activeElement
  return e?.getAttribute("role")
}"""

Serve = Callable[[Path], str]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as p:
        made = p.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        yield made
        made.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page on which no script may fail."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000}, timezone_id="Europe/Berlin")
    context.set_default_timeout(STEP_MS)
    made = context.new_page()
    errors: list[str] = []
    made.on("pageerror", lambda error: errors.append(str(error)))
    yield made
    context.close()
    assert not errors


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start the dashboard of a workspace on a free port and return its address."""
    running: list[subprocess.Popen[bytes]] = []

    def started(root: Path) -> str:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        environment = {**os.environ, **WorkspaceBuilder(root).environment()}
        command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "app.py"), "--server.port", str(port)]
        with (tmp_path / "server.log").open("wb") as log:
            running.append(subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT))
        address = f"http://127.0.0.1:{port}"
        wait_until_healthy(address, running[-1], tmp_path / "server.log")
        return address

    yield started
    for process in running:
        process.terminate()
        process.wait(20)


def wait_until_healthy(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        if process.poll() is not None:
            pytest.fail(log.read_text())
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail("the server did not answer")


def heading(page: Page, text: str | re.Pattern[str]) -> None:
    from playwright.sync_api import expect

    expect(page.get_by_role("heading", level=1, name=text)).to_be_visible(timeout=STEP_MS)


def test_from_the_overview_to_the_picture_behind_a_point(page: Page, serve: Serve, typical_root: Path) -> None:
    page.goto(serve(typical_root))
    heading(page, "One of four personas needs you: Ines.")
    page.get_by_role("button", name=re.compile("Ines Duarte.*See the timeline")).click()
    heading(page, re.compile("Ines scores .* lower than at the beginning"))
    newest = DriftTracker(WorkspaceBuilder(typical_root).config.evaluation.drift.log_dir).read("ines")
    point = page.locator(".js-plotly-plot .scatterlayer .trace").first.locator(".point").nth(3)
    box = point.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)  # Plotly takes a click only where it has seen the pointer
    page.mouse.click(x, y)
    page.get_by_role("heading", name=re.compile(r"^Record \d+ beside the anchor")).filter(
        has_not_text=re.compile(rf"Record {len(newest)}\b")
    ).wait_for()
    page.get_by_role("button", name="Open this attempt").click()
    heading(page, re.compile("This is Ines|Not sure it is Ines|Not measurable"))
    loaded = page.wait_for_function("[...document.images].filter(i => i.complete && i.naturalWidth > 0).length")
    assert loaded


def test_an_anchor_candidate_is_chosen_by_keyboard(page: Page, serve: Serve, tmp_path: Path) -> None:
    builder = WorkspaceBuilder(tmp_path / "work")
    builder.persona("Mara Lindqvist", persona_id="mara")
    builder.anchors("mara")
    page.goto(f"{serve(builder.root)}/anchors?persona=mara")
    heading(page, "Frontal 2 is the anchor of Mara.")
    page.get_by_role("radio", checked=True).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Use Frontal 3").wait_for()
    assert page.evaluate(ROLE_OF_FOCUS) == "radio"


def test_a_newcomer_gets_an_accepted_picture_through_a_reload(page: Page, serve: Serve, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    builder = WorkspaceBuilder(tmp_path / "work")
    builder.persona("Noor Haddad", persona_id="noor")
    address = serve(builder.root)
    page.goto(address)
    page.get_by_role("button", name=re.compile("Noor Haddad.*Choose an anchor")).click()
    heading(page, "No picture says yet who Noor is.")
    page.get_by_role("button", name=re.compile("^Make 4 candidates")).click()
    heading(page, re.compile("Frontal \\d is the anchor of Noor."))
    page.goto(f"{address}/generate?persona=noor")
    page.get_by_label("Pictures").fill("3")
    page.get_by_label("Pictures").press("Tab")
    page.get_by_role("button", name="Generate 3 pictures (simulated, $0.00)").click()
    expect(page.get_by_role("button", name="Cancel run")).to_be_visible(timeout=STEP_MS)
    page.reload()
    heading(page, re.compile("[1-3] of 3\\sassets accepted\\."))
    expect(
        page.get_by_role("img", name=re.compile("Noor Haddad, attempt \\d: accepted, score 0")).first
    ).to_be_visible()

"""Journeys in a real browser, over a real server."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from personalab_core.identity import DriftTracker
from tests.support.dashboard import STEP_MS, DashboardServer
from tests.support.journeys import ROLE_OF_FOCUS, heading, open_settled
from tests.support.workspace_builder import WorkspaceBuilder

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

Serve = Callable[..., DashboardServer]


def test_from_the_overview_to_the_picture_behind_a_point(
    page: Page, typical_server: DashboardServer, typical_root: Path
) -> None:
    page.goto(typical_server.address)
    heading(page, "One of four personas needs you: Ines.")
    page.get_by_role("button", name=re.compile("Ines Duarte.*See when it changed")).click()
    heading(page, re.compile("Ines has changed since about record"))
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
    from playwright.sync_api import expect

    builder = WorkspaceBuilder(tmp_path / "work")
    builder.persona("Mara Lindqvist", persona_id="mara")
    builder.anchors("mara")
    page.goto(f"{serve(builder.root).address}/anchors?persona=mara")
    heading(page, "Frontal 2 is the anchor of Mara.")
    gallery = page.get_by_role("radiogroup", name="Candidates for the anchor of Mara Lindqvist")
    gallery.get_by_role("radio", checked=True).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Use Frontal 3").wait_for()
    assert page.evaluate(ROLE_OF_FOCUS) == "radio"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press(" ")
    expect(gallery.get_by_role("radio", name=re.compile("Frontal 1"))).to_be_checked()
    page.get_by_role("button", name="Use Frontal 1").wait_for()


def test_both_pictures_zoom_and_move_together_by_keyboard(page: Page, typical_server: DashboardServer) -> None:
    open_settled(page, f"{typical_server.address}/attempts?attempt=ines-0003-1")
    candidate = page.get_by_role("img", name=re.compile("Ines Duarte, attempt 1")).first
    candidate.focus()
    assert len(shifts(page)) == 2
    assert set(shifts(page)) == {"translate(0%, 0%) scale(1)"}
    for key in ("+", "+", "ArrowRight", "ArrowDown"):
        page.keyboard.press(key)
    (moved,) = set(shifts(page))
    assert moved.endswith("scale(1.69)")
    page.keyboard.press("-")
    page.keyboard.press("-")
    assert set(shifts(page)) == {"translate(0%, 0%) scale(1)"}
    landmarks = page.get_by_role("button", name="Landmarks")
    landmarks.focus()
    page.keyboard.press("Enter")
    assert landmarks.get_attribute("aria-pressed") == "false"
    assert page.locator(".pan svg:visible").count() == 0


def shifts(page: Page) -> list[str]:
    """How far each of the compared pictures is zoomed and moved."""
    return [str(pan.evaluate("e => e.style.transform")) for pan in page.locator(".pan").all()]


def test_a_newcomer_gets_from_nothing_to_an_accepted_picture(page: Page, serve: Serve, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    root = tmp_path / "work"
    root.mkdir()
    page.goto(serve(root).address)
    page.get_by_role("button", name="Create the first persona").click()
    heading(page, "Who is it?")
    write(page, "Name", "Noor Haddad")
    write(page, "Age", "23")
    write(page, "Gender", "female")
    write(page, "Hair colour", "dark brown")
    page.get_by_text("a 23-year-old woman").first.wait_for()
    page.get_by_role("button", name="Create Noor").click()

    heading(page, "No picture says yet who Noor is.")
    page.get_by_role("button", name=re.compile("^Make 4 candidates")).click()
    heading(page, re.compile("Frontal \\d is the anchor of Noor."))
    in_force = page.get_by_role("radio", checked=True)
    in_force.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.get_by_role("button", name=re.compile("^Use Frontal")).click()
    expect(page.get_by_role("button", name=re.compile("^Use Frontal"))).to_have_count(0, timeout=STEP_MS)

    page.get_by_role("link", name="Generate").first.click()
    page.get_by_role("spinbutton", name="Pictures").fill("3")
    page.get_by_role("spinbutton", name="Pictures").press("Tab")
    page.get_by_role("button", name="Generate 3 pictures (simulated, $0.00)").click()
    expect(page.get_by_role("button", name="Cancel run")).to_be_visible(timeout=STEP_MS)
    page.reload()
    heading(page, re.compile("[1-3] of 3\\sassets accepted\\."))
    expect(
        page.get_by_role("img", name=re.compile("Noor Haddad, attempt \\d: accepted, score 0")).first
    ).to_be_visible()


def write(page: Page, label: str, text: str) -> None:
    """Fill a field of the form; its value is taken when it is left."""
    field = page.get_by_role("textbox", name=label, exact=True)
    field.fill(text)
    field.press("Tab")


def test_an_empty_workspace_becomes_the_example(page: Page, serve: Serve, tmp_path: Path) -> None:
    root = tmp_path / "work"
    root.mkdir()
    page.goto(serve(root).address)
    page.get_by_role("button", name="Make the example personas").click()
    page.get_by_role("button", name=re.compile("Cancel")).first.wait_for()
    page.get_by_text("Example workspace").first.wait_for()
    page.get_by_role("button", name=re.compile("Cancel")).first.click()
    page.get_by_text(re.compile("Cancelled|Stops after the present step|needs? you")).first.wait_for()

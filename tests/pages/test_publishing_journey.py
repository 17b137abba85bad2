"""From idea to published file, in the browser as its user has it: plan, approve, make, export, read the mark."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from personalab_core.config import PersonaStore, load_config, write_yaml
from personalab_core.generation import PlanStore
from personalab_core.jobs import GenerateAnchorsParams, WorkspaceRef
from personalab_core.jobs.planned import new_plan
from personalab_core.jobs.studio import Studio
from personalab_core.jobs.work import generate_anchors
from personalab_core.publishing import read_mark
from personalab_core.schemas import Character
from tests.support.dashboard import STEP_MS, DashboardServer
from tests.support.journeys import heading, open_settled, settle

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]


class Unwatched:
    """Nobody looks at the progress, and nobody stops the work."""

    def report(self, done: int, message: str) -> None:
        """Let it pass."""

    def should_stop(self) -> bool:
        return False


def workspace_with_an_anchor(root: Path) -> Path:
    """A persona with a simulated anchor; what comes of a prompt is accepted whatever its score."""
    scoring = {"accept_threshold": 0.05, "retry_threshold": 0.01}
    write_yaml(root / "config.yml", {"evaluation": {"scoring": scoring}})
    config = load_config(workspace=root, environ={}, profile="simulated")
    PersonaStore(config.paths.personas).save(Character(name="Mara Lind", id="mara"))
    reference = WorkspaceRef(folder=str(root), profile="simulated")
    params = GenerateAnchorsParams(workspace=reference, persona="mara", n_candidates=1, kinds=())
    generate_anchors(Studio(config), params, Unwatched())
    return root


def test_an_idea_becomes_a_marked_file(page: Page, serve: Callable[..., DashboardServer], tmp_path: Path) -> None:
    root = workspace_with_an_anchor(tmp_path / "work")
    server = serve(root)

    open_settled(page, f"{server.address}/plan?persona=mara")
    heading(page, "Mara has no plan yet.")
    page.get_by_label("Pieces", exact=True).fill("1")
    page.get_by_label("Pieces", exact=True).press("Enter")
    settle(page)
    page.get_by_role("button", name="Make a new plan").click()
    heading(page, re.compile("None of 1.planned piece of Mara are made"))
    page.get_by_text("New plan of Mara Lind").wait_for(state="detached", timeout=STEP_MS)
    settle(page)
    page.get_by_role("button", name=re.compile("Approve 1.idea")).click()
    page.get_by_role("button", name=re.compile("Make 1.approved piece")).click()
    heading(page, re.compile("One of 1.planned piece of Mara is made"))
    (item,) = PlanStore(root / "generated_content").load("mara").planned_content
    assert item.status == "made"

    open_settled(page, f"{server.address}/export?persona=mara")
    heading(page, re.compile("1.accepted asset of Mara can leave"))
    page.get_by_role("checkbox", name=re.compile("accepted image")).click()
    page.get_by_role("button", name=re.compile("Export 1.asset")).click()
    page.get_by_text("Marked and read back").wait_for(timeout=STEP_MS)
    settle(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download zip").click()
    archive = tmp_path / "export.zip"
    download.value.save_as(archive)

    with zipfile.ZipFile(archive) as packed:
        packed.extractall(tmp_path)
        (name,) = (name for name in packed.namelist() if name.endswith(".jpg"))
    report = read_mark(tmp_path / name)
    assert report.marked
    assert report.disclosure is not None
    assert report.disclosure.asset_id == item.assets[0]

    page.get_by_text("Read the mark of a file").click()
    page.get_by_label("file upload").set_input_files(tmp_path / name)
    page.get_by_text("Marked as AI-generated", exact=True).wait_for(timeout=STEP_MS)


CLICK_BOTH = """([first, second, delay]) => {
  if (!first.isConnected || !second.isConnected) return false
  first.click()
  setTimeout(() => second.click(), delay)
  return true
}"""


def test_a_click_is_not_lost_to_the_next_one(page: Page, serve: Callable[..., DashboardServer], tmp_path: Path) -> None:
    """The second click reaches the server while the page still answers the first, and cuts that answer short."""
    root = workspace_with_an_anchor(tmp_path / "work")
    config = load_config(workspace=root, environ={}, profile="simulated")
    server = serve(root)
    approve, other = page.get_by_role("button", name=re.compile("Approve 1.idea")), page.get_by_text("List", exact=True)
    open_settled(page, f"{server.address}/export?persona=mara")  # so that the browser has loaded what it needs
    page.get_by_role("button", name="Generate pictures").click()
    for delay_ms in (60, 60, 80):
        new_plan(Studio(config), "mara", n_items=1, start=None, per_week=3)
        open_settled(page, f"{server.address}/plan?persona=mara")
        # A page that has just been opened may still exchange its buttons for new ones.
        while not page.evaluate(CLICK_BOTH, [approve.element_handle(), other.element_handle(), delay_ms]):
            settle(page)
        page.get_by_role("button", name=re.compile("Make 1.approved piece")).wait_for(timeout=20_000)
        (item,) = PlanStore(config.paths.output).load("mara").planned_content
        assert item.status == "approved"

"""Journeys through work that goes on: jobs belong to nobody's browser, and to no server either."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from personalab_core.config.personas import PersonaStore
from personalab_core.jobs import GenerateAnchorsParams, Job, JobStore, WorkspaceRef
from personalab_core.jobs.worker import run_job
from personalab_core.schemas import Character
from tests.support.dashboard import STEP_MS, DashboardServer
from tests.support.journeys import heading, open_settled, watch_places

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

Serve = Callable[..., DashboardServer]
N_PICTURES = 8
N_TO_CANCEL = 12
"""Enough that the run is still going on when a slow machine has found its button."""


@pytest.fixture(scope="session")
def ready_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace whose only persona has an anchor, made by the real pipeline."""
    root = tmp_path_factory.mktemp("ready")
    reference = WorkspaceRef(folder=str(root), profile="simulated")
    config = reference.load()
    look = {"age_range": "23", "gender": "female", "hair_color": "dark brown"}
    PersonaStore(config.paths.personas).save(Character(name="Noor Haddad", id="noor", physical_description=look))
    jobs = JobStore(config.paths.jobs, start=lambda *_: os.getpid())
    params = GenerateAnchorsParams(workspace=reference, persona="noor", n_candidates=3, seed=3)
    assert run_job(jobs, jobs.submit("generate_anchors", params)) == 0
    return root


@pytest.fixture
def ready(ready_root: Path, tmp_path: Path) -> Path:
    """A copy of it whose configuration needs no address: the job rows name folders."""
    root = tmp_path / "work"
    shutil.copytree(ready_root, root)
    (root / "generated_content" / "jobs.sqlite3").unlink()
    return root


def start_run(page: Page, address: str, n: int = N_PICTURES) -> None:
    from playwright.sync_api import expect

    page.goto(f"{address}/generate?persona=noor")
    page.get_by_role("spinbutton", name="Pictures").fill(str(n))
    page.get_by_role("spinbutton", name="Pictures").press("Tab")
    page.get_by_role("button", name=f"Generate {n} pictures (simulated, $0.00)").click()
    expect(page.get_by_role("button", name="Cancel run")).to_be_visible(timeout=STEP_MS)


def ended(page: Page, jobs: JobStore) -> Job:
    """The only job, once its worker has let go of it: the last picture is shown a moment before."""
    for _ in range(STEP_MS // 100):
        (job,) = jobs.list()
        if not job.active:
            return job
        page.wait_for_timeout(100)
    raise AssertionError("the job did not end")


def test_a_run_outlives_reload_tab_and_server(page: Page, serve: Serve, ready: Path) -> None:
    from playwright.sync_api import expect

    server = serve(ready)
    start_run(page, server.address)
    run = page.url
    page.reload()
    expect(page.get_by_role("button", name="Cancel run")).to_be_visible(timeout=STEP_MS)
    second = page.context.new_page()
    second.goto(run)
    expect(second.get_by_role("button", name=re.compile("Cancel run|New run")).first).to_be_visible(timeout=STEP_MS)
    second.close()
    jobs = JobStore(ready / "generated_content" / "jobs.sqlite3")
    (job,) = jobs.list()
    assert job.active
    server.kill()
    (job,) = jobs.list()
    assert job.active, "the worker must outlive the server"
    server.start()
    page.goto(run)
    heading(page, re.compile(f"^[1-{N_PICTURES}] of {N_PICTURES}\\sassets accepted\\.$"))
    job = ended(page, jobs)
    assert (job.state, job.done, job.run) == ("done", N_PICTURES, 1)


def test_a_cancelled_run_is_resumed_from_where_it_was(page: Page, serve: Serve, ready: Path) -> None:
    from playwright.sync_api import expect

    places = watch_places(page, "Resume|Cancel run|New run")
    start_run(page, serve(ready).address, N_TO_CANCEL)
    expect(page.get_by_role("img", name=re.compile("Noor Haddad, attempt")).first).to_be_visible(timeout=STEP_MS)
    page.get_by_role("button", name="Cancel run").click()
    heading(page, re.compile("^Cancelled"))
    jobs = JobStore(ready / "generated_content" / "jobs.sqlite3")
    (before,) = jobs.list()
    assert before.state == "cancelled"
    page.get_by_role("button", name="Resume").click()
    heading(page, re.compile(f"^\\d+ of {N_TO_CANCEL}\\sassets accepted\\.$"))
    after = ended(page, jobs)
    assert (after.state, after.done, after.run) == ("done", N_TO_CANCEL, 2)
    assert {name: len(seen) for name, seen in places().items()} == {"Resume": 1, "Cancel run": 1, "New run": 1}


def test_an_idle_page_sends_nothing(page: Page, typical_server: DashboardServer) -> None:
    frames: list[str] = []

    def listen(socket: object) -> None:
        socket.on("framesent", lambda _: frames.append("sent"))  # type: ignore[attr-defined]
        socket.on("framereceived", lambda _: frames.append("received"))  # type: ignore[attr-defined]

    page.on("websocket", listen)
    for address in ("/", "/attempts", "/drift?persona=ines", "/generate?persona=ines"):
        open_settled(page, typical_server.address + address)
        page.wait_for_timeout(1_500)
        assert frames, "the page came through the websocket"
        frames.clear()
        page.wait_for_timeout(4_000)
        assert not frames, address


def test_a_bad_file_is_named_and_the_good_one_measured(page: Page, serve: Serve, ready: Path, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.png", tmp_path / "harbour.png"
    good.write_bytes(next((ready / "references" / "noor" / "anchors" / "candidates").glob("*.png")).read_bytes())
    bad.write_bytes(b"this is no picture")
    page.goto(f"{serve(ready).address}/evaluate?persona=noor")
    page.locator("input[type=file]").first.set_input_files([good, bad])
    page.get_by_role("button", name=re.compile("^Measure 2")).click()
    page.get_by_text(re.compile("harbour.png")).first.wait_for()
    page.get_by_text(
        re.compile("could not be read; nothing was stored from it|One of two", re.IGNORECASE)
    ).first.wait_for()
    heading(page, re.compile("1 of 1|picture|shows? Noor"))

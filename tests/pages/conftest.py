"""Opens pages the way the server does: through the navigation script, over a workspace on disk."""

from __future__ import annotations

import html
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from streamlit.testing.v1 import AppTest

from personalab_core.jobs import JobStore
from personalab_core.views.workspace import Workspace
from tests.support.dashboard import CHROMIUM, DashboardServer, new_context, open_browser
from tests.support.workspace_builder import WorkspaceBuilder, typical_workspace

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NAVIGATION = Path(__file__).resolve().parents[2] / "pages" / "navigation.py"

OpenPage = Callable[..., AppTest]


@pytest.fixture(scope="session")
def typical_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace that tests only read."""
    root = tmp_path_factory.mktemp("typical")
    typical_workspace(root)
    return root


@pytest.fixture
def builder(tmp_path: Path) -> WorkspaceBuilder:
    return WorkspaceBuilder(tmp_path)


@pytest.fixture
def mara(builder: WorkspaceBuilder) -> WorkspaceBuilder:
    """A workspace with one persona that has an anchor, and nothing made yet."""
    builder.persona("Mara Lindqvist", persona_id="mara")
    builder.anchors("mara")
    return builder


@pytest.fixture
def jobs(builder: WorkspaceBuilder, monkeypatch: pytest.MonkeyPatch) -> JobStore:
    """No worker is started: this process stands in, so that jobs count as alive."""
    store = JobStore(builder.config.paths.jobs, start=lambda *_: os.getpid())
    monkeypatch.setattr(Workspace, "jobs", store)
    return store


@pytest.fixture
def open_page(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenPage]:
    """``open_page("drift", root, persona="mara")`` runs that page of that workspace."""

    def opened(page: str, root: Path, **address: str) -> AppTest:
        monkeypatch.setenv("PERSONALAB_WORKSPACE", str(root))
        monkeypatch.setenv("PERSONALAB_PROFILE", "simulated")
        at = AppTest.from_file(str(NAVIGATION), default_timeout=60)
        if page != "overview":
            at.run()
            at.switch_page(f"{page}.py")
        for name, value in address.items():
            at.query_params[name] = value
        return at.run()

    before = list(sys.path)
    yield opened
    sys.path[:] = before


def words_of(at: AppTest) -> str:
    """Everything a page says in its own snippets, without markup."""
    bodies = [element.proto.body for element in at.get("html") if "<style" not in element.proto.body]
    return html.unescape(re.sub(r"<[^>]+>", " ", " ".join(bodies))).replace("\u00a0", " ")


def answer_of(at: AppTest) -> str:
    """The one ``h1`` of a page."""
    found = re.findall(r"<h1>(.*?)</h1>", " ".join(element.proto.body for element in at.get("html")))
    assert len(found) == 1, found
    return html.unescape(found[0]).replace("\u00a0", " ")


def labels_of(at: AppTest) -> list[str]:
    return [button.label for button in at.button]


# The real thing -------------------------------------------------------------------------


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("chromium is not installed; scripts/get_chromium.sh does it")
    with open_browser() as made:
        yield made


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page on which no script may fail."""
    context = new_context(browser)
    made = context.new_page()
    errors: list[str] = []
    made.on("pageerror", lambda error: errors.append(str(error)))
    yield made
    context.close()
    assert not errors


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., DashboardServer]]:
    """Start the dashboard of a workspace on a free port."""
    running: list[DashboardServer] = []

    def started(root: Path, **environment: str) -> DashboardServer:
        running.append(DashboardServer(root, tmp_path / "server.log", environment))
        running[-1].start()
        return running[-1]

    yield started
    for server in running:
        server.stop()


@pytest.fixture(scope="session")
def typical_server(typical_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DashboardServer]:
    """A server that tests only look at."""
    server = DashboardServer(typical_root, tmp_path_factory.mktemp("server") / "server.log")
    server.start()
    yield server
    server.stop()

"""Opens pages the way the server does: through the navigation script, over a workspace on disk."""

from __future__ import annotations

import html
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.support.workspace_builder import WorkspaceBuilder, typical_workspace

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

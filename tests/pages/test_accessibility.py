"""axe-core on every page in both themes: nothing serious, nothing critical."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.dashboard import DashboardServer, Theme, new_context
from tests.support.journeys import open_settled
from tests.support.pages import EVERY_PAGE

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.slow]

# Streamlit's sparkline is an SVG image without words, and takes none.
KNOWN = {"svg-img-alt"}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious(theme: Theme, browser: Browser, typical_server: DashboardServer) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    context = new_context(browser, theme=theme)
    page = context.new_page()
    found = []
    for address in EVERY_PAGE:
        open_settled(page, typical_server.address + address)
        for problem in axe.run(page).response["violations"]:
            if problem["impact"] in {"serious", "critical"} and problem["id"] not in KNOWN:
                where = "; ".join(str(node["target"]) for node in problem["nodes"][:4])
                found.append(f"{address}: {problem['id']} ({problem['impact']}): {problem['help']}: {where}")
    context.close()
    assert not found, "\n".join(found)

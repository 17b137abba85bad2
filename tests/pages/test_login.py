"""Login against a provider on this machine: who is on no list sees nothing, a viewer changes nothing."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.dashboard import STEP_MS, DashboardServer, free_port
from tests.support.journeys import heading
from tests.support.oidc import Provider, open_provider

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

EDITOR, VIEWER, STRANGER = "ann@example.com", "cleo@viewers.example", "dan@elsewhere.example"


def test_who_logs_in_decides_what_can_be_done(page: Page, typical_root: Path, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    pytest.importorskip("authlib")
    root = tmp_path / "work"
    shutil.copytree(typical_root, root)
    with open_provider() as provider:
        server = DashboardServer(root, tmp_path / "server.log", port=free_port())
        secrets = tmp_path / "secrets.toml"
        secrets.write_text(provider.secrets(server.address, editors=[EDITOR], viewers=["@viewers.example"]))
        server.flags = ("--secrets.files", str(secrets))
        try:
            address = server.start()
            page.goto(address)
            log_in(page, provider, STRANGER)
            heading(page, re.compile("dan@elsewhere.example has no access here"))
            assert page.get_by_role("link", name="Overview").count() == 0
            page.get_by_role("button", name="Log out").click()

            log_in(page, provider, VIEWER)
            heading(page, re.compile("needs? you"))
            shown = page.locator("img[src*='/thumbnails/']").first.get_attribute("src")
            address_of_a_picture = f"{address}{shown}"
            assert page.request.get(address_of_a_picture).status == 200
            page.goto(f"{address}/generate?persona=ines")
            start = page.get_by_role("button", name=re.compile("^Generate 4? ?picture|^Generate \\d"))
            expect(start).to_be_disabled(timeout=STEP_MS)
            page.get_by_role("button", name="Log out").click()
            # The page may ask for a login before the browser has been sent to where its cookie is taken away.
            page.wait_for_url(f"{address}/", timeout=STEP_MS)
            heading(page, "Personalab is for invited people.")
            assert page.request.get(address_of_a_picture).status == 403

            log_in(page, provider, EDITOR)
            heading(page, re.compile("needs? you"))
            page.goto(f"{address}/generate?persona=ines")
            expect(start).to_be_enabled(timeout=STEP_MS)
        finally:
            server.stop()


def log_in(page: Page, provider: Provider, email: str) -> None:
    provider.email = email
    heading(page, "Personalab is for invited people.")
    page.get_by_role("button", name="Log in").click()

"""The dashboard behind nginx, set up by the block in docs/deploy.md word for word but for names, ports and TLS."""

from __future__ import annotations

import re
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.dashboard import DashboardServer, free_port
from tests.support.journeys import heading, open_settled, see_pictures

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

DEPLOY = Path(__file__).resolve().parents[2] / "docs" / "deploy.md"
HOST = "personalab.localhost"
"""Browsers take every name below ``localhost`` for this machine."""

Serve = Callable[..., DashboardServer]


def documented(listen: int, upstream: int) -> str:
    """The server block of the documentation, with this test's ports and without certificates."""
    found = re.search(r"```nginx\n(.*?)```", DEPLOY.read_text(), re.DOTALL)
    assert found
    changes = {
        "listen 443 ssl;": f"listen 127.0.0.1:{listen};",
        "server_name personalab.example.com;": f"server_name {HOST};",
        "http://127.0.0.1:8501": f"http://127.0.0.1:{upstream}",
    }
    block = re.sub(r"\n *ssl_certificate.*", "", found[1])
    for written, here in changes.items():
        assert block.count(written) == 1, f"{written} is not in {DEPLOY.name}"
        block = block.replace(written, here)
    return block


def configuration(folder: Path, block: str) -> str:
    temporary = "".join(
        f"  {kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return (
        f"pid {folder}/nginx.pid;\nerror_log {folder}/error.log;\nevents {{}}\n"
        f"http {{\n  access_log off;\n{temporary}{block}}}\n"
    )


@pytest.fixture
def behind_nginx(serve: Serve, typical_root: Path, tmp_path: Path) -> Iterator[str]:
    """The address of a dashboard as nginx hands it on."""
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin") or shutil.which("nginx")
    if nginx is None:
        pytest.skip("nginx is not installed; apt-get install nginx does it")
    server = serve(typical_root, STREAMLIT_SERVER_ALLOWED_HOSTS=f"127.0.0.1 {HOST}")
    port = free_port()
    written = tmp_path / "nginx.conf"
    written.write_text(configuration(tmp_path, documented(port, server.port)))
    command = [nginx, "-p", str(tmp_path), "-e", f"{tmp_path}/error.log", "-c", str(written)]
    subprocess.run(command, check=True)  # comes back once nginx listens
    try:
        yield f"http://{HOST}:{port}"
    finally:
        subprocess.run([*command, "-s", "stop"], check=True)


def answered(address: str, host: str, path: str = "/", *, encoding: str = "identity") -> tuple[int, str | None]:
    """The status and the encoding of what nginx answers for a host name."""
    port = address.rpartition(":")[2]
    headers = {"Host": f"{host}:{port}", "Accept-Encoding": encoding}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, response.headers["Content-Encoding"]
    except urllib.error.HTTPError as error:
        return error.code, None


def test_pages_websocket_and_pictures_come_through(page: Page, behind_nginx: str) -> None:
    open_settled(page, f"{behind_nginx}/attempts?persona=ines")
    see_pictures(page)
    script = page.evaluate("[...document.scripts].map(s => s.src).find(s => s.endsWith('.js'))")
    path = script.removeprefix(behind_nginx)
    assert answered(behind_nginx, HOST, path, encoding="gzip") == (200, "gzip")
    # A click travels through the websocket, whose Origin the server compares with its hosts.
    page.get_by_role("button", name="Table", exact=True).click()
    page.get_by_role("region", name=re.compile("^Table of")).wait_for()
    page.goto(f"{behind_nginx}/drift?persona=ines")
    heading(page, re.compile("Ines has changed since about record"))


def test_another_host_name_is_refused(behind_nginx: str) -> None:
    assert answered(behind_nginx, HOST)[0] == 200
    assert answered(behind_nginx, "evil.example")[0] == 400

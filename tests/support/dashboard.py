"""The dashboard as its user has it: a server on a free port and Debian's browser before it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-quic", "--no-first-run"]
START_S = 120.0
STEP_MS = 150_000

Theme = Literal["light", "dark"]


@dataclass
class DashboardServer:
    """One server process over one workspace. It keeps its port when it is started again."""

    workspace: Path
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    port: int = 0
    flags: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> str:
        """Start the server, wait until it answers and return its address."""
        self.port = self.port or free_port()
        command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "app.py"), "--server.port", str(self.port)]
        command += self.flags
        own = {"PERSONALAB_WORKSPACE": str(self.workspace), "PERSONALAB_PROFILE": "simulated"}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env={**os.environ, **own, **self.environment}, stdout=log, stderr=subprocess.STDOUT
            )
        self._wait()
        return self.address

    def kill(self) -> None:
        """End the server as a power cut would: it gets no chance to say goodbye."""
        if self.process:
            os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait(20)
            self.process = None

    def stop(self) -> None:
        """End the server."""
        if self.process:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(20)
            if self.process.poll() is None:
                self.process.kill()
            self.process = None

    def _wait(self) -> None:
        end = time.monotonic() + START_S
        while time.monotonic() < end:
            if self.process is not None and self.process.poll() is not None:
                raise RuntimeError(self.log.read_text())
            try:
                with urllib.request.urlopen(f"{self.address}/_stcore/health", timeout=2):
                    return
            except OSError:
                time.sleep(0.2)
        raise RuntimeError("the server did not answer")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def open_browser() -> Iterator[Browser]:
    """Start Debian's chromium; playwright's own download is not needed."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=_FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def new_context(browser: Browser, *, theme: Theme = "light", width: int = 1280, height: int = 1000) -> BrowserContext:
    """Open a fresh window that prefers a theme, as the viewer's system would say."""
    context = browser.new_context(
        viewport={"width": width, "height": height}, timezone_id="Europe/Berlin", color_scheme=theme
    )
    context.set_default_timeout(STEP_MS)
    return context

"""Make a picture of every page of the dashboard over the example workspace, as WebP into docs/pictures.

Needs Debian's chromium and playwright (scripts/get_chromium.sh, pip install -e '.[dev]'). ``make screenshots``.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from PIL import Image  # noqa: E402 - the path comes first
from playwright.sync_api import Page  # noqa: E402

from personalab_core.jobs.demo import prepare_demo  # noqa: E402
from personalab_core.views.workspace import Workspace  # noqa: E402
from tests.support.dashboard import DashboardServer, new_context, open_browser  # noqa: E402
from tests.support.journeys import open_settled  # noqa: E402

WIDTH, HEIGHT = 1440, 1000
QUALITY = 82


def pages(workspace: Path) -> dict[str, str]:
    """Return the address of every picture by its name; the attempt shown is a doubtful one, if there is any."""
    from personalab_core.jobs import WorkspaceRef

    space = Workspace.open(WorkspaceRef(folder=str(workspace), profile="simulated"))
    histories = sorted(space.histories(), key=lambda history: -len(history.attempts))
    persona = histories[0].id
    doubtful = [r for h in histories for r in h.attempts.narrowed("mark='retry'").newest(1)]
    attempt = (doubtful or list(histories[0].attempts.newest(1)))[0].attempt_id
    return {
        "overview": "/",
        "personas": "/personas",
        "anchors": f"/anchors?persona={persona}",
        "generate": f"/generate?persona={persona}",
        "attempts": "/attempts",
        "attempt": f"/attempts?attempt={attempt}",
        "drift": f"/drift?persona={persona}",
        "video": f"/video?persona={persona}",
        "evaluate": "/evaluate",
        "system": "/system",
    }


def ensure_demo(workspace: Path) -> None:
    """Make the example workspace if it is not there, and wait for it."""
    start = prepare_demo(str(workspace))
    while start.job_id and start.store.get(start.job_id).active:
        time.sleep(1)


def save(page: Page, path: Path) -> None:
    """Save what the window shows, small."""
    page.wait_for_load_state("networkidle")
    picture = Image.open(io.BytesIO(page.screenshot()))
    picture.convert("RGB").save(path, "WEBP", quality=QUALITY, method=6)
    print(f"{path} {path.stat().st_size / 1000:.0f} kB")


def main() -> int:
    """Make the pictures and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "pictures")
    parser.add_argument("--workspace", type=Path, help="an example workspace made before")
    parser.add_argument("--theme", choices=["light", "dark"], default="light")
    parser.add_argument("--width", type=int, default=WIDTH)
    parser.add_argument("--only", nargs="*", default=[])
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="personalab-pictures-") as scratch:
        workspace = options.workspace or Path(scratch) / "workspace"
        ensure_demo(workspace)
        server = DashboardServer(workspace, Path(scratch) / "server.log")
        server.start()
        suffix = "" if options.theme == "light" else f"-{options.theme}"
        try:
            with open_browser() as browser:
                page = new_context(browser, theme=options.theme, width=options.width, height=HEIGHT).new_page()
                for name, address in pages(workspace).items():
                    if not options.only or name in options.only:
                        open_settled(page, server.address + address)
                        save(page, options.out / f"{name}{suffix}.webp")
        finally:
            server.stop()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""Make pictures of every page of the dashboard over the example workspace, light and dark, as WebP into docs/pictures.

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

from personalab_core.jobs import (  # noqa: E402
    BatchItem,
    BatchParams,
    GenerateImagesParams,
    JobKind,
    JobParams,
    JobStore,
    NewPlanParams,
    WorkspaceRef,
)
from personalab_core.jobs.demo import prepare_demo  # noqa: E402
from personalab_core.views.history import PersonaHistory  # noqa: E402
from personalab_core.views.workspace import Workspace  # noqa: E402
from tests.support.dashboard import DashboardServer, Theme, new_context, open_browser  # noqa: E402
from tests.support.journeys import open_settled, see_pictures  # noqa: E402

WIDTH, HEIGHT = 1280, 900
QUALITY = 76
THEMES: tuple[Theme, ...] = ("light", "dark")


def fill(workspace: Path) -> str:
    """Make the example workspace, and of its busiest persona a plan, a video, a run and an export; return the run."""
    start = prepare_demo(str(workspace))
    wait(start.store, start.job_id)
    space = open_workspace(workspace)
    earlier = {job.kind: job.id for job in space.jobs.list() if job.state == "done"}
    persona = busiest(space).id
    common = {"workspace": space.reference, "persona": persona}
    wanted: list[tuple[JobKind, JobParams]] = [
        ("new_plan", NewPlanParams(**common, n_pieces=9, per_week=4)),
        ("batch", BatchParams(workspace=space.reference, name="Video", items=(video_of(persona),))),
        ("generate_images", GenerateImagesParams(**common, scenario="cafe_selfie", n_assets=4, seed=7)),
    ]
    for kind, params in wanted:
        if kind not in earlier:
            earlier[kind] = space.jobs.submit(kind, params)
            wait(space.jobs, earlier[kind])
    return earlier["generate_images"]


def video_of(persona: str) -> BatchItem:
    """Return one video of a persona, of the first scene there is."""
    return BatchItem(persona=persona, asset_type="video", scenario="market_walk")


def open_workspace(workspace: Path) -> Workspace:
    """Return the example as the dashboard sees it."""
    return Workspace.open(WorkspaceRef(folder=str(workspace), profile="simulated"))


def busiest(space: Workspace) -> PersonaHistory:
    """Return the persona with the most attempts."""
    return max(space.histories(), key=lambda history: len(history.attempts))


def wait(store: JobStore, job_id: str) -> None:
    """Wait until a job has ended."""
    while store.get(job_id).active:
        time.sleep(1)


def pages(workspace: Path, run: str) -> dict[str, str]:
    """Return the address of every picture by its name; the attempt shown is a doubtful one, if there is any."""
    space = open_workspace(workspace)
    history = busiest(space)
    pictures = history.attempts.narrowed("asset_type='image'")
    doubtful = pictures.narrowed("mark='retry'").newest(1) or pictures.newest(1)
    of = f"?persona={history.id}"
    return {
        "overview": "/",
        "personas": "/personas",
        "persona": f"/personas?edit={history.id}",
        "anchors": f"/anchors{of}",
        "plan": f"/plan{of}",
        "prompts": f"/prompts{of}",
        "generate": f"/generate{of}&run=new",
        "run": f"/generate{of}&run={run}",
        "attempts": "/attempts",
        "attempt": f"/attempts?attempt={doubtful[0].attempt_id}",
        "drift": f"/drift{of}",
        "video": f"/video{of}",
        "export": f"/export{of}",
        "evaluate": "/evaluate",
        "system": "/system",
    }


def save(page: Page, path: Path) -> None:
    """Save what the window shows, small."""
    page.wait_for_load_state("networkidle")
    see_pictures(page)
    picture = Image.open(io.BytesIO(page.screenshot()))
    picture.convert("RGB").save(path, "WEBP", quality=QUALITY, method=6)
    print(f"{path} {path.stat().st_size / 1000:.0f} kB")


def take(server: DashboardServer, addresses: dict[str, str], options: argparse.Namespace) -> None:
    """Make the pictures of one server, in every theme asked for."""
    with open_browser() as browser:
        for theme in options.themes:
            page = new_context(browser, theme=theme, width=options.width, height=options.height).new_page()
            for name, address in addresses.items():
                if not options.only or name in options.only:
                    open_settled(page, server.address + address)
                    save(page, options.out / f"{name}{'' if theme == 'light' else '-dark'}.webp")


def main() -> int:
    """Make the pictures and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "pictures")
    parser.add_argument("--workspace", type=Path, help="an example workspace made before")
    parser.add_argument("--themes", nargs="*", choices=THEMES, default=THEMES)
    parser.add_argument("--width", type=int, default=WIDTH)
    parser.add_argument("--height", type=int, default=HEIGHT)
    parser.add_argument("--only", nargs="*", default=[])
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="personalab-pictures-") as scratch:
        workspace = options.workspace or Path(scratch) / "workspace"
        run = fill(workspace)
        server = DashboardServer(workspace, Path(scratch) / "server.log")
        server.start()
        try:
            take(server, pages(workspace, run), options)
        finally:
            server.stop()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

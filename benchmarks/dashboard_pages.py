"""How long the server works on every page of a workspace with 100,000 attempts, and on its index.

    python -m benchmarks.dashboard_pages [--attempts 100000] [--index-only]

Every page is run through the navigation script as the server runs it (Streamlit's AppTest): ``cold`` with
empty caches as after a start of the server, ``warm`` again, ``new`` after one more attempt was recorded. The first
table is of the same workspace when the drift monitor knows nothing yet, and a process of its own judges it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.dashboard_workspace import Large, append_one, build

if TYPE_CHECKING:
    from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).resolve().parents[1]
NAVIGATION = ROOT / "pages" / "navigation.py"
LIMIT_MS = 1_000
GALLERY_LIMIT_MS = 10.0
INDEX_LIMIT_S = 60.0


def timed(run: Callable[[], object]) -> float:
    """Return milliseconds of this process's CPU time, all threads together; a busy machine does not change it."""
    began = time.process_time()
    run()
    return 1000 * (time.process_time() - began)


def measure_index(large: Large) -> bool:
    """Build the index, look at it unchanged, add one record; print each."""
    from personalab_core.jobs import WorkspaceRef
    from personalab_core.views.workspace import Workspace

    space = Workspace.open(WorkspaceRef(folder=str(large.root), profile="simulated"))
    personas = [character.id for character in space.characters()]
    built_s = timed(lambda: space.records.refresh(personas)) / 1000
    n_rows = sum(len(history.attempts) + len(history.drift) for history in space.histories())
    size = space.records.index.path.stat().st_size
    print(f"index: {n_rows:,} records of {large.n_bytes / 1e6:,.0f} MB read in {built_s:.1f} s", end="")
    print(f" ({n_rows / built_s:,.0f} a second), {size / 1e6:.0f} MB on disk")
    print(f"  per 1,000,000 records: {1e6 / n_rows * built_s:.1f} s (limit {INDEX_LIMIT_S:.0f} s)")
    print(f"  nothing new: {timed(lambda: space.records.refresh(personas)):.1f} ms")
    append_one(large, large.biggest)
    print(f"  one new attempt: {timed(lambda: space.records.refresh(personas)):.1f} ms")
    space.records.index.close()
    return 1e6 / n_rows * built_s < INDEX_LIMIT_S


def measure_pages(large: Large) -> bool:
    """Run every page before anything is judged, cold, warm and after a new record; print tables."""
    from personalab_core.jobs import WorkspaceRef
    from personalab_core.jobs.judging import judge_all
    from personalab_core.views.workspace import Workspace

    os.environ.update(PERSONALAB_WORKSPACE=str(large.root), PERSONALAB_PROFILE="simulated")
    space = Workspace.open(WorkspaceRef(folder=str(large.root), profile="simulated"))
    newest = space.history(space.personas.get(large.biggest)).attempts[-1].attempt_id
    space.records.index.close()
    names = sorted(p.stem for p in (ROOT / "pages").glob("*.py") if p.stem not in {"__init__", "navigation"})
    visits: list[tuple[str, dict[str, str]]]
    visits = [(name, {} if name == "overview" else {"persona": large.biggest}) for name in names]
    for page in ("system", "anchors"):  # imports, Plotly's among them
        opened(page, **({"persona": large.biggest} if page == "anchors" else {})).run()
    print(f"\n{'while timelines are judged':34}{'first':>9}{'again':>9}")
    visits.sort(key=lambda visit: visit[0] not in ("overview", "drift"))  # these two ask for it
    slow = [row for row in (measure_beside(*visit) for visit in visits) if row]
    judge_all(space.config.evaluation.drift.log_dir, space.config.paths.output)  # waits for the process that does it
    visits += [("attempts", {}), ("attempts", {"attempt": newest})]
    print(f"\n{'page':34}{'cold':>9}{'warm':>9}{'new':>9}   ms of CPU time of the server, limit {LIMIT_MS}")
    slow += [row for row in (measure_page(large, *visit) for visit in visits) if row]
    print(f"too slow: {', '.join(slow)}" if slow else f"every page under {LIMIT_MS} ms")
    return not slow


def opened(page: str, **address: str) -> AppTest:
    """Return a page that is about to run."""
    from streamlit.testing.v1 import AppTest

    at = AppTest.from_file(str(NAVIGATION), default_timeout=120)
    if page != "overview":
        at.switch_page(f"{page}.py")
    for name, value in address.items():
        at.query_params[name] = value
    return at


def measure_beside(page: str, address: Mapping[str, str]) -> str:
    """Visit a page twice while a process judges the timelines; return its name if it is slow."""
    at = opened(page, **address)
    return shown(at, page, address, timed(at.run), timed(at.run))


def measure_page(large: Large, page: str, address: Mapping[str, str]) -> str:
    """Visit a page cold, warm and after a new record; return its name if it is slow."""
    import streamlit as st

    at = opened(page, **address)
    st.cache_resource.clear()
    st.cache_data.clear()
    cold, warm = timed(at.run), timed(at.run)
    append_one(large, large.biggest)
    return shown(at, page, address, cold, warm, timed(at.run))


def shown(at: AppTest, page: str, address: Mapping[str, str], *taken_ms: float) -> str:
    """Print a row; return the page's name if one of its times is beyond the limit, else nothing."""
    if at.exception:
        raise SystemExit(f"{page}: {at.exception[0].message}")
    label = " ".join([page, *(f"{k}={v}" for k, v in address.items())])[:33]
    print(f"{label:34}" + "".join(f"{ms:9.0f}" for ms in taken_ms))
    return label if max(taken_ms) >= LIMIT_MS else ""


def measure_gallery() -> bool:
    """Time the script's part of a gallery of 60 pictures."""
    from streamlit.testing.v1 import AppTest

    def script() -> None:
        import time

        import streamlit as st

        from pages.components import parts
        from personalab_core.views.anchors import Candidate
        from personalab_core.views.pictures import Picture

        items = [
            Candidate(f"{n:064x}", f"a/{n}.png", f"Frontal {n}", Picture(f"/p/{n}", f"/t/{n}", f"Frontal {n}"), "0.70")
            for n in range(60)
        ]
        began = time.process_time()
        parts.gallery(items, key="bench.gallery", label="Candidates", default=items[0].id)
        st.session_state["took_ms"] = 1000 * (time.process_time() - began)

    at = AppTest.from_function(script, default_timeout=60).run()
    best = min(at.run().session_state["took_ms"] for _ in range(7))
    print(f"\ngallery of 60 pictures: {best:.1f} ms of script time (limit {GALLERY_LIMIT_MS:.0f} ms)")
    return best <= GALLERY_LIMIT_MS


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--attempts", type=int, default=100_000)
    parser.add_argument("--index-only", action="store_true", help="only build and extend the index")
    parser.add_argument("--keep", type=Path, help="build the workspace here and keep it")
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    root = options.keep or Path(tempfile.mkdtemp(prefix="personalab-large-"))
    try:
        began = time.perf_counter()
        large = build(root, options.attempts)
        print(f"built {large.n_attempts:,} attempts in {time.perf_counter() - began:.0f} s at {root}")
        good = measure_index(large)
        if not options.index_only:
            good = measure_pages(large) and good
            good = measure_gallery() and good
    finally:
        if not options.keep:
            shutil.rmtree(root, ignore_errors=True)
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())

"""How long the server works on the Drift page of a persona with 100,000 records on one timeline.

    python -m benchmarks.drift_page [--records 100000]

The page runs through the navigation script as the server runs it (Streamlit's AppTest). ``unjudged`` is the first
visit, which starts the process that judges the timeline; ``beside`` the slowest visit while that is at work; ``cold``
has empty caches as after a start of the server; ``new`` comes after one more record; ``click`` picks a point.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.dashboard_pages import LIMIT_MS, NAVIGATION, ROOT, timed
from benchmarks.dashboard_workspace import Large, append_one, build

if TYPE_CHECKING:
    from streamlit.testing.v1 import AppTest

SHARE = 0.97
"""Of all attempts belong to the persona; the others have something to compare with."""
ATTEMPTS_PER_RECORD = 1.2
EVERY_S = 2.0
"""As often as the page itself asks how far the judging is."""


def judged_beside(page: AppTest) -> list[float]:
    """Visit the page until everything is judged; return what each visit cost."""
    taken = []
    while page.get("progress"):
        time.sleep(EVERY_S)
        taken.append(timed(page.run))
    return taken


def measure(large: Large, n_records: int) -> bool:
    """Visit the page until everything is judged, and then as people do; print what each visit cost."""
    import streamlit as st
    from streamlit.testing.v1 import AppTest

    from personalab_core.jobs import WorkspaceRef
    from personalab_core.views.drift import timeline_csv
    from personalab_core.views.workspace import Workspace

    os.environ.update(PERSONALAB_WORKSPACE=str(large.root), PERSONALAB_PROFILE="simulated")
    space = Workspace.open(WorkspaceRef(folder=str(large.root), profile="simulated"))
    reading = AppTest.from_file(str(NAVIGATION), default_timeout=120)  # imports, and the index
    reading.switch_page("system.py").run()

    page = AppTest.from_file(str(NAVIGATION), default_timeout=120)
    page.switch_page("drift.py")
    page.query_params["persona"] = large.biggest
    taken = {"unjudged": timed(page.run)}
    began = time.perf_counter()
    beside = judged_beside(page)
    judged_s = time.perf_counter() - began
    taken["beside"] = max(beside, default=0.0)
    found = space.history(space.personas.get(large.biggest)).monitored
    if found is None or found.status.n < n_records:
        raise SystemExit(f"expected {n_records:,} records, got {found.status.n if found else 0:,}")
    st.cache_resource.clear()
    st.cache_data.clear()
    taken |= {"cold": timed(page.run), "warm": timed(page.run)}
    append_one(large, large.biggest)
    taken["new"] = timed(page.run)
    page.session_state["drift.picked"] = "nothing"
    taken["click"] = timed(page.run)
    csv_ms = timed(lambda: timeline_csv(found))
    if page.exception:
        raise SystemExit(page.exception[0].message)
    print(f"{found.status.n:,} records, judged by another process in {judged_s:.0f} s")
    print(f"ms of CPU time of the server, limit {LIMIT_MS}:")
    print("  ".join(f"{name} {ms:.0f}" for name, ms in taken.items()), f" (all records as CSV: {csv_ms:.0f})")
    return max(taken.values()) < LIMIT_MS


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=100_000)
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    with tempfile.TemporaryDirectory(prefix="personalab-drift-") as root:
        n_attempts = round(options.records * ATTEMPTS_PER_RECORD / SHARE)
        good = measure(build(Path(root), n_attempts, biggest_share=SHARE), options.records)
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())

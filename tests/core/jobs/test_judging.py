"""Long timelines are judged in a process of its own: to the same end as at once, and on from where it was killed."""

from __future__ import annotations

import os
import shutil
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks.drift_process import Case
from personalab_core.identity.drift.watch import Drift, DriftWatch
from personalab_core.jobs.judging import (
    AGAIN_AFTER_S,
    AT_ONCE_S,
    BackgroundJudge,
    ThoroughJudge,
    judge,
    judge_all,
    log_path,
)
from personalab_core.schemas import DriftState
from tests.support.drift_timelines import write_timeline

NOW = datetime(2026, 11, 22, tzinfo=UTC)
STEP = Case("step", "step", 0.10)
NOBODY = 2**22 + 1
"""No process has this id: it is above the kernel's limit."""


def watch_of(root: Path) -> DriftWatch:
    return DriftWatch(root / "drift", root, clock=lambda: NOW)


def known(root: Path) -> Drift:
    found = watch_of(root).known("mara")
    assert found is not None
    return found


@pytest.fixture
def in_small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("personalab_core.identity.drift.following._BLOCK_BYTES", 20_000)
    monkeypatch.setattr("personalab_core.jobs.judging.PART_BYTES", 20_000)


class Started:
    """Counts the processes; none is started."""

    def __init__(self, pid: int = NOBODY) -> None:
        self.pid, self.n, self.now_s = pid, 0, 0.0

    def __call__(self, timelines: Path, output: Path) -> int:
        self.n += 1
        return self.pid

    def judge(self, root: Path, *, at_once_bytes: int = 0) -> BackgroundJudge:
        options = {"at_once_bytes": at_once_bytes, "start": self, "clock": lambda: self.now_s}
        return BackgroundJudge(root / "drift", root, **options)  # type: ignore[arg-type]


@pytest.mark.usefixtures("in_small_blocks")
def test_part_by_part_comes_to_the_same_as_at_once(tmp_path: Path) -> None:
    write_timeline(tmp_path / "parts", STEP, seed=3, length=230)
    shutil.copytree(tmp_path / "parts", tmp_path / "once")
    found, whole = judge(watch_of(tmp_path / "parts"), "mara"), watch_of(tmp_path / "once").look("mara")
    assert found is not None and whole is not None and whole.status.state is DriftState.LEVEL_DOWN
    assert (found.status, found.trace.tobytes(), found.behind_bytes) == (whole.status, whole.trace.tobytes(), 0)
    assert [e.sentence for e in found.events] == [e.sentence for e in whole.events]


@pytest.mark.usefixtures("in_small_blocks")
def test_a_killed_process_is_followed_by_one_that_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_timeline(tmp_path, STEP, seed=3, length=230, faces=False)
    looks = 0
    look = DriftWatch.look

    def killed(self: DriftWatch, persona: str, **options: int) -> Drift | None:
        nonlocal looks
        looks += 1
        if looks == 3:
            raise KeyboardInterrupt
        return look(self, persona, **options)

    with monkeypatch.context() as patched:
        patched.setattr(DriftWatch, "look", killed)
        with pytest.raises(KeyboardInterrupt):
            judge_all(tmp_path / "drift", tmp_path)
    judged, left = known(tmp_path).status.n, watch_of(tmp_path).unjudged_bytes("mara")
    assert 0 < judged < 230 and left > 0
    assert judge_all(tmp_path / "drift", tmp_path)
    assert (known(tmp_path).status.n, known(tmp_path).behind_bytes) == (230, 0)


def test_canaries_are_judged_too_and_one_broken_timeline_stops_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_timeline(tmp_path, Case("stable"), seed=1, length=30, faces=False)
    canaries = tmp_path / "drift" / "canaries"
    shutil.copytree(tmp_path / "drift", canaries)
    write_timeline(tmp_path, Case("stable"), seed=1, length=2, faces=False, persona="aiko")
    (tmp_path / "drift" / "monitor" / "aiko" / "state.json.lock").mkdir(parents=True)
    assert not judge_all(tmp_path / "drift", tmp_path)
    assert "aiko" in capsys.readouterr().out
    assert known(tmp_path).status.n == 30
    found = DriftWatch(canaries, tmp_path / "canaries", clock=lambda: NOW).known("mara")
    assert found is not None and found.status.n == 30


def test_the_process_judges_and_ends(tmp_path: Path) -> None:
    write_timeline(tmp_path, Case("stable"), seed=1, length=30, faces=False)
    background = BackgroundJudge(tmp_path / "drift", tmp_path, at_once_bytes=0)
    first = background(watch_of(tmp_path), "mara", None)
    assert first is not None and first.behind_bytes > 0 and first.status.n == 0, "nothing is known yet, and it says so"
    for thread in threading.enumerate():
        if thread.name.startswith("reap-"):
            thread.join(timeout=60)
    assert not background.busy
    found = background(watch_of(tmp_path), "mara", None)
    assert found is not None
    assert (found.status.n, found.behind_bytes) == (30, 0)
    assert log_path(tmp_path / "drift").read_text() == ""


def test_little_is_judged_at_once(tmp_path: Path) -> None:
    write_timeline(tmp_path, Case("stable"), seed=1, length=30, faces=False)
    size = watch_of(tmp_path).unjudged_bytes("mara")
    started = Started()
    background = started.judge(tmp_path, at_once_bytes=size)
    found = background(watch_of(tmp_path), "mara", None)
    assert found is not None and (found.status.n, found.behind_bytes, started.n) == (30, 0, 0)


def test_many_short_timelines_are_no_less_than_a_long_one(tmp_path: Path) -> None:
    for persona in ("mara", "ines", "juno"):
        write_timeline(tmp_path, Case("stable"), seed=1, length=30, faces=False, persona=persona)
    watch, started = watch_of(tmp_path), Started()
    background = started.judge(tmp_path, at_once_bytes=2 * watch.unjudged_bytes("mara"))
    left = [found.behind_bytes for p in ("mara", "ines", "juno") if (found := background(watch, p, None))]
    assert left == [0, 0, watch.unjudged_bytes("juno")] and started.n == 1
    started.now_s += AT_ONCE_S
    found = background(watch, "juno", None)
    assert found is not None and found.behind_bytes == 0


def test_only_one_process_works_at_a_time(tmp_path: Path) -> None:
    write_timeline(tmp_path, Case("stable"), seed=1, length=30, faces=False)
    started = Started(pid=os.getpid())
    background = started.judge(tmp_path)
    for _ in range(3):
        background(watch_of(tmp_path), "mara", None)
    assert background.busy and started.n == 1


def test_a_process_that_got_no_further_is_not_repeated_at_once(tmp_path: Path) -> None:
    write_timeline(tmp_path, Case("stable"), seed=1, length=30, faces=False)
    started = Started()
    background = started.judge(tmp_path)
    for _ in range(3):
        background(watch_of(tmp_path), "mara", None)
    assert not background.busy and started.n == 1
    write_timeline(tmp_path, Case("stable"), seed=1, length=1, faces=False, first=30)
    background(watch_of(tmp_path), "mara", None)
    assert started.n == 2, "there is more to judge than it was asked for"
    started.now_s += AGAIN_AFTER_S
    background(watch_of(tmp_path), "mara", None)
    assert started.n == 3


def test_what_cannot_be_started_costs_no_page(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def refused(*_: Path) -> int:
        raise PermissionError(13, "Permission denied")

    write_timeline(tmp_path, Case("stable"), seed=1, length=30, faces=False)
    background = BackgroundJudge(tmp_path / "drift", tmp_path, at_once_bytes=0, start=refused)
    found = background(watch_of(tmp_path), "mara", None)
    assert found is not None and found.behind_bytes > 0
    assert "cannot be judged: Permission denied" in caplog.text


def test_a_persona_without_a_timeline_starts_nothing(tmp_path: Path) -> None:
    started = Started()
    assert started.judge(tmp_path)(watch_of(tmp_path), "mara", None) is None
    assert ThoroughJudge()(watch_of(tmp_path), "mara", None) is None
    assert started.n == 0

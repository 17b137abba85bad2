"""The watch: what it says is a function of the timeline and of people's answers, however often it looks."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks.drift_process import Case
from personalab_core.errors import InputError
from personalab_core.identity.drift import DriftTracker
from personalab_core.identity.drift.watch import Drift, DriftWatch
from personalab_core.observability.locking import exclusive
from personalab_core.schemas import DriftState
from tests.support.drift_timelines import drift_record, write_timeline

NOW = datetime(2026, 11, 22, tzinfo=UTC)
STEP = Case("step", "step", 0.10)


def watch_of(root: Path) -> DriftWatch:
    return DriftWatch(root / "drift", root, clock=lambda: NOW)


def seen(root: Path) -> Drift:
    found = watch_of(root).look("mara")
    assert found is not None
    return found


def test_there_is_nothing_to_say_without_a_record(tmp_path: Path) -> None:
    assert watch_of(tmp_path).look("mara") is None


def test_it_calibrates_for_forty_records(tmp_path: Path) -> None:
    tracker = DriftTracker(tmp_path / "drift")
    for number in range(12):
        tracker.append(drift_record(number, 0.7))
    status = seen(tmp_path).status
    assert (status.state, status.n, status.n_baseline, status.level) == (DriftState.CALIBRATING, 12, 12, None)


def test_a_step_is_found_with_its_moment_and_size(tmp_path: Path) -> None:
    series = write_timeline(tmp_path, STEP, seed=3, length=230)
    found = seen(tmp_path)
    status = found.status
    assert status.state is DriftState.LEVEL_DOWN
    assert status.since is not None and abs(status.since - (series.at[0] + 1)) <= 5
    assert status.size == pytest.approx(-0.10, abs=0.03)
    assert status.split is not None and status.split.within == pytest.approx(-0.10, abs=0.04)
    assert (found.events[0].event, found.events[0].state) == ("alarm", DriftState.LEVEL_DOWN)
    assert {e.event for e in found.events} == {"alarm"}, "the moved face may be found later, too"
    assert found.open_alarm == found.events[-1]


def test_looking_often_comes_to_the_same_as_looking_once(tmp_path: Path) -> None:
    often, once = tmp_path / "often", tmp_path / "once"
    series = write_timeline(once, STEP, seed=3, length=230)
    lines = (once / "drift" / "mara_drift.jsonl").read_bytes().splitlines(keepends=True)
    (often / "drift").mkdir(parents=True)
    (often / "mara").symlink_to(once / "mara")
    for end in (10, 40, 41, 100, len(lines)):
        (often / "drift" / "mara_drift.jsonl").write_bytes(b"".join(lines[:end]))
        last = watch_of(often).look("mara")
    assert last is not None and len(series.score[0]) == last.status.n
    whole = seen(once)
    assert last.status == whole.status
    assert last.trace.tobytes() == whole.trace.tobytes()
    assert [e.sentence for e in last.events] == [e.sentence for e in whole.events]


def test_a_lost_cache_raises_no_alarm_twice(tmp_path: Path) -> None:
    write_timeline(tmp_path, STEP, seed=3, length=230)
    first = seen(tmp_path)
    (tmp_path / "drift" / "monitor" / "mara" / "state.json").write_bytes(b"{broken")
    again = seen(tmp_path)
    assert again.status == first.status
    assert again.events == first.events


def test_a_timeline_that_was_rewritten_is_read_anew(tmp_path: Path) -> None:
    write_timeline(tmp_path, STEP, seed=3, length=230)
    seen(tmp_path)
    path = tmp_path / "drift" / "mara_drift.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[100:]))
    assert seen(tmp_path).status.n == 130


def test_a_cut_off_last_line_waits(tmp_path: Path) -> None:
    write_timeline(tmp_path, Case("stable"), seed=1, length=20, faces=False)
    path = tmp_path / "drift" / "mara_drift.jsonl"
    data = path.read_bytes()
    path.write_bytes(data[:-30])
    found = seen(tmp_path)
    assert (found.status.n, found.behind_bytes, watch_of(tmp_path).unjudged_bytes("mara")) == (19, 0, 0)
    path.write_bytes(data)
    assert seen(tmp_path).status.n == 20


def test_a_page_may_read_a_part_only(tmp_path: Path) -> None:
    write_timeline(tmp_path, Case("stable"), seed=1, length=20, faces=False)
    found = watch_of(tmp_path).look("mara", max_bytes=1)
    assert found is not None and found.behind_bytes == 0 and found.status.n == 20


def test_what_is_known_is_told_without_judging(tmp_path: Path) -> None:
    watch = watch_of(tmp_path)
    write_timeline(tmp_path, Case("stable"), seed=1, length=20, faces=False)
    assert watch.known("mara") is None, "nothing is judged yet"
    assert watch.unjudged_bytes("mara") == watch.timeline("mara").stat().st_size
    judged = watch.look("mara")
    known = watch.known("mara")
    assert judged is not None and known is not None
    assert (known.status, known.trace.tobytes(), known.behind_bytes) == (judged.status, judged.trace.tobytes(), 0)
    write_timeline(tmp_path, Case("stable"), seed=2, length=5, first=20, faces=False)
    kept = watch.kept("mara").read_bytes()
    behind = watch.known("mara")
    assert behind is not None and behind.status.n == 20
    assert behind.behind_bytes == watch.unjudged_bytes("mara") > 0
    assert watch.kept("mara").read_bytes() == kept


def test_what_is_known_is_told_while_somebody_judges(tmp_path: Path) -> None:
    write_timeline(tmp_path, Case("stable"), seed=1, length=20, faces=False)
    seen(tmp_path)
    with exclusive(watch_of(tmp_path).kept("mara")):
        known = watch_of(tmp_path).known("mara")
    assert known is not None and known.status.n == 20


def test_an_accepted_change_begins_a_baseline_where_it_began(tmp_path: Path) -> None:
    series = write_timeline(tmp_path, STEP, seed=3, length=230)
    before = seen(tmp_path).status
    answer = watch_of(tmp_path).accept("mara", reason="new hair")
    assert (answer.event, answer.reason, answer.since) == ("accepted", "new hair", before.since)
    status = seen(tmp_path).status
    n_since = 230 - (before.since or 0) + 1
    assert status.n == 230 and status.n_baseline == n_since
    assert status.state is (DriftState.CALIBRATING if n_since < 40 else DriftState.IN_CONTROL)
    write_timeline(tmp_path, Case("stable"), seed=4, length=30, first=230)
    assert seen(tmp_path).trace["segment"].tolist()[: series.at[0] - 10] == [0] * (series.at[0] - 10)
    (tmp_path / "drift" / "monitor" / "mara" / "state.json").unlink()
    again = seen(tmp_path)
    assert again.status.n_baseline == n_since + 30, "the answer is carried out again from the records"


def test_a_held_change_stays_without_asking_again(tmp_path: Path) -> None:
    write_timeline(tmp_path, STEP, seed=3, length=230)
    seen(tmp_path)
    watch_of(tmp_path).hold("mara", reason="the provider is being asked")
    found = seen(tmp_path)
    assert found.status.held and found.status.state is DriftState.LEVEL_DOWN
    assert found.open_alarm is None


def test_an_answer_needs_a_change_and_a_reason(tmp_path: Path) -> None:
    write_timeline(tmp_path, STEP, seed=3, length=230)
    with pytest.raises(InputError, match="reason"):
        watch_of(tmp_path).accept("mara", reason=" ")
    with pytest.raises(InputError, match="no record yet"):
        watch_of(tmp_path).hold("ines", reason="why not")


def test_another_recogniser_begins_a_new_timeline(tmp_path: Path) -> None:
    write_timeline(tmp_path, Case("stable"), seed=1, length=60)
    write_timeline(tmp_path, Case("stable"), seed=2, length=5, first=60, pack_hash="d" * 16, faces=False)
    found = seen(tmp_path)
    assert (found.status.state, found.status.n) == (DriftState.CALIBRATING, 5)
    assert [(e.event, e.sentence) for e in found.events] == [
        ("new_baseline", "A new baseline begins: another recogniser or model pack.")
    ]


def test_videos_never_enter(tmp_path: Path) -> None:
    tracker = DriftTracker(tmp_path / "drift")
    tracker.append(drift_record(0, 0.7))
    tracker.append(drift_record(1, 0.3, asset_type="video"))
    assert seen(tmp_path).status.n == 1

"""A journal never loses, changes or half-writes a record, whoever else writes."""

from __future__ import annotations

import multiprocessing
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from personalab_core.errors import RecordError, WorkspaceError
from personalab_core.observability import Journal
from personalab_core.observability.line_files import torn_pieces
from personalab_core.observability.line_reader import LineReader
from personalab_core.observability.locking import exclusive
from personalab_core.schemas import AttemptRecord
from tests.support.disks import nearly_full_disk
from tests.support.records import NOON, append_attempts, make_attempt


@pytest.fixture
def journal(tmp_path: Path) -> Journal[AttemptRecord]:
    return Journal(tmp_path / "deep" / "metrics.jsonl", AttemptRecord)


def fill(journal: Journal[AttemptRecord], n: int) -> list[AttemptRecord]:
    return [journal.append(make_attempt(attempt_id=f"a{i}")) for i in range(n)]


def test_a_file_that_is_not_there_is_an_empty_journal(journal: Journal[AttemptRecord]) -> None:
    assert journal.read().records == []
    assert journal.tail(3) == []
    assert (journal.verify().ok, journal.verify().n) == (True, 0)
    assert not journal.path.parent.exists()


def test_records_come_back_numbered_and_chained(journal: Journal[AttemptRecord]) -> None:
    written = fill(journal, 3)
    contents = journal.read()
    assert contents.records == written
    assert contents.problems == ()
    assert [r.sequence_number for r in written] == [1, 2, 3]
    assert [r.previous_hash for r in written] == [None, written[0].record_hash, written[1].record_hash]
    assert journal.verify().ok


@given(
    st.lists(
        st.builds(
            lambda prompt, score, hours: make_attempt(
                prompt=prompt, scores={"composite": score}, timestamp=NOON + timedelta(hours=hours)
            ),
            st.text(),
            st.none() | st.floats(allow_nan=False, allow_infinity=False),
            st.integers(-1000, 1000),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_any_record_survives(tmp_path_factory: pytest.TempPathFactory, records: list[AttemptRecord]) -> None:
    path = tmp_path_factory.mktemp("any") / "m.jsonl"
    journal = Journal(path, AttemptRecord)
    written = [journal.append(record) for record in records]
    assert Journal(path, AttemptRecord).read().records == written
    assert journal.verify().ok
    assert path.read_bytes().count(b"\n") == len(records)


def test_a_second_writer_is_continued(journal: Journal[AttemptRecord]) -> None:
    """Each of two journals on one file notices what the other has added."""
    other = Journal(journal.path, AttemptRecord)
    numbers = [writer.append(make_attempt()).sequence_number for writer in (journal, other, other, journal)]
    assert numbers == [1, 2, 3, 4]
    assert journal.verify().ok


def test_two_processes_keep_every_number_once_and_in_order(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=append_attempts, args=(path, name, 60)) for name in ("one", "two")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0]
    journal = Journal(path, AttemptRecord)
    records = journal.read().records
    assert [r.sequence_number for r in records] == list(range(1, 121))
    for name in ("one", "two"):
        assert [r.attempt_id for r in records if r.attempt_id.startswith(name)] == [f"{name}-{i}" for i in range(60)]
    assert journal.verify().ok


@pytest.mark.slow
def test_eight_processes_keep_every_number_once_and_in_order(tmp_path: Path) -> None:
    path, n_each = tmp_path / "m.jsonl", 2_000
    spawn = multiprocessing.get_context("spawn")
    names = [f"writer{i}" for i in range(8)]
    writers = [spawn.Process(target=append_attempts, args=(path, name, n_each)) for name in names]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * 8
    assert torn_pieces(path) == []
    journal = Journal(path, AttemptRecord)
    assert (journal.verify().ok, journal.verify().n) == (True, 8 * n_each)
    found: dict[str, list[int]] = {name: [] for name in names}
    for number, line in enumerate(LineReader(path).new_lines(), start=1):
        fields = line.fields()
        assert fields is not None
        assert fields["sequence_number"] == number
        name, _, index = fields["attempt_id"].partition("-")
        found[name].append(int(index))
    assert found == {name: list(range(n_each)) for name in names}


def test_threads_share_one_journal(journal: Journal[AttemptRecord]) -> None:
    threads = [threading.Thread(target=fill, args=(journal, 25)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [r.sequence_number for r in journal.read().records] == list(range(1, 101))
    assert journal.verify().ok


def test_tail_is_the_end_of_what_is_read(journal: Journal[AttemptRecord]) -> None:
    long = "x" * 30_000  # three lines are longer than one block
    for i in range(7):
        journal.append(make_attempt(attempt_id=f"a{i}", prompt=long))
    records = journal.read().records
    for n in range(10):
        assert journal.tail(n) == records[len(records) - min(n, 7) :]


_FOUR_LINES: dict[str, bytes] = {}


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), change=st.integers(1, 255))
def test_any_changed_byte_is_found_in_its_line(tmp_path: Path, place: float, change: int) -> None:
    journal = Journal(tmp_path / "m.jsonl", AttemptRecord)
    if not _FOUR_LINES:
        fill(journal, 4)
        _FOUR_LINES["data"] = journal.path.read_bytes()
    data = bytearray(_FOUR_LINES["data"])
    index = int(place * len(data))
    line = data[:index].count(b"\n") + 1
    data[index] ^= change
    journal.path.write_bytes(data)
    report = journal.verify()
    assert (report.ok, report.first_bad_line) == (False, line)
    assert report.problem


@pytest.mark.parametrize(
    ("order", "line", "problem"),
    [
        ([0, 2, 3], 2, "its number is 3, expected 2"),
        ([1, 2], 1, "its number is 2, expected 1"),
        ([0, 0, 1], 2, "its number is 1, expected 2"),
        ([0, 2, 1, 3], 2, "its number is 3, expected 2"),
    ],
)
def test_missing_doubled_and_swapped_lines_are_found(
    journal: Journal[AttemptRecord], order: list[int], line: int, problem: str
) -> None:
    fill(journal, 4)
    lines = journal.path.read_bytes().splitlines(keepends=True)
    journal.path.write_bytes(b"".join(lines[i] for i in order))
    report = journal.verify()
    assert (report.ok, report.first_bad_line, report.problem) == (False, line, problem)


def test_a_line_from_another_journal_does_not_fit(journal: Journal[AttemptRecord], tmp_path: Path) -> None:
    fill(journal, 2)
    other = Journal(tmp_path / "other.jsonl", AttemptRecord)
    for _ in range(2):
        other.append(make_attempt(attempt_id="foreign"))
    lines = journal.path.read_bytes().splitlines(keepends=True)
    journal.path.write_bytes(lines[0] + other.path.read_bytes().splitlines(keepends=True)[1])
    assert journal.verify().problem == "it does not continue the line before"


@pytest.mark.parametrize("kept", [1, 100, -1])
def test_a_torn_last_line_is_tolerated_and_reported(journal: Journal[AttemptRecord], kept: int) -> None:
    fill(journal, 2)
    third = journal.append(make_attempt())
    *_, last = journal.path.read_bytes().splitlines(keepends=True)
    torn = last[:kept]
    journal.path.write_bytes(journal.path.read_bytes()[: -len(last)] + torn)
    contents = journal.read()
    assert len(contents.records) == 2
    assert f"the last line is unfinished ({len(torn):,} bytes)" in contents.problems[0]
    report = journal.verify()
    assert (report.ok, report.first_bad_line, report.n) == (False, 3, 3)
    assert [r.sequence_number for r in journal.tail(5)] == [1, 2]
    assert third.sequence_number == 3


def test_the_next_append_sets_a_torn_line_aside(
    journal: Journal[AttemptRecord], caplog: pytest.LogCaptureFixture
) -> None:
    for round_number in (1, 2):
        fill(journal, 1)
        with journal.path.open("ab") as file:
            file.write(b'{"prompt": "secret words')
        record = journal.append(make_attempt())
        assert record.sequence_number == 2 * round_number
        piece = journal.path.with_name(f"metrics.jsonl.torn-{round_number}")
        assert piece.read_bytes() == b'{"prompt": "secret words'
        assert journal.verify().ok
        assert piece.name in journal.read().problems[round_number - 1]
    assert "was set aside" in caplog.text
    assert "secret words" not in caplog.text


def test_a_file_that_is_nothing_but_a_torn_line_starts_anew(journal: Journal[AttemptRecord]) -> None:
    journal.path.parent.mkdir()
    journal.path.write_bytes(b"{")
    assert journal.append(make_attempt()).sequence_number == 1
    assert journal.verify().ok


def test_a_damaged_last_line_is_not_continued(journal: Journal[AttemptRecord]) -> None:
    fill(journal, 1)
    before = journal.path.read_bytes() + b"garbage\n"
    journal.path.write_bytes(before)
    with pytest.raises(RecordError, match="last line is damaged"):
        journal.append(make_attempt())
    assert journal.path.read_bytes() == before
    assert "line 2: cannot be read: it is not valid JSON" in journal.read().problems[0]


def test_other_lines_stay_readable_beside_a_bad_one(journal: Journal[AttemptRecord]) -> None:
    fill(journal, 3)
    lines = journal.path.read_bytes().splitlines(keepends=True)
    lines[1] = lines[1].replace(b'"final":true', b'"final":"private"')
    journal.path.write_bytes(b"".join(lines))
    contents = journal.read()
    assert [r.sequence_number for r in contents.records] == [1, 3]
    assert "line 2" in contents.problems[0]
    assert "'final'" in contents.problems[0]
    assert "private" not in contents.problems[0]


def test_a_full_disk_leaves_the_file_as_it_was(journal: Journal[AttemptRecord]) -> None:
    fill(journal, 3)
    before = journal.path.read_bytes()
    with nearly_full_disk(max_file_bytes=len(before) + 100), pytest.raises(WorkspaceError) as caught:
        journal.append(make_attempt(prompt="secret words"))
    assert journal.path.read_bytes() == before
    assert "\n" not in str(caught.value)
    assert "secret words" not in str(caught.value)
    assert journal.append(make_attempt()).sequence_number == 4
    assert journal.verify().ok


def test_an_unusable_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WorkspaceError, match="Cannot write"):
        Journal(tmp_path / "file" / "m.jsonl", AttemptRecord).append(make_attempt())
    with pytest.raises(WorkspaceError, match="Cannot read"):
        Journal(tmp_path, AttemptRecord).read()


def test_a_lock_that_is_held_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    with (
        exclusive(path),
        pytest.raises(WorkspaceError, match="another process has held it"),
        exclusive(path, timeout_s=0.0),
    ):
        pass
    with exclusive(path, timeout_s=0.0):
        assert path.with_name("m.jsonl.lock").exists()

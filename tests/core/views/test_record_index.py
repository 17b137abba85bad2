"""The index says what the files say, however they came to say it, and never more."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from personalab_core.observability import GenerationMetricsLogger
from personalab_core.schemas import Decision, Reason
from personalab_core.views import record_index
from personalab_core.views.history import PersonaHistory
from personalab_core.views.record_index import RecordIndex, Source
from personalab_core.views.records import Records
from tests.support.workspace_builder import WorkspaceBuilder


@pytest.fixture
def builder(tmp_path: Path) -> WorkspaceBuilder:
    made = WorkspaceBuilder(tmp_path)
    made.persona("Mara Lindqvist", persona_id="mara")
    return made


def open_records(builder: WorkspaceBuilder) -> Records:
    paths = builder.config.paths
    return Records(paths.output, paths.references, builder.config.evaluation.drift.log_dir)


def read(builder: WorkspaceBuilder, records: Records | None = None) -> PersonaHistory:
    (character,) = [c for c in [builder.persona("Mara Lindqvist", persona_id="mara")] if c.id == "mara"]
    return (records or open_records(builder)).history(character)


def metrics(builder: WorkspaceBuilder) -> Path:
    return builder.config.paths.output / "mara" / "metrics.jsonl"


def bytes_read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What the index takes in from now on, one number a block."""
    taken: list[int] = []
    store = record_index._store

    def counting(connection: sqlite3.Connection, source: Source, lines: list[bytes], state: object) -> None:
        taken.append(sum(len(line) + 1 for line in lines))
        store(connection, source, lines, state)  # type: ignore[arg-type]

    monkeypatch.setattr(record_index, "_store", counting)
    return taken


def test_only_new_lines_are_read(builder: WorkspaceBuilder, monkeypatch: pytest.MonkeyPatch) -> None:
    builder.asset("mara", 0.7)
    records = open_records(builder)
    assert len(read(builder, records).attempts) == 1
    before = metrics(builder).stat().st_size
    builder.asset("mara", 0.47, 0.71)
    taken = bytes_read(monkeypatch)
    history = read(builder, records)
    assert [r.scores.composite for r in history.attempts] == [0.7, 0.47, 0.71]
    drift = builder.config.evaluation.drift.log_dir / "mara_drift.jsonl"
    assert taken[0] == metrics(builder).stat().st_size - before
    assert sum(taken) < metrics(builder).stat().st_size + drift.stat().st_size
    taken.clear()
    assert read(builder, records) is history
    assert not taken


def test_a_second_reader_takes_over_what_the_first_has_read(
    builder: WorkspaceBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    builder.asset("mara", 0.7)
    read(builder)
    taken = bytes_read(monkeypatch)
    assert len(read(builder).attempts) == 1
    assert not taken


def test_blocks_end_with_whole_lines(builder: WorkspaceBuilder, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(5):
        builder.asset("mara", 0.47, 0.7)
    monkeypatch.setattr(record_index, "BLOCK_BYTES", 1_000)
    history = read(builder)
    assert list(history.attempts) == GenerationMetricsLogger(builder.config.paths.output).read_log("mara")


def test_an_unfinished_line_is_named_until_it_is_whole(builder: WorkspaceBuilder) -> None:
    builder.asset("mara", 0.7)
    builder.asset("mara", 0.71)
    whole = metrics(builder).read_bytes()
    metrics(builder).write_bytes(whole[:-40])
    records = open_records(builder)
    history = read(builder, records)
    assert len(history.attempts) == 1
    assert any("the last line is unfinished" in problem for problem in history.problems)
    metrics(builder).write_bytes(whole)
    history = read(builder, records)
    assert len(history.attempts) == 2
    assert not history.problems


def test_a_broken_line_is_named_and_the_others_count(builder: WorkspaceBuilder) -> None:
    for score in (0.7, 0.71, 0.72):
        builder.asset("mara", score)
    builder.break_line("mara")
    history = read(builder)
    assert [r.scores.composite for r in history.attempts] == [0.7, 0.72]
    assert any("line 2: cannot be read: 'attempt'" in problem for problem in history.problems)


@pytest.mark.parametrize("change", ["shorter", "same size", "restored"])
def test_a_file_changed_otherwise_is_read_again(change: str, builder: WorkspaceBuilder) -> None:
    for score in (0.7, 0.71, 0.72):
        builder.asset("mara", score)
    records = open_records(builder)
    assert len(read(builder, records).attempts) == 3
    path = metrics(builder)
    lines = path.read_bytes().splitlines(keepends=True)
    if change == "shorter":
        path.write_bytes(b"".join(lines[:2]))
        expected = [0.7, 0.71]
    elif change == "same size":
        path.write_bytes(b"".join([lines[1], lines[0], lines[2]]))
        os.utime(path, (1, 1))
        expected = [0.71, 0.7, 0.72]
    else:
        path.write_bytes(b"".join([*lines[1:], *lines, *lines]))
        expected = [0.71, 0.72, *[0.7, 0.71, 0.72] * 2]
    assert [r.scores.composite for r in read(builder, records).attempts] == expected


def test_a_file_that_is_gone_leaves_nothing(builder: WorkspaceBuilder) -> None:
    builder.asset("mara", 0.7)
    records = open_records(builder)
    assert len(read(builder, records).attempts) == 1
    metrics(builder).unlink()
    history = read(builder, records)
    assert len(history.attempts) == 0
    assert history.last_outcomes(8) == []


@pytest.mark.parametrize("damage", ["another version", "not a database", "other tables"])
def test_a_useless_index_is_made_anew(damage: str, builder: WorkspaceBuilder) -> None:
    builder.asset("mara", 0.7)
    records = open_records(builder)
    read(builder, records)
    path = records.index.path
    records.index.close()
    if damage == "not a database":
        path.write_bytes(b"nonsense" * 1_000)
    else:
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA user_version=99" if damage == "another version" else "DROP TABLE asset")
            if damage == "other tables":
                connection.execute("PRAGMA user_version=0")
        connection.close()
    assert [r.scores.composite for r in read(builder).attempts] == [0.7]


def test_a_folder_that_cannot_be_written_still_shows_its_records(
    builder: WorkspaceBuilder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    builder.asset("mara", 0.7)
    connect = RecordIndex._connect

    def refusing(self: RecordIndex) -> sqlite3.Connection:
        if self.path.is_relative_to(builder.root):
            raise PermissionError(13, "Permission denied")
        return connect(self)

    monkeypatch.setattr(RecordIndex, "_connect", refusing)
    records = open_records(builder)
    assert len(read(builder, records).attempts) == 1
    assert not records.index.path.is_relative_to(builder.root)
    records.index.close()
    shutil.rmtree(records.index.path.parent)


SCORES = st.one_of(
    st.floats(0.3, 0.9).map(lambda value: round(value, 3)), st.sampled_from([Reason.NO_FACE, Reason.BLOCKED])
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(assets=st.lists(st.lists(SCORES, min_size=1, max_size=3), min_size=1, max_size=6), looks=st.integers(0, 5))
def test_the_index_answers_as_the_whole_log_does(
    assets: list[list[float | Reason]], looks: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    builder = WorkspaceBuilder(tmp_path_factory.mktemp("any"))
    builder.persona("Mara Lindqvist", persona_id="mara")
    records = open_records(builder)
    for n, scores in enumerate(assets):
        builder.asset("mara", *scores)
        if n % (looks + 1) == 0:
            read(builder, records)
    log = read(builder, records).attempts
    truth = GenerationMetricsLogger(builder.config.paths.output).read_log("mara")
    assert list(log) == truth
    assert log[-1] == truth[-1]
    assert list(log[1:3]) == truth[1:3]
    assert list(log[-2:]) == truth[-2:]
    assert list(reversed(log)) == truth[::-1]
    assert log.tally.n_accepted == sum(r.decision is Decision.ACCEPT for r in truth)
    assert log.find(truth[0].attempt_id) == truth[0]
    assert list(log.newest_first(2, skip=1)) == truth[::-1][1:3]
    assert sum(log.refused.values()) == len(truth) - log.tally.n_accepted
    with pytest.raises(IndexError):
        log[len(truth)]
    records.index.close()


def test_what_is_unread_is_known_before_it_is_read(builder: WorkspaceBuilder) -> None:
    builder.asset("mara", 0.7, 0.8)
    records = open_records(builder)
    whole = sum(file.stat().st_size for file in builder.config.paths.output.rglob("*.jsonl") if "mara" in str(file))
    assert records.unread(["mara"]) == whole
    records.refresh(["mara"])
    assert records.unread(["mara"]) == 0
    before = metrics(builder).stat().st_size
    builder.asset("mara", Reason.NO_FACE)
    assert records.unread(["mara"]) == metrics(builder).stat().st_size - before
    records.refresh(["mara"])
    assert open_records(builder).unread(["mara"]) == 0, "another process has nothing to read, either"

"""Attempts and their embeddings, per persona."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from personalab_core.errors import InputError, RecordError, WorkspaceError
from personalab_core.observability import EmbeddingStore, GenerationMetricsLogger
from personalab_core.schemas import CandidateResult, MeasurementStatus
from tests.support.disks import nearly_full_disk
from tests.support.records import ARCFACE, make_attempt

UNIT = np.full(512, 512**-0.5)


def test_attempts_are_read_back_per_persona(tmp_path: Path) -> None:
    metrics = GenerationMetricsLogger(output_dir=tmp_path)
    first = metrics.log(make_attempt())
    metrics.log(make_attempt(persona="other"))
    second = GenerationMetricsLogger(output_dir=tmp_path).log(make_attempt())
    assert metrics.read_log("daniperez") == [first, second]
    assert (tmp_path / "daniperez" / "metrics.jsonl").is_file()
    assert [(r["scores"]["composite"], r["decision"]) for r in metrics.read_log("other")] == [(0.62, "accept")]
    assert metrics.problems("daniperez") == ()


def test_unknown_persona_has_no_attempts(tmp_path: Path) -> None:
    metrics = GenerationMetricsLogger(tmp_path)
    assert metrics.read_log("nobody") == []
    assert list(tmp_path.iterdir()) == []


def test_no_path_is_made_of_a_bad_id(tmp_path: Path) -> None:
    metrics = GenerationMetricsLogger(tmp_path / "out")
    for act in (metrics.read_log, metrics.problems, metrics.journal):
        with pytest.raises(InputError):
            act("../x")
    with pytest.raises(InputError):
        metrics.log(make_attempt(persona="../x"))
    assert list(tmp_path.iterdir()) == []


def test_embedding_lies_beside_its_record(tmp_path: Path) -> None:
    metrics = GenerationMetricsLogger(tmp_path)
    rows = [metrics.log(make_attempt(), embedding=vector).embedding_row for vector in (UNIT, -UNIT)]
    assert rows == [0, 1]
    assert metrics.log(make_attempt()).embedding_row is None
    stored = metrics.embeddings("daniperez", ARCFACE).read([1, 0])
    assert stored.shape == (2, 512)
    np.testing.assert_allclose(stored, [-UNIT, UNIT], atol=1e-4)
    assert (tmp_path / "daniperez" / "embeddings" / "arcface_0123456789abcdef.f16").stat().st_size == 2 * 512 * 2


def test_embedding_of_the_measurement_is_kept_out_of_the_line(tmp_path: Path) -> None:
    measurement = CandidateResult(path="x.png", status=MeasurementStatus.MEASURED, embedding_vector=(0.6, 0.8))
    record = GenerationMetricsLogger(tmp_path).log(make_attempt(measurement=measurement))
    assert record.embedding_row == 0
    assert "embedding_vector" not in (tmp_path / "daniperez" / "metrics.jsonl").read_text()


def test_rows_of_two_instruments_never_mix(tmp_path: Path) -> None:
    metrics = GenerationMetricsLogger(tmp_path)
    dlib = ARCFACE.model_copy(update={"name": "dlib", "pack_hash": "f" * 16})
    assert metrics.log(make_attempt(), embedding=UNIT).embedding_row == 0
    assert metrics.log(make_attempt(evaluator=dlib), embedding=UNIT[:128]).embedding_row == 0
    assert metrics.embeddings("daniperez", dlib).read().shape == (1, 128)


@pytest.mark.parametrize("bad", [[], [[1.0]], [float("nan"), 1.0], [1.0, 2.0, 3.0]])
def test_a_malformed_embedding_is_refused(tmp_path: Path, bad: list[float]) -> None:
    store = EmbeddingStore(tmp_path / "e.f16")
    store.append([0.6, 0.8])
    with pytest.raises(InputError):
        store.append(bad)
    assert len(store) == 1


def test_half_precision_keeps_the_cosine(tmp_path: Path) -> None:
    vectors = np.random.default_rng(1).normal(size=(20, 512))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    store = EmbeddingStore(tmp_path / "e.f16")
    assert [store.append(v) for v in vectors] == list(range(20))
    np.testing.assert_allclose(store.read() @ store.read().T, vectors @ vectors.T, atol=5e-4)


def test_a_part_of_a_row_is_written_over(tmp_path: Path) -> None:
    store = EmbeddingStore(tmp_path / "e.f16")
    store.append([0.6, 0.8])
    with store.path.open("ab") as file:
        file.write(b"\x01\x02\x03")
    assert len(store) == 1
    assert store.append([1.0, 0.0]) == 1
    np.testing.assert_allclose(store.read(), [[0.6, 0.8], [1.0, 0.0]], atol=1e-3)


def test_a_full_disk_leaves_whole_rows(tmp_path: Path) -> None:
    store = EmbeddingStore(tmp_path / "e.f16")
    store.append(UNIT)
    with nearly_full_disk(max_file_bytes=1500), pytest.raises(WorkspaceError, match="Cannot write"):
        store.append(UNIT)
    assert store.path.stat().st_size == 1024


def test_reading_names_a_missing_row_and_a_damaged_header(tmp_path: Path) -> None:
    store = EmbeddingStore(tmp_path / "e.f16")
    assert store.read().shape == (0, 0)
    store.append([0.6, 0.8])
    with pytest.raises(InputError, match="rows 0 to 0, not 5"):
        store.read([5])
    store.header_path.write_text("{}")
    with pytest.raises(RecordError, match="header"):
        store.read()

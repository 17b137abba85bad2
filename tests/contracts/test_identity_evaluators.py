"""What every identity evaluator promises, whatever measures inside."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import pytest

from personalab_core.identity import ArcFaceEvaluator, IdentityEvaluator, IdentityPolicy, StubEvaluator
from personalab_core.schemas import (
    CandidateResult,
    Decision,
    EmbeddingScore,
    EvaluationResult,
    EvaluatorInfo,
    MeasurementStatus,
)
from tests.support.faces import shared_runtime, write_portrait


class FakeEvaluator:
    """The least that counts as an evaluator: every readable file is the same person."""

    info = EvaluatorInfo(name="fake", version="1", pack="none", pack_hash="f" * 16, metric="cosine_similarity")

    def evaluate(self, anchor_path: str | Path, candidate_paths: Sequence[str | Path]) -> EvaluationResult:
        return EvaluationResult(
            anchor_path=str(anchor_path),
            evaluator=self.info,
            candidates=tuple(self._one(Path(path)) for path in candidate_paths),
        )

    def _one(self, path: Path) -> CandidateResult:
        if not path.is_file() or path.stat().st_size < 100:
            return CandidateResult(path=str(path), status=MeasurementStatus.UNREADABLE, reason="no picture")
        return CandidateResult(
            path=str(path),
            status=MeasurementStatus.MEASURED,
            n_faces=1,
            composite_score=1.0,
            embedding=EmbeddingScore(cosine_similarity=1.0, threshold=0.5, passed=True),
        )


@cache
def dlib_evaluator() -> IdentityEvaluator:
    from personalab_core.identity.dlib_evaluator import DlibEvaluator

    return DlibEvaluator()


def without_dlib() -> bool:
    return importlib.util.find_spec("dlib") is None or importlib.util.find_spec("face_recognition_models") is None


DLIB = pytest.param(
    dlib_evaluator,
    id="dlib",
    marks=[pytest.mark.dlib, pytest.mark.skipif(without_dlib(), reason="the extra dlib is not installed")],
)
ARCFACE = pytest.param(lambda: ArcFaceEvaluator(shared_runtime()), id="arcface-simface")
every_evaluator = pytest.mark.parametrize(
    "build", [ARCFACE, pytest.param(StubEvaluator, id="stub"), pytest.param(FakeEvaluator, id="fake"), DLIB]
)
every_recogniser = pytest.mark.parametrize("build", [ARCFACE, DLIB])
Build = Callable[[], IdentityEvaluator]


@pytest.fixture
def pictures(tmp_path: Path) -> tuple[Path, list[Path]]:
    """An anchor; itself again, a broken file, a missing one, and itself once more."""
    anchor = write_portrait(tmp_path / "anchor.png", 1, width=384, height=480)
    (tmp_path / "broken.png").write_bytes(b"\x89PNG")
    return anchor, [anchor, tmp_path / "broken.png", tmp_path / "missing.png", anchor]


@every_evaluator
def test_it_fits_the_protocol_and_says_what_it_is(build: Build) -> None:
    evaluator = build()
    assert isinstance(evaluator, IdentityEvaluator)
    assert evaluator.info == EvaluatorInfo.model_validate_json(evaluator.info.model_dump_json())
    assert len(evaluator.info.pack_hash) == 16


@every_evaluator
def test_one_result_per_candidate_in_order(build: Build, pictures: tuple[Path, list[Path]]) -> None:
    anchor, candidates = pictures
    result = build().evaluate(str(anchor), [str(path) for path in candidates])
    assert [c.path for c in result.candidates] == [str(path) for path in candidates]
    assert result.anchor_path == str(anchor)
    assert build().evaluate(anchor, []).candidates == ()


@every_evaluator
def test_a_number_only_where_something_was_measured(build: Build, pictures: tuple[Path, list[Path]]) -> None:
    result = build().evaluate(*pictures)
    for candidate in result.candidates:
        measured = candidate.status is MeasurementStatus.MEASURED
        assert (candidate.composite_score is not None) is measured
        assert (candidate.embedding is not None) is measured
        assert bool(candidate.reason) is not measured


@every_evaluator
def test_results_survive_a_file(build: Build, pictures: tuple[Path, list[Path]]) -> None:
    """As a JSON line, without the embedding, which is kept beside the records."""
    result = build().evaluate(*pictures)
    line = result.model_dump_json()
    assert EvaluationResult.model_validate_json(line).model_dump() == result.model_dump()
    assert all("embedding_vector" not in c for c in json.loads(line)["candidates"])


@every_evaluator
def test_it_measures_the_same_again(build: Build, pictures: tuple[Path, list[Path]]) -> None:
    evaluator = build()
    assert evaluator.evaluate(*pictures) == evaluator.evaluate(*pictures)


@every_recogniser
def test_a_picture_is_the_same_person_as_itself(build: Build, pictures: tuple[Path, list[Path]]) -> None:
    anchor, _ = pictures
    evaluator = build()
    (itself,) = evaluator.evaluate(anchor, [anchor]).candidates
    assert itself.composite_score == pytest.approx(1, abs=1e-3)
    assert itself.embedding is not None
    assert itself.embedding.passed
    assert itself.embedding_vector is not None
    assert itself.face is not None
    assert itself.image_sha256 is not None
    policy = IdentityPolicy.for_evaluator(evaluator.info, {})
    assert policy.decide(itself).decision is Decision.ACCEPT

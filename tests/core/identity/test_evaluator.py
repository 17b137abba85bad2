"""The factory gives what the configuration asks for, or says why not."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from personalab_core.errors import ConfigError, MissingDependencyError, ModelPackError
from personalab_core.identity import ArcFaceEvaluator, StubEvaluator, build_evaluator, evaluator
from personalab_core.identity.calibration import calibration
from personalab_core.identity.dlib_evaluator import DlibEvaluator
from personalab_core.schemas import MeasurementStatus
from tests.support.faces import shared_runtime, write_portrait


def test_settings_reach_the_parts(tmp_path: Path) -> None:
    section = {
        "embedding": {"similarity_threshold": 0.99},
        "geometric": {"enabled": True, "max_normalized_error": 0.5},
        "scoring": {"weights": {"embedding": 0.5, "geometric": 0.5}},
    }
    built = build_evaluator(section, runtime=shared_runtime())
    anchor, other = write_portrait(tmp_path / "a.png", 1), write_portrait(tmp_path / "b.png", 2)
    (result,) = built.evaluate(anchor, [other]).candidates
    assert result.embedding is not None
    assert result.geometric is not None
    assert result.embedding.threshold == 0.99
    assert result.geometric.threshold >= 0.5
    expected = 0.5 * result.embedding.cosine_similarity + 0.5 * (1 - result.geometric.normalized_error)
    assert result.composite_score == pytest.approx(expected)


def test_switched_off_geometry_leaves_the_cosine(tmp_path: Path) -> None:
    built = build_evaluator({"geometric": {"enabled": False}}, runtime=shared_runtime())
    anchor = write_portrait(tmp_path / "a.png", 1)
    (result,) = built.evaluate(anchor, [anchor]).candidates
    assert result.geometric is None
    assert result.composite_score == result.embedding.cosine_similarity == pytest.approx(1, abs=1e-5)  # type: ignore[union-attr]


def test_the_pack_is_named_with_hash_and_source_of_its_thresholds() -> None:
    info = build_evaluator({}, runtime=shared_runtime()).info
    assert (info.name, info.pack, info.metric) == ("arcface", "simface", "cosine_similarity")
    assert info.pack_hash == shared_runtime().pack_hash
    assert "simulated" in info.thresholds_source
    assert "insightface" in info.version


def test_the_configured_pack_is_loaded(tmp_path: Path) -> None:
    built = build_evaluator({"embedding": {"model_name": "simface"}})
    assert isinstance(built, ArcFaceEvaluator)
    with pytest.raises(ModelPackError, match="does not exist"):
        build_evaluator({"embedding": {"model_name": f"{tmp_path}/nothing"}})


def test_without_insightface_the_stub_says_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(evaluator, "find_spec", lambda name: None if name == "insightface" else found(name))
    built = build_evaluator({})
    assert isinstance(built, StubEvaluator)
    (result,) = built.evaluate("anchor.png", ["a.png"]).candidates
    assert result.status is MeasurementStatus.NOT_MEASURED
    assert result.reason == "no face recogniser is installed"
    assert result.composite_score is None


def test_a_missing_dlib_names_the_packages_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dlib", None)
    with pytest.raises(MissingDependencyError, match="pip install dlib-bin face_recognition_models"):
        build_evaluator({"embedding": {"backend": "dlib"}})


def test_an_unknown_backend_is_refused() -> None:
    with pytest.raises(ConfigError, match="arcface, dlib or stub, got 'openface'"):
        build_evaluator({"embedding": {"backend": "openface"}})


def test_calibration_rows_belong_to_their_evaluator() -> None:
    dlib = calibration("dlib")
    assert dlib.accept == pytest.approx(0.5)
    assert dlib.similarity(0.6) == dlib.accept
    assert dlib.similarity(0) == 1
    assert dlib.similarity(5) == 0
    assert "0.6" in dlib.source
    assert "not calibrated" in calibration("arcface", "someone_elses").source
    with pytest.raises(ConfigError, match="no row for 'openface'"):
        calibration("openface")
    assert DlibEvaluator.__doc__ is not None

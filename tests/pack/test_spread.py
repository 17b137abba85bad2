"""People are spread over the recogniser's embedding by a map that is folded into its last layer."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")

from personalab_core.config.resources import data_path  # noqa: E402
from training.spread import Spreading, described_person, fit, fold_in, spread  # noqa: E402

SHIPPED = data_path("models", "simface")
SIZE = 24


def crowd(seed: int, common: float) -> list[np.ndarray]:
    """Pictures of people who differ most in a few directions and all point a common way."""
    rng = np.random.default_rng(seed)
    spread_out = np.geomspace(1.0, 0.1, SIZE)
    centres = common + rng.normal(size=(200, SIZE)) * spread_out
    return [centre + 0.02 * rng.normal(size=(3, SIZE)) for centre in centres]


def strangers_p95(people: list[np.ndarray]) -> float:
    centres = np.stack([each.mean(0) for each in people])
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    return float(np.percentile((centres @ centres.T)[np.triu_indices(len(centres), 1)], 95))


def test_strangers_are_less_alike_afterwards_and_lengths_stay() -> None:
    described, sampled = crowd(1, common=0.2), crowd(2, common=-0.05)
    found = fit(described, sampled)
    after = [(pictures - found.mean) @ found.matrix.T for pictures in described]
    assert strangers_p95(after) < 0.8 * strangers_p95(described)
    same = [a @ b / np.linalg.norm(a) / np.linalg.norm(b) for a, b, _ in after]
    assert np.median(same) > 0.95, "who is alike stays alike"
    seen = np.concatenate([*described, *sampled])
    mapped = (seen - found.mean) @ found.matrix.T
    assert (mapped**2).sum() == pytest.approx((seen**2).sum())


def answer(path: Path, face: np.ndarray) -> np.ndarray:
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {session.get_inputs()[0].name: face})[0][0], np.float64)


def test_the_model_answers_with_the_map_of_what_it_answered(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    path = Path(shutil.copy(SHIPPED / "rec_sim.onnx", tmp_path))
    face = rng.uniform(-1, 1, (1, 3, 112, 112)).astype(np.float32)
    before = answer(path, face)
    size = path.stat().st_size
    spreading = Spreading(np.eye(512) + 0.02 * rng.normal(size=(512, 512)), rng.normal(size=512))
    fold_in(path, spreading)
    expected = spreading.matrix @ (before - spreading.mean)
    assert np.abs(answer(path, face) - expected).max() < 0.02 * np.abs(expected).max(), "but for half precision"
    assert path.stat().st_size == size
    assert [file.name for file in tmp_path.iterdir()] == ["rec_sim.onnx"]


def test_other_models_are_refused(tmp_path: Path) -> None:
    path = Path(shutil.copy(SHIPPED / "det_sim.onnx", tmp_path))
    content = path.read_bytes()
    with pytest.raises(ValueError, match=r"expected a Gemm with float16 weights"):
        fold_in(path, Spreading(np.eye(512), np.zeros(512)))
    assert path.read_bytes() == content


def test_a_pack_is_spread_once(tmp_path: Path) -> None:
    pack = shutil.copytree(SHIPPED, tmp_path / "pack")
    assert "spread" in json.loads((pack / "MODEL.json").read_text(encoding="utf-8")), "the shipped one is"
    with pytest.raises(ValueError, match="was spread before; export it anew first"):
        spread(pack, people=2)


def test_described_people_look_as_described_and_differ() -> None:
    people = [described_person(number)[0] for number in range(40)]
    assert len({person.geometry for person in people}) == 40
    assert {round(abs(person.value("masc")), 6) for person in people} == {0.7}

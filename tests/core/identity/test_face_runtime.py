"""The bundled pack through InsightFace: what is found, what is not, what is refused."""

from __future__ import annotations

import gc
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from personalab_core.config.resources import data_path
from personalab_core.errors import InputError, ModelPackError
from personalab_core.identity.face_runtime import FaceRuntime, normalised
from personalab_core.identity.facts import FaceFacts
from personalab_core.schemas import MeasurementStatus
from personalab_core.simulation import Scene
from tests.support.faces import couple_png, portrait_png, shared_runtime, write_portrait


def look(png: bytes) -> FaceFacts:
    return shared_runtime().analyse(cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR))


def test_a_headshot_gives_one_complete_face() -> None:
    facts = look(portrait_png(1))
    (face,) = facts.faces
    assert facts.status is MeasurementStatus.MEASURED
    assert face.embedding.shape == (512,)
    assert face.embedding.dtype == np.float32
    assert np.linalg.norm(face.embedding) == pytest.approx(1, abs=1e-5)
    assert face.points106.shape == (106, 2)
    assert face.points5.shape == (5, 2)
    assert abs(face.pose.yaw_deg) < 12
    assert (facts.width_px, facts.height_px) == (256, 320)


def test_the_same_person_is_nearer_than_another() -> None:
    anchor, same, other = (
        look(portrait_png(person, scene)).faces[0].embedding
        for person, scene in ((1, Scene()), (1, Scene(yaw_deg=18, smile=0.9)), (2, Scene()))
    )
    assert anchor @ same > 0.6
    assert anchor @ other < anchor @ same - 0.3


def test_a_turned_head_is_reported_with_its_yaw() -> None:
    for yaw in (-30, 30):
        assert look(portrait_png(1, Scene(yaw_deg=yaw))).faces[0].pose.yaw_deg == pytest.approx(yaw, abs=9)


def test_the_back_of_a_head_is_no_face() -> None:
    facts = look(portrait_png(1, Scene(yaw_deg=180)))
    assert facts.status is MeasurementStatus.NO_FACE
    assert facts.faces == ()


def test_every_face_is_counted() -> None:
    facts = look(couple_png(1, 2))
    assert len(facts.faces) == 2
    assert all(face.embedding is not None for face in facts.faces)


def test_a_small_face_in_a_large_picture_is_found_and_measured() -> None:
    """At 320 px the face of this full body is about 25 detector pixels; the larger size takes over."""
    facts = look(portrait_png(1, Scene(framing="full_body"), width=768, height=960))
    assert facts.status is MeasurementStatus.MEASURED
    assert facts.faces[0].size_px < 90


def test_a_face_under_40_px_has_no_embedding() -> None:
    facts = look(portrait_png(1, Scene(framing="full_body"), width=240, height=300))
    assert facts.status is MeasurementStatus.FACE_TOO_SMALL
    assert facts.faces[0].embedding is None


@pytest.mark.parametrize("shape", [(1, 1, 3), (39, 500, 3), (41, 20_000, 3), (3000, 45, 3), (300, 400, 3)])
def test_pictures_of_any_shape_without_a_face(shape: tuple[int, int, int]) -> None:
    facts = shared_runtime().analyse(np.full(shape, 127, np.uint8))
    assert facts.status is MeasurementStatus.NO_FACE


@pytest.mark.parametrize(
    "wrong",
    [np.zeros((64, 64), np.uint8), np.zeros((64, 64, 4), np.uint8), np.zeros((64, 64, 3), np.float32), None],
)
def test_arrays_that_are_no_bgr_pictures_are_refused(wrong: object) -> None:
    with pytest.raises(InputError, match=r"uint8 array of shape \(H, W, 3\)"):
        shared_runtime().analyse(wrong)  # type: ignore[arg-type]


def test_files_are_read_hashed_and_never_raise(tmp_path: Path) -> None:
    facts = shared_runtime().analyse_file(write_portrait(tmp_path / "a.png", 1))
    assert facts.sha256 is not None
    assert facts.status is MeasurementStatus.MEASURED
    (tmp_path / "b.png").write_bytes(portrait_png(1)[:2000])
    assert shared_runtime().analyse_file(tmp_path / "b.png").status is MeasurementStatus.UNREADABLE


def test_threads_share_one_runtime() -> None:
    pictures = [cv2.imdecode(np.frombuffer(portrait_png(n), np.uint8), cv2.IMREAD_COLOR) for n in (1, 2)] * 4
    alone = [shared_runtime().analyse(p).faces[0].embedding for p in pictures[:2]]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda p: shared_runtime().analyse(p).faces[0].embedding, pictures))
    for i, embedding in enumerate(together):
        assert np.array_equal(embedding, alone[i % 2])


def test_the_same_picture_always_measures_the_same() -> None:
    first, again = look(portrait_png(1)).faces[0], look(portrait_png(1)).faces[0]
    assert np.array_equal(first.embedding, again.embedding)
    assert np.array_equal(first.points106, again.points106)


def damaged_pack(folder: Path, name: str, content: bytes) -> Path:
    shutil.copytree(data_path("models", "simface"), folder)
    (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize("name", ["det_sim.onnx", "lmk106_sim.onnx", "rec_sim.onnx"])
def test_a_damaged_model_file_is_a_clear_error(tmp_path: Path, name: str) -> None:
    whole = data_path("models", "simface", name).read_bytes()
    for i, content in enumerate((b"not a model", whole[: len(whole) // 2])):
        with pytest.raises(ModelPackError, match=r"cannot be loaded|lacks"):
            FaceRuntime.load(damaged_pack(tmp_path / f"pack{i}", name, content), n_threads=1)


def test_a_pack_without_a_recogniser_is_a_clear_error(tmp_path: Path) -> None:
    folder = shutil.copytree(data_path("models", "simface"), tmp_path / "two")
    (folder / "rec_sim.onnx").unlink()
    with pytest.raises(ModelPackError, match="lacks recognition"):
        FaceRuntime.load(folder, n_threads=1)


def test_a_missing_pack_is_not_fetched_unless_allowed(tmp_path: Path) -> None:
    with pytest.raises(ModelPackError, match="has to be allowed"):
        FaceRuntime.load("buffalo_l", root=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_odd_detector_sizes_are_refused() -> None:
    for sizes in ((), (300,), (0,)):
        with pytest.raises(InputError, match="multiples of 160"):
            FaceRuntime.load("simface", detector_sizes=sizes)


def test_vectors_without_length_have_no_direction() -> None:
    assert normalised(np.zeros(4)) is None
    assert normalised(np.array([1.0, np.inf])) is None
    assert normalised([[3.0, 4.0]]).tolist() == pytest.approx([0.6, 0.8])


def test_the_links_to_the_models_live_as_long_as_the_runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second detector size is opened late; afterwards nothing stays behind."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    runtime = FaceRuntime.load("simface", n_threads=1)
    (folder,) = tmp_path.iterdir()
    assert sorted(file.name for file in folder.iterdir()) == ["det_sim.onnx", "lmk106_sim.onnx", "rec_sim.onnx"]
    del runtime
    gc.collect()
    assert list(tmp_path.iterdir()) == []

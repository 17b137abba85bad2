"""Real photographs that come with the dependencies: one person is accepted, all others are not."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from personalab_core.identity import IdentityPolicy
from personalab_core.identity.facts import FaceFacts
from personalab_core.schemas import CandidateResult, Decision, MeasurementStatus

_MISSING = [n for n in ("dlib", "face_recognition_models", "skimage", "insightface") if not importlib.util.find_spec(n)]
pytestmark = [
    pytest.mark.dlib,
    pytest.mark.skipif(bool(_MISSING), reason=f"not installed: {', '.join(_MISSING)}"),
]

POLICY = IdentityPolicy.from_config({"embedding": {"backend": "dlib"}})
MARGIN = 0.6


@cache
def evaluator():
    from personalab_core.identity.dlib_evaluator import DlibEvaluator

    return DlibEvaluator()


@cache
def astronaut() -> np.ndarray:
    """Eileen Collins, public domain (NASA); comes with scikit-image."""
    from skimage import data

    return np.ascontiguousarray(data.astronaut()[:, :, ::-1])


@cache
def group() -> np.ndarray:
    """Six people side by side; comes with InsightFace."""
    from insightface.data import get_image

    return get_image("t1")


@cache
def group_facts() -> FaceFacts:
    return evaluator().runtime.analyse(group())


def cut_out(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    """The face with some room around it."""
    x0, y0, x1, y1 = box
    dx, dy = MARGIN * (x1 - x0), MARGIN * (y1 - y0)
    top, left = max(int(y0 - dy), 0), max(int(x0 - dx), 0)
    return image[top : int(y1 + dy), left : int(x1 + dx)]


def store(path: Path, image: np.ndarray) -> Path:
    Image.fromarray(np.ascontiguousarray(image[:, :, ::-1])).save(path, quality=60)
    return path


def alterations(face: np.ndarray) -> dict[str, np.ndarray]:
    """What happens to a photograph on its way: none of it makes another person."""
    height, width = face.shape[:2]
    return {
        "crop.png": face[height // 12 : -height // 12, width // 12 : -width // 12],
        "blur.png": cv2.GaussianBlur(face, (0, 0), 1.0),
        "quality-60.jpg": face,
        "flip.png": face[:, ::-1],
    }


def measure(anchor: Path, candidates: list[Path]) -> tuple[CandidateResult, ...]:
    return evaluator().evaluate(anchor, candidates).candidates


def same_after_alterations(folder: Path, face: np.ndarray) -> None:
    anchor = store(folder / "anchor.png", face)
    files = [store(folder / name, image) for name, image in alterations(face).items()]
    for result in measure(anchor, files):
        verdict = POLICY.decide(result)
        assert verdict.decision is Decision.ACCEPT, (result.path, result.embedding)
        assert result.embedding.euclidean_distance <= 0.6


def test_the_astronaut_stays_herself(tmp_path: Path) -> None:
    same_after_alterations(tmp_path, astronaut())


@pytest.mark.parametrize("guest", [0, 3])
def test_guests_of_the_group_stay_themselves(tmp_path: Path, guest: int) -> None:
    faces = group_facts().faces
    assert len(faces) == 6
    same_after_alterations(tmp_path, cut_out(group(), faces[guest].box))


def test_nobody_is_taken_for_somebody_else() -> None:
    """Seven people, every ordered pair; none is accepted."""
    matcher = evaluator().matcher
    pictures = [astronaut(), *(cut_out(group(), face.box) for face in group_facts().faces)]
    looked_at = [evaluator().runtime.analyse(picture) for picture in pictures]
    for i, anchor in enumerate(looked_at):
        for j, other in enumerate(looked_at):
            result = matcher.score(anchor.faces[0], other, path=f"{i}-{j}.png")
            assert result.status is MeasurementStatus.MEASURED
            assert result.embedding.passed is (i == j)
            assert (POLICY.decide(result).decision is Decision.ACCEPT) is (i == j)


def test_the_group_picture_itself_is_counted_and_matched(tmp_path: Path) -> None:
    """Six faces; the one most like the anchor is the one measured."""
    anchor = store(tmp_path / "anchor.png", cut_out(group(), group_facts().faces[3].box))
    (result,) = measure(anchor, [store(tmp_path / "all.png", group())])
    assert result.n_faces == 6
    assert result.embedding.passed
    assert POLICY.decide(result, others_expected=True).decision is Decision.ACCEPT
    assert POLICY.decide(result).decision is Decision.RETRY


def test_there_is_no_geometric_result_and_the_embedding_has_128_numbers(tmp_path: Path) -> None:
    anchor = store(tmp_path / "anchor.png", astronaut())
    (result,) = measure(anchor, [anchor])
    assert result.geometric is None
    assert len(result.embedding_vector) == 128
    assert result.composite_score == result.embedding.cosine_similarity == pytest.approx(1)
    assert result.face.landmarks == ()


def test_raw_cosines_would_fool_the_thresholds_of_arcface() -> None:
    """Why dlib has thresholds of its own: strangers, yet cosines above .55."""
    vectors = [face.embedding / np.linalg.norm(face.embedding) for face in group_facts().faces]
    cosines = [float(a @ b) for i, a in enumerate(vectors) for b in vectors[:i]]
    assert min(cosines) > 0.55


def test_pictures_without_a_face_have_no_number() -> None:
    blank = np.full((300, 300, 3), 200, np.uint8)
    assert evaluator().runtime.analyse(blank).status is MeasurementStatus.NO_FACE
    assert evaluator().runtime.analyse(blank[:20]).status is MeasurementStatus.NO_FACE


def test_large_pictures_are_searched_at_a_bounded_size() -> None:
    large = cv2.resize(astronaut(), (1800, 1800), interpolation=cv2.INTER_CUBIC)
    (face,) = evaluator().runtime.analyse(large).faces
    small = evaluator().runtime.analyse(astronaut()).faces[0]
    assert face.size_px == pytest.approx(small.size_px * 1800 / 512, rel=0.15)
    assert np.linalg.norm(face.embedding - small.embedding) < 0.3

"""Anchor against candidates, with faces made by hand."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from personalab_core.errors import AnchorMissingError, InputError, UnreadableImageError
from personalab_core.identity.arcface import cosine_similarity, embedding_score
from personalab_core.identity.composite import CompositeScorer
from personalab_core.identity.facts import FaceFacts, fine_detail, frame_size, size_fraction
from personalab_core.identity.geometric import GeometricEvaluator
from personalab_core.identity.matching import FaceMatcher, sharpness_ratio
from personalab_core.schemas import EvaluationResult, EvaluatorInfo, MeasurementStatus
from tests.core.identity.test_geometric import landmarks
from tests.support.faces import FakeAnalyser, make_face, unit, write_grey

INFO = EvaluatorInfo(name="hand", version="1", pack="none", pack_hash="0" * 16, metric="cosine_similarity")
ANCHOR = make_face(embedding=unit(1, 0, 0), points106=landmarks())


def matcher(faces: dict, *, geometric: GeometricEvaluator | None = None) -> FaceMatcher:
    return FaceMatcher(
        analyser=FakeAnalyser(faces),
        compare=partial(embedding_score, threshold=0.55),
        composite=CompositeScorer(),
        geometric=geometric,
    )


def evaluate(of: FaceMatcher, anchor: Path, candidates: list[Path]) -> EvaluationResult:
    return of.evaluate(anchor, candidates, evaluator=INFO)


def test_cosine_is_clamped_to_zero() -> None:
    assert cosine_similarity(unit(1, 0), unit(-1, 0)) == 0
    assert cosine_similarity(unit(3, 4), unit(3, 4)) == pytest.approx(1, abs=1e-6)
    assert cosine_similarity(unit(1, 0), unit(3, 4)) == pytest.approx(0.6)


def test_one_face_is_scored_with_all_its_parts(tmp_path: Path) -> None:
    candidate = make_face(embedding=unit(3, 4, 0), points106=landmarks(), yaw_deg=12)
    m = matcher({10: [ANCHOR], 20: [candidate]}, geometric=GeometricEvaluator())
    measured = evaluate(m, write_grey(tmp_path / "a.png", 10), [write_grey(tmp_path / "c.png", 20)])
    (result,) = measured.candidates
    assert len(measured.anchor_sha256) == 64
    assert measured.evaluator is INFO
    assert result.status is MeasurementStatus.MEASURED
    assert result.embedding.cosine_similarity == pytest.approx(0.6)
    assert result.embedding.passed
    assert result.geometric.normalized_error == 0
    assert result.composite_score == pytest.approx(0.7 * 0.6 + 0.3)
    assert result.face.yaw_deg == 12
    assert result.face.inter_ocular_distance_px == 100
    assert result.face.frame_size == "half"
    assert result.embedding_vector == pytest.approx((0.6, 0.8, 0))
    assert (result.width_px, result.height_px) == (400, 500)


def test_of_several_faces_the_one_most_like_the_anchor_is_scored(tmp_path: Path) -> None:
    """The stranger is larger; the record says how many there were."""
    stranger = make_face(box=(0, 0, 300, 300), embedding=unit(0, 1, 0))
    myself = make_face(box=(310, 0, 390, 90), embedding=unit(1, 0.1, 0))
    distant = make_face(box=(0, 400, 20, 420))
    m = matcher({10: [ANCHOR], 20: [stranger, distant, myself]})
    (result,) = evaluate(m, write_grey(tmp_path / "a.png", 10), [write_grey(tmp_path / "c.png", 20)]).candidates
    assert result.n_faces == 3
    assert result.face.box == (310, 0, 390, 90)
    assert result.composite_score > 0.99


@pytest.mark.parametrize(
    ("face", "status", "words"),
    [
        (make_face(box=(0, 0, 39, 80)), MeasurementStatus.FACE_TOO_SMALL, "39 px wide; 40 px"),
        (make_face(yaw_deg=-70), MeasurementStatus.TURNED_AWAY, "turned away by 70°"),
    ],
)
def test_a_face_that_cannot_be_measured_has_a_reason_and_no_number(
    tmp_path: Path, face, status: MeasurementStatus, words: str
) -> None:
    m = matcher({10: [ANCHOR], 20: [face]})
    (result,) = evaluate(m, write_grey(tmp_path / "a.png", 10), [write_grey(tmp_path / "c.png", 20)]).candidates
    assert result.status is status
    assert words in result.reason
    assert (result.composite_score, result.embedding, result.geometric, result.embedding_vector) == (None,) * 4
    assert result.n_faces == 1
    assert result.face is not None


def test_unreadable_and_empty_pictures_have_a_reason_and_no_number(tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\nnot really")
    m = matcher({10: [ANCHOR]})
    anchor = write_grey(tmp_path / "a.png", 10)
    nobody = write_grey(tmp_path / "nobody.png", 99)
    results = evaluate(m, anchor, [broken, nobody, tmp_path / "gone.png"]).candidates
    assert [r.status for r in results] == ["unreadable", "no_face", "unreadable"]
    assert all(r.composite_score is None and r.reason for r in results)


def test_an_anchor_is_looked_at_once_per_content(tmp_path: Path) -> None:
    m = matcher({10: [ANCHOR], 20: [ANCHOR]})
    anchor = write_grey(tmp_path / "a.png", 10)
    copy = write_grey(tmp_path / "copy.png", 10)
    for path in (anchor, anchor, copy):
        evaluate(m, path, [])
    assert m.analyser.looks == 1
    evaluate(m, write_grey(anchor, 20), [])
    assert m.analyser.looks == 2


def test_what_is_wrong_with_an_anchor_is_said(tmp_path: Path) -> None:
    m = matcher({10: [make_face(box=(0, 0, 20, 20))]})
    (tmp_path / "b.png").write_text("no picture")
    with pytest.raises(AnchorMissingError, match="Generate and select"):
        evaluate(m, tmp_path / "none.png", [])
    with pytest.raises(UnreadableImageError, match=r"b\.png is not a picture"):
        evaluate(m, tmp_path / "b.png", [])
    with pytest.raises(InputError, match=r"only 20 px wide.*Select another"):
        evaluate(m, write_grey(tmp_path / "a.png", 10), [])


def test_framing_follows_the_specified_cuts() -> None:
    """A 3-4-5 box: diagonal 150 in a picture whose diagonal is 500."""
    assert size_fraction(np.array([0, 0, 90, 120], np.float32), 300, 400) == pytest.approx(0.3)
    assert [frame_size(f) for f in (0.3, 0.2999, 0.1, 0.0999)] == ["head", "half", "half", "full"]
    assert size_fraction(np.array([-50, -50, 900, 900], np.float32), 300, 400) == 1


def test_facts_put_the_largest_face_first_but_report_a_measurable_one() -> None:
    large_but_turned = make_face(box=(0, 0, 200, 200), yaw_deg=80)
    small = make_face(box=(0, 0, 60, 60))
    facts = FaceFacts.of_faces([small, large_but_turned], width_px=400, height_px=400)
    assert facts.faces[0] is large_but_turned
    assert facts.status is MeasurementStatus.MEASURED
    assert facts.measurable == (small,)


def test_sharpness_is_compared_where_both_faces_are_large_enough() -> None:
    sharp, soft = (replace(make_face(), fine_detail=value) for value in (0.8, 0.1))
    assert sharpness_ratio(sharp, soft) == pytest.approx(0.125)
    assert sharpness_ratio(sharp, replace(make_face(box=(0, 0, 80, 80)), fine_detail=0.1)) is None
    assert sharpness_ratio(sharp, make_face()) is None
    assert sharpness_ratio(replace(make_face(), fine_detail=0.0), soft) is None


def test_fine_detail_is_lost_by_blur_and_not_by_dimming() -> None:
    face = np.random.default_rng(1).integers(60, 200, (112, 112, 3)).astype(np.uint8)
    detail = fine_detail(face)
    assert fine_detail(cv2.GaussianBlur(face, (0, 0), 1.5)) < 0.1 * detail
    assert fine_detail((face * 0.5).astype(np.uint8)) == pytest.approx(detail, rel=0.05)
    assert fine_detail(np.full((112, 112, 3), 90, np.uint8)) == 0.0

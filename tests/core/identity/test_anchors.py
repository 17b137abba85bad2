"""Anchors have one place; the choice among candidates is explained and recorded."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from PIL import Image

from personalab_core.errors import AnchorMissingError, InputError, UnreadableImageError, WorkspaceError
from personalab_core.identity import (
    ANCHORS_LOG,
    StubEvaluator,
    anchor_path,
    read_image,
    require_anchor,
    select_anchor,
)
from personalab_core.identity.anchor_selector import AnchorSelection
from personalab_core.identity.arcface import ArcFaceEvaluator, embedding_score
from personalab_core.identity.centrality import central_similarity, most_central, similarity_matrix
from personalab_core.identity.composite import CompositeScorer
from personalab_core.identity.matching import FaceMatcher
from personalab_core.observability import Journal
from personalab_core.schemas import AnchorRecord, EvaluationResult, EvaluatorInfo, MeasurementStatus
from tests.support.faces import FakeAnalyser, make_face, shared_runtime, unit, write_grey, write_portrait

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
# Directions in a plane; the cosines of their differences are the similarities.
FACES = {
    10: [make_face(embedding=unit(1, 0))],
    20: [make_face(embedding=unit(4, 3))],  # cosine .8 to the first
    30: [make_face(embedding=unit(0, 1))],  # cosine 0 to the first, .6 to the second
    40: [make_face(embedding=unit(1, 0)), make_face(box=(0, 0, 90, 90), embedding=unit(0, 1))],
}


class PlaneEvaluator:
    """Grey pictures stand for directions; see ``FakeAnalyser``."""

    info = EvaluatorInfo(name="plane", version="1", pack="none", pack_hash="0" * 16, metric="cosine_similarity")

    def __init__(self) -> None:
        self.matcher = FaceMatcher(
            FakeAnalyser(FACES), partial(embedding_score, threshold=0.5), CompositeScorer(), None
        )

    def evaluate(self, anchor_path, candidate_paths) -> EvaluationResult:
        return self.matcher.evaluate(anchor_path, candidate_paths, evaluator=self.info)


class WithoutMatcher:
    """A third party's evaluator: only what the protocol asks for."""

    def __init__(self) -> None:
        self._inner = PlaneEvaluator()
        self.info = self._inner.info

    def evaluate(self, anchor_path, candidate_paths) -> EvaluationResult:
        return self._inner.evaluate(anchor_path, candidate_paths)


def candidates(root: Path, *brightness: int) -> list[Path]:
    folder = root / "mara" / "anchors" / "candidates"
    folder.mkdir(parents=True)
    return [write_grey(folder / f"c{i}.png", b) for i, b in enumerate(brightness)]


def choose(root: Path, **kwargs: object) -> AnchorSelection:
    return select_anchor("mara", root, evaluator=PlaneEvaluator(), clock=lambda: NOON, **kwargs)  # type: ignore[arg-type]


@pytest.mark.parametrize("evaluator", [PlaneEvaluator(), WithoutMatcher()], ids=["by facts", "by protocol"])
def test_pairs_are_measured_the_same_with_or_without_facts(tmp_path: Path, evaluator) -> None:
    paths = candidates(tmp_path, 10, 20, 30, 40, 99)
    matrix = similarity_matrix(evaluator, paths)
    assert matrix[0][:3] == pytest.approx((1, 0.8, 0), abs=1e-5)
    assert matrix[1][:3] == pytest.approx((0.8, 1, 0.6), abs=1e-5)
    assert matrix[2][:3] == pytest.approx((0, 0.6, 1), abs=1e-5)
    assert all(value is None for row in matrix[3:] for value in row)
    assert all(row[3] is row[4] is None for row in matrix)
    assert central_similarity(matrix) == pytest.approx((0.4, 0.7, 0.3, None, None), abs=1e-5)
    assert most_central(matrix) == 1


def test_each_candidate_is_looked_at_once_to_compare_them(tmp_path: Path) -> None:
    evaluator = PlaneEvaluator()
    similarity_matrix(evaluator, candidates(tmp_path, 10, 20, 30))
    assert evaluator.matcher.analyser.looks == 3


def test_the_most_central_candidate_becomes_the_anchor_and_the_record_says_why(tmp_path: Path) -> None:
    paths = candidates(tmp_path, 10, 20, 30)
    selection = choose(tmp_path)
    record = selection.record
    assert selection.path == anchor_path(tmp_path, "mara") == require_anchor(tmp_path, "mara")
    assert selection.path.read_bytes() == paths[1].read_bytes()
    assert (
        record.why
        == "It resembles the other candidates most: mean similarity 0.70 to 2 others, the next best has 0.40."
    )
    assert (record.chosen_by, record.strategy, record.timestamp) == ("automatic", "central_similarity", NOON)
    assert record.path == "mara/anchors/mara_anchor_frontal_neutral.png"
    assert record.candidates == tuple(f"mara/anchors/candidates/c{i}.png" for i in range(3))
    assert record.central_similarity == pytest.approx((0.4, 0.7, 0.3), abs=1e-5)
    assert record.image_sha256 == read_image(paths[1]).sha256
    assert (record.width_px, record.height_px) == (400, 500)
    assert (record.status, record.face is not None) == (MeasurementStatus.MEASURED, True)
    assert record.thumbnail_path is not None
    assert (tmp_path / record.thumbnail_path).is_file()
    log = Journal(selection.path.parent / ANCHORS_LOG, AnchorRecord)
    assert log.read().records == [record]
    assert log.verify().ok


def test_a_person_may_choose_another_one(tmp_path: Path) -> None:
    paths = candidates(tmp_path, 10, 20, 30)
    for chosen in ("c0.png", paths[0], str(paths[0])):
        record = choose(tmp_path, chosen=chosen).record
        assert record.chosen_by == "person"
        assert record.why == "A person chose it (mean similarity 0.40 to 2 others). The most central one is c1.png."
        assert len(record.candidates) == 3
    assert "also the most central" in choose(tmp_path, chosen="c1.png").record.why


def test_a_picture_from_elsewhere_can_be_the_anchor(tmp_path: Path) -> None:
    elsewhere = write_grey(tmp_path / "upload.png", 20)
    selection = select_anchor("mara", tmp_path / "refs", evaluator=PlaneEvaluator(), chosen=elsewhere)
    assert selection.path.read_bytes() == elsewhere.read_bytes()
    assert selection.record.why == "A person chose it."
    assert selection.record.candidates == ("upload.png",)


def test_candidates_keep_the_order_in_which_they_were_made(tmp_path: Path) -> None:
    paths = candidates(tmp_path, 20, 20, 20)
    log = Journal(paths[0].parent.parent / ANCHORS_LOG, AnchorRecord)
    for path in (paths[2], paths[0]):
        log.append(
            AnchorRecord(
                kind="anchor_candidate",
                timestamp=NOON,
                persona="mara",
                anchor_kind="frontal",
                path=f"mara/anchors/candidates/{path.name}",
                image_sha256=read_image(path).sha256,
            )
        )
    record = choose(tmp_path).record
    assert [Path(c).name for c in record.candidates] == ["c2.png", "c0.png", "c1.png"]


def test_one_measurable_candidate_is_taken_for_lack_of_others(tmp_path: Path) -> None:
    candidates(tmp_path, 99, 10, 40)
    record = choose(tmp_path).record
    assert record.why == "It is the only candidate with one measurable face."
    assert record.central_similarity == (None, None, None)


def test_without_a_recogniser_the_first_is_taken_and_that_is_said(tmp_path: Path) -> None:
    paths = candidates(tmp_path, 30, 10)
    selection = select_anchor("mara", tmp_path, evaluator=StubEvaluator(), clock=lambda: NOON)
    assert selection.path.read_bytes() == paths[0].read_bytes()
    assert selection.record.why == "Not measured: no face recogniser is installed. The first candidate was taken."
    assert selection.record.status is MeasurementStatus.NOT_MEASURED


def test_what_cannot_be_an_anchor_is_refused_and_the_old_one_stays(tmp_path: Path) -> None:
    candidates(tmp_path, 10, 20)
    before = choose(tmp_path)
    (tmp_path / "words.png").write_text("no picture")
    with pytest.raises(InputError, match="shows 2 faces"):
        choose(tmp_path, chosen=write_grey(tmp_path / "two.png", 40))
    with pytest.raises(InputError, match="no face was found"):
        choose(tmp_path, chosen=write_grey(tmp_path / "nobody.png", 99))
    with pytest.raises(UnreadableImageError, match="not a picture"):
        choose(tmp_path, chosen=tmp_path / "words.png")
    with pytest.raises(UnreadableImageError, match="does not exist"):
        choose(tmp_path, chosen="c7.png")
    assert read_image(before.path).sha256 == before.record.image_sha256
    assert len(Journal(before.path.parent / ANCHORS_LOG, AnchorRecord).read().records) == 1


def test_nothing_to_choose_from_is_said(tmp_path: Path) -> None:
    with pytest.raises(AnchorMissingError, match="personalab anchors generate mara"):
        choose(tmp_path)
    candidates(tmp_path, 99, 40)
    with pytest.raises(InputError, match="None of 2 candidates"):
        choose(tmp_path)
    with pytest.raises(AnchorMissingError, match="has no frontal anchor yet"):
        require_anchor(tmp_path, "mara")


@pytest.mark.parametrize("persona", ["../x", "Mara", "", "a/b"])
def test_paths_are_made_of_valid_ids_only(tmp_path: Path, persona: str) -> None:
    with pytest.raises(InputError, match="not a persona id"):
        anchor_path(tmp_path, persona)
    with pytest.raises(InputError, match="one of frontal"):
        anchor_path(tmp_path, "mara", "profile")


def test_a_folder_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    candidates(tmp_path, 10, 20)
    anchor_path(tmp_path, "mara").mkdir()  # something else stands where the anchor belongs
    with pytest.raises(WorkspaceError):
        choose(tmp_path)
    assert sorted(p.name for p in anchor_path(tmp_path, "mara").parent.iterdir()) == [
        "candidates",
        "mara_anchor_frontal_neutral.png",
    ]


def test_the_bundled_pack_chooses_among_siblings_and_leaves_out_the_stranger(tmp_path: Path) -> None:
    folder = tmp_path / "mara" / "anchors" / "candidates"
    folder.mkdir(parents=True)
    for i, person in enumerate((1, 2, 1)):
        write_portrait(folder / f"c{i}.png", person)
    Image.open(folder / "c2.png").rotate(4).save(folder / "c2.png")
    selection = select_anchor("mara", tmp_path, evaluator=ArcFaceEvaluator(shared_runtime()))
    assert selection.record.central_similarity[1] == min(selection.record.central_similarity)  # type: ignore[type-var]
    assert selection.record.face is not None
    assert len(selection.record.face.landmarks) == 106

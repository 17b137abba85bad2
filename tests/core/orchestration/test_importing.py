"""Pictures from elsewhere: which files, which date, and what becomes of the timeline."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from PIL import Image

from personalab_core.errors import InputError
from personalab_core.identity import DriftTracker
from personalab_core.orchestration.importing import ImportOutcome, add_to_timeline, picture_date, picture_files
from personalab_core.schemas import (
    CandidateResult,
    Decision,
    EmbeddingScore,
    EvaluationResult,
    EvaluatorInfo,
    FaceSummary,
    MeasurementStatus,
    PolicyVerdict,
    Reason,
)

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
INFO = EvaluatorInfo(name="arcface", version="1", pack="p", pack_hash="ab" * 8, metric="cosine_similarity")
ACCEPTED = PolicyVerdict(decision=Decision.ACCEPT, reason=Reason.NONE, sentence="Same person.")


def picture(path: Path, *, taken: str | None = None, offset: str | None = None, grey: int = 90) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    details = exif.get_ifd(0x8769)
    if taken:
        details[36867] = taken
    if offset:
        details[36881] = offset
    Image.new("RGB", (64, 80), (grey, grey, grey)).save(path, exif=exif)
    return path


def measured(path: Path, score: float = 0.7) -> CandidateResult:
    return CandidateResult(
        path=str(path),
        status=MeasurementStatus.MEASURED,
        n_faces=1,
        composite_score=score,
        embedding=EmbeddingScore(cosine_similarity=score, threshold=0.55, passed=True),
        face=FaceSummary(box=(8, 8, 40, 48), size_fraction=0.5, frame_size="head"),
    )


def add(tmp_path: Path, *candidates: CandidateResult, **options: object) -> ImportOutcome:
    result = EvaluationResult(anchor_path="a.png", anchor_sha256="c" * 64, evaluator=INFO, candidates=candidates)
    return add_to_timeline(
        "mara",
        result,
        [ACCEPTED] * len(candidates),
        tracker=DriftTracker(tmp_path / "drift"),
        output_dir=tmp_path / "out",
        clock=lambda: NOW,
        **options,  # type: ignore[arg-type]
    )


def test_folders_are_read_to_the_bottom_sorted_and_each_picture_once(tmp_path: Path) -> None:
    first, second = picture(tmp_path / "b" / "1.JPG"), picture(tmp_path / "a.png")
    (tmp_path / "notes.txt").write_text("no picture")
    picture(tmp_path / ".hidden.png")
    picture(tmp_path / "b" / "thumbnails" / "1.JPG.webp")
    assert picture_files([tmp_path]) == [second, first]
    assert picture_files([first, tmp_path]) == [first, second]


def test_a_named_file_is_taken_whatever_it_is_called(tmp_path: Path) -> None:
    odd = tmp_path / "picture.dat"
    odd.write_bytes(b"x")
    assert picture_files([odd]) == [odd]


def test_nothing_found_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        picture_files([tmp_path / "missing"])
    with pytest.raises(InputError, match="No picture was found"):
        picture_files([tmp_path])


def test_the_date_comes_from_the_camera_with_its_zone(tmp_path: Path) -> None:
    zoned = picture(tmp_path / "z.jpg", taken="2024:06:01 10:30:00", offset="-05:00")
    assert picture_date(zoned) == datetime(2024, 6, 1, 10, 30, tzinfo=timezone(timedelta(hours=-5)))
    local = picture(tmp_path / "l.jpg", taken="2024:06:01 10:30:00")
    assert picture_date(local) == datetime(2024, 6, 1, 10, 30).astimezone()


@pytest.mark.parametrize("taken", [None, "0000:00:00 00:00:00", "yesterday"])
def test_no_date_is_none(tmp_path: Path, taken: str | None) -> None:
    assert picture_date(picture(tmp_path / "p.jpg", taken=taken)) is None


def test_a_broken_file_has_no_date(tmp_path: Path) -> None:
    broken = tmp_path / "b.jpg"
    broken.write_bytes(b"\xff\xd8\xff broken")
    assert picture_date(broken) is None


def test_an_import_is_added_at_the_end_with_its_own_date_beside(tmp_path: Path) -> None:
    old = picture(tmp_path / "old.jpg", taken="2020:01:01 00:00:00", offset="+00:00")
    new = picture(tmp_path / "new.jpg", taken="2026:01:01 00:00:00", offset="+00:00", grey=20)
    assert add(tmp_path, measured(new, 0.8)).added == (str(new),)
    assert add(tmp_path, measured(old, 0.6)).added == (str(old),)
    records = DriftTracker(tmp_path / "drift").read("mara")
    assert [record.composite_score for record in records] == [0.8, 0.6], "the order of adding is kept"
    assert [record.sequence_number for record in records] == sorted(r.sequence_number or 0 for r in records)
    assert {record.timestamp for record in records} == {NOW}
    assert [record.picture_date and record.picture_date.year for record in records] == [2026, 2020]
    assert {(record.source, record.provider, record.simulated) for record in records} == {
        ("imported", "imported", False)
    }


def test_a_copy_is_kept_byte_for_byte_with_a_thumbnail(tmp_path: Path) -> None:
    source = picture(tmp_path / "p.jpg")
    add(tmp_path, measured(source))
    (copy,) = (tmp_path / "out" / "mara" / "imported").glob("*.jpg")
    assert hashlib.sha256(copy.read_bytes()).digest() == hashlib.sha256(source.read_bytes()).digest()
    assert len(list((copy.parent / "thumbnails").glob("*.webp"))) == 1


def test_the_same_picture_is_added_once(tmp_path: Path) -> None:
    source = picture(tmp_path / "p.jpg")
    twin = tmp_path / "twin.jpg"
    twin.write_bytes(source.read_bytes())
    outcome = add(tmp_path, measured(source), measured(twin))
    assert (outcome.added, outcome.known) == ((str(source),), (str(twin),))
    assert add(tmp_path, measured(source)).added == ()
    assert len(DriftTracker(tmp_path / "drift").read("mara")) == 1


def test_what_has_no_score_is_not_added(tmp_path: Path) -> None:
    source = picture(tmp_path / "p.jpg")
    blank = CandidateResult(path=str(source), status=MeasurementStatus.NO_FACE, reason="no face")
    assert add(tmp_path, blank).unmeasured == (str(source),)
    assert DriftTracker(tmp_path / "drift").read("mara") == []


def test_a_given_date_wins(tmp_path: Path) -> None:
    source = picture(tmp_path / "p.jpg", taken="2020:01:01 00:00:00", offset="+00:00")
    given = datetime(2021, 5, 5, tzinfo=UTC)
    add(tmp_path, measured(source), date=given)
    assert DriftTracker(tmp_path / "drift").read("mara")[0].picture_date == given

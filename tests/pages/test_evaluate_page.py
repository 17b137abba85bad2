"""Evaluate: pictures from elsewhere are stored anew, measured by a job, shown, exported, put on a timeline."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image

from personalab_core.config import load_config
from personalab_core.errors import InputError
from personalab_core.identity import DriftTracker
from personalab_core.jobs import EvaluatePicturesParams, JobStore, WorkspaceRef
from personalab_core.jobs.evaluating import (
    EvaluationFolder,
    add_measured,
    count_pictures,
    importable_folders,
    scores_csv,
)
from personalab_core.schemas import (
    CandidateResult,
    Decision,
    EvaluationResult,
    MeasuredRecord,
    MeasurementStatus,
    Reason,
)
from tests.pages.conftest import OpenPage, answer_of, labels_of, words_of
from tests.support.workspace_builder import EVALUATOR, WorkspaceBuilder, _measurement, face_png

ID = "0123456789ab"


def evaluated(builder: WorkspaceBuilder, *scores: float) -> EvaluationFolder:
    """An evaluation in which each picture has been measured, against the persona's anchor."""
    folder = EvaluationFolder(builder.config.paths.output, ID)
    anchor = builder.config.paths.references / "mara" / "anchors" / "mara_anchor_frontal_neutral.png"
    if not anchor.exists():
        chosen = builder.config.paths.references / "mara" / "anchors" / "candidates" / "mara_frontal_01.png"
        anchor.write_bytes(chosen.read_bytes())
    for number, score in enumerate(scores):
        picture = folder.bring(face_png(number), name=f"holiday {number}.png")
        stored = type("Stored", (), {"path": picture.path, "width": 96, "height": 120, "sha256": picture.image_sha256})
        accepted = score >= 0.55
        folder.measured.append(
            MeasuredRecord(
                timestamp=datetime(2026, 11, 22, 12, tzinfo=UTC),
                name=picture.name,
                persona="mara",
                path=picture.path,
                image_sha256=picture.image_sha256,
                thumbnail_path=picture.thumbnail_path,
                anchor_sha256=builder.anchor_hashes["mara"],
                evaluator=EVALUATOR,
                measurement=_measurement(stored, score, Reason.NONE, "headshot"),
                decision=Decision.ACCEPT if accepted else Decision.REJECT_FINAL,
                reason=Reason.NONE if accepted else Reason.IDENTITY_LOW,
                sentence="Same person." if accepted else "Someone else.",
            )
        )
    return folder


def test_an_empty_workspace_can_compare_with_an_own_picture(open_page: OpenPage, tmp_path: Path) -> None:
    at = open_page("evaluate", tmp_path)
    assert not at.exception
    assert answer_of(at) == "Bring pictures, and see whether they show the same person."
    assert at.button(key="evaluate.start").disabled
    assert "No persona has an anchor yet" in words_of(at)


def test_uploads_are_stored_anew_and_measured_by_a_job(
    open_page: OpenPage, mara: WorkspaceBuilder, jobs: JobStore
) -> None:
    at = open_page("evaluate", mara.root, persona="mara")
    files = [("../../evil.png", face_png(1), "image/png"), ("harbour.heic.png", b"not a picture", "image/png")]
    at.file_uploader(key="evaluate.files").set_value(files).run()
    assert at.button(key="evaluate.start").label.replace("\u00a0", " ") == "Measure 2 pictures"
    at.button(key="evaluate.start").click().run()
    assert not at.exception
    (job,) = jobs.list(persona="mara")
    params = EvaluatePicturesParams.model_validate_json(job.params_json)
    read = EvaluationFolder(mara.config.paths.output, params.evaluation).read()
    good, bad = read.brought
    assert good.path == f"evaluations/{params.evaluation}/pictures/0001.png"
    assert (good.name, bad.path) == ("evil.png", None)
    assert "not a picture" in bad.problem
    assert not list(mara.root.rglob("*evil*"))


def test_a_folder_of_the_server_is_followed_before_its_first_picture_is_in(
    open_page: OpenPage, mara: WorkspaceBuilder, jobs: JobStore
) -> None:
    folder = mara.config.paths.imports / "spring"
    folder.mkdir(parents=True)
    for number in (1, 2):
        (folder / f"{number}.png").write_bytes(face_png(number))
    at = open_page("evaluate", mara.root, persona="mara")
    at.session_state["evaluate.from"] = {"selected": ["folder"]}
    at.run()
    at.selectbox(key="evaluate.folder").set_value("spring").run()
    at.button(key="evaluate.start").click().run()
    assert not at.exception
    assert len(jobs.list(persona="mara")) == 1
    assert answer_of(at) != "This evaluation is not here."
    assert "Cancel" in labels_of(at)


def test_metadata_is_dropped_and_the_pixels_stay(builder: WorkspaceBuilder) -> None:
    picture = Image.new("RGB", (40, 60), (10, 120, 200))
    exif = picture.getexif()
    exif[306] = "2024:05:06 07:08:09"
    exif[270] = "secret place"
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", exif=exif)
    record = EvaluationFolder(builder.config.paths.output, ID).bring(buffer.getvalue() + b"trailing", name="a.png")
    stored = builder.config.paths.output / (record.path or "")
    assert record.picture_date is not None
    assert record.picture_date.year == 2024
    with Image.open(stored) as again:
        assert not again.getexif()
        assert again.getpixel((3, 3)) == (10, 120, 200)
    assert b"trailing" not in stored.read_bytes()
    assert b"secret" not in stored.read_bytes()


def test_the_answer_counts_who_it_is(open_page: OpenPage, mara: WorkspaceBuilder) -> None:
    evaluated(mara, 0.8, 0.7, 0.3)
    at = open_page("evaluate", mara.root, evaluation=ID)
    assert not at.exception
    assert answer_of(at) == "Two of 3 pictures show Mara."
    assert "Add 2 to the timeline" in labels_of(at)
    at.session_state["evaluate.look"] = {"selected": ["table"]}
    at.run()
    assert list(at.dataframe[0].value["result"]) == ["Same person", "Same person", "Someone else"]


def test_accepted_pictures_join_the_timeline_once(open_page: OpenPage, mara: WorkspaceBuilder) -> None:
    evaluated(mara, 0.8, 0.7, 0.3)
    at = open_page("evaluate", mara.root, evaluation=ID)
    at.button(key="evaluate.add").click().run()
    assert "2 pictures added" in at.success[0].value.replace("\u00a0", " ")
    records = DriftTracker(mara.config.evaluation.drift.log_dir).read("mara")
    assert [(r.source, r.decision) for r in records] == [("imported", Decision.ACCEPT)] * 2
    at.button(key="evaluate.add").click().run()
    assert "Two were there already" in at.success[0].value
    assert len(DriftTracker(mara.config.evaluation.drift.log_dir).read("mara")) == 2


def test_pictures_measured_against_an_older_anchor_are_refused(mara: WorkspaceBuilder) -> None:
    folder = evaluated(mara, 0.8)
    anchor = mara.config.paths.references / "mara" / "anchors" / "mara_anchor_frontal_neutral.png"
    anchor.write_bytes(face_png(99))
    with pytest.raises(InputError, match="against another anchor"):
        add_measured(mara.config, "mara", folder.read().measured)


@pytest.mark.parametrize("wanted", ["../../etc", "ffffffffffff", "0123456789AB"])
def test_an_unknown_evaluation_is_a_sentence(open_page: OpenPage, mara: WorkspaceBuilder, wanted: str) -> None:
    at = open_page("evaluate", mara.root, evaluation=wanted)
    assert not at.exception
    assert answer_of(at) == "This evaluation is not here."


def test_broken_results_take_no_page_down(open_page: OpenPage, mara: WorkspaceBuilder) -> None:
    folder = evaluated(mara, 0.8, 0.7)
    with folder.measured.path.open("ab") as stream:
        stream.write(b'{"kind": "measured", "na')
    at = open_page("evaluate", mara.root, evaluation=ID)
    assert not at.exception
    assert answer_of(at) == "Two of 2 pictures show Mara."
    assert any("could not be read" in e.label for e in at.expander)


def test_only_folders_below_the_imports_can_be_named(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "a.png").write_bytes(face_png(1))
    inside = tmp_path / "imports" / "holiday"
    inside.mkdir(parents=True)
    (inside / "b.png").write_bytes(face_png(2))
    (tmp_path / "imports" / "link").symlink_to(tmp_path / "secret")
    config = load_config(workspace=tmp_path, environ={}, profile="simulated")
    assert importable_folders(config) == (".", "holiday")
    assert count_pictures(config, "holiday") == 1
    for name in ("../secret", "link", str(tmp_path / "secret")):
        assert count_pictures(config, name) == 0


def test_the_worker_measures_what_was_brought_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    from personalab_core.jobs.evaluating import evaluate_pictures
    from personalab_core.jobs.studio import Studio

    class Blind:
        """Finds no face in any picture."""

        info = EVALUATOR

        def evaluate(self, anchor_path: str | Path, candidate_paths: Sequence[str | Path]) -> EvaluationResult:
            found = (CandidateResult(path=str(p), status=MeasurementStatus.NO_FACE) for p in candidate_paths)
            return EvaluationResult(anchor_path=str(anchor_path), evaluator=EVALUATOR, candidates=tuple(found))

    class Silent:
        def report(self, done: int, message: str) -> None:
            """Nobody listens."""

        def should_stop(self) -> bool:
            return False

    builder = WorkspaceBuilder(tmp_path)
    folder = EvaluationFolder(builder.config.paths.output, ID)
    folder.bring_anchor(face_png(5), name="mine.png")
    folder.bring(face_png(6), name="one.png")
    folder.bring(b"nothing", name="two.png")
    params = EvaluatePicturesParams(workspace=WorkspaceRef(folder=str(tmp_path)), evaluation=ID, n_pictures=2)
    studio = Studio(builder.config, evaluator=Blind())
    assert evaluate_pictures(studio, params, Silent()) == "1 measured"
    first = folder.read().measured
    evaluate_pictures(studio, params, Silent())
    assert folder.read().measured == first
    # Nothing was measured: a word and no number.
    assert first[0].measurement.composite_score is None
    assert first[0].reason is Reason.NO_FACE


def test_a_formula_in_a_file_name_stays_text_in_the_spreadsheet() -> None:
    row = {"path": "=cmd()", "decision": "accept"} | dict.fromkeys(
        ("reason", "status", "n_faces", "composite_score", "cosine_similarity", "euclidean_distance"), None
    )
    row |= dict.fromkeys(("geometric_error", "frame_size", "yaw_deg", "pitch_deg", "roll_deg", "sentence"), None)
    assert b"'=cmd()" in scores_csv([row])

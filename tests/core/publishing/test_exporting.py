"""Accepted assets leave marked, measured again and listed; what must not leave stays, with a sentence."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from personalab_core.errors import InputError
from personalab_core.identity.images import content_hash
from personalab_core.observability import GenerationMetricsLogger, Journal
from personalab_core.publishing import Adviser, Channel, Export, Exporter, ExportOrder, Finish, Marker, read_mark
from personalab_core.publishing.formats import PictureFile
from personalab_core.publishing.marking import MarkedPicture
from personalab_core.schemas import AnchorRecord, AttemptRecord, EvaluationResult, FaceSummary, RegistryRecord
from personalab_core.schemas.publishing import DigitalSource, Disclosure
from personalab_core.schemas.video import VideoAdvice, VideoAttempt
from personalab_core.tools import RealismFilter, RealismPreset
from tests.support.clips import clip, level_frame
from tests.support.loop_fakes import FAKE_INFO, FakeEvaluator, candidate
from tests.support.records import make_attempt

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
XMP_ONLY = Marker(credentials=None)
SQUARE = Channel(width_px=128, height_px=128, format="jpeg")


class Workspace:
    """Two accepted pictures of mara (faces to the left), nothing else."""

    def __init__(self, root: Path) -> None:
        self.output, self.references = root / "output", root / "references"
        anchor = self.references / "mara" / "anchors" / "anchor.png"
        anchor.parent.mkdir(parents=True)
        anchor.write_bytes(b"anchor")
        self.registered: list[RegistryRecord] = []
        self.log = GenerationMetricsLogger(self.output)
        for name in ("one", "two"):
            self.add(name)

    def add(self, name: str) -> AttemptRecord:
        path = self.output / "mara" / "images" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.full((160, 320, 3), 90, np.uint8)
        pixels[40:100, 20:80] = 200
        path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
        face = FaceSummary(box=(20, 40, 80, 100), size_fraction=0.2, frame_size="half", sharpness_ratio=0.2)
        return self._accept(
            name,
            image_path=path.relative_to(self.output).as_posix(),
            image_sha256=content_hash(path.read_bytes()),
            measurement=candidate(0.8).model_copy(update={"face": face}),
        )

    def add_video(self, name: str, *, advice: VideoAdvice | None = None) -> AttemptRecord:
        path = self.output / "mara" / "videos" / f"{name}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(clip([level_frame(90)] * 4))
        video = VideoAttempt(
            video_path=path.relative_to(self.output).as_posix(),
            video_sha256=content_hash(path.read_bytes()),
            width_px=160,
            height_px=200,
            advice=advice,
        )
        return self._accept(name, asset_type="video", video=video)

    def _accept(self, name: str, **changes: object) -> AttemptRecord:
        record = self.log.log(
            make_attempt(
                persona="mara",
                asset_id=name,
                attempt_id=f"{name}-1",
                evaluator=FAKE_INFO,
                anchor_path="mara/anchors/anchor.png",
                anchor_sha256=content_hash(b"anchor"),
                **changes,
            )
        )
        self.registered.append(
            RegistryRecord(
                timestamp=NOW,
                persona="mara",
                asset_id=name,
                attempt_id=f"{name}-1",
                image_path="x",
                image_sha256="y",
                composite_score=0.8,
                attempts=1,
                simulated=True,
            )
        )
        return record

    def exporter(
        self, *, marker: Marker | None = XMP_ONLY, evaluator: FakeEvaluator | None = None, sharp_from: float = 0.4
    ) -> Exporter:
        return Exporter(
            output_dir=self.output,
            references_root=self.references,
            accepted=lambda _persona: self.registered,
            marker=marker,
            marker_note="as the test says",
            evaluator=evaluator or FakeEvaluator((0.75,)),
            adviser=Adviser(sharp_from),
            disclosure_text="Made with AI.",
            clock=lambda: NOW,
        )

    def export(self, **changes: object) -> Export:
        order = ExportOrder("mara", "square", SQUARE, **changes)  # type: ignore[arg-type]
        return self.exporter().export(order)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def test_files_are_cropped_to_the_channel_with_the_face_and_marked(workspace: Workspace) -> None:
    exported = workspace.export()
    assert [record.file_name for record in exported.records] == ["one.jpg", "two.jpg"]
    first = exported.records[0]
    assert (first.width_px, first.height_px, first.crop) == (128, 128, (0, 0, 160, 160))
    assert first.edits == ("crop", "resize 128x128")
    assert (first.marked, first.digital_source, first.upstream_manifest) == (True, DigitalSource.TRAINED, "none")
    found = read_mark(exported.folder / "one.jpg")
    assert found.disclosure is not None
    assert found.disclosure.parent_sha256 == first.source_sha256
    assert content_hash((exported.folder / "one.jpg").read_bytes()) == first.file_sha256


def test_the_mark_names_the_record_in_the_chain(workspace: Workspace) -> None:
    exported = workspace.export(asset_ids=("two",))
    found = read_mark(exported.folder / "two.jpg")
    [record] = [record for record in workspace.log.read_log("mara") if record.asset_id == "two"]
    assert found.disclosure is not None
    assert found.disclosure.record_hash == record.record_hash


def test_identity_is_measured_again_and_the_loss_is_kept(workspace: Workspace) -> None:
    identity = workspace.export().records[0].identity
    assert identity is not None
    assert (identity.composite_before, identity.composite_after) == (0.62, 0.75)
    assert identity.similarity_loss == pytest.approx(0.55 - 0.75)


def test_another_anchor_is_not_compared_with(workspace: Workspace) -> None:
    (workspace.references / "mara" / "anchors" / "anchor.png").write_bytes(b"a new anchor")
    identity = workspace.export().records[0].identity
    assert identity is not None
    assert (identity.status, identity.composite_after) == ("not_measured", None)


def test_the_archive_holds_files_and_a_manifest_with_captions(workspace: Workspace) -> None:
    exported = workspace.export(captions={"one": "=HYPERLINK(1)"}, caption="Sunday")
    with zipfile.ZipFile(exported.archive) as packed:
        names = {Path(name).name for name in packed.namelist()}
        text = packed.read(f"{exported.export_id}/manifest.csv").decode("utf-8-sig")
    assert names == {"one.jpg", "two.jpg", "manifest.csv"}
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["caption"] for row in rows] == ["'=HYPERLINK(1)", "Sunday"]  # no spreadsheet runs it
    assert rows[0]["disclosure"] == "Made with AI."
    assert rows[0]["digital_source_type"].endswith("trainedAlgorithmicMedia")


def test_every_export_is_recorded_in_a_chain(workspace: Workspace) -> None:
    first, second = workspace.export(), workspace.export(composite=True, finish=_phone())
    assert first.export_id != second.export_id
    journal = workspace.exporter().journal("mara")
    assert [record.sequence_number for record in journal.read().records] == [1, 2, 3, 4]
    assert journal.verify().ok
    assert second.records[0].digital_source is DigitalSource.COMPOSITE
    assert (second.records[0].realism, second.records[0].seed) == ("phone", 0)
    assert second.records[0].edits[-1] == "realism phone"


def _phone() -> Finish:
    return Finish(realism=("phone", RealismFilter(RealismPreset())))


def test_a_changed_picture_stays_and_the_others_leave(workspace: Workspace) -> None:
    (workspace.output / "mara" / "images" / "one.png").write_bytes(b"something else")
    exported = workspace.export()
    assert [record.asset_id for record in exported.records] == ["two"]
    [problem] = exported.problems
    assert problem.startswith("one: the file was changed after it was accepted")
    assert not (exported.folder / "one.jpg").exists()


def packets(path: Path) -> list[bytes]:
    with av.open(path) as container:
        return [bytes(packet) for packet in container.demux(video=0)]


def test_a_video_without_a_wanted_size_leaves_marked_and_untouched(workspace: Workspace) -> None:
    attempt = workspace.add_video("film")
    exported = workspace.exporter().export(ExportOrder("mara", "original", Channel(), asset_ids=("film",)))
    [record] = exported.records
    assert (record.file_name, record.marked, record.edits) == ("film.mp4", True, ())
    assert record.identity is None  # the pixels are those that were measured
    assert attempt.video is not None
    assert packets(exported.folder / "film.mp4") == packets(workspace.output / attempt.video.video_path)


def test_a_video_takes_the_channels_shape_and_is_measured_again(workspace: Workspace) -> None:
    workspace.add_video("film")
    exported = workspace.export(asset_ids=("film",), finish=_phone())
    [record] = exported.records
    assert (record.width_px, record.height_px) == (128, 128)
    assert record.edits == ("crop", "resize 128x128")  # a look is for pictures
    assert record.realism is None
    assert record.identity is not None
    assert record.identity.composite_before == 0.62
    found = read_mark(exported.folder / "film.mp4")
    assert found.disclosure is not None
    assert (found.marked, found.disclosure.edits) == (True, record.edits)
    with zipfile.ZipFile(exported.archive) as packed:
        assert {Path(name).name for name in packed.namelist()} == {"film.mp4", "manifest.csv"}
        text = packed.read(f"{exported.export_id}/manifest.csv").decode("utf-8-sig")
    [row] = csv.DictReader(io.StringIO(text))
    assert (row["file"], row["sha256"]) == ("film.mp4", content_hash((exported.folder / "film.mp4").read_bytes()))
    assert (row["width_px"], row["edits"]) == ("128", "crop; resize 128x128")


def test_an_unmarked_video_leaves_as_the_configuration_says(workspace: Workspace) -> None:
    workspace.add_video("film")
    exported = workspace.exporter(marker=None).export(ExportOrder("mara", "square", SQUARE, asset_ids=("film",)))
    [record] = exported.records
    assert (record.marked, record.c2pa_note, record.width_px) == (False, "as the test says", 128)
    assert not read_mark(exported.folder / "film.mp4").marked
    assert sorted(path.name for path in exported.folder.iterdir()) == ["film.mp4", "manifest.csv"]


def test_what_the_gate_says_is_recorded_and_by_default_not_done(workspace: Workspace) -> None:
    record = workspace.export().records[0]
    assert record.advice == (
        "Same person, but soft. Sharpening and super-resolution are safe to try. "
        "Its face has 20% of the anchor's detail, sharp is from 40%; score 0.80, accepted from 0.55."
    )
    assert record.edits == ("crop", "resize 128x128")


def test_what_the_gate_advises_is_done_where_it_was_asked_for(workspace: Workspace) -> None:
    advised = Finish(sharpen_as_advised=True, super_resolve_as_advised=True)
    assert workspace.export(finish=advised).records[0].edits == (
        "crop",
        "super-resolution lanczos",
        "resize 128x128",
        "sharpen 0.5",
    )
    order = ExportOrder("mara", "square", SQUARE, finish=advised)
    sharp = workspace.exporter(sharp_from=0.2).export(order).records[0]
    assert sharp.advice.startswith("Same person, and sharp.")
    assert sharp.edits == ("crop", "resize 128x128")


def test_a_soft_video_is_sharpened_where_it_was_asked_for(workspace: Workspace) -> None:
    soft = VideoAdvice(
        identity_stable=True,
        degradation="textural",
        recommend_sharpening=True,
        recommend_super_resolution=True,
        manual_review=False,
        sentence="Same person, but soft.",
    )
    workspace.add_video("film", advice=soft)
    finish = Finish(sharpen_as_advised=True)
    order = ExportOrder("mara", "original", Channel(), asset_ids=("film",), finish=finish)
    [record] = workspace.exporter().export(order).records
    assert (record.edits, record.advice) == (("sharpen 0.5",), "Same person, but soft.")


def test_an_export_that_is_stopped_packs_what_has_left(workspace: Workspace) -> None:
    done: list[str] = []
    order = ExportOrder("mara", "square", SQUARE)
    exported = workspace.exporter().export(
        order, on_file=lambda _, name: done.append(name), should_stop=lambda: bool(done)
    )
    assert [record.asset_id for record in exported.records] == done == ["one"]
    with zipfile.ZipFile(exported.archive) as packed:
        assert {Path(name).name for name in packed.namelist()} == {"one.jpg", "manifest.csv"}


class ForgetfulMarker(Marker):
    """Hands the encoder no packet, as a format that cannot hold one would lose it."""

    def mark_picture(
        self, make: Callable[[bytes], PictureFile], disclosure: Disclosure, *, parent: bytes | None = None
    ) -> MarkedPicture:
        return super().mark_picture(lambda _packet: make(None), disclosure, parent=parent)  # type: ignore[arg-type]


def test_a_file_whose_mark_cannot_be_read_back_does_not_leave(workspace: Workspace) -> None:
    exporter = workspace.exporter(marker=ForgetfulMarker(credentials=None))
    exported = exporter.export(ExportOrder("mara", "square", SQUARE))
    assert not exported.records
    assert all("was written but not found again" in problem for problem in exported.problems)
    assert [path.name for path in exported.folder.iterdir()] == ["manifest.csv"]
    assert not exporter.journal("mara").read().records


class BrokenEvaluator(FakeEvaluator):
    """Finds no face in the anchor any more."""

    def evaluate(self, anchor_path: str | Path, candidate_paths: Sequence[str | Path]) -> EvaluationResult:
        raise InputError("the anchor has no measurable face.")


def test_a_file_that_cannot_be_recorded_does_not_stay(workspace: Workspace) -> None:
    exported = workspace.exporter(evaluator=BrokenEvaluator()).export(
        ExportOrder("mara", "square", SQUARE, asset_ids=("one",))
    )
    assert not exported.records
    assert exported.problems == ("one: the anchor has no measurable face.",)
    assert [path.name for path in exported.folder.iterdir()] == ["manifest.csv"]


def test_switched_off_marking_is_in_the_record(workspace: Workspace) -> None:
    order = ExportOrder("mara", "square", SQUARE)
    exported = workspace.exporter(marker=None).export(order)
    assert [(record.marked, record.c2pa_note) for record in exported.records] == [(False, "as the test says")] * 2
    assert not read_mark(exported.folder / "one.jpg").marked


def test_what_is_not_accepted_is_refused_before_anything_is_written(workspace: Workspace) -> None:
    with pytest.raises(InputError, match="mara has no accepted asset 'three'; 2 are accepted"):
        workspace.export(asset_ids=("three",))
    workspace.registered.clear()
    with pytest.raises(InputError, match=r"no accepted asset to export\. Generate some first"):
        workspace.export()
    assert not (workspace.output / "mara" / "exports").exists()


def note_anchor(workspace: Workspace, *, brought: bool) -> None:
    """Record the anchor of every attempt as brought by a person, or as made by a provider."""
    attempt = next(iter(GenerationMetricsLogger(workspace.output).read_log("mara")))
    assert attempt.anchor_sha256 is not None
    record = AnchorRecord(
        kind="anchor_candidate",
        timestamp=NOW,
        persona="mara",
        anchor_kind="frontal",
        path="mara/anchors/candidates/own.png",
        image_sha256=attempt.anchor_sha256,
        strategy="upload" if brought else None,
        context=None if brought else attempt.context,
    )
    log = workspace.references / "mara" / "anchors" / "anchors.jsonl"
    journal = Journal(log, AnchorRecord)
    journal.append(record)
    journal.append(record.model_copy(update={"kind": "anchor_selected", "context": None}))


@pytest.mark.parametrize(
    ("brought", "said", "expected"),
    [
        (True, None, DigitalSource.COMPOSITE),
        (False, None, DigitalSource.TRAINED),
        (True, False, DigitalSource.TRAINED),
        (False, True, DigitalSource.COMPOSITE),
    ],
)
def test_an_anchor_that_a_person_brought_makes_a_composite(
    tmp_path: Path, brought: bool, said: bool | None, expected: DigitalSource
) -> None:
    workspace = Workspace(tmp_path)
    note_anchor(workspace, brought=brought)
    exported = workspace.exporter().export(ExportOrder("mara", "square", SQUARE, composite=said))
    assert {record.digital_source for record in exported.records} == {expected}

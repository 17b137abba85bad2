"""Accepted assets on their way out: finished, marked, measured once more, packed, recorded."""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from personalab_core.config.atomic_files import workspace_errors, write_atomic
from personalab_core.errors import InputError, PersonalabError, RecordError
from personalab_core.identity import IdentityEvaluator
from personalab_core.identity.anchors import ANCHORS_LOG, anchor_folder
from personalab_core.identity.images import content_hash, decode_image, read_picture_bytes
from personalab_core.observability import GenerationMetricsLogger, Journal
from personalab_core.publishing.channels import Channel
from personalab_core.publishing.crop import Box, face_box
from personalab_core.publishing.finishing import Finish, Finished, finish_picture
from personalab_core.publishing.formats import SUFFIXES
from personalab_core.publishing.manifests import carries_manifest
from personalab_core.publishing.marking import Marker, Upstream
from personalab_core.schemas import AnchorRecord, AttemptRecord, RegistryRecord, check_slug
from personalab_core.schemas.evaluation import MeasurementStatus
from personalab_core.schemas.publishing import DigitalSource, Disclosure, ExportRecord, IdentityAfter, MarkReport
from personalab_core.schemas.version import __version__

EXPORTS_FILE = "exports.jsonl"
FOLDER = "exports"
TOOL = f"personalab_core {__version__}"

_COLUMNS = (
    "file",
    "sha256",
    "persona",
    "asset_id",
    "channel",
    "width_px",
    "height_px",
    "caption",
    "disclosure",
    "digital_source_type",
    "c2pa",
    "composite_before",
    "composite_after",
    "similarity_before",
    "similarity_after",
    "edits",
    "provider",
    "model",
    "simulated",
    "created",
)


@dataclass(frozen=True, slots=True)
class ExportOrder:
    """What to export.

    Attributes:
        persona: Whose assets.
        channel: Name of the channel, for the record.
        shape: That channel.
        asset_ids: Which accepted assets; empty means all.
        finish: What else is done to pictures.
        captions: Text per asset.
        caption: Text of the assets that have none in ``captions``.
        seed: Of the look's noise.
        composite: Whether a real picture went into these assets; ``None`` says so of those whose anchor a person
            brought, and of no others.
    """

    persona: str
    channel: str
    shape: Channel
    asset_ids: Sequence[str] = ()
    finish: Finish = field(default_factory=Finish)
    captions: Mapping[str, str] = field(default_factory=dict)
    caption: str = ""
    seed: int = 0
    composite: bool | None = None


@dataclass(frozen=True, slots=True)
class Export:
    """What left.

    Attributes:
        export_id: Names folder and zip.
        folder: The files, beside them ``manifest.csv``.
        archive: The same as a zip.
        records: One per file, as written to the journal.
        problems: One sentence per asset that could not be exported.
    """

    export_id: str
    folder: Path
    archive: Path
    records: tuple[ExportRecord, ...]
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Outgoing:
    """One finished file before it is written down."""

    name: str
    sha256: str
    finished: Finished | None
    report: MarkReport | None
    upstream: Upstream


class Exporter:
    """Exports the accepted assets of a workspace.

    Args:
        output_dir: The workspace's output folder.
        references_root: Folder of the personas' anchors.
        accepted: Gives the assets of a persona that count as accepted now, as ``RegistryWriter.read``.
        marker: Writes the marks; ``None`` exports unmarked files, and the records say so.
        marker_note: What the records say about marking, such as why nothing is signed.
        evaluator: Measures identity again on the finished picture; ``None`` does not.
        disclosure_text: Put beside every caption.
        clock: Current time with zone.
    """

    def __init__(
        self,
        *,
        output_dir: str | Path,
        references_root: str | Path,
        accepted: Callable[[str], Sequence[RegistryRecord]],
        marker: Marker | None,
        marker_note: str = "",
        evaluator: IdentityEvaluator | None = None,
        disclosure_text: str = "",
        clock: Callable[[], datetime],
    ) -> None:
        self._output_dir = Path(output_dir)
        self._references_root = Path(references_root)
        self._registered = accepted
        self._marker = marker
        self._marker_note = marker_note
        self._evaluator = evaluator
        self._disclosure_text = disclosure_text
        self._clock = clock

    def journal(self, persona: str) -> Journal[ExportRecord]:
        """Return the persona's list of exports."""
        return Journal(self._output_dir / check_slug(persona) / EXPORTS_FILE, ExportRecord, fsync=True)

    def n_assets(self, order: ExportOrder) -> int:
        """Return how many assets an order would export.

        Raises:
            InputError: The persona has no such accepted assets.
        """
        return len(self._accepted(order))

    def export(self, order: ExportOrder, *, on_file: Callable[[int, str], None] | None = None) -> Export:
        """Export the assets and return what left; an asset that cannot be exported does not end the others.

        Args:
            order: What to export.
            on_file: Told the number of finished assets and the last one's name.

        Raises:
            InputError: The persona has no such accepted assets.
            WorkspaceError: The folder cannot be written.
        """
        attempts = self._accepted(order)
        now = self._clock()
        export_id = f"{now:%Y%m%d-%H%M%S}-{order.channel}"
        folder = self._new_folder(order.persona, export_id)
        records: list[ExportRecord] = []
        problems: list[str] = []
        for index, attempt in enumerate(attempts, start=1):
            try:
                outgoing = self._send(attempt, order, folder, now)
                records.append(self._record(attempt, order, outgoing, folder, now))
            except PersonalabError as error:
                problems.append(str(error) if attempt.asset_id in str(error) else f"{attempt.asset_id}: {error}")
            if on_file is not None:
                on_file(index, attempt.asset_id)
        write_atomic(folder / "manifest.csv", _manifest(records, {a.attempt_id: a for a in attempts}))
        return Export(folder.name, folder, _packed(folder), tuple(records), tuple(problems))

    def _accepted(self, order: ExportOrder) -> list[AttemptRecord]:
        registered = {record.asset_id: record.attempt_id for record in self._registered(order.persona)}
        unknown = [asset for asset in order.asset_ids if asset not in registered]
        if unknown:
            raise InputError(f"{order.persona} has no accepted asset {unknown[0]!r}; {len(registered)} are accepted.")
        if not registered:
            raise InputError(f"{order.persona} has no accepted asset to export. Generate some first.")
        wanted = [registered[asset] for asset in order.asset_ids] if order.asset_ids else list(registered.values())
        log = {
            record.attempt_id: record for record in GenerationMetricsLogger(self._output_dir).read_log(order.persona)
        }
        lost = [attempt_id for attempt_id in wanted if attempt_id not in log]
        if lost:
            raise RecordError(
                f"{order.persona}: the record of attempt {lost[0]} is missing. Run: personalab log verify"
            )
        return [log[attempt_id] for attempt_id in wanted]

    def _new_folder(self, persona: str, export_id: str) -> Path:
        parent = self._output_dir / check_slug(persona) / FOLDER
        for name in _names(export_id):
            with workspace_errors("write", parent):
                parent.mkdir(parents=True, exist_ok=True)
                try:
                    (parent / name).mkdir()
                except FileExistsError:
                    continue
            return parent / name
        raise AssertionError("unreachable: the names never end")

    def _send(self, attempt: AttemptRecord, order: ExportOrder, folder: Path, now: datetime) -> _Outgoing:
        if attempt.video is not None:
            return self._send_video(attempt, order, folder, now)
        if attempt.image_path is None:
            raise InputError(f"{attempt.asset_id}: its record names no picture.")
        data = read_picture_bytes(self._output_dir / attempt.image_path)
        _require_unchanged(attempt.asset_id, content_hash(data), attempt.image_sha256)
        bgr = decode_image(data, name=Path(attempt.image_path).name)
        finished = finish_picture(bgr, order.shape, order.finish, face=_face(attempt), seed=order.seed)
        name = f"{attempt.asset_id}{SUFFIXES[order.shape.format]}"
        if self._marker is None:
            plain, report, upstream = finished.encode(None).data, None, _lost_or_none(data)
        else:
            disclosure = self._disclosure(attempt, order, finished.edits, now)
            marked = self._marker.mark_picture(finished.encode, disclosure, parent=data)
            plain, report, upstream = marked.data, marked.report, marked.upstream
        write_atomic(folder / name, plain)
        return _Outgoing(name, content_hash(plain), finished, report, upstream)

    def _send_video(self, attempt: AttemptRecord, order: ExportOrder, folder: Path, now: datetime) -> _Outgoing:
        """A video keeps its pictures and its sound; only the mark is added."""
        assert attempt.video is not None  # noqa: S101 - the caller's condition, for the type checker
        source = self._output_dir / attempt.video.video_path
        _require_unchanged(attempt.asset_id, _file_hash(source), attempt.video.video_sha256)
        target = folder / f"{attempt.asset_id}{SUFFIXES['mp4']}"
        if self._marker is None:
            data = read_picture_bytes(source)
            write_atomic(target, data)
            return _Outgoing(target.name, content_hash(data), None, None, _lost_or_none(data))
        report, upstream = self._marker.mark_video(source, target, self._disclosure(attempt, order, (), now))
        return _Outgoing(target.name, _file_hash(target), None, report, upstream)

    def _disclosure(
        self, attempt: AttemptRecord, order: ExportOrder, edits: tuple[str, ...], now: datetime
    ) -> Disclosure:
        parent = attempt.video.video_sha256 if attempt.video else attempt.image_sha256
        composite = self._from_a_real_picture(attempt) if order.composite is None else order.composite
        return Disclosure(
            digital_source=DigitalSource.COMPOSITE if composite else DigitalSource.TRAINED,
            persona=attempt.persona,
            asset_id=attempt.asset_id,
            tool=TOOL,
            provider=attempt.context.provider,
            model=attempt.context.model,
            simulated=attempt.context.simulated,
            parent_sha256=parent or "",
            record_hash=attempt.record_hash,
            edits=edits,
            created=now,
        )

    def _from_a_real_picture(self, attempt: AttemptRecord) -> bool:
        """Return whether a person brought the anchor: it is recorded, and no call to a provider made it."""
        if attempt.anchor_sha256 is None:
            return False
        log = anchor_folder(self._references_root, attempt.persona) / ANCHORS_LOG
        records = Journal(log, AnchorRecord).read().records if log.is_file() else []
        same = [record for record in records if record.image_sha256 == attempt.anchor_sha256]
        return bool(same) and all(record.context is None for record in same)

    def _record(
        self, attempt: AttemptRecord, order: ExportOrder, outgoing: _Outgoing, folder: Path, now: datetime
    ) -> ExportRecord:
        finished, report = outgoing.finished, outgoing.report
        source = attempt.video.video_path if attempt.video else attempt.image_path
        source_sha256 = attempt.video.video_sha256 if attempt.video else attempt.image_sha256
        realism = order.finish.realism if finished else None
        return self.journal(order.persona).append(
            ExportRecord(
                timestamp=now,
                export_id=folder.name,
                persona=order.persona,
                asset_id=attempt.asset_id,
                attempt_id=attempt.attempt_id,
                asset_type=attempt.asset_type,
                channel=order.channel,
                file_name=outgoing.name,
                file_sha256=outgoing.sha256,
                source_path=source or "",
                source_sha256=source_sha256 or "",
                width_px=finished.width_px if finished else None,
                height_px=finished.height_px if finished else None,
                crop=finished.crop.box if finished and finished.crop else None,
                edits=finished.edits if finished else (),
                realism=realism[0] if realism else None,
                seed=order.seed if realism else None,
                marked=report is not None,
                digital_source=report.disclosure.digital_source if report and report.disclosure else None,
                c2pa=report.c2pa if report else "none",
                c2pa_note=self._marker_note,
                upstream_manifest=outgoing.upstream,
                identity=self._measured_again(attempt, folder / outgoing.name) if finished else None,
                caption=order.captions.get(attempt.asset_id, order.caption),
                disclosure_text=self._disclosure_text,
            )
        )

    def _measured_again(self, attempt: AttemptRecord, file: Path) -> IdentityAfter | None:
        if self._evaluator is None or attempt.anchor_path is None:
            return None
        anchor = self._references_root / attempt.anchor_path
        before = attempt.scores
        info = self._evaluator.info
        if not self._comparable(attempt, anchor):
            return IdentityAfter(
                status=MeasurementStatus.NOT_MEASURED,
                composite_before=before.composite,
                similarity_before=before.cosine_similarity,
                evaluator=info,
            )
        candidate = self._evaluator.evaluate(anchor, [file]).candidates[0]
        return IdentityAfter(
            status=candidate.status,
            composite_before=before.composite,
            composite_after=candidate.composite_score,
            similarity_before=before.cosine_similarity,
            similarity_after=candidate.embedding.cosine_similarity if candidate.embedding else None,
            evaluator=info,
        )

    def _comparable(self, attempt: AttemptRecord, anchor: Path) -> bool:
        """Return whether the same instrument can measure against the very anchor of then."""
        info = self._evaluator.info if self._evaluator else None
        same_instrument = (
            attempt.evaluator is not None
            and info is not None
            and ((attempt.evaluator.name, attempt.evaluator.pack_hash) == (info.name, info.pack_hash))
        )
        return same_instrument and anchor.is_file() and content_hash(anchor.read_bytes()) == attempt.anchor_sha256


def _file_hash(path: Path) -> str:
    """Return the hex SHA-256 of a file of any size."""
    with workspace_errors("read", path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _require_unchanged(asset_id: str, found: str, recorded: str | None) -> None:
    if recorded is not None and found != recorded:
        raise RecordError(
            f"{asset_id}: the file was changed after it was accepted (its hash is not the one in the record). "
            "It was not exported; restore it from a backup."
        )


def _face(attempt: AttemptRecord) -> Box | None:
    face = attempt.measurement.face if attempt.measurement else None
    return face_box(face.box, face.landmarks) if face else None


def _lost_or_none(data: bytes) -> Upstream:
    return "lost" if carries_manifest(data) else "none"


def _names(stem: str) -> Iterator[str]:
    yield stem
    number = 2
    while True:
        yield f"{stem}-{number}"
        number += 1


def _manifest(records: Sequence[ExportRecord], attempts: Mapping[str, AttemptRecord]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, _COLUMNS)
    writer.writeheader()
    for record in records:
        writer.writerow(_row(record, attempts[record.attempt_id]))
    return text.getvalue().encode("utf-8-sig")  # the mark in front makes spreadsheets read it as UTF-8


def _row(record: ExportRecord, attempt: AttemptRecord) -> dict[str, object]:
    identity = record.identity
    return {
        "file": record.file_name,
        "sha256": record.file_sha256,
        "persona": record.persona,
        "asset_id": record.asset_id,
        "channel": record.channel,
        "width_px": record.width_px,
        "height_px": record.height_px,
        "caption": _cell(record.caption),
        "disclosure": _cell(record.disclosure_text),
        "digital_source_type": record.digital_source.value if record.digital_source else "not marked",
        "c2pa": record.c2pa,
        "composite_before": identity.composite_before if identity else None,
        "composite_after": identity.composite_after if identity else None,
        "similarity_before": identity.similarity_before if identity else None,
        "similarity_after": identity.similarity_after if identity else None,
        "edits": "; ".join(record.edits),
        "provider": attempt.context.provider,
        "model": attempt.context.model,
        "simulated": attempt.context.simulated,
        "created": record.timestamp.isoformat(timespec="seconds"),
    }


def _cell(text: str) -> str:
    """Return text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t")) else text


def _packed(folder: Path) -> Path:
    """Return a zip of the folder's files; pictures are compressed already."""
    archive = folder.with_suffix(".zip")
    part = archive.with_name(f".{archive.name}.part")
    with workspace_errors("write", archive):
        try:
            with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as packed:
                for file in sorted(folder.iterdir()):
                    packed.write(file, f"{folder.name}/{file.name}")
            part.replace(archive)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    return archive

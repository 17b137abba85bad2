"""One accepted asset becomes one file: checked against its record, finished, marked, written."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from personalab_core.config.atomic_files import workspace_errors, write_atomic
from personalab_core.errors import InputError, RecordError
from personalab_core.identity.anchors import ANCHORS_LOG, anchor_folder
from personalab_core.identity.images import content_hash, decode_image, read_picture_bytes
from personalab_core.observability import Journal
from personalab_core.publishing.advice import Advice
from personalab_core.publishing.channels import Channel
from personalab_core.publishing.crop import Box, face_box
from personalab_core.publishing.finishing import Finish, Finished, finish_picture
from personalab_core.publishing.formats import SUFFIXES
from personalab_core.publishing.manifests import carries_manifest
from personalab_core.publishing.marking import Marker, Upstream
from personalab_core.publishing.video_finishing import (
    FinishedVideo,
    faces_of_report,
    finish_video,
    needs_finishing,
)
from personalab_core.schemas import AnchorRecord, AttemptRecord
from personalab_core.schemas.publishing import DigitalSource, Disclosure, MarkReport
from personalab_core.schemas.version import __version__
from personalab_core.schemas.video import VideoAttempt

TOOL = f"personalab_core {__version__}"


@dataclass(frozen=True, slots=True)
class ExportOrder:
    """What to export.

    Attributes:
        persona: Whose assets.
        channel: Name of the channel, for the record.
        shape: That channel.
        asset_ids: Which accepted assets; empty means all.
        finish: What else is done to the pixels.
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
class Outgoing:
    """One file as it was written.

    Attributes:
        name: In the export's folder.
        sha256: Of its bytes.
        pixels: What was done to them; ``None`` if they are those of the provider's file, bit for bit.
        look: Name of the look that was applied, if any.
        report: The mark as it was read back; ``None`` if marking is off.
        upstream: What became of the manifest that the provider's file carried.
    """

    name: str
    sha256: str
    pixels: Finished | FinishedVideo | None
    look: str | None
    report: MarkReport | None
    upstream: Upstream


@dataclass(frozen=True, slots=True)
class Sender:
    """Writes accepted assets as files of an export.

    Attributes:
        output_dir: The workspace's output folder.
        references_root: Folder of the personas' anchors.
        marker: Writes the marks; ``None`` leaves files unmarked.
    """

    output_dir: Path
    references_root: Path
    marker: Marker | None

    def send(
        self, attempt: AttemptRecord, order: ExportOrder, advice: Advice | None, folder: Path, now: datetime
    ) -> Outgoing:
        """Write the asset into the folder and return what was written.

        Args:
            attempt: The accepted attempt.
            order: Shape and finish.
            advice: What the gate says of this asset, which the order may want followed.
            folder: Of the export.
            now: When the mark says that it was made.

        Raises:
            RecordError: The stored file is not the one that was accepted.
            MarkError: The mark could not be read back; nothing is written.
            PersonalabError: The asset cannot be read or finished; nothing is written.
        """
        finish = order.finish.of_asset(advice)
        if attempt.video is not None:
            return self._video(attempt, attempt.video, order, finish, folder, now)
        return self._picture(attempt, order, finish, folder, now)

    def _picture(
        self, attempt: AttemptRecord, order: ExportOrder, finish: Finish, folder: Path, now: datetime
    ) -> Outgoing:
        if attempt.image_path is None:
            raise InputError(f"{attempt.asset_id}: its record names no picture.")
        data = read_picture_bytes(self.output_dir / attempt.image_path)
        _require_unchanged(attempt.asset_id, content_hash(data), attempt.image_sha256)
        bgr = decode_image(data, name=Path(attempt.image_path).name)
        pixels = finish_picture(bgr, order.shape, finish, face=_face(attempt), seed=order.seed)
        if self.marker is None:
            plain, report, upstream = pixels.encode(None).data, None, _lost_or_none(data)
        else:
            disclosure = self._disclosure(attempt, order, pixels.edits, now)
            marked = self.marker.mark_picture(pixels.encode, disclosure, parent=data)
            plain, report, upstream = marked.data, marked.report, marked.upstream
        name = f"{attempt.asset_id}{SUFFIXES[order.shape.format]}"
        write_atomic(folder / name, plain)
        return Outgoing(
            name, content_hash(plain), pixels, finish.realism[0] if finish.realism else None, report, upstream
        )

    def _video(
        self,
        attempt: AttemptRecord,
        video: VideoAttempt,
        order: ExportOrder,
        finish: Finish,
        folder: Path,
        now: datetime,
    ) -> Outgoing:
        source = self.output_dir / video.video_path
        _require_unchanged(attempt.asset_id, _file_hash(source), video.video_sha256)
        target = folder / f"{attempt.asset_id}{SUFFIXES['mp4']}"
        encoded = folder / f".{target.name}.encoded"
        try:
            pixels = None
            if needs_finishing(video.width_px, video.height_px, order.shape, finish):
                faces = faces_of_report(self.output_dir / video.report_path) if video.report_path else None
                pixels = finish_video(source, encoded, order.shape, finish, faces=faces or _face(attempt))
            made = encoded if pixels else source
            if self.marker is None:
                with workspace_errors("write", target):
                    shutil.copyfile(made, target)
                report, upstream = None, _lost_or_none(source.read_bytes())
            else:
                disclosure = self._disclosure(attempt, order, pixels.edits if pixels else (), now)
                report, upstream = self.marker.mark_video(made, target, disclosure, parent=source)
        finally:
            encoded.unlink(missing_ok=True)
        return Outgoing(target.name, _file_hash(target), pixels, None, report, upstream)

    def _disclosure(
        self, attempt: AttemptRecord, order: ExportOrder, edits: tuple[str, ...], now: datetime
    ) -> Disclosure:
        composite = self._from_a_real_picture(attempt) if order.composite is None else order.composite
        return Disclosure(
            digital_source=DigitalSource.COMPOSITE if composite else DigitalSource.TRAINED,
            persona=attempt.persona,
            asset_id=attempt.asset_id,
            tool=TOOL,
            provider=attempt.context.provider,
            model=attempt.context.model,
            simulated=attempt.context.simulated,
            parent_sha256=source_of(attempt)[1],
            record_hash=attempt.record_hash,
            edits=edits,
            created=now,
        )

    def _from_a_real_picture(self, attempt: AttemptRecord) -> bool:
        """Return whether a person brought the anchor: it is recorded, and no call to a provider made it."""
        if attempt.anchor_sha256 is None:
            return False
        log = anchor_folder(self.references_root, attempt.persona) / ANCHORS_LOG
        records = Journal(log, AnchorRecord).read().records if log.is_file() else []
        same = [record for record in records if record.image_sha256 == attempt.anchor_sha256]
        return bool(same) and all(record.context is None for record in same)


def source_of(attempt: AttemptRecord) -> tuple[str, str]:
    """Return path and SHA-256 of what the provider sent; the path is relative to the output folder."""
    if attempt.video is not None:
        return attempt.video.video_path, attempt.video.video_sha256
    return attempt.image_path or "", attempt.image_sha256 or ""


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

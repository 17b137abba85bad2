"""The list of files that goes with an export, and the zip that holds both."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from personalab_core.config.atomic_files import workspace_errors
from personalab_core.schemas import AttemptRecord
from personalab_core.schemas.publishing import ExportRecord

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
    "advice",
    "provider",
    "model",
    "simulated",
    "created",
)


def manifest_csv(records: Sequence[ExportRecord], attempts: Mapping[str, AttemptRecord]) -> bytes:
    """Return one line per exported file, as UTF-8 that spreadsheets recognise.

    Args:
        records: Of the files.
        attempts: The attempts they come from, by id.
    """
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
        "advice": record.advice,
        "provider": attempt.context.provider,
        "model": attempt.context.model,
        "simulated": attempt.context.simulated,
        "created": record.timestamp.isoformat(timespec="seconds"),
    }


def _cell(text: str) -> str:
    """Return text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t")) else text


def packed(folder: Path) -> Path:
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

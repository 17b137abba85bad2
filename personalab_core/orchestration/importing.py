"""Pictures made elsewhere: found, dated, and put on a persona's timeline.

An imported picture keeps its own date in a field of its own. The timeline stays in the
order in which records were added, so an import never reorders what is there.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from personalab_core.errors import InputError, WorkspaceError
from personalab_core.observability.pictures import THUMBNAIL_FOLDER
from personalab_core.schemas import CandidateResult, Decision, DriftRecord, EvaluationResult, PolicyVerdict, check_slug

if TYPE_CHECKING:
    from personalab_core.identity import DriftTracker

PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif"})

_EXIF_IFD, _TAKEN, _TAKEN_OFFSET, _CHANGED = 0x8769, 36867, 36881, 306


@dataclass(frozen=True, slots=True)
class ImportOutcome:
    """What became of the pictures that were to be added, by path."""

    added: tuple[str, ...]
    known: tuple[str, ...]
    """On the timeline already, from an earlier import."""
    unmeasured: tuple[str, ...]
    """Without a score; a timeline holds measured pictures only."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What a picture said of itself before it was stored anew, which drops such remarks."""

    date: datetime | None
    simulated: bool


MAX_PIXELS = 40_000_000
"""Largest picture that is taken in from elsewhere (width x height)."""


def stored_anew(data: bytes, *, name: str) -> tuple[bytes, Origin]:
    """Return a foreign picture as a plain PNG of our own making, and what it said of itself.

    The pixels stay exactly as they are measured: upright, 8 bits, transparency on grey. Everything
    else in the file is dropped: metadata, colour profiles, whatever may hide behind the last pixel.

    Raises:
        UnreadableImageError: It is no picture, damaged, or larger than ``MAX_PIXELS``.
    """
    import io

    from PIL import Image

    from personalab_core.errors import UnreadableImageError
    from personalab_core.identity.images import decode_image

    bgr = decode_image(data, name=name)
    height, width = bgr.shape[:2]
    if height * width > MAX_PIXELS:
        raise UnreadableImageError(
            f"{name} has {height * width / 1e6:.0f} megapixels; at most {MAX_PIXELS // 1_000_000} are taken in."
        )
    buffer = io.BytesIO()
    Image.fromarray(bgr[:, :, ::-1]).save(buffer, "PNG", compress_level=3)
    return buffer.getvalue(), Origin(_date_in(io.BytesIO(data)), _is_simulated(data))


def picture_files(paths: Iterable[Path]) -> list[Path]:
    """Return the pictures that files and folders stand for, folders read to the bottom and sorted.

    Thumbnails that this package made are no pictures of their own.

    Raises:
        InputError: A path does not exist, or nothing was found.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            found.update(dict.fromkeys(sorted(file for file in path.rglob("*") if _is_picture(file))))
        elif path.is_file():
            found[path] = None
        else:
            raise InputError(f"{path} does not exist.")
    if not found:
        raise InputError(f"No picture was found ({', '.join(sorted(PICTURE_SUFFIXES))}).")
    return list(found)


def _is_picture(file: Path) -> bool:
    hidden, thumbnail = file.name.startswith("."), file.parent.name == THUMBNAIL_FOLDER
    return file.suffix.lower() in PICTURE_SUFFIXES and not hidden and not thumbnail and file.is_file()


def picture_date(path: Path) -> datetime | None:
    """Return when a picture says it was taken (EXIF), or ``None``.

    Without a zone in the file the local zone of this machine is meant, as cameras do.
    """
    return _date_in(path)


def _date_in(file: Path | BinaryIO) -> datetime | None:
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            # Whoever measured the picture has judged its size already.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(file) as image:
                exif = image.getexif()
                details = exif.get_ifd(_EXIF_IFD)
    except (OSError, UnidentifiedImageError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    text = details.get(_TAKEN) or exif.get(_CHANGED) or ""
    return _exif_moment(str(text).strip(" \0"), str(details.get(_TAKEN_OFFSET) or "").strip(" \0"))


def _exif_moment(text: str, offset: str) -> datetime | None:
    try:
        taken = datetime.strptime(text + offset, "%Y:%m:%d %H:%M:%S" + ("%z" if offset else ""))  # noqa: DTZ007
    except ValueError:
        return None
    return taken if offset else taken.astimezone()


def add_to_timeline(
    persona: str,
    result: EvaluationResult,
    verdicts: Sequence[PolicyVerdict],
    *,
    tracker: DriftTracker,
    output_dir: Path,
    clock: Callable[[], datetime],
    date: datetime | None = None,
    origins: Mapping[str, Origin] | None = None,
) -> ImportOutcome:
    """Add measured pictures to a persona's timeline, with a copy of each in the workspace.

    Args:
        persona: Id of the persona.
        result: The measurement of the pictures against the persona's anchor.
        verdicts: The policy's decision on each, in the same order.
        tracker: Writes the timeline.
        output_dir: The workspace's output folder; copies go to ``<persona>/imported``.
        clock: Time of adding.
        date: Date of every picture, instead of its own.
        origins: What the pictures said of themselves, by path, where they were stored anew.

    Raises:
        WorkspaceError: Something cannot be written; what was added before stays.
    """
    check_slug(persona)
    known = {record.attempt_id for record in tracker.read(persona)}
    added, again, unmeasured = [], [], []
    for candidate, verdict in zip(result.candidates, verdicts, strict=True):
        source = Path(candidate.path)
        if candidate.composite_score is None or candidate.face is None:
            unmeasured.append(candidate.path)
            continue
        data = _bytes_of(source)
        attempt_id = _import_id(data, result)
        if attempt_id in known:
            again.append(candidate.path)
            continue
        _keep_copy(output_dir / persona / "imported", attempt_id, data)
        origin = (origins or {}).get(candidate.path) or Origin(picture_date(source), _is_simulated(data))
        tracker.append(
            DriftRecord(
                timestamp=clock(),
                persona=persona,
                attempt_id=attempt_id,
                **_numbers(candidate, verdict.decision),
                simulated=origin.simulated,
                evaluator=result.evaluator.name,
                pack_hash=result.evaluator.pack_hash,
                anchor_sha256=result.anchor_sha256,
                picture_date=date or origin.date,
            )
        )
        known.add(attempt_id)
        added.append(candidate.path)
    return ImportOutcome(tuple(added), tuple(again), tuple(unmeasured))


def _numbers(candidate: CandidateResult, decision: Decision) -> dict[str, object]:
    face, embedding, geometric = candidate.face, candidate.embedding, candidate.geometric
    return {
        "composite_score": candidate.composite_score,
        "embedding_similarity": embedding.cosine_similarity if embedding else 0.0,
        "geometric_error": geometric.normalized_error if geometric else None,
        "decision": decision,
        "provider": "imported",
        "model": "unknown",
        "frame_size": face.frame_size if face else None,
        "face_size_fraction": face.size_fraction if face else None,
        "source": "imported",
    }


def _import_id(data: bytes, result: EvaluationResult) -> str:
    """The same picture, measured by the same instrument, is the same import."""
    return f"import-{hashlib.sha256(data).hexdigest()[:16]}-{result.evaluator.pack_hash[:8]}"


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise WorkspaceError(f"{path} cannot be read: {error.strerror}.") from error


def _keep_copy(folder: Path, name: str, data: bytes) -> None:
    from personalab_core.observability import store_picture

    store_picture(folder, name, data)


def _is_simulated(data: bytes) -> bool:
    from personalab_core.simulation import read_metadata

    return read_metadata(data) is not None

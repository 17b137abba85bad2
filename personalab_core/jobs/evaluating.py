"""Pictures from elsewhere, measured: taken in, compared with an anchor, kept as records, put on a timeline.

Below ``<output>/evaluations/<id>/``: ``pictures/`` (stored anew by us), ``brought.jsonl`` (what came in)
and ``measured.jsonl`` (what was found). A job does the measuring; a resumed one skips what is there.
"""

from __future__ import annotations

import csv
import io
import re
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from personalab_core.config import Config
from personalab_core.config.atomic_files import workspace_errors
from personalab_core.errors import InputError, MissingDependencyError, UnreadableImageError
from personalab_core.identity import DriftTracker, IdentityEvaluator, require_anchor
from personalab_core.jobs.control import Progress, stop_if_asked
from personalab_core.jobs.params import EvaluatePicturesParams
from personalab_core.jobs.studio import Studio
from personalab_core.observability import Journal, store_picture
from personalab_core.observability.pictures import THUMBNAIL_FOLDER
from personalab_core.orchestration.importing import (
    ImportOutcome,
    Origin,
    add_to_timeline,
    picture_files,
    stored_anew,
)
from personalab_core.schemas import BroughtRecord, CandidateResult, EvaluationResult, MeasuredRecord, PolicyVerdict

EVALUATIONS_FOLDER = "evaluations"
MAX_PICTURES = 1000
MAX_FILE_BYTES = 50_000_000

_ID = re.compile(r"[0-9a-f]{12}")
_BROUGHT, _MEASURED, _PICTURES = "brought.jsonl", "measured.jsonl", "pictures"
ANCHOR_FILE, ANCHOR_THUMBNAIL = "anchor/anchor.png", f"anchor/{THUMBNAIL_FOLDER}/anchor.png.webp"
"""A picture to compare with that was brought along, and its small copy."""

SCORE_COLUMNS = (
    "path",
    "decision",
    "reason",
    "status",
    "n_faces",
    "composite_score",
    "cosine_similarity",
    "euclidean_distance",
    "geometric_error",
    "frame_size",
    "yaw_deg",
    "pitch_deg",
    "roll_deg",
    "sentence",
)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Everything recorded of one evaluation, in the order in which it came."""

    id: str
    brought: tuple[BroughtRecord, ...]
    measured: tuple[MeasuredRecord, ...]
    problems: tuple[str, ...]


def new_evaluation_id() -> str:
    """Return an id that nobody can guess and that is safe as a folder's name."""
    return secrets.token_hex(6)


class EvaluationFolder:
    """The folder of one evaluation.

    Args:
        output_dir: The workspace's output folder.
        evaluation_id: Twelve hexadecimal digits.
        clock: Time of what is recorded.

    Raises:
        InputError: The id is not of that form.
    """

    def __init__(
        self, output_dir: Path, evaluation_id: str, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        if not _ID.fullmatch(evaluation_id):
            raise InputError("An evaluation is named by twelve hexadecimal digits.")
        self.id = evaluation_id
        self._output = output_dir
        self._clock = clock
        self.path = output_dir / EVALUATIONS_FOLDER / evaluation_id

    @property
    def brought(self) -> Journal[BroughtRecord]:
        """What came in."""
        return Journal(self.path / _BROUGHT, BroughtRecord)

    @property
    def measured(self) -> Journal[MeasuredRecord]:
        """What was found."""
        return Journal(self.path / _MEASURED, MeasuredRecord, fsync=True)

    @property
    def anchor(self) -> Path | None:
        """The picture to compare with that was brought along, if one was."""
        path = self.path / ANCHOR_FILE
        return path if path.is_file() else None

    def prepare(self) -> None:
        """Make the folder, so that the evaluation is there before its job takes in the first picture.

        Raises:
            WorkspaceError: It cannot be made.
        """
        with workspace_errors("write", self.path):
            self.path.mkdir(parents=True, exist_ok=True)

    def bring_anchor(self, data: bytes, *, name: str) -> None:
        """Store the picture to compare with. Raises :class:`UnreadableImageError` and :class:`WorkspaceError`."""
        png, _ = stored_anew(data, name=name)
        store_picture((self.path / ANCHOR_FILE).parent, "anchor.png", png)

    def bring(self, data: bytes, *, name: str) -> BroughtRecord:
        """Store a foreign picture anew and record it; one that cannot be read is recorded with the reason.

        Raises:
            InputError: There are :data:`MAX_PICTURES` already.
            WorkspaceError: It cannot be written.
        """
        number = len(self.brought.read().records) + 1
        if number > MAX_PICTURES:
            raise InputError(f"One evaluation holds at most {MAX_PICTURES} pictures.")
        shown = Path(name.replace("\\", "/")).name[:120] or f"picture {number}"
        record = BroughtRecord(timestamp=self._clock(), name=shown)
        try:
            if len(data) > MAX_FILE_BYTES:
                raise UnreadableImageError(f"{shown} has over {MAX_FILE_BYTES // 1_000_000} MB.")
            png, origin = stored_anew(data, name=shown)
        except UnreadableImageError as error:
            return self.brought.append(record.model_copy(update={"problem": str(error)}))
        stored = store_picture(self.path / _PICTURES, f"{number:04d}.png", png)
        found = {
            "path": stored.path.relative_to(self._output).as_posix(),
            "thumbnail_path": stored.thumbnail_path.relative_to(self._output).as_posix(),
            "image_sha256": stored.sha256,
            "picture_date": origin.date,
            "simulated": origin.simulated,
        }
        return self.brought.append(record.model_copy(update=found))

    def read(self) -> Evaluation:
        """Return everything recorded so far. Raises :class:`WorkspaceError`."""
        brought, measured = self.brought.read(), self.measured.read()
        return Evaluation(
            self.id, tuple(brought.records), tuple(measured.records), (*brought.problems, *measured.problems)
        )


def importable_folders(config: Config) -> tuple[str, ...]:
    """Return the folders of the server that may be evaluated: ``paths.imports`` and what lies in it, by name.

    ``.`` is the folder itself. Nothing outside can be named, whatever a browser sends.
    """
    root = config.paths.imports
    if not root.is_dir():
        return ()
    below = (f for f in sorted(root.rglob("*")) if f.is_dir() and not f.is_symlink() and not f.name.startswith("."))
    return (".", *(folder.relative_to(root).as_posix() for folder in below))


def count_pictures(config: Config, name: str) -> int:
    """Return how many pictures of a server folder would be taken in; 0 for a folder that may not be named."""
    if name not in importable_folders(config):
        return 0
    try:
        return min(len(picture_files([config.paths.imports / name])), MAX_PICTURES)
    except InputError:
        return 0


def evaluate_pictures(studio: Studio, params: EvaluatePicturesParams, progress: Progress) -> str:
    """Measure the pictures of an evaluation and return a sentence; what is measured already is skipped.

    Raises:
        JobCancelledError: The work was asked to stop.
        PersonalabError: There is no anchor, nothing to measure with, or the disk is full.
    """
    folder = EvaluationFolder(studio.config.paths.output, params.evaluation, clock=studio.clock)
    if params.folder is not None:
        _take_in(studio.config, params.folder, folder, progress)
    pictures = [record for record in folder.brought.read().records if record.path is not None]
    anchor = folder.anchor or require_anchor(studio.config.paths.references, params.persona or "")
    instrument = require_instrument(studio)
    done = {record.path for record in folder.measured.read().records}
    for number, picture in enumerate(pictures):
        progress.report(number, picture.name)
        if picture.path in done:
            continue
        stop_if_asked(progress)
        folder.measured.append(_measured(studio, params.persona, instrument, anchor, picture))
    progress.report(params.n_items, "")
    return f"{len(pictures)} measured"


def _take_in(config: Config, name: str, folder: EvaluationFolder, progress: Progress) -> None:
    """Store the pictures of a server folder anew; those that an earlier run took in are there already."""
    if name not in importable_folders(config):
        raise InputError(f"There is no folder of that name in {config.paths.imports}.")
    root = config.paths.imports / name
    there = {record.name for record in folder.brought.read().records}
    for file in picture_files([root])[:MAX_PICTURES]:
        shown = file.relative_to(root).as_posix().replace("/", " / ")
        if shown in there or file.stat().st_size > MAX_FILE_BYTES:
            continue
        stop_if_asked(progress)
        folder.bring(file.read_bytes(), name=shown)


def _measured(
    studio: Studio, persona: str | None, instrument: IdentityEvaluator, anchor: Path, picture: BroughtRecord
) -> MeasuredRecord:
    file = studio.config.paths.output / (picture.path or "")
    result = instrument.evaluate(anchor, [file])
    (candidate,) = result.candidates
    verdict = studio.policy.decide(candidate)
    return MeasuredRecord(
        timestamp=studio.clock(),
        name=picture.name,
        persona=persona,
        path=picture.path,
        image_sha256=picture.image_sha256,
        thumbnail_path=picture.thumbnail_path,
        picture_date=picture.picture_date,
        simulated=picture.simulated,
        anchor_sha256=result.anchor_sha256,
        evaluator=result.evaluator,
        measurement=candidate.model_copy(update={"path": picture.path, "embedding_vector": None}),
        decision=verdict.decision,
        reason=verdict.reason,
        sentence=verdict.sentence,
        accept_threshold=studio.policy.accept_threshold,
        retry_threshold=studio.policy.retry_threshold,
    )


def require_instrument(studio: Studio) -> IdentityEvaluator:
    """Return the evaluator.

    Raises:
        MissingDependencyError: Nothing here can measure faces.
    """
    if studio.evaluator.info.metric == "none":
        raise MissingDependencyError(
            "Nothing here can measure faces. Install a recogniser: pip install insightface onnxruntime"
        )
    return studio.evaluator


def add_measured(config: Config, persona: str, records: Sequence[MeasuredRecord]) -> ImportOutcome:
    """Add measured pictures to a persona's timeline; those that are there already are left out.

    Raises:
        InputError: One of them was measured against another anchor than the one in force.
        WorkspaceError: Something cannot be written; what was added before stays.
    """
    from personalab_core.identity.images import content_hash, read_picture_bytes

    anchor = content_hash(read_picture_bytes(require_anchor(config.paths.references, persona)))
    if any(record.anchor_sha256 != anchor for record in records):
        raise InputError("These pictures were measured against another anchor; evaluate them again first.")
    output = config.paths.output
    outcomes = [
        add_to_timeline(
            persona,
            EvaluationResult(
                anchor_path="",
                anchor_sha256=anchor,
                evaluator=record.evaluator,
                candidates=(record.measurement.model_copy(update={"path": str(output / (record.path or ""))}),),
            ),
            [PolicyVerdict(decision=record.decision, reason=record.reason, sentence=record.sentence)],
            tracker=DriftTracker(config.evaluation.drift.log_dir),
            output_dir=output,
            clock=lambda: datetime.now(UTC),
            origins={str(output / (record.path or "")): Origin(record.picture_date, record.simulated)},
        )
        for record in records
    ]
    return ImportOutcome(
        tuple(path for outcome in outcomes for path in outcome.added),
        tuple(path for outcome in outcomes for path in outcome.known),
        tuple(path for outcome in outcomes for path in outcome.unmeasured),
    )


def score_row(candidate: CandidateResult, verdict: PolicyVerdict, *, path: str | None = None) -> dict[str, Any]:
    """Return one measured picture as a row of :data:`SCORE_COLUMNS`."""
    embedding, geometric, face = candidate.embedding, candidate.geometric, candidate.face
    values: dict[str, Any] = {
        "path": path or candidate.path,
        "decision": verdict.decision.value,
        "reason": verdict.reason.value,
        "status": candidate.status.value,
        "n_faces": candidate.n_faces,
        "composite_score": candidate.composite_score,
        "cosine_similarity": embedding.cosine_similarity if embedding else None,
        "euclidean_distance": embedding.euclidean_distance if embedding else None,
        "geometric_error": geometric.normalized_error if geometric else None,
        "sentence": verdict.sentence,
    }
    seen = ("frame_size", "yaw_deg", "pitch_deg", "roll_deg")
    values |= {name: getattr(face, name) if face else None for name in seen}
    return {column: values[column] for column in SCORE_COLUMNS}


def rows_of(records: Iterable[MeasuredRecord]) -> list[dict[str, Any]]:
    """Return measured pictures as rows of :data:`SCORE_COLUMNS`, under the names they came with."""
    return [
        score_row(r.measurement, PolicyVerdict(decision=r.decision, reason=r.reason, sentence=r.sentence), path=r.name)
        for r in records
    ]


def scores_csv(rows: Iterable[dict[str, Any]]) -> bytes:
    """Return rows of :data:`SCORE_COLUMNS` as a CSV file in UTF-8.

    A text that a spreadsheet would take for a formula gets an apostrophe in front.
    """
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, SCORE_COLUMNS)
    writer.writeheader()
    writer.writerows({name: _harmless(value) for name, value in row.items()} for row in rows)
    return text.getvalue().encode("utf-8")


def _harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"} else value

"""Evaluate: are these pictures from elsewhere the same person?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path

from personalab_core.config import Config
from personalab_core.errors import InputError
from personalab_core.jobs import Job
from personalab_core.jobs.evaluating import (
    ANCHOR_FILE,
    ANCHOR_THUMBNAIL,
    EVALUATIONS_FOLDER,
    Evaluation,
    EvaluationFolder,
)
from personalab_core.schemas import BroughtRecord, Decision, MeasuredRecord
from personalab_core.views import numbers, words
from personalab_core.views.attempts import AttemptCard
from personalab_core.views.faces import CompareSide, hot_points
from personalab_core.views.pictures import Picture, picture
from personalab_core.views.runs import failure, run_mark

KEPT_SHOWN = 8


@dataclass(frozen=True, slots=True)
class ResultRow:
    """One picture in the table; numbers are ``None`` where nothing was measured."""

    name: str
    thumbnail: str
    result: str
    score: float | None
    similarity: float | None
    distance: float | None
    geometric_error: float | None
    faces: int
    why: str


@dataclass(frozen=True, slots=True)
class EvaluateView:
    """The page of one evaluation. ``cards`` and ``rows`` are the same pictures in the same order."""

    answer: str
    detail: str
    mark: words.Mark | None
    cards: tuple[AttemptCard, ...]
    rows: tuple[ResultRow, ...]
    accepted: tuple[MeasuredRecord, ...]
    measured: tuple[MeasuredRecord, ...]
    instrument: str
    simulated: bool
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PastEvaluation:
    """One earlier evaluation in the list."""

    id: str
    when: str
    line: str


def evaluation_of(job: Job) -> str:
    """Return the evaluation a job measures, or nothing if its row cannot be read."""
    try:
        return str(json.loads(job.params_json).get("evaluation", ""))
    except (ValueError, AttributeError):
        return ""


def find_evaluation(config: Config, evaluation_id: str) -> Evaluation | None:
    """Return an evaluation by the id from an address, or ``None`` if there is none."""
    try:
        folder = EvaluationFolder(config.paths.output, evaluation_id)
    except InputError:
        return None
    return folder.read() if folder.path.is_dir() else None


def build_evaluate_view(evaluation: Evaluation, job: Job | None, *, name: str | None) -> EvaluateView:
    """Return one evaluation.

    Args:
        evaluation: What was brought and found.
        job: The job that measures it, if it is known.
        name: First name of the persona; ``None`` if a picture was brought to compare with.
    """
    measured = evaluation.measured
    unread = tuple(record for record in evaluation.brought if record.path is None)
    accepted = tuple(r for r in measured if r.decision is Decision.ACCEPT)
    answer, detail = _sentences(evaluation, job, accepted, unread, name)
    return EvaluateView(
        answer=answer,
        detail=detail,
        mark=run_mark(job) if job and job.state != "done" else None,
        cards=tuple(_card(r) for r in measured) + tuple(_unread_card(r) for r in unread),
        rows=tuple(_row(r) for r in measured) + tuple(_unread_row(r) for r in unread),
        accepted=accepted,
        measured=tuple(r for r in measured if r.measurement.composite_score is not None),
        instrument=_instrument(measured),
        simulated=any(r.simulated for r in evaluation.brought),
        problems=evaluation.problems,
    )


def _sentences(
    evaluation: Evaluation,
    job: Job | None,
    accepted: Sequence[MeasuredRecord],
    unread: Sequence[BroughtRecord],
    name: str | None,
) -> tuple[str, str]:
    who = name or "the same person"
    n, n_all = len(evaluation.measured), max(len(evaluation.brought), job.total if job else 0)
    if job and job.active:
        return f"{numbers.spelled(n)} of {n_all} pictures are measured.", f"Nothing for you to do. {words.GOES_ON}"
    if job and job.state in {"failed", "lost", "paused"} and not n:
        return "The pictures could not be measured.", failure(job) or "The process that measured them ended."
    if not n and unread:
        return (
            f"{_unread(unread)} could not be read.",
            "Nothing was stored from them. Bring PNG, JPEG or WebP pictures.",
        )
    if not n:
        return "Nothing is measured yet.", "The pictures are stored; the measuring has not begun."
    how_many = numbers.spelled(len(accepted)) if accepted else "None"
    pictures = f"{'picture' if n == 1 else 'pictures'} {'shows' if len(accepted) <= 1 else 'show'}"
    answer = f"{how_many} of {n} {pictures} {who}."
    parts = []
    missing = [r for r in evaluation.measured if r.measurement.composite_score is None]
    if missing:
        parts.append(f"{numbers.spelled(len(missing))} {'has' if len(missing) == 1 else 'have'} no score.")
    if unread:
        parts.append(
            f"{_unread(unread)} could not be read; nothing was stored from {'it' if len(unread) == 1 else 'them'}."
        )
    if job and job.state in {"failed", "lost", "cancelled", "paused"}:
        parts.append(
            f"{numbers.spelled(n_all - n - len(unread))} are not measured: {failure(job) or 'it was stopped'}."
        )
    return answer, " ".join(parts) or "Each picture is compared with the anchor by itself."


def _unread(unread: Sequence[BroughtRecord]) -> str:
    return unread[0].name if len(unread) == 1 else f"{numbers.spelled(len(unread))} files"


def result_mark(record: MeasuredRecord) -> words.Mark:
    """Return the mark of one measured picture."""
    if record.decision is Decision.ACCEPT:
        return words.Mark("accept", "Same person")
    if record.measurement.composite_score is None:
        return words.Mark("unmeasured", "Not measurable")
    if record.decision is Decision.REJECT_FINAL:
        return words.Mark("reject", "Someone else")
    return words.Mark("retry", "Not sure")


def _shown(record: MeasuredRecord) -> Picture | None:
    value = record.measurement.composite_score
    score = f", score {value:.2f}" if value is not None else ""
    alt = f"{record.name}: {result_mark(record).word.lower()}{score}"
    return picture("output", record.path, record.image_sha256, thumbnail=record.thumbnail_path, alt=alt)


def _card(record: MeasuredRecord) -> AttemptCard:
    value = record.measurement.composite_score
    mark = result_mark(record)
    return AttemptCard(
        id=record.path or record.name,
        picture=_shown(record),
        mark=mark,
        score=numbers.score(value) if value is not None else "",
        note=words.REASONS[record.reason],
        second=record.name,
        missing=words.REASONS[record.reason],
    )


def _unread_card(record: BroughtRecord) -> AttemptCard:
    mark = words.Mark("unmeasured", "Not readable")
    return AttemptCard(f"unread-{record.name}", None, mark, "", "Nothing was stored", record.name, "Not a picture")


def _row(record: MeasuredRecord) -> ResultRow:
    measured, shown = record.measurement, _shown(record)
    return ResultRow(
        name=record.name,
        thumbnail=shown.thumbnail if shown else "",
        result=result_mark(record).word,
        score=measured.composite_score,
        similarity=measured.embedding.cosine_similarity if measured.embedding else None,
        distance=measured.embedding.euclidean_distance if measured.embedding else None,
        geometric_error=measured.geometric.normalized_error if measured.geometric else None,
        faces=measured.n_faces,
        why=record.sentence,
    )


def _unread_row(record: BroughtRecord) -> ResultRow:
    return ResultRow(record.name, "", "Not readable", None, None, None, None, 0, record.problem)


def _instrument(measured: Sequence[MeasuredRecord]) -> str:
    if not measured:
        return ""
    info = measured[-1].evaluator
    return f"Measured by {info.name} ({info.pack}). Thresholds: {info.thresholds_source}."


def brought_anchor(evaluation_id: str, record: MeasuredRecord) -> CompareSide:
    """Return the picture that was brought to compare with."""
    path = f"{EVALUATIONS_FOLDER}/{evaluation_id}/{ANCHOR_FILE}"
    small = f"{EVALUATIONS_FOLDER}/{evaluation_id}/{ANCHOR_THUMBNAIL}"
    shown = picture("output", path, record.anchor_sha256, thumbnail=small, alt="The picture to compare with")
    return CompareSide(shown, "Compared with", note="your picture", missing="Not recorded")


def compared(record: MeasuredRecord, anchor: CompareSide) -> tuple[CompareSide, CompareSide]:
    """Return one brought picture beside the anchor, with the landmarks of both."""
    measured = record.measurement
    face = measured.face
    size = (measured.width_px, measured.height_px) if measured.width_px and measured.height_px else None
    points = face.landmarks if face and size else ()
    right = CompareSide(
        picture=_shown(record),
        caption=record.name,
        mark=result_mark(record),
        missing=words.REASONS[record.reason],
        points=points,
        size=size,
        hot=hot_points(words.ratios_outside(measured.geometric), len(points)),
        box=face.box if face and size else None,
    )
    return anchor, right


def past_evaluations(config: Config, *, now: datetime, zone: tzinfo) -> tuple[PastEvaluation, ...]:
    """Return the newest evaluations, newest first; reads only those it shows."""
    root = config.paths.output / EVALUATIONS_FOLDER
    folders = sorted((f for f in _folders(root)), key=lambda f: f.stat().st_mtime, reverse=True)[:KEPT_SHOWN]
    shown = []
    for folder in folders:
        found = find_evaluation(config, folder.name)
        if found is None or not found.brought:
            continue
        n = sum(r.decision is Decision.ACCEPT for r in found.measured)
        line = f"{numbers.plural(len(found.brought), 'picture')}, {n} accepted"
        shown.append(PastEvaluation(found.id, numbers.when(found.brought[0].timestamp, now=now, zone=zone), line))
    return tuple(shown)


def _folders(root: Path) -> list[Path]:
    return [folder for folder in root.iterdir() if folder.is_dir()] if root.is_dir() else []

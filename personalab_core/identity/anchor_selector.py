"""Chooses a persona's anchor among its candidates, and writes down why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from personalab_core.config.atomic_files import write_atomic
from personalab_core.errors import AnchorMissingError, InputError
from personalab_core.identity import centrality
from personalab_core.identity.anchors import ANCHORS_LOG, CANDIDATES_FOLDER, anchor_folder, anchor_path
from personalab_core.identity.evaluator import IdentityEvaluator, build_evaluator
from personalab_core.identity.images import content_hash, decode_image, read_picture_bytes
from personalab_core.observability import Journal, make_thumbnail
from personalab_core.schemas.evaluation import CandidateResult, EvaluatorInfo, MeasurementStatus
from personalab_core.schemas.records import AnchorRecord

STRATEGY = "central_similarity"
_PICTURES = frozenset({".png", ".jpg", ".jpeg", ".webp"})


@dataclass(frozen=True, slots=True)
class AnchorSelection:
    """The anchor that was chosen.

    Attributes:
        path: Where it is: a copy, byte for byte, of the chosen candidate.
        record: Its line in the anchors' log, with the reasons.
    """

    path: Path
    record: AnchorRecord


def select_anchor(
    persona: str,
    references_root: str | Path,
    *,
    evaluator: IdentityEvaluator | None = None,
    chosen: str | Path | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> AnchorSelection:
    """Choose the anchor of a persona and put it in place.

    Without ``chosen`` it is the candidate with the highest mean similarity to the others. If no
    face recogniser is installed, it is the first candidate, and the record says so.

    Args:
        persona: Id of the persona.
        references_root: The folder of all references (``config.paths["references"]``).
        evaluator: Measures the candidates; by default the one of the configuration in force.
        chosen: The picture that a person chose: a candidate's file name, or any file.
        clock: Time of the choice.

    Raises:
        AnchorMissingError: There are no candidates.
        InputError: None of them, or not the chosen one, shows exactly one measurable face.
        UnreadableImageError: The chosen file is no picture.
        WorkspaceError: The anchor or its record cannot be written.
    """
    root = Path(references_root)
    folder = anchor_folder(root, persona)
    candidates = _candidates(folder)
    picked = _find(chosen, folder) if chosen is not None else None
    if picked is not None and picked not in candidates:
        candidates.append(picked)
    if not candidates:
        raise AnchorMissingError(
            f"{persona} has no anchor candidates in {folder / CANDIDATES_FOLDER}. "
            f"Make some with 'personalab anchors generate {persona}'."
        )
    evaluator = evaluator or _configured_evaluator()
    matrix = centrality.similarity_matrix(evaluator, candidates)
    best = _best(matrix, candidates, evaluator)
    index = candidates.index(picked) if picked is not None else best
    choice = _Choice(tuple(candidates), matrix, index=index, best=best, by_person=picked is not None)
    measured = _measured_alone(evaluator, choice.path)
    return _put_in_place(choice, measured, evaluator.info, persona=persona, root=root, timestamp=clock())


@dataclass(frozen=True, slots=True)
class _Choice:
    """Candidates, how alike they are, and which one was taken."""

    candidates: tuple[Path, ...]
    matrix: tuple[centrality.Row, ...]
    index: int
    best: int
    by_person: bool

    @property
    def path(self) -> Path:
        return self.candidates[self.index]

    @property
    def why(self) -> str:
        means, usable = centrality.central_similarity(self.matrix), centrality.measurable(self.matrix)
        mean = means[self.index]
        if not usable:
            taken = "A person chose it." if self.by_person else "The first candidate was taken."
            return f"Not measured: no face recogniser is installed. {taken}"
        if mean is None:
            return "A person chose it." if self.by_person else "It is the only candidate with one measurable face."
        like = f"mean similarity {mean:.2f} to {len(usable) - 1} other{'s' if len(usable) > 2 else ''}"
        if not self.by_person:
            runner_up = max(means[i] or 0.0 for i in usable if i != self.index)
            return f"It resembles the other candidates most: {like}, the next best has {runner_up:.2f}."
        if self.index == self.best:
            return f"A person chose it; it is also the most central one ({like})."
        return f"A person chose it ({like}). The most central one is {self.candidates[self.best].name}."


def _put_in_place(
    choice: _Choice,
    measured: CandidateResult,
    info: EvaluatorInfo,
    *,
    persona: str,
    root: Path,
    timestamp: datetime,
) -> AnchorSelection:
    """Copy the picture, make its thumbnail, write the record; the anchor itself comes before what speaks of it."""
    data = read_picture_bytes(choice.path)
    height_px, width_px = decode_image(data, name=choice.path.name).shape[:2]
    path = anchor_path(root, persona)
    write_atomic(path, data)
    record = AnchorRecord(
        kind="anchor_selected",
        timestamp=timestamp,
        persona=persona,
        anchor_kind="frontal",
        path=_relative(path, root),
        image_sha256=content_hash(data),
        thumbnail_path=_relative(make_thumbnail(path), root),
        strategy=STRATEGY,
        chosen_by="person" if choice.by_person else "automatic",
        why=choice.why,
        candidates=tuple(_relative(candidate, root) for candidate in choice.candidates),
        similarity_matrix=choice.matrix,
        central_similarity=centrality.central_similarity(choice.matrix),
        evaluator=info,
        status=measured.status,
        reason=measured.reason,
        face=measured.face,
        width_px=width_px,
        height_px=height_px,
    )
    log = Journal(path.parent / ANCHORS_LOG, AnchorRecord, fsync=True)
    return AnchorSelection(path, log.append(record))


def _candidates(folder: Path) -> list[Path]:
    """Return the candidates in the order they were made; unlogged ones follow by name."""
    files = sorted(
        f
        for f in (folder / CANDIDATES_FOLDER).glob("*")
        if f.suffix.lower() in _PICTURES and not f.name.startswith(".")
    )
    logged = [Path(record.path).name for record in Journal(folder / ANCHORS_LOG, AnchorRecord).read().records]
    order = {name: n for n, name in enumerate(dict.fromkeys(logged))}
    return sorted(files, key=lambda file: order.get(file.name, len(order)))


def _find(chosen: str | Path, folder: Path) -> Path:
    candidate = folder / CANDIDATES_FOLDER / Path(chosen).name
    if len(Path(chosen).parts) == 1 and candidate.is_file():
        return candidate
    path = Path(chosen)
    if path.resolve() == candidate.resolve():
        return candidate
    decode_image(read_picture_bytes(path), name=path.name)
    return path


def _best(matrix: tuple[centrality.Row, ...], candidates: list[Path], evaluator: IdentityEvaluator) -> int:
    best = centrality.most_central(matrix)
    if best is not None:
        return best
    if evaluator.info.metric == "none":
        return 0
    raise InputError(
        f"None of {len(candidates)} candidates shows exactly one measurable face. Make new candidates, "
        "or choose a picture yourself."
    )


def _measured_alone(evaluator: IdentityEvaluator, path: Path) -> CandidateResult:
    """Return how the chosen picture itself is measured; an anchor must show exactly one face."""
    (result,) = evaluator.evaluate(path, [path]).candidates
    if result.status is not MeasurementStatus.NOT_MEASURED and result.n_faces != 1:
        raise InputError(f"{path.name} shows {result.n_faces} faces. An anchor must show one person alone.")
    return result


def _relative(path: Path, root: Path) -> str:
    """Return the path relative to the references folder; a picture from elsewhere keeps its name only."""
    resolved, base = path.resolve(), root.resolve()
    return resolved.relative_to(base).as_posix() if resolved.is_relative_to(base) else path.name


def _configured_evaluator() -> IdentityEvaluator:
    from personalab_core.config import load_config

    return build_evaluator(load_config().evaluation)

"""Anchors: which picture is this person?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from statistics import median

from personalab_core.jobs.own_anchor import UPLOADED
from personalab_core.schemas import AnchorRecord
from personalab_core.views import numbers, words
from personalab_core.views.faces import CompareSide
from personalab_core.views.history import PersonaHistory, anchor_picture
from personalab_core.views.pictures import Picture

STANDS_APART_BY = 0.2
"""A candidate whose mean similarity is this far below the middle one stands apart. Not calibrated."""
MAX_NAMED = 3


@dataclass(frozen=True, slots=True)
class Candidate:
    """One candidate in the gallery. ``id`` is its content hash, ``path`` where it lies under references."""

    id: str
    path: str
    name: str
    picture: Picture
    value: str
    flag: words.Mark | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Matrix:
    """Similarity of every pair of candidates; ``None`` where one could not be measured."""

    title: str
    names: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]
    chosen: int | None
    alt: str


@dataclass(frozen=True, slots=True)
class AnchorsView:
    """The page. ``candidates`` can be chosen as the anchor; ``kinds`` were made from it."""

    answer: str
    detail: str
    anchor: Picture | None
    candidates: tuple[Candidate, ...]
    best_id: str | None
    in_force_id: str | None
    kinds: tuple[CompareSide, ...]
    matrix: Matrix | None
    ranking: tuple[tuple[str, str], ...]
    why: str
    records_at_stake: int
    past: tuple[tuple[str, str], ...]
    past_pictures: tuple[CompareSide, ...]
    simulated: bool
    problems: tuple[str, ...]

    def candidate(self, candidate_id: str) -> Candidate:
        """Return one candidate by its id."""
        return next(c for c in self.candidates if c.id == candidate_id)

    def similarity(self, one: str, other: str) -> float | None:
        """Return the measured similarity of two candidates, or ``None`` if it is not known."""
        if self.matrix is None:
            return None
        index = {c.id: n for n, c in enumerate(self.candidates) if c.name in self.matrix.names}
        if one not in index or other not in index:
            return None
        return self.matrix.values[index[one]][index[other]]


def build_anchors_view(history: PersonaHistory, *, now: datetime, zone: tzinfo) -> AnchorsView:
    """Return the candidates of a persona, how alike they are, and which one is the anchor."""
    frontal = _newest_batch(history)
    chosen = history.anchor
    central = _central(chosen, frontal)
    names = _names(frontal)
    apart = _apart(central)
    best = max(central, key=lambda path: central[path] or 0.0, default=None) if central else None
    in_force = next((r for r in frontal if chosen and r.image_sha256 == chosen.image_sha256), None)
    candidates = tuple(
        _candidate(r, names[r.path], central.get(r.path), history, best, in_force, apart) for r in frontal
    )
    best_id = next((c.id for c in candidates if c.path == best), candidates[0].id if candidates else None)
    answer, detail = _sentences(history, in_force, names, central, apart)
    return AnchorsView(
        answer=answer,
        detail=detail,
        anchor=history.anchor_picture if chosen else None,
        candidates=candidates,
        best_id=best_id,
        in_force_id=in_force.image_sha256 if in_force else None,
        kinds=_kinds(history),
        matrix=_matrix(chosen, frontal, names, apart),
        ranking=_ranking(names, central),
        why=_why(chosen),
        records_at_stake=history.drift.n_of_anchor(chosen.image_sha256) if chosen else 0,
        past=_past(history, names, now=now, zone=zone),
        past_pictures=_past_pictures(history, now=now, zone=zone),
        simulated=any(r.context.simulated for r in history.anchors if r.context),
        problems=history.problems,
    )


def _names(frontal: Sequence[AnchorRecord]) -> dict[str, str]:
    """Return what each candidate is called: numbered apart, those that were made and those that a person brought."""
    counted: Counter[str] = Counter()
    names = {}
    for record in frontal:
        what = "Own picture" if record.strategy == UPLOADED else "Frontal"
        counted[what] += 1
        names[record.path] = f"{what} {counted[what]}"
    return names


def _newest_batch(history: PersonaHistory) -> list[AnchorRecord]:
    """Return the frontal candidates of the last choice, or all made since, each file once."""
    made = {r.path: r for r in history.anchors if r.kind == "anchor_candidate" and r.anchor_kind == "frontal"}
    chosen = history.anchor
    compared = [made[path] for path in chosen.candidates if path in made] if chosen else []
    newer = [r for r in made.values() if not chosen or r.timestamp > chosen.timestamp]
    if newer and all(r.strategy == UPLOADED for r in newer):
        return compared + newer  # brought, to stand beside those that are there
    return newer or compared or list(made.values())


def _central(chosen: AnchorRecord | None, frontal: Sequence[AnchorRecord]) -> dict[str, float | None]:
    if chosen is None or not chosen.central_similarity:
        return {}
    values = dict(zip(chosen.candidates, chosen.central_similarity, strict=False))
    return {r.path: values[r.path] for r in frontal if r.path in values}


def _apart(central: dict[str, float | None]) -> list[str]:
    known = [value for value in central.values() if value is not None]
    if len(known) < 3:
        return []
    middle = median(known)
    return [path for path, value in central.items() if value is not None and value < middle - STANDS_APART_BY]


def _candidate(
    record: AnchorRecord,
    name: str,
    central: float | None,
    history: PersonaHistory,
    best: str | None,
    in_force: AnchorRecord | None,
    apart: Sequence[str],
) -> Candidate:
    value = numbers.score(central) if central is not None else ""
    flag, note = None, ""
    if in_force is not None and record.image_sha256 == in_force.image_sha256:
        note = "Anchor"
    elif record.path in apart:
        flag = words.Mark("watch", "Stands apart")
    elif record.path == best:
        note = "Most alike"
    elif record.reason:
        flag = words.Mark("unmeasured", "Not measurable")
    alt = f"{history.name}, {name}" + (f", mean similarity {value}" if value else "")
    shown = anchor_picture(record, alt=alt) or Picture("", "", alt)
    return Candidate(record.image_sha256, record.path, name, shown, value, flag, note)


def _sentences(
    history: PersonaHistory,
    in_force: AnchorRecord | None,
    names: dict[str, str],
    central: dict[str, float | None],
    apart: Sequence[str],
) -> tuple[str, str]:
    first = history.first_name
    chosen = history.anchor
    if not names and chosen is None:
        return f"No picture says yet who {first} is.", (
            "Four candidates are made from the description. The one most like the others becomes the anchor, and every "
            "later picture is measured against it."
        )
    if chosen is None:
        n = numbers.plural(len(names), "candidate")
        return f"{first} has {n} and no anchor yet.", "Choose the picture that shows who this is."
    if in_force is None:
        return f"The anchor of {first} is older than these candidates.", "Choose one of them, or leave it as it is."
    name = names[in_force.path]
    mean = central.get(in_force.path)
    if chosen.chosen_by == "person":
        detail = f"You chose it{f'; its mean similarity is {numbers.score(mean)}' if mean is not None else ''}."
    elif mean is not None and len(names) > 1:
        detail = f"It resembles the other candidates most: mean similarity {numbers.score(mean)}."
    else:
        detail = chosen.why or "It is the only candidate."
    if apart:
        listed = numbers.listing([names[path] for path in apart][:MAX_NAMED])
        detail += f" {listed} {'stands' if len(apart) == 1 else 'stand'} apart from the others."
    return f"{name} is the anchor of {first}.", detail


def _matrix(
    chosen: AnchorRecord | None, frontal: Sequence[AnchorRecord], names: dict[str, str], apart: Sequence[str]
) -> Matrix | None:
    if chosen is None or not chosen.similarity_matrix:
        return None
    order = {path: n for n, path in enumerate(chosen.candidates)}
    shown = [r for r in frontal if r.path in order]
    if len(shown) < 2:
        return None
    rows = tuple(tuple(chosen.similarity_matrix[order[a.path]][order[b.path]] for b in shown) for a in shown)
    pairs = [v for n, row in enumerate(rows) for v in row[:n] if v is not None]
    span = f"from {min(pairs):.2f} to {max(pairs):.2f}" if pairs else "not measured"
    title = _matrix_title(len(shown), [names[path] for path in apart])
    at = next((n for n, r in enumerate(shown) if r.image_sha256 == chosen.image_sha256), None)
    alt = f"Heat map of pair similarities, {span}. {title}."
    return Matrix(title, tuple(names[r.path] for r in shown), rows, at, alt)


def _matrix_title(n: int, apart: Sequence[str]) -> str:
    if not apart:
        return "Both candidates agree" if n == 2 else f"All {numbers.spelled(n).lower()} candidates agree"
    agree = n - len(apart)
    verb = "stands" if len(apart) == 1 else "stand"
    return f"{numbers.spelled(agree)} candidates agree; {numbers.listing(list(apart))} {verb} apart"


def _ranking(names: dict[str, str], central: dict[str, float | None]) -> tuple[tuple[str, str], ...]:
    known = sorted(((value, path) for path, value in central.items() if value is not None), reverse=True)
    rows = [(f"{n}. {names[path]}", numbers.score(value)) for n, (value, path) in enumerate(known, 1)]
    return tuple(rows if len(rows) <= 5 else [*rows[:3], rows[-1]])


def _why(chosen: AnchorRecord | None) -> str:
    if chosen is None:
        return "The highest mean similarity will win."
    if chosen.chosen_by == "person":
        return "You chose this one; the ranking is what the similarity alone says."
    return "The highest mean similarity wins. One odd picture cannot choose the winner: it lowers every mean alike."


def _kinds(history: PersonaHistory) -> tuple[CompareSide, ...]:
    """Return the newest picture of each further kind."""
    newest = {r.anchor_kind: r for r in history.anchors if r.anchor_kind != "frontal" and r.path}
    order = [kind for kind in words.ANCHOR_KINDS if kind in newest]
    sides = []
    for kind in order:
        name = words.ANCHOR_KINDS[kind]
        sides.append(CompareSide(anchor_picture(newest[kind], alt=f"{history.name}, {name.lower()}"), name))
    return tuple(sides)


def _past_pictures(history: PersonaHistory, *, now: datetime, zone: tzinfo) -> tuple[CompareSide, ...]:
    """Return the pictures of every anchor there was, the newest first; the candidates they were are kept."""
    chosen = [r for r in history.anchors if r.kind == "anchor_selected" and r.anchor_kind == "frontal"]
    kept = {r.image_sha256: r for r in history.anchors if r.kind == "anchor_candidate"}
    sides = []
    for n, record in enumerate(reversed(chosen)):
        since = numbers.day(record.timestamp, now=now, zone=zone)
        alt = f"{history.name}, {'anchor' if n == 0 else 'earlier anchor'} from {since}"
        shown = anchor_picture(kept.get(record.image_sha256, record), alt=alt)
        sides.append(CompareSide(shown, f"{'Since' if n == 0 else 'From'} {since}"))
    return tuple(sides)


def _past(
    history: PersonaHistory, names: dict[str, str], *, now: datetime, zone: tzinfo
) -> tuple[tuple[str, str], ...]:
    """Return every anchor there was, the newest first, with the records measured against it."""
    chosen = [r for r in history.anchors if r.kind == "anchor_selected" and r.anchor_kind == "frontal"]
    by_hash = {r.image_sha256: names[r.path] for r in history.anchors if r.path in names}
    rows = []
    for n, record in enumerate(reversed(chosen)):
        name = by_hash.get(record.image_sha256, "An earlier picture")
        since = numbers.day(record.timestamp, now=now, zone=zone)
        count = history.drift.n_of_anchor(record.image_sha256)
        rows.append((f"{name}, {'since' if n == 0 else 'from'} {since}", numbers.plural(count, "record")))
    return tuple(rows)

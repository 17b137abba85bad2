"""Two pictures side by side, with landmarks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from personalab_core.schemas import AttemptRecord, FaceSummary
from personalab_core.views import numbers, words
from personalab_core.views.history import PersonaHistory, attempt_picture
from personalab_core.views.pictures import Picture

# Index ranges of InsightFace's 106 points: face contour, mouth, nose, eyes and brows of both sides.
_CONTOUR = range(33)
_MOUTH = range(52, 72)
_NOSE = range(72, 87)
_EYES = (*range(33, 43), *range(87, 97))
_PARTS: tuple[tuple[tuple[str, ...], Iterable[int]], ...] = (
    (("jaw", "chin", "cheek", "face"), _CONTOUR),
    (("nose",), _NOSE),
    (("mouth", "lip"), _MOUTH),
    (("eye",), _EYES),
)


@dataclass(frozen=True, slots=True)
class CompareSide:
    """One picture of a comparison.

    Attributes:
        picture: The picture, or ``None``; then ``missing`` says why there is none.
        caption: Its name.
        mark: Its decision, if it has one.
        note: What is said instead of a decision.
        points: Landmarks in pixels of the upright picture.
        size: Width and height of that picture in pixels.
        hot: Indices of the landmarks whose ratios are outside the limit.
        box: The face as (x0, y0, x1, y1) in the same pixels, so that faces can be shown at one size.
    """

    picture: Picture | None
    caption: str
    mark: words.Mark | None = None
    note: str = ""
    missing: str = ""
    points: tuple[tuple[float, float], ...] = ()
    size: tuple[int, int] | None = None
    hot: tuple[int, ...] = ()
    box: tuple[float, float, float, float] | None = None


def hot_points(ratios: Iterable[str], n_points: int) -> tuple[int, ...]:
    """Return the landmarks that belong to the named ratios; only the 106-point set has a known order."""
    if n_points != 106:
        return ()
    names = list(ratios)
    found = {i for part, points in _PARTS if any(word in name for name in names for word in part) for i in points}
    return tuple(sorted(found))


def anchor_side(history: PersonaHistory, *, hot: tuple[int, ...] = (), note: str = "") -> CompareSide:
    """Return the anchor in force as the left side of a comparison."""
    record = history.anchor
    if record is None:
        return CompareSide(None, "Anchor", missing=words.NO_ANCHOR)
    face = record.face
    size = (record.width_px, record.height_px) if record.width_px and record.height_px else None
    return CompareSide(
        picture=history.anchor_picture,
        caption="Anchor",
        note=note,
        points=_points(face) if size else (),
        size=size,
        hot=hot if face and len(face.landmarks) == 106 else (),
        box=face.box if face and size else None,
    )


def attempt_side(attempt: AttemptRecord, *, name: str) -> CompareSide:
    """Return one attempt as the right side of a comparison."""
    measured = attempt.measurement
    mark = words.decision_mark(attempt)
    value = attempt.scores.composite
    points = _points(measured.face) if measured else ()
    size = (measured.width_px, measured.height_px) if measured and measured.width_px and measured.height_px else None
    return CompareSide(
        picture=attempt_picture(attempt, name=name),
        caption=f"Attempt {attempt.attempt}",
        mark=mark if value is None else words.Mark(mark.kind, f"{mark.word}, {numbers.score(value)}"),
        missing=words.REASONS[attempt.reason],
        points=points if size else (),
        size=size,
        hot=hot_points(words.ratios_outside(measured.geometric if measured else None), len(points)),
        box=measured.face.box if measured and measured.face and size else None,
    )


def _points(face: FaceSummary | None) -> tuple[tuple[float, float], ...]:
    return face.landmarks if face else ()

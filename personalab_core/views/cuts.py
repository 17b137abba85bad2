"""Faces cut to one size, so that two framings can be compared by eye. The browser cuts; no file is made."""

from __future__ import annotations

from dataclasses import dataclass

from personalab_core.schemas import AttemptRecord, FaceSummary
from personalab_core.views.history import PersonaHistory, attempt_picture
from personalab_core.views.pictures import Picture

ASPECT = 5 / 4
"""Height over width of the cut."""
FACE_SHARE = 0.62
"""Height of the face box over the height of the cut."""


@dataclass(frozen=True, slots=True)
class FaceCut:
    """Where to lay a picture so that its face fills the frame.

    ``width_percent`` and ``left_percent`` are of the frame's width, ``top_percent`` of its
    height; ``None`` where no face is known, then the whole picture is shown.
    """

    picture: Picture
    caption: str
    width_percent: float | None = None
    left_percent: float | None = None
    top_percent: float | None = None


def cut(picture: Picture, caption: str, face: FaceSummary | None, width_px: int | None) -> FaceCut:
    """Return the cut that centres a face, with the box at :data:`FACE_SHARE` of the frame's height."""
    if face is None or not width_px:
        return FaceCut(picture, caption)
    x0, y0, x1, y1 = face.box
    if y1 <= y0:
        return FaceCut(picture, caption)
    per_px = FACE_SHARE * ASPECT / (y1 - y0)
    left = 0.5 - (x0 + x1) / 2 * per_px
    top = 0.5 * ASPECT - (y0 + y1) / 2 * per_px
    return FaceCut(picture, caption, 100 * width_px * per_px, 100 * left, 100 * top / ASPECT)


def anchor_cut(history: PersonaHistory) -> FaceCut | None:
    """Return the face of the anchor in force, or ``None`` without one."""
    record, shown = history.anchor, history.anchor_picture
    return cut(shown, "Anchor", record.face, record.width_px) if record and shown else None


def attempt_cut(attempt: AttemptRecord, *, name: str, caption: str) -> FaceCut | None:
    """Return the face of an attempt, or ``None`` if it has no picture."""
    shown = attempt_picture(attempt, name=name)
    measured = attempt.measurement
    if shown is None:
        return None
    return cut(shown, caption, measured.face if measured else None, measured.width_px if measured else None)

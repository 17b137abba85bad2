"""Which of several faces in a frame is the persona: by similarity to the anchor, helped by where it was before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from personalab_core.identity.facts import Array, Face
from personalab_core.schemas.evaluation import EmbeddingScore

PLACE_WEIGHT = 0.5
"""What standing where the persona stood is worth in units of similarity; not calibrated."""
LEAST_VALUE = -0.05
"""A face worth less is taken for somebody else; only one that stood beside the persona before can be."""
SAME_PLACE = 0.3
"""Closeness from which a face that cannot be measured is taken for the one that was there."""
STEADY = 0.1
"""Fall of the cosine similarity up to which a face is taken for the one of the last full search; a blink can cost
more, and then the whole frame is searched."""
PLAUSIBLE = 0.3
"""Cosine similarity below which a face in place of the persona may as well be anybody's; not calibrated."""
MEMORY_S = 1.0
"""Places are forgotten after this time without the persona; not calibrated."""


@dataclass
class PersonTracker:
    """Assigns one face per frame to the persona; feed it frames in order of time.

    A face that the recogniser takes for the persona is the persona wherever it is. If none
    is, the place decides: so a face that turns into somebody else's is still measured,
    and a bystander is not measured for the persona who has turned away.

    Attributes:
        score: Compares a face's embedding with the anchor's.
    """

    score: Callable[[Array], EmbeddingScore]
    _persona: Array | None = field(default=None, init=False)
    _others: tuple[Array, ...] = field(default=(), init=False)
    _seen_s: float = field(default=0.0, init=False)
    _searched: float | None = field(default=None, init=False)

    def choose(self, faces: tuple[Face, ...], time_s: float) -> Face | None:
        """Return the persona's face, which may be one that cannot be measured, or ``None`` if it is not there."""
        if time_s - self._seen_s > MEMORY_S:
            self._persona, self._others = None, ()
        chosen = self._recognised(faces) or self._likeliest(faces)
        if chosen is not None:
            self._persona, self._seen_s = chosen.box, time_s
            self._others = tuple(face.box for face in faces if face is not chosen)
        return chosen

    def searched(self, chosen: Face | None) -> None:
        """Note that ``chosen`` is the best of a frame that was searched whole."""
        embedding = chosen.embedding if chosen is not None else None
        self._searched = self.score(embedding).cosine_similarity if embedding is not None else None

    def is_sure(self, faces: tuple[Face, ...]) -> bool:
        """Return whether the persona needs not be looked for beside these faces.

        One of them is the persona by its looks, or is about as alike as the one that was taken for the persona when
        the whole frame was searched last: videos score lower than pictures, often below the threshold throughout.
        """
        if self._recognised(faces) is not None:
            return True
        likeliest = self._likeliest(faces)
        if self._searched is None or likeliest is None or likeliest.embedding is None:
            return False
        return self.score(likeliest.embedding).cosine_similarity >= max(self._searched - STEADY, PLAUSIBLE)

    def _recognised(self, faces: tuple[Face, ...]) -> Face | None:
        passing = [face for face in faces if face.embedding is not None and self.score(face.embedding).passed]
        return max(passing, key=self._worth, default=None)

    def _likeliest(self, faces: tuple[Face, ...]) -> Face | None:
        eligible = [face for face in faces if face.embedding is not None or self._stands_in_place(face)]
        best = max(eligible, key=self._worth, default=None)
        return best if best is not None and self._worth(best) >= LEAST_VALUE else None

    def _worth(self, face: Face) -> float:
        similarity = self.score(face.embedding).cosine_similarity if face.embedding is not None else 0.0
        of_persona = closeness(self._persona, face.box) if self._persona is not None else 0.0
        of_others = max((closeness(box, face.box) for box in self._others), default=0.0)
        return similarity + PLACE_WEIGHT * (of_persona - of_others)

    def _stands_in_place(self, face: Face) -> bool:
        return self._persona is not None and closeness(self._persona, face.box) >= SAME_PLACE


def closeness(first: Array, second: Array) -> float:
    """Return 1 for boxes of one centre, falling to 0 where the centres are a face's width apart."""
    size = max(float(first[2] - first[0]), float(second[2] - second[0]), 1.0)
    apart = np.hypot(first[0] + first[2] - second[0] - second[2], first[1] + first[3] - second[1] - second[3]) / 2
    return max(0.0, 1.0 - float(apart) / size)

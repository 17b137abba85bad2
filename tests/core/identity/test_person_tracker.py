"""Which face is the persona: recognised anywhere, else the one that stands where the persona stood."""

from __future__ import annotations

from functools import partial

import numpy as np

from personalab_core.identity.arcface import embedding_score
from personalab_core.identity.person_tracker import PersonTracker, closeness
from tests.support.faces import make_face, unit

LEFT, RIGHT = (0, 0, 100, 120), (300, 0, 400, 120)
MYSELF, SWAPPED, STRANGER = unit(4, 3, 0), unit(0.1, 1, 0), unit(0.3, 0, 1)


def tracker() -> PersonTracker:
    return PersonTracker(partial(embedding_score, unit(1, 0, 0), threshold=0.5))


def test_the_face_like_the_anchor_is_the_persona_wherever_it_is() -> None:
    me, other = make_face(box=RIGHT, embedding=MYSELF), make_face(box=LEFT, embedding=STRANGER)
    seen = tracker()
    assert seen.choose((other, me), 0.0) is me
    moved = make_face(box=LEFT, embedding=MYSELF)
    assert seen.choose((make_face(box=RIGHT, embedding=STRANGER), moved), 0.2) is moved


def test_a_swapped_face_is_still_measured_although_the_bystander_is_more_alike() -> None:
    """Similarity .10 in the persona's place against .29 beside it."""
    seen = tracker()
    seen.choose((make_face(box=LEFT, embedding=MYSELF), make_face(box=RIGHT, embedding=STRANGER)), 0.0)
    swapped = make_face(box=LEFT, embedding=SWAPPED)
    assert seen.choose((make_face(box=RIGHT, embedding=STRANGER), swapped), 0.2) is swapped


def test_a_bystander_is_not_measured_for_a_persona_who_is_turned_away_or_gone() -> None:
    seen = tracker()
    seen.choose((make_face(box=LEFT, embedding=MYSELF), make_face(box=RIGHT, embedding=STRANGER)), 0.0)
    bystander, away = make_face(box=RIGHT, embedding=STRANGER), make_face(box=LEFT, yaw_deg=80)
    assert seen.choose((bystander, away), 0.2) is away
    assert seen.choose((bystander,), 0.4) is None


def test_the_only_face_is_measured_even_if_it_is_somebody_else() -> None:
    other = make_face(box=LEFT, embedding=SWAPPED)
    assert tracker().choose((other,), 0.0) is other


def test_places_are_forgotten_after_a_while() -> None:
    seen = tracker()
    seen.choose((make_face(box=LEFT, embedding=MYSELF), make_face(box=RIGHT, embedding=STRANGER)), 0.0)
    bystander = make_face(box=RIGHT, embedding=STRANGER)
    assert seen.choose((bystander,), 5.0) is bystander


def test_closeness_by_hand() -> None:
    """Boxes 100 wide: one centre 1, 50 px apart .5, 100 px and more 0."""
    box = np.array([0, 0, 100, 100], np.float32)
    assert [closeness(box, box + np.array([d, 0, d, 0], np.float32)) for d in (0, 50, 100, 250)] == [1, 0.5, 0, 0]


def test_a_persona_who_scores_low_throughout_is_not_looked_for_in_every_frame() -> None:
    """Similarities against a threshold of .5: .45, then .36 and .34; .35 is the least that counts as unchanged."""
    seen, low = tracker(), unit(0.45, 0, np.sqrt(1 - 0.45**2))
    assert not seen.is_sure((make_face(box=LEFT, embedding=low),))
    seen.searched(seen.choose((make_face(box=LEFT, embedding=low),), 0.0))
    for similarity, sure in ((0.36, True), (0.34, False)):
        face = make_face(box=LEFT, embedding=unit(similarity, 0, np.sqrt(1 - similarity**2)))
        assert seen.is_sure((face,)) is sure
    assert seen.is_sure((make_face(box=RIGHT, embedding=MYSELF),))


def test_a_stranger_in_place_of_the_persona_is_never_a_reason_not_to_look() -> None:
    seen = tracker()
    stranger = make_face(box=LEFT, embedding=unit(0.29, 0, 1))
    seen.searched(seen.choose((stranger,), 0.0))
    assert not seen.is_sure((stranger,))
    seen.searched(None)
    assert not seen.is_sure((make_face(box=LEFT, embedding=unit(0.45, 0, 0.89)),))

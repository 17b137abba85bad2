"""Which detector input a face is looked for in: a glance where that is enough, a closer look where it is not."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pytest

from personalab_core.identity.face_finder import FaceFinder
from personalab_core.identity.facts import Array

PORTRAIT = np.zeros((1250, 1000, 3), np.uint8)
GLANCE, MIDDLE, LARGE = (192, 256), (256, 320), (512, 640)


@dataclass
class DrawnDetector:
    """Finds the square faces it was told of, from a size on the detector, and notes which inputs it was asked for."""

    sides_px: tuple[float, ...]
    confidence: float = 0.9
    least_px: float = 10.0
    inputs: list[tuple[int, int]] = field(default_factory=list)

    def detect(
        self, image: npt.NDArray[np.uint8], *, input_size: tuple[int, int], max_num: int = 0
    ) -> tuple[Array, Array]:
        self.inputs.append(input_size)
        scale = min(input_size[0] / image.shape[1], input_size[1] / image.shape[0])
        seen = [side for side in self.sides_px if side * scale >= self.least_px]
        boxes = [[100.0, 100.0, 100.0 + side, 100.0 + side, self.confidence] for side in seen]
        return np.array(boxes, np.float32).reshape(-1, 5), np.zeros((len(seen), 5, 2), np.float32)


def asked_for(*sides_px: float, confidence: float = 0.9) -> list[tuple[int, int]]:
    detector = DrawnDetector(sides_px, confidence)
    boxes, _ = FaceFinder(detector).glance(PORTRAIT)
    assert len(boxes) == len(sides_px)
    return detector.inputs


def test_a_large_face_is_found_at_a_glance() -> None:
    """250 px of 1,000 px are 48 of 192 px."""
    assert asked_for(250) == [GLANCE]


def test_a_face_that_is_not_large_enough_for_a_glance_is_looked_for_at_the_size_at_which_it_is() -> None:
    """249 px are below 48 px at a glance; at 320 px, 36 px are 140.6 px of the picture."""
    assert asked_for(249) == [GLANCE, MIDDLE]
    assert asked_for(141) == [GLANCE, MIDDLE]
    assert asked_for(140) == [GLANCE, LARGE]


def test_a_face_too_small_for_a_glance_is_found_by_closer_looks() -> None:
    assert asked_for(50) == [GLANCE, MIDDLE, LARGE]


def test_a_careful_search_does_not_begin_with_a_glance() -> None:
    detector = DrawnDetector((400.0,))
    FaceFinder(detector).find(PORTRAIT)
    assert detector.inputs == [MIDDLE]


def test_several_faces_and_doubtful_ones_are_never_left_to_a_glance() -> None:
    assert asked_for(400, 300) == [GLANCE, MIDDLE]
    assert asked_for(400, confidence=0.7) == [GLANCE, MIDDLE]


def test_what_a_closer_look_does_not_find_again_is_not_lost() -> None:
    class Forgetful(DrawnDetector):
        def detect(
            self, image: npt.NDArray[np.uint8], *, input_size: tuple[int, int], max_num: int = 0
        ) -> tuple[Array, Array]:
            found = super().detect(image, input_size=input_size, max_num=max_num)
            return found if input_size == GLANCE else (np.empty((0, 5), np.float32), np.empty((0, 5, 2), np.float32))

    boxes, points = FaceFinder(Forgetful((200.0,))).glance(PORTRAIT)
    assert (len(boxes), len(points)) == (1, 1)


def test_a_picture_without_a_face_is_looked_at_in_every_size_but_never_magnified() -> None:
    assert asked_for() == [GLANCE, MIDDLE, LARGE]
    detector = DrawnDetector(())
    FaceFinder(detector).glance(np.zeros((300, 240, 3), np.uint8))
    assert detector.inputs == [GLANCE, MIDDLE]


@pytest.mark.parametrize("shape", [(39, 500, 3), (41, 20_000, 3)])
def test_strips_without_room_for_a_face_are_not_looked_at(shape: tuple[int, int, int]) -> None:
    detector = DrawnDetector((30.0,))
    boxes, _ = FaceFinder(detector).glance(np.zeros(shape, np.uint8))
    assert len(boxes) == 0
    assert detector.inputs == []


def test_a_known_face_is_looked_for_around_its_place_and_reported_where_it_is_in_the_picture() -> None:
    """The face found 100 px into the part: 2.25 * 200 / 2 = 225 px around the centre (600, 600)."""
    detector = DrawnDetector((200.0,))
    boxes, _ = FaceFinder(detector).find_near(PORTRAIT, np.array([500, 500, 700, 700], np.float32))
    assert detector.inputs == [(128, 128)]
    assert boxes[0].tolist() == pytest.approx([475, 475, 675, 675, 0.9])

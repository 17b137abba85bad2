"""Faces followed from frame to frame: where they were is looked first, and nothing is missed for it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pytest

from personalab_core.identity import face_follower
from personalab_core.identity.face_follower import MOST_WAITING, FaceFollower, Look, StillFaces
from personalab_core.identity.facts import Array, Face
from personalab_core.identity.frame_extractor import ExtractedFrame
from personalab_core.schemas.video import SampledFrame
from tests.support.faces import make_face, unit

Picture = npt.NDArray[np.uint8]
SIZE_PX = 400
LEFT, RIGHT = (40, 100), (240, 100)


def picture(*faces: tuple[tuple[int, int], int], ground: int = 20) -> Picture:
    """A plain picture with a 100 px square of a brightness (who it is) at each place."""
    image = np.full((SIZE_PX, SIZE_PX, 3), ground, np.uint8)
    for (x, y), brightness in faces:
        image[y : y + 100, x : x + 50] = brightness
        image[y : y + 100, x + 50 : x + 100] = 255 - brightness
    return image


@dataclass
class SquareFinder:
    """Finds the squares of :func:`picture`; a face's embedding is the direction of its brightness."""

    searched: list[int] = field(default_factory=list)
    recognised: list[int] = field(default_factory=list)
    frame: int = -1

    def find(self, image_bgr: Picture) -> tuple[Array, Array]:
        self.searched.append(self.frame)
        return self._squares([place for place in (LEFT, RIGHT) if _there(image_bgr, place)])

    def find_near(self, image_bgr: Picture, box: Array) -> tuple[Array, Array]:
        place = (int(box[0]), int(box[1]))
        return self._squares([place] if _there(image_bgr, place) else [])

    def sight(self, image_bgr: Picture, boxes: Array, points: Array) -> tuple[tuple[Face, ...], tuple[Picture, ...]]:
        faces = tuple(replace(make_face(box=box[:4]), embedding=None) for box in boxes)
        crops = tuple(image_bgr[int(b[1]) : int(b[3]), int(b[0]) : int(b[2])].copy() for b in boxes)
        return faces, crops

    def recognise(self, faces: Sequence[Face], aligned: Sequence[Picture]) -> tuple[Face, ...]:
        levels = [int(crop[0, 0, 0]) for crop in aligned]
        self.recognised.extend(levels)
        return tuple(replace(face, embedding=unit(it, 100, 1)) for face, it in zip(faces, levels, strict=True))

    @staticmethod
    def _squares(places: list[tuple[int, int]]) -> tuple[Array, Array]:
        boxes = np.array([[x, y, x + 100, y + 100, 0.9] for x, y in places], np.float32).reshape(-1, 5)
        return boxes, np.zeros((len(places), 5, 2), np.float32)


def _there(image: Picture, place: tuple[int, int]) -> bool:
    return int(image[place[1], place[0], 0]) != int(image[0, 0, 0])


def looks(finder: SquareFinder, pictures: list[Picture], *, still: StillFaces | None = None) -> list[Look]:
    def frames() -> object:
        for number, image in enumerate(pictures):
            finder.frame = number
            yield ExtractedFrame(SampledFrame(index=number, time_s=0.2 * number), image, image[..., 0])

    return list(FaceFollower(finder, workers=2, still=still).looks(frames()))  # type: ignore[arg-type]


def test_every_face_of_every_frame_is_recognised_in_order() -> None:
    finder = SquareFinder()
    seen = looks(finder, [picture((LEFT, 60 + i)) for i in range(12)])
    assert [look.frame.position.index for look in seen] == list(range(12))
    assert sorted(finder.recognised) == [60 + i for i in range(12)]
    vectors = [look.facts.faces[0].embedding for look in seen]
    assert all(np.array_equal(v, unit(60 + i, 100, 1)) for i, v in enumerate(vectors) if v is not None)


def test_the_callers_thread_recognises_too_while_it_would_wait() -> None:
    """The other thread comes no further until the caller's has recognised a face."""
    helped, caller = threading.Event(), threading.current_thread()

    class Waiting(SquareFinder):
        def recognise(self, faces: Sequence[Face], aligned: Sequence[Picture]) -> tuple[Face, ...]:
            if threading.current_thread() is caller:
                helped.set()
            assert helped.wait(timeout=30)
            return super().recognise(faces, aligned)

    finder = Waiting()
    seen = looks(finder, [picture((LEFT, 60 + i)) for i in range(12)])
    assert [look.facts.faces[0].embedding.tolist() for look in seen] == [
        unit(60 + i, 100, 1).tolist() for i in range(12)
    ]
    assert sorted(finder.recognised) == [60 + i for i in range(12)]


def test_the_whole_frame_is_searched_once_a_second_only_while_the_face_stays() -> None:
    finder = SquareFinder()
    seen = looks(finder, [picture((LEFT, 60))] * 12)
    assert finder.searched == [0, 5, 10]
    assert [look.whole for look in seen] == [i in (0, 5, 10) for i in range(12)]


def test_a_face_that_leaves_its_place_is_searched_for_in_the_same_frame() -> None:
    finder = SquareFinder()
    seen = looks(finder, [picture((LEFT, 60)), picture((LEFT, 60)), picture((RIGHT, 60))])
    assert finder.searched == [0, 2]
    assert seen[2].facts.faces[0].box[0] == RIGHT[0]


def test_somebody_who_comes_in_is_seen_within_a_second() -> None:
    finder = SquareFinder()
    seen = looks(finder, [picture((LEFT, 60)), *[picture((LEFT, 60), (RIGHT, 130))] * 6])
    assert [len(look.facts.faces) for look in seen] == [1, 1, 1, 1, 1, 2, 2]


def test_another_shot_is_searched_whole() -> None:
    finder = SquareFinder()
    looks(finder, [picture((LEFT, 60)), picture((LEFT, 60), ground=90), picture((LEFT, 60), ground=90)])
    assert finder.searched == [0, 1]


def test_searching_again_finds_who_stands_elsewhere_and_keeps_what_is_known() -> None:
    finder = SquareFinder()
    seen = looks(finder, [picture((LEFT, 60)), picture((LEFT, 60), (RIGHT, 130))])
    follower = FaceFollower(finder, workers=1)
    assert len(follower.search(seen[1]).facts.faces) == 2
    assert follower.search(seen[0]).facts is seen[0].facts


def test_a_face_that_has_not_moved_is_not_looked_at_again_but_a_swapped_one_is() -> None:
    """Brightness 60 turns into 61 (noise) and then into 200 (somebody else), and back."""
    finder = SquareFinder()
    seen = looks(finder, [picture((LEFT, who)) for who in (60, 61, 60, 200, 60)], still=StillFaces())
    assert sorted(finder.recognised) == [60, 60, 200]
    assert [bool(look.carried) for look in seen] == [False, True, True, False, False]
    embeddings = [look.facts.faces[0].embedding for look in seen]
    assert np.array_equal(embeddings[1], embeddings[0])
    assert not np.array_equal(embeddings[3], embeddings[0])
    assert seen[1].is_carried(seen[1].facts.faces[0])


def test_a_slow_slide_adds_up_and_is_seen() -> None:
    """One level a frame is noise between neighbours, but is compared with what was recognised last."""
    finder = SquareFinder()
    looks(finder, [picture((LEFT, 60 + i)) for i in range(9)], still=StillFaces(mean_change=3, peak_change=3))
    assert sorted(finder.recognised) == [60, 64, 68]


def test_one_cell_that_changes_much_is_movement() -> None:
    """A blink changes little on average."""
    finder = SquareFinder()
    blink = picture((LEFT, 60))
    blink[140:147, 60:67] = 0
    looks(finder, [picture((LEFT, 60)), blink], still=StillFaces())
    assert len(finder.recognised) == 2


def test_of_two_faces_only_the_one_that_moves_is_looked_at_again() -> None:
    finder = SquareFinder()
    pictures = [picture((LEFT, 60), (RIGHT, 130 + 20 * i)) for i in range(4)]
    seen = looks(finder, pictures, still=StillFaces())
    assert sorted(finder.recognised) == [60, 130, 150, 170, 190]
    assert [len(look.facts.faces) for look in seen] == [2, 2, 2, 2]
    assert [len(look.carried) for look in seen] == [0, 1, 1, 1]


def test_while_nothing_moves_anywhere_the_frame_is_not_searched_again() -> None:
    finder = SquareFinder()
    seen = looks(finder, [picture((LEFT, 60))] * 12, still=StillFaces())
    assert finder.searched == [0]
    assert all(look.whole for look in seen)


def test_a_look_is_not_carried_longer_than_two_seconds() -> None:
    finder = SquareFinder()
    looks(finder, [picture((LEFT, 60))] * 22, still=StillFaces())
    assert len(finder.recognised) == 3


def test_a_consumer_who_stops_early_leaves_nothing_behind() -> None:
    finder = SquareFinder()
    frames = (
        ExtractedFrame(SampledFrame(index=i, time_s=0.2 * i), picture((LEFT, 60)), np.zeros((9, 9), np.uint8))
        for i in range(50)
    )
    first = next(iter(FaceFollower(finder, workers=2).looks(frames)))
    assert first.frame.position.index == 0
    assert next(frames).position.index <= MOST_WAITING + 1


@pytest.mark.parametrize(("room_bytes", "read_before_help"), [(200_000_000, 16), (4 * 640_000, 4), (1, 4)])
def test_so_many_frames_wait_before_the_caller_recognises_and_fewer_large_ones(
    monkeypatch: pytest.MonkeyPatch, room_bytes: int, read_before_help: int
) -> None:
    """Frames of 400 x 400 take 640 kB with their grey levels; two workers may always have four waiting."""
    monkeypatch.setattr(face_follower, "MOST_WAITING_BYTES", room_bytes)
    helped, caller = threading.Event(), threading.current_thread()
    helped_at: list[int] = []

    class Waiting(SquareFinder):
        def recognise(self, faces: Sequence[Face], aligned: Sequence[Picture]) -> tuple[Face, ...]:
            if threading.current_thread() is caller:
                helped_at.append(self.frame)
                helped.set()
            assert helped.wait(timeout=30)
            return super().recognise(faces, aligned)

    assert len(looks(Waiting(), [picture((LEFT, 60 + i)) for i in range(20)])) == 20
    assert helped_at[0] == read_before_help


def test_a_look_says_whether_it_is_as_good_as_at_a_single_picture() -> None:
    """Searched whole, then followed, then carried; looked at again it is direct."""
    finder = SquareFinder()
    seen = looks(finder, [picture((LEFT, 60)), picture((LEFT, 90)), picture((LEFT, 90))], still=StillFaces())
    assert [look.direct for look in seen] == [True, False, False]
    again = FaceFollower(finder, workers=1).look_again(seen[2])
    assert (again.direct, again.carried) == (True, ())
    assert np.array_equal(again.facts.faces[0].embedding, seen[2].facts.faces[0].embedding)

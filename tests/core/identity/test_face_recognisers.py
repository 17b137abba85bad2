"""Faces recognised by several threads, several at once: each once, in nobody's way, and no error is lost."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pytest

from personalab_core.identity.face_recognisers import AT_ONCE, Recognisers
from personalab_core.identity.facts import Face
from tests.support.faces import make_face, portrait_png, shared_runtime, unit

Picture = npt.NDArray[np.uint8]


def crop(level: int) -> Picture:
    return np.full((8, 8, 3), level, np.uint8)


@dataclass
class HeldUp:
    """Recognises a face by its brightness, other threads than the test's not before they are let."""

    others_may: threading.Event = field(default_factory=threading.Event)
    begun: threading.Event = field(default_factory=threading.Event)
    batches: list[list[int]] = field(default_factory=list)

    def recognise(self, faces: Sequence[Face], aligned: Sequence[Picture]) -> tuple[Face, ...]:
        if threading.current_thread() is not threading.main_thread():
            self.begun.set()
            assert self.others_may.wait(timeout=30)
        levels = [int(picture[0, 0, 0]) for picture in aligned]
        self.batches.append(levels)
        return tuple(replace(face, embedding=unit(it, 1, 0)) for face, it in zip(faces, levels, strict=True))


def test_a_thread_takes_its_share_of_the_waiting_faces_and_the_caller_the_latest() -> None:
    """The other thread is held up with face 0; of 1 to 9, four are the most at once, and then half of what is left."""
    held_up = HeldUp()
    with Recognisers(held_up, workers=2) as recognisers:
        first = recognisers.add(make_face(), crop(0))
        assert held_up.begun.wait(timeout=30)
        later = [recognisers.add(make_face(), crop(level)) for level in range(1, 10)]
        while recognisers.help():
            pass
        assert held_up.batches == [[9, 8, 7, 6], [5, 4, 3], [2], [1]]
        assert max(map(len, held_up.batches)) == AT_ONCE
        assert not first.is_done()
        held_up.others_may.set()
        vectors = [recognition.result().embedding for recognition in (first, *later)]
    assert all(np.array_equal(vector, unit(level, 1, 0)) for level, vector in enumerate(vectors))


def test_an_error_while_recognising_comes_to_whoever_asks_for_the_face() -> None:
    class Broken:
        def recognise(self, faces: Sequence[Face], aligned: Sequence[Picture]) -> tuple[Face, ...]:
            raise MemoryError("no room")

    with Recognisers(Broken(), workers=2) as recognisers:
        recognition = recognisers.add(make_face(), crop(0))
        with pytest.raises(MemoryError, match="no room"):
            recognition.result()


def test_several_faces_at_once_get_the_numbers_of_each_alone() -> None:
    import cv2

    runtime, faces, crops = shared_runtime(), [], []
    for person in (1, 2, 3):
        picture = np.asarray(cv2.imdecode(np.frombuffer(portrait_png(person), np.uint8), cv2.IMREAD_COLOR), np.uint8)
        (face,), (aligned,) = runtime.sight(picture, *runtime.find(picture))
        faces.append(face)
        crops.append(aligned)
    together = runtime.recognise(faces, crops)
    for face, aligned, known in zip(faces, crops, together, strict=True):
        (alone,) = runtime.recognise([face], [aligned])
        assert np.array_equal(known.embedding, alone.embedding)
        assert known.fine_detail == alone.fine_detail

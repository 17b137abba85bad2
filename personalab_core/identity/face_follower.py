"""Looks at the frames of a video faster than at as many pictures, with equal decisions.

Three savings, each measured by ``benchmarks/video_speed.py``: a known face is looked for where it was,
recognition runs on several cores beside decoding, and, if asked for, a face is not looked at again while
nothing moves. Whatever these cannot see makes the whole frame be searched.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from personalab_core.identity.face_recognisers import Recognisers, Recognition
from personalab_core.identity.facts import Array, Face, FaceFacts
from personalab_core.identity.frame_extractor import ExtractedFrame
from personalab_core.identity.frame_grid import Grid

WHOLE_EVERY_S = 1.0
"""A person who comes into the picture is seen after this time at the latest."""
MAX_FOLLOWED = 3
"""With more faces than this, searching the whole frame costs no more."""
LEAST_CONFIDENCE = 0.6
"""Detection confidence from which a face counts as found in its place; the whole frame is searched otherwise."""
MAX_SCENE_CHANGE = 12.0
"""Mean change of grey levels (of 255) between two frames from which it may be another shot; not calibrated."""
RECOGNISED_EVERY_S = 2.0
"""The longest time a look at a face is carried over."""
MOST_WAITING = 16
"""Most frames that wait for their faces; the more, the more faces are recognised at once."""
MOST_WAITING_BYTES = 150_000_000
"""What waiting frames may fill, but for ``workers + 2`` of them, which always may wait: four in 4K fill so much."""

_NO_BOXES, _NO_POINTS = np.empty((0, 5), np.float32), np.empty((0, 5, 2), np.float32)

Picture = npt.NDArray[np.uint8]


@runtime_checkable
class StagedAnalyser(Protocol):
    """An analyser whose steps can be taken one by one: ``FaceRuntime``."""

    def find(self, image_bgr: Picture) -> tuple[Array, Array]:
        """Return (N, 5) boxes with confidence and (N, 5, 2) points of a whole picture."""
        ...

    def find_near(self, image_bgr: Picture, box: Array) -> tuple[Array, Array]:
        """Return the same for the one face in place of an earlier box."""
        ...

    def sight(
        self, image_bgr: Picture, boxes: Array, points: Array
    ) -> tuple[tuple[Face, ...], tuple[Picture | None, ...]]:
        """Return faces not recognised yet, and what to recognise each by."""
        ...

    def recognise(self, faces: Sequence[Face], aligned: Sequence[Picture]) -> tuple[Face, ...]:
        """Return the faces with their embeddings."""
        ...


@dataclass(frozen=True, slots=True)
class StillFaces:
    """When a face counts as unmoved, so that it need not be looked at again.

    Its place is compared with what was there when it was recognised last, never with the frame just before: what
    changes slowly adds up and is seen. Grey levels of 255, means over the cells of the grid. The camera's noise
    stays below .5 and 4; a blink, a word or a turn of 1 degree are above. Of 2,656 pairs of frames of 28 simulated
    clips, with and without faults, those below twice these limits differ in similarity by .04 at most.

    Attributes:
        mean_change: Most that the place may have changed on average.
        peak_change: Most that any cell of it may have changed.
    """

    mean_change: float = 1.5
    peak_change: float = 12.0


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """One frame and the faces in it.

    Attributes:
        frame: The frame.
        facts: Its faces.
        whole: Whether the whole frame was searched, or is as it was when it was searched last.
        direct: Whether this very frame was searched whole and every face recognised in it, as in a single picture.
        carried: Faces whose embedding is that of an earlier frame, since nothing has moved there.
        found: Boxes and points of the whole frame, if it was searched after the faces were looked at.
    """

    frame: ExtractedFrame
    facts: FaceFacts
    whole: bool
    direct: bool
    carried: tuple[Face, ...] = ()
    found: tuple[Array, Array] | None = None

    def is_carried(self, face: Face | None) -> bool:
        """Return whether the embedding of a face is that of an earlier frame."""
        return any(face is other for other in self.carried)


@dataclass(eq=False)
class FaceFollower:
    """Finds and recognises faces frame by frame; feed it one video.

    Attributes:
        analyser: Its steps.
        workers: Threads that recognise; one of them is the caller's, which decodes and finds before that.
        still: When a face is not looked at again; ``None`` recognises each in every frame.
    """

    analyser: StagedAnalyser
    workers: int
    still: StillFaces | None = None
    _searched: tuple[float, Grid] | None = field(default=None, init=False)
    _before: Grid | None = field(default=None, init=False)
    _sighted: tuple[_Sighting, ...] = field(default=(), init=False)

    def looks(self, frames: Iterable[ExtractedFrame]) -> Iterator[Look]:
        """Yield each frame with its faces, in order.

        At most ``MOST_WAITING`` frames and two more are held in memory, and fewer if they are large.
        """
        waiting: deque[_Pending] = deque()
        with Recognisers(self.analyser, self.workers) as recognisers:
            for frame in frames:
                waiting.append(self._begin(frame, recognisers))
                while waiting and (waiting[0].is_ready() or len(waiting) > self._most_waiting(frame)):
                    yield _oldest(waiting, recognisers)
            while waiting:
                yield _oldest(waiting, recognisers)

    def _most_waiting(self, frame: ExtractedFrame) -> int:
        """Return how many frames like this one may wait for their faces."""
        held = MOST_WAITING_BYTES // (frame.image.nbytes + frame.luma.nbytes)
        return max(self.workers + 2, min(MOST_WAITING, held))

    def search(self, look: Look) -> Look:
        """Return a look after the whole frame was searched, too; the same faces if no other is there."""
        found = self.analyser.find(look.frame.image)
        if len(found[0]) == len(look.facts.faces) and all(
            any(_centre_inside(box, face.box) for face in look.facts.faces) for box in found[0]
        ):
            return replace(look, whole=True, found=found)
        return self._direct(look.frame, *found)

    def look_again(self, look: Look) -> Look:
        """Return a look at the same frame as if it were a single picture."""
        return self._direct(look.frame, *(look.found or self.analyser.find(look.frame.image)))

    def _direct(self, frame: ExtractedFrame, boxes: Array, points: Array) -> Look:
        faces, crops = self.analyser.sight(frame.image, boxes, points)
        known = [
            face if crop is None else self.analyser.recognise([face], [crop])[0]
            for face, crop in zip(faces, crops, strict=True)
        ]
        return Look(frame, _facts(known, frame.image), whole=True, direct=True)

    def _begin(self, frame: ExtractedFrame, recognisers: Recognisers) -> _Pending:
        time_s, grid = frame.position.time_s, Grid.of(frame.luma)
        held = [replace(seen, carried=True) for seen in self._sighted if self._holds(seen, grid, time_s)]
        found = None if self._must_search(grid, time_s) else self._near(frame.image, held)
        direct = found is None
        if found is None:
            self._searched = (time_s, grid)
            found = self.analyser.find(frame.image)
            held = [seen for seen in held if any(seen.is_at(box) for box in found[0])]
        new = [not any(seen.is_at(box) for seen in held) for box in found[0]]
        faces, crops = self.analyser.sight(frame.image, found[0][new], found[1][new])
        sighted = [
            _Sighting(face, None if crop is None else recognisers.add(face, crop), time_s, grid)
            for face, crop in zip(faces, crops, strict=True)
        ]
        self._sighted = (*held, *sighted)
        whole = direct or self._is_searched(grid)
        return _Pending(frame, whole, direct and not held, self._sighted)

    def _must_search(self, grid: Grid, time_s: float) -> bool:
        """Return whether somebody may be anywhere: in another shot, or after a while in which something moved."""
        before, self._before = self._before, grid
        if before is None or self._searched is None or before.change(grid)[0] > MAX_SCENE_CHANGE:
            return True
        return time_s - self._searched[0] >= WHOLE_EVERY_S and not self._is_searched(grid)

    def _is_searched(self, grid: Grid) -> bool:
        """Return whether nothing has moved anywhere since the whole frame was searched last."""
        return self._searched is not None and self._unmoved(self._searched[1].change(grid))

    def _holds(self, seen: _Sighting, grid: Grid, time_s: float) -> bool:
        """Return whether a look at a face still tells what is there now."""
        recent = time_s - seen.time_s < RECOGNISED_EVERY_S
        return recent and self._unmoved(seen.grid.change(grid, around=seen.face.box))

    def _unmoved(self, change: tuple[float, float]) -> bool:
        return self.still is not None and change[0] <= self.still.mean_change and change[1] <= self.still.peak_change

    def _near(self, image: Picture, held: Sequence[_Sighting]) -> tuple[Array, Array] | None:
        """Return boxes and points of the known faces that moved, found near their places; ``None`` if not all were."""
        if not 0 < len(self._sighted) <= MAX_FOLLOWED:
            return None
        moved = [seen for seen in self._sighted if not any(seen.is_at(other.face.box) for other in held)]
        found = [self.analyser.find_near(image, seen.face.box) for seen in moved]
        if not all(len(boxes) and boxes[0, 4] >= LEAST_CONFIDENCE for boxes, _ in found):
            return None
        boxes = np.concatenate([_NO_BOXES, *(boxes[:1] for boxes, _ in found)])
        points = np.concatenate([_NO_POINTS, *(points[:1] for _, points in found)])
        return (boxes, points) if _apart([*boxes, *(seen.face.box for seen in held)]) else None


@dataclass(frozen=True, slots=True, eq=False)
class _Sighting:
    """A face that was looked at: what is known of it, and the frame in which it was recognised."""

    face: Face
    recognition: Recognition | None
    time_s: float
    grid: Grid
    carried: bool = False

    def is_at(self, box: Array) -> bool:
        """Return whether a box is about where the face is."""
        return _centre_inside(box, self.face.box)

    def done(self) -> Face:
        """Return the face once it is recognised."""
        return self.face if self.recognition is None else self.recognition.result()


@dataclass(frozen=True, slots=True, eq=False)
class _Pending:
    """A frame whose faces are being recognised."""

    frame: ExtractedFrame
    whole: bool
    direct: bool
    sightings: tuple[_Sighting, ...]

    def is_ready(self) -> bool:
        """Return whether all faces are recognised."""
        return all(seen.recognition is None or seen.recognition.is_done() for seen in self.sightings)

    def look(self) -> Look:
        """Return the look, once all faces are recognised."""
        faces = [seen.done() for seen in self.sightings]
        carried = tuple(face for face, seen in zip(faces, self.sightings, strict=True) if seen.carried)
        return Look(self.frame, _facts(faces, self.frame.image), self.whole, self.direct, carried)


def _oldest(waiting: deque[_Pending], recognisers: Recognisers) -> Look:
    """Return the look at the frame that waits longest; until it is ready, recognise the latest faces here."""
    while not waiting[0].is_ready() and recognisers.help():
        pass
    return waiting.popleft().look()


def _facts(faces: Iterable[Face], image: Picture) -> FaceFacts:
    return FaceFacts.of_faces(list(faces), width_px=image.shape[1], height_px=image.shape[0])


def _apart(boxes: Sequence[Array]) -> bool:
    """Return whether no two of the faces are one and the same."""
    return not any(_centre_inside(a, b) for i, a in enumerate(boxes) for b in boxes[:i])


def _centre_inside(first: Array, second: Array) -> bool:
    x, y = float(first[0] + first[2]) / 2, float(first[1] + first[3]) / 2
    return bool(second[0] <= x <= second[2] and second[1] <= y <= second[3])

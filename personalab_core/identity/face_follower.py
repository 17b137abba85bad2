"""Looks at the frames of a video faster than at as many pictures, with equal decisions.

Three savings, each measured by ``benchmarks/video_speed.py``: a known face is looked for where it was,
recognition runs on several cores beside decoding, and, if asked for, a face that has not moved is not
recognised again. Whatever these cannot see makes the whole frame be searched.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from personalab_core.identity.facts import Array, Face, FaceFacts
from personalab_core.identity.frame_extractor import ExtractedFrame

WHOLE_EVERY_S = 1.0
"""A person who comes into the picture is seen after this time at the latest."""
MAX_FOLLOWED = 3
"""With more faces than this, searching the whole frame costs no more."""
LEAST_CONFIDENCE = 0.6
"""Detection confidence from which a face counts as found in its place; the whole frame is searched otherwise."""
MAX_SCENE_CHANGE = 12.0
"""Mean change of grey levels (of 255) between two frames from which it may be another shot; not calibrated."""
RECOGNISED_EVERY_S = 1.0
"""The longest time an embedding is carried over."""
_THUMB = (32, 32)
_CROP = (28, 28)

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

    def recognise(self, face: Face, aligned: Picture) -> Face:
        """Return the face with its embedding."""
        ...


@dataclass(frozen=True, slots=True)
class StillFaces:
    """When a face counts as unmoved, so that it need not be recognised again.

    Attributes:
        max_change: Mean change of the aligned face's grey levels (of 255, overall brightness set aside).
            A swap changes it by 24 and more, a head that turns by 5 to 20, one that only talks by less (measured on
            six simulated clips; not calibrated).
    """

    max_change: float = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """One frame and the faces in it.

    Attributes:
        frame: The frame.
        facts: Its faces.
        whole: Whether the whole frame was searched.
        carried: Faces whose embedding is that of an earlier frame, for not having moved.
    """

    frame: ExtractedFrame
    facts: FaceFacts
    whole: bool
    carried: tuple[Face, ...] = ()

    def is_carried(self, face: Face | None) -> bool:
        """Return whether the embedding of a face is that of an earlier frame."""
        return any(face is other for other in self.carried)


@dataclass(eq=False)
class FaceFollower:
    """Finds and recognises faces frame by frame; feed it one video.

    Attributes:
        analyser: Its steps.
        workers: Threads that recognise, beside the one that decodes and finds.
        still: When a face is not recognised again; ``None`` recognises each in every frame.
    """

    analyser: StagedAnalyser
    workers: int
    still: StillFaces | None = None
    _known: tuple[Array, ...] = field(default=(), init=False)
    _searched_s: float | None = field(default=None, init=False)
    _thumb: Picture | None = field(default=None, init=False)
    _recognised: list[_Recognised] = field(default_factory=list, init=False)

    def looks(self, frames: Iterable[ExtractedFrame]) -> Iterator[Look]:
        """Yield each frame with its faces, in order; at most ``workers + 3`` frames are held in memory."""
        waiting: deque[_Pending] = deque()
        with ThreadPoolExecutor(self.workers, thread_name_prefix="recognise") as pool:
            try:
                for frame in frames:
                    waiting.append(self._begin(frame, pool))
                    if len(waiting) > self.workers + 1:
                        yield waiting.popleft().look()
                while waiting:
                    yield waiting.popleft().look()
            finally:
                for pending in waiting:
                    pending.cancel()

    def search(self, look: Look) -> Look:
        """Return a look after the whole frame was searched, too; the same faces if no other is there."""
        image = look.frame.image
        boxes, points = self.analyser.find(image)
        if len(boxes) == len(look.facts.faces) and all(
            any(_centre_inside(box, face.box) for face in look.facts.faces) for box in boxes
        ):
            return replace(look, whole=True)
        faces, crops = self.analyser.sight(image, boxes, points)
        known = [f if crop is None else self.analyser.recognise(f, crop) for f, crop in zip(faces, crops, strict=True)]
        return Look(look.frame, _facts(known, image), whole=True)

    def _begin(self, frame: ExtractedFrame, pool: ThreadPoolExecutor) -> _Pending:
        time_s = frame.position.time_s
        boxes, points, whole = self._find(frame.image, time_s)
        faces, crops = self.analyser.sight(frame.image, boxes, points)
        self._known = tuple(face.box for face in faces)
        pending = [self._recognition(face, crop, time_s, pool) for face, crop in zip(faces, crops, strict=True)]
        self._recognised = [r.recognised for r in pending if r.recognised is not None]
        return _Pending(frame, whole, tuple(pending))

    def _find(self, image: Picture, time_s: float) -> tuple[Array, Array, bool]:
        """Return boxes, points, and whether the whole frame was searched."""
        due = self._searched_s is None or time_s - self._searched_s >= WHOLE_EVERY_S
        if not (self._new_scene(image) or due) and 0 < len(self._known) <= MAX_FOLLOWED:
            found = [self.analyser.find_near(image, box) for box in self._known]
            if all(len(boxes) and boxes[0, 4] >= LEAST_CONFIDENCE for boxes, _ in found) and _apart(found):
                return np.concatenate([b for b, _ in found]), np.concatenate([p for _, p in found]), False
        self._searched_s = time_s
        return *self.analyser.find(image), True

    def _new_scene(self, image: Picture) -> bool:
        before, self._thumb = self._thumb, _thumb(image)
        return before is None or _mean_change(before, self._thumb) > MAX_SCENE_CHANGE

    def _recognition(self, face: Face, crop: Picture | None, time_s: float, pool: ThreadPoolExecutor) -> _Recognition:
        if crop is None:
            return _Recognition(face)
        small = _small(crop)
        before = self._unmoved(face, small, time_s)
        if before is not None:
            return _Recognition(face, replace(before, box=face.box), carried=True)
        future = pool.submit(partial(self.analyser.recognise, face, crop))
        return _Recognition(face, _Recognised(face.box, small, time_s, future))

    def _unmoved(self, face: Face, small: Array, time_s: float) -> _Recognised | None:
        """Return the recognition of the same face that still holds."""
        if self.still is None:
            return None
        near = [r for r in self._recognised if _centre_inside(face.box, r.box)]
        for earlier in near:
            recent = time_s - earlier.time_s < RECOGNISED_EVERY_S
            if recent and _mean_change(earlier.small, small) <= self.still.max_change:
                return earlier
        return None


@dataclass(frozen=True, slots=True, eq=False)
class _Recognised:
    """A face that was, or is being, recognised: where it is now, and what it looked like then."""

    box: Array
    small: Array
    time_s: float
    future: Future[Face]


@dataclass(frozen=True, slots=True, eq=False)
class _Recognition:
    """A sighted face, and where its embedding comes from."""

    face: Face
    recognised: _Recognised | None = None
    carried: bool = False

    def done(self) -> Face:
        if self.recognised is None:
            return self.face
        known = self.recognised.future.result()
        if not self.carried:
            return known
        return replace(self.face, embedding=known.embedding, status=known.status, reason=known.reason)


@dataclass(frozen=True, slots=True, eq=False)
class _Pending:
    """A frame whose faces are being recognised."""

    frame: ExtractedFrame
    whole: bool
    recognitions: tuple[_Recognition, ...]

    def look(self) -> Look:
        faces = [recognition.done() for recognition in self.recognitions]
        carried = tuple(f for f, r in zip(faces, self.recognitions, strict=True) if r.carried)
        return Look(self.frame, _facts(faces, self.frame.image), self.whole, carried)

    def cancel(self) -> None:
        for recognition in self.recognitions:
            if recognition.recognised is not None:
                recognition.recognised.future.cancel()


def _facts(faces: Iterable[Face], image: Picture) -> FaceFacts:
    return FaceFacts.of_faces(list(faces), width_px=image.shape[1], height_px=image.shape[0])


def _apart(found: list[tuple[Array, Array]]) -> bool:
    """Return whether no two of the faces are one and the same."""
    boxes = [boxes[0] for boxes, _ in found]
    return not any(_centre_inside(a, b) for i, a in enumerate(boxes) for b in boxes[:i])


def _centre_inside(first: Array, second: Array) -> bool:
    x, y = float(first[0] + first[2]) / 2, float(first[1] + first[3]) / 2
    return bool(second[0] <= x <= second[2] and second[1] <= y <= second[3])


def _thumb(image: Picture) -> Picture:
    import cv2

    # Nearest: a fortieth of the cost of averaging, and enough to tell one shot from another.
    small = cv2.resize(image, _THUMB, interpolation=cv2.INTER_NEAREST)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8)


def _small(crop: Picture) -> Array:
    """Return the aligned face as (28, 28) float32 grey, its overall brightness set aside."""
    import cv2

    grey = cv2.cvtColor(cv2.resize(crop, _CROP, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
    return np.asarray(grey, np.float32) - np.float32(grey.mean())


def _mean_change(first: npt.NDArray[np.generic], second: npt.NDArray[np.generic]) -> float:
    return float(np.abs(first.astype(np.float32) - second.astype(np.float32)).mean())

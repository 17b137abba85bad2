"""Identity in a video: every sampled frame against the anchor, never frame to frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol

from personalab_core.errors import InputError
from personalab_core.identity.evaluator import IdentityEvaluator
from personalab_core.identity.face_follower import FaceFollower, Look, StagedAnalyser, StillFaces
from personalab_core.identity.face_runtime import available_threads
from personalab_core.identity.facts import Array, Face, FaceFacts
from personalab_core.identity.frame_extractor import ExtractedFrame, FrameExtractor
from personalab_core.identity.matching import FaceMatcher
from personalab_core.identity.person_tracker import PersonTracker
from personalab_core.identity.temporal import DEFAULT_BELOW_THRESHOLD, summarise_frames
from personalab_core.schemas.evaluation import CandidateResult, EvaluatorInfo, MeasurementStatus
from personalab_core.schemas.video import FrameResult, VideoIdentityResult

ONLY_SOMEBODY_ELSE = "only another person's face is seen"

MIN_CONFIDENCE = 0.6
"""Detection confidence below which a frame's face is not used; between it and the detector's own .5 lie mostly
things that are none (own measurement on simulated clips: .52-.57 on turned heads, .8 and more on faces seen).
A single picture has to be decided about anyway; of a video, other frames are there."""

MAX_YAW_DEG = 45.0
"""Head turn beyond which a frame's face is not used, though a single picture's is up to 60 degrees, for the same
reason: somebody who turns away passes through it and would seem less alike (own measurement on simulated clips:
similarity .62 at 48 degrees, .95 from the front)."""


CLOSE = 0.04
"""A composite score this near to a threshold is not left to a quick look: where in a frame a face is looked for moves
its composite by .025 at most in 95 % of frames, .039 in the worst of 193 (own measurement on simulated clips)."""

DEFAULT_RETRY_THRESHOLD = 0.35
"""The specification's, for ``buffalo_l``."""


class MatchingEvaluator(Protocol):
    """An identity evaluator that can also look at pictures in memory."""

    @property
    def info(self) -> EvaluatorInfo:
        """Which instrument this is."""
        ...

    @property
    def matcher(self) -> FaceMatcher:
        """Compares one look at a picture with an anchor."""
        ...


class VideoIdentityEvaluator:
    """Scores the frames of a video against the original anchor and summarises them over time.

    A frame without a usable face counts as uncovered and stays in the result with its
    reason. The statistics are informational: the policy decides on the mean composite score.

    Args:
        evaluator: Measures one frame; one that cannot look at pictures in memory (the stub)
            leaves every frame unmeasured.
        frame_extractor: Samples frames; 5 a second by default.
        still: When a face that has not moved is not recognised again (quicker; such frames are marked);
            ``None`` recognises it in every frame.
        workers: Threads that recognise; the available cores by default, at most 4.
    """

    def __init__(
        self,
        evaluator: MatchingEvaluator | IdentityEvaluator,
        frame_extractor: FrameExtractor | None = None,
        *,
        still: StillFaces | None = None,
        workers: int | None = None,
    ) -> None:
        self.evaluator = evaluator
        self.frame_extractor = frame_extractor or FrameExtractor()
        self._still = still
        self._workers = workers or available_threads()

    @property
    def info(self) -> EvaluatorInfo:
        """Which instrument measures the frames."""
        return self.evaluator.info

    def evaluate(
        self,
        anchor_path: str | Path,
        video_path: str | Path,
        *,
        below_threshold: float = DEFAULT_BELOW_THRESHOLD,
    ) -> VideoIdentityResult:
        """Return the identity of the video's sampled frames against the anchor; frame by frame in memory.

        Args:
            anchor_path: Picture of the persona.
            video_path: The video.
            below_threshold: Composite score that low stretches are counted from.

        Raises:
            AnchorMissingError: There is no anchor file.
            InputError: The anchor has no measurable face, or the video cannot be decoded.
        """
        reading = self.frame_extractor.read(video_path)
        results = [result for _, result in self.look(anchor_path, reading, accept_threshold=below_threshold)]
        return summarise_frames(
            results,
            anchor_path=str(anchor_path),
            video_path=str(video_path),
            evaluator=self.info,
            below_threshold=below_threshold,
            n_skipped=reading.facts.n_skipped,
            duration_s=reading.facts.decoded_duration_s,
        )

    def evaluate_frames(
        self, anchor_path: str | Path, frames: Iterable[ExtractedFrame], *, video_path: str | Path
    ) -> VideoIdentityResult:
        """Return the same for frames that were extracted already, so that nothing decodes twice."""
        return summarise_frames(
            [result for _, result in self.look(anchor_path, frames)],
            anchor_path=str(anchor_path),
            video_path=str(video_path),
            evaluator=self.info,
        )

    def anchor_face_box(self, anchor_path: str | Path) -> tuple[float, float, float, float] | None:
        """Return where the anchor's face is, in pixels; ``None`` if this evaluator cannot look at pictures.

        Raises:
            AnchorMissingError: There is no anchor file.
            InputError: The anchor has no measurable face.
        """
        matcher = getattr(self.evaluator, "matcher", None)
        if not isinstance(matcher, FaceMatcher):
            return None
        x0, y0, x1, y1 = matcher.anchor_facts(anchor_path).measurable[0].box.tolist()
        return x0, y0, x1, y1

    def look(
        self,
        anchor_path: str | Path,
        frames: Iterable[ExtractedFrame],
        *,
        accept_threshold: float = DEFAULT_BELOW_THRESHOLD,
        retry_threshold: float = DEFAULT_RETRY_THRESHOLD,
    ) -> Iterator[tuple[ExtractedFrame, FrameResult]]:
        """Yield each frame with its measurement, so that others can use the same look at it.

        Args:
            anchor_path: Picture of the persona.
            frames: In order of time.
            accept_threshold: Composite score near which a frame is looked at once more, as if it were a single picture.
            retry_threshold: Another one.

        Raises:
            AnchorMissingError: There is no anchor file.
            InputError: The anchor has no measurable face.
        """
        matcher = getattr(self.evaluator, "matcher", None)
        if not isinstance(matcher, FaceMatcher):
            yield from ((frame, _not_looked_at(frame)) for frame in frames)
            return
        anchor, follower = matcher.anchor_facts(anchor_path).measurable[0], self._follower(matcher)
        tracker = PersonTracker(partial(matcher.compare, _vector(anchor)))
        course = _Course(matcher, anchor, tracker, follower, (accept_threshold, retry_threshold))
        for look in self._looks(matcher, follower, frames):
            yield look.frame, course.measured(look)

    def _follower(self, matcher: FaceMatcher) -> FaceFollower | None:
        if not isinstance(matcher.analyser, StagedAnalyser):
            return None
        return FaceFollower(matcher.analyser, self._workers, self._still)

    @staticmethod
    def _looks(matcher: FaceMatcher, follower: FaceFollower | None, frames: Iterable[ExtractedFrame]) -> Iterator[Look]:
        if follower is not None:
            return follower.looks(frames)
        return (Look(frame, matcher.analyser.analyse(frame.image), whole=True, direct=True) for frame in frames)


@dataclass(frozen=True, slots=True)
class _Course:
    """The measuring of one video's frames, one after the other."""

    matcher: FaceMatcher
    anchor: Face
    tracker: PersonTracker
    follower: FaceFollower | None
    thresholds: tuple[float, ...]

    def measured(self, look: Look) -> FrameResult:
        """Return what a look says, after another look if the first one cannot be relied on."""
        if self.follower is None:
            return self._judged(look)
        if not look.whole and not self.tracker.is_sure(_without_doubtful(look.facts).faces):
            look = self.follower.search(look)
        result = self._judged(look)
        if look.direct or not self._is_close(result.result.composite_score):
            return result
        return self._judged(self.follower.look_again(look))

    def _judged(self, look: Look) -> FrameResult:
        facts = _without_doubtful(look.facts)
        chosen = self.tracker.choose(facts.faces, look.frame.position.time_s)
        if look.whole:
            self.tracker.searched(chosen)
        result = _result(self.matcher, self.anchor, facts, chosen)
        return FrameResult(frame=look.frame.position, result=result, carried=look.is_carried(chosen))

    def _is_close(self, composite: float | None) -> bool:
        return composite is not None and any(abs(composite - threshold) < CLOSE for threshold in self.thresholds)


def _without_doubtful(facts: FaceFacts) -> FaceFacts:
    """Return facts whose doubtful faces are not measurable."""
    faces = [_usable(face) for face in facts.faces]
    return FaceFacts.of_faces(faces, width_px=facts.width_px or 0, height_px=facts.height_px or 0)


def _usable(face: Face) -> Face:
    """Return the face, without an embedding if it is too uncertain or turned away too far for a frame among many."""
    if face.detection_confidence is not None and face.detection_confidence < MIN_CONFIDENCE:
        reason = f"what looks like a face is too uncertain ({face.detection_confidence:.2f})"
        return replace(face, embedding=None, status=MeasurementStatus.NO_FACE, reason=reason)
    if face.embedding is not None and face.pose is not None and abs(face.pose.yaw_deg) > MAX_YAW_DEG:
        reason = f"the face is turned away by {abs(face.pose.yaw_deg):.0f}°"
        return replace(face, embedding=None, status=MeasurementStatus.TURNED_AWAY, reason=reason)
    return face


def _not_looked_at(frame: ExtractedFrame) -> FrameResult:
    reason = "this evaluator cannot look at frames"
    result = CandidateResult(path="", status=MeasurementStatus.NOT_MEASURED, reason=reason)
    return FrameResult(frame=frame.position, result=result)


def _result(matcher: FaceMatcher, anchor: Face, facts: FaceFacts, chosen: Face | None) -> CandidateResult:
    """Return the frame's result; its path stays empty, the video's is said once for all frames."""
    if chosen is not None and chosen.embedding is not None:
        return matcher.score_face(anchor, chosen, facts, path="")
    if chosen is None and facts.measurable:
        return matcher.unmeasured(facts, path="", face=None, reason=ONLY_SOMEBODY_ELSE)
    seen = chosen or (facts.faces[0] if facts.faces else None)
    return matcher.unmeasured(facts, path="", face=seen)


def _vector(face: Face) -> Array:
    if face.embedding is None:
        raise InputError("a face without an embedding cannot be compared.")
    return face.embedding

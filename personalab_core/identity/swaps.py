"""The moments at which the face in a video becomes somebody else's, and when the person comes back.

Frames are cut into stretches wherever the face changes abruptly: in its similarity to the anchor, or from the
frames just before it. The second finds a stranger who would be accepted, too; the score of a frame
is always that against the anchor. Which stretch is the persona's is decided by the anchor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, median

import numpy as np

from personalab_core.identity.facts import Array
from personalab_core.schemas.evaluation import EmbeddingScore
from personalab_core.schemas.video import FrameResult, IdentitySwap

MIN_FALL = 0.15
"""Similarity to the anchor lost from one sampled frame to the next that counts as another face; not calibrated."""
STEP_FACTOR = 1.1
"""A step from one frame to the next of this many times the embedding distance at which a face is just accepted is
another face. A blink in a blurred frame reaches 1.02 (own measurement on four simulated clips)."""
NOISE_FACTOR = 4.0
"""Either must also be this many times the usual change between neighbouring frames; not calibrated."""
MAX_TURN_DEG = 20.0
"""Beyond this difference of head turn, embeddings of one person differ, too; not calibrated."""
HOME_SHARE = 0.25
"""Share of the measured frames that a stretch needs to be taken for the persona's."""
_NORMAL_FROM_MEDIAN = 1.4826
_FRAMES_OF_LEVEL = 3


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    time_s: float
    similarity: float
    composite: float
    embedding: Array | None
    yaw_deg: float | None


@dataclass(frozen=True, slots=True)
class _Limits:
    """What counts as abrupt in this video: in similarity to the anchor, and in distance between embeddings."""

    fall: float
    step: float


def find_swaps(frames: Sequence[FrameResult], threshold: float) -> tuple[IdentitySwap, ...]:
    """Return the abrupt changes to somebody else's face, in order of time.

    A slow slide is no swap, nor is a dip of the similarity that stays above ``threshold`` (of the
    composite) while the face stays the same.
    """
    looks = [_look(frame) for frame in frames if frame.result.composite_score is not None and frame.result.embedding]
    if len(looks) < 2:
        return ()
    scores = [frame.result.embedding for frame in frames if frame.result.embedding is not None]
    limits = _limits(looks, accepted_distance(scores[0]))
    stretches = _stretches(looks, limits)
    home = _home(stretches, len(looks))
    away = [stretch is not home and _is_away(stretch, home, threshold, limits) for stretch in stretches]
    return tuple(_swap(looks, stretches, first, last, home) for first, last in _runs(away))


def accepted_distance(score: EmbeddingScore) -> float:
    """Return the cosine distance from the anchor at which a face is just accepted.

    >>> accepted_distance(EmbeddingScore(cosine_similarity=0.9, threshold=0.6, passed=True, euclidean_distance=0.3))
    0.18
    """
    if score.euclidean_distance is not None:  # of unit vectors: d squared is twice the cosine distance
        return score.threshold**2 / 2
    return 1.0 - score.threshold


def _look(frame: FrameResult) -> _Look:
    result = frame.result
    vector = result.embedding_vector
    return _Look(
        time_s=frame.frame.time_s,
        similarity=result.embedding.cosine_similarity if result.embedding else 0.0,
        composite=result.composite_score or 0.0,
        embedding=np.asarray(vector, np.float32) if vector is not None else None,
        yaw_deg=result.face.yaw_deg if result.face else None,
    )


def _limits(looks: Sequence[_Look], accepted: float) -> _Limits:
    """Return the limits above the robust standard deviation of the change between neighbours."""
    changes = [abs(b.similarity - a.similarity) for a, b in pairwise(looks)]
    steps = [distance for a, b in pairwise(looks) if (distance := _distance([a], [b])) is not None]
    noise = NOISE_FACTOR * _NORMAL_FROM_MEDIAN
    return _Limits(
        fall=max(MIN_FALL, noise * median(changes)),
        step=max(STEP_FACTOR * accepted, noise * median(steps) if steps else 0.0),
    )


def _stretches(looks: Sequence[_Look], limits: _Limits) -> list[Sequence[_Look]]:
    """Return the frames cut wherever the face changes abruptly."""
    cuts = [0]
    for i in range(1, len(looks)):
        before = looks[max(cuts[-1], i - _FRAMES_OF_LEVEL) : i]
        if _changes(before, looks[i], limits):
            cuts.append(i)
    return [looks[start:end] for start, end in pairwise([*cuts, len(looks)])]


def _changes(before: Sequence[_Look], now: _Look, limits: _Limits) -> bool:
    if abs(_level(before) - now.similarity) >= limits.fall:
        return True
    distance = _distance(before, [now])
    return distance is not None and distance >= limits.step and _same_pose(before[-1:], [now])


def _home(stretches: Sequence[Sequence[_Look]], n_looks: int) -> Sequence[_Look]:
    """Return the persona's stretch: of those long enough, the one most like the anchor."""
    long = [stretch for stretch in stretches if len(stretch) >= HOME_SHARE * n_looks]
    return max(long or [max(stretches, key=len)], key=_level)


def _is_away(stretch: Sequence[_Look], home: Sequence[_Look], threshold: float, limits: _Limits) -> bool:
    fallen = max(look.similarity for look in stretch) <= _level(home) - limits.fall
    if fallen and median(look.composite for look in stretch) < threshold:
        return True
    distance = _distance(home, stretch)
    return distance is not None and distance >= limits.step and _same_pose(home, stretch)


def _runs(flags: Sequence[bool]) -> list[tuple[int, int]]:
    """Return first and last position of every unbroken run of ``True``."""
    edges = [i for i, (a, b) in enumerate(pairwise([False, *flags, False])) if a != b]
    return [(first, end - 1) for first, end in zip(edges[::2], edges[1::2], strict=True)]


def _swap(
    looks: Sequence[_Look], stretches: Sequence[Sequence[_Look]], first: int, last: int, home: Sequence[_Look]
) -> IdentitySwap:
    """Return the swap that the stretches from ``first`` to ``last`` are; times lie halfway between frames."""
    during = [look for stretch in stretches[first : last + 1] for look in stretch]
    before = stretches[first - 1] if first else None
    after = stretches[last + 1] if last + 1 < len(stretches) else None
    level = before[-_FRAMES_OF_LEVEL:] if before else home
    return IdentitySwap(
        start_s=(before[-1].time_s + during[0].time_s) / 2 if before else looks[0].time_s,
        end_s=(during[-1].time_s + after[0].time_s) / 2 if after else None,
        similarity_before=_level(level),
        similarity_during=fmean(look.similarity for look in during),
    )


def _level(looks: Sequence[_Look]) -> float:
    return median(look.similarity for look in looks)


def _distance(first: Sequence[_Look], second: Sequence[_Look]) -> float | None:
    """Return the cosine distance between the mean directions of two groups, ``None`` without embeddings."""
    one, two = _direction(first), _direction(second)
    return None if one is None or two is None else 1.0 - float(np.dot(one, two))


def _direction(looks: Sequence[_Look]) -> Array | None:
    vectors = [look.embedding for look in looks if look.embedding is not None]
    if not vectors:
        return None
    total = np.sum(vectors, axis=0)
    length = float(np.linalg.norm(total))
    return np.asarray(total / length, np.float32) if length > 0 else None


def _same_pose(first: Sequence[_Look], second: Sequence[_Look]) -> bool:
    one = [look.yaw_deg for look in first if look.yaw_deg is not None]
    two = [look.yaw_deg for look in second if look.yaw_deg is not None]
    return not one or not two or abs(median(one) - median(two)) <= MAX_TURN_DEG

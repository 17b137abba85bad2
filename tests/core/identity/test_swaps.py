"""Moments of change, known by construction: who is shown in each frame is drawn, not recognised by a model.

The anchor points along the first axis. A person is a direction; frames scatter around it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalab_core.identity.swaps import accepted_distance, find_swaps
from personalab_core.schemas import CandidateResult, EmbeddingScore, FaceSummary, MeasurementStatus
from personalab_core.schemas.video import FrameResult, SampledFrame

STEP_S = 0.2
THRESHOLD = 0.55
Vector = npt.NDArray[np.float64]


def person(similarity: float, axis: int) -> Vector:
    """A direction with this similarity to the anchor; different axes are different people."""
    direction = np.zeros(512)
    direction[0], direction[axis] = similarity, np.sqrt(1 - similarity**2)
    return direction


PERSONA = person(0.72, 1)
STRANGER = person(0.1, 2)
ACCEPTED_STRANGER = person(0.62, 3)
"""Would be accepted by its similarity to the anchor, .62, and is .45 alike to the persona's own frames."""


def shot(
    *people: Vector | None, noise: float = 0.01, seed: int = 0, yaw_deg: tuple[float, ...] = ()
) -> list[FrameResult]:
    """One frame every 0.2 s; ``None`` shows no face."""
    rng = np.random.default_rng(seed)
    yaws = yaw_deg or (0.0,) * len(people)
    return [frame(i, who, noise * rng.standard_normal(512), yaws[i]) for i, who in enumerate(people)]


def frame(number: int, who: Vector | None, noise: Vector, yaw_deg: float) -> FrameResult:
    position = SampledFrame(index=6 * number, time_s=round(STEP_S * number, 3))
    if who is None:
        away = CandidateResult(path="", status=MeasurementStatus.TURNED_AWAY, reason="turned away")
        return FrameResult(frame=position, result=away)
    vector = (who + noise) / np.linalg.norm(who + noise)
    similarity = float(np.clip(vector[0], 0, 1))
    result = CandidateResult(
        path="",
        status=MeasurementStatus.MEASURED,
        composite_score=similarity,
        embedding=EmbeddingScore(cosine_similarity=similarity, threshold=THRESHOLD, passed=similarity >= THRESHOLD),
        embedding_vector=tuple(vector.tolist()),
        face=FaceSummary(box=(0, 0, 100, 120), size_fraction=0.3, frame_size="head", yaw_deg=yaw_deg),
    )
    return FrameResult(frame=position, result=result)


@pytest.mark.parametrize("other", [STRANGER, ACCEPTED_STRANGER], ids=["stranger", "stranger who would be accepted"])
@pytest.mark.parametrize("seed", range(4))
def test_two_frames_of_somebody_else_are_found_and_timed(other: Vector, seed: int) -> None:
    """Frames 7 and 8 of 16, at 1.4 and 1.6 s: the change lies at 1.3 s, the return at 1.7 s."""
    (swap,) = find_swaps(shot(*[PERSONA] * 7, other, other, *[PERSONA] * 7, seed=seed), THRESHOLD)
    assert (swap.start_s, swap.end_s) == (pytest.approx(1.3), pytest.approx(1.7))
    assert swap.similarity_before == pytest.approx(0.72, abs=0.05)
    assert swap.similarity_during == pytest.approx(other[0], abs=0.05)


def test_a_single_frame_of_an_accepted_stranger_is_found() -> None:
    (swap,) = find_swaps(shot(*[PERSONA] * 5, ACCEPTED_STRANGER, *[PERSONA] * 5), THRESHOLD)
    assert (swap.start_s, swap.end_s) == (pytest.approx(0.9), pytest.approx(1.1))


@pytest.mark.parametrize("other", [STRANGER, ACCEPTED_STRANGER])
def test_a_video_that_begins_with_somebody_else(other: Vector) -> None:
    (swap,) = find_swaps(shot(other, other, *[PERSONA] * 8), THRESHOLD)
    assert (swap.start_s, swap.end_s) == (0.0, pytest.approx(0.3))
    assert swap.similarity_before == pytest.approx(0.72, abs=0.05)


@pytest.mark.parametrize("other", [STRANGER, ACCEPTED_STRANGER])
def test_a_swap_that_stays_has_no_end_even_if_it_fills_most_of_the_video(other: Vector) -> None:
    (swap,) = find_swaps(shot(*[PERSONA] * 6, *[other] * 9), THRESHOLD)
    assert (swap.start_s, swap.end_s) == (pytest.approx(1.1), None)


def test_two_swaps_to_two_strangers_are_two_and_one_after_the_other_is_one() -> None:
    apart = shot(*[PERSONA] * 4, STRANGER, *[PERSONA] * 4, ACCEPTED_STRANGER, *[PERSONA] * 4)
    assert len(find_swaps(apart, THRESHOLD)) == 2
    in_a_row = shot(*[PERSONA] * 5, STRANGER, ACCEPTED_STRANGER, *[PERSONA] * 5)
    (swap,) = find_swaps(in_a_row, THRESHOLD)
    assert (swap.start_s, swap.end_s) == (pytest.approx(0.9), pytest.approx(1.3))


def test_a_swap_behind_frames_without_a_face_is_found() -> None:
    frames = shot(*[PERSONA] * 5, None, None, STRANGER, STRANGER, None, *[PERSONA] * 4)
    (swap,) = find_swaps(frames, THRESHOLD)
    assert (swap.start_s, swap.end_s) == (pytest.approx(1.1), pytest.approx(1.8))


def test_a_head_that_turns_quickly_is_no_swap() -> None:
    """The embedding of a half-turned head is another, yet so is its pose."""
    turned = person(0.6, 5)
    frames = shot(*[PERSONA] * 5, turned, turned, *[PERSONA] * 5, yaw_deg=(*[0.0] * 5, 45.0, 45.0, *[0.0] * 5))
    assert find_swaps(frames, THRESHOLD) == ()


def test_a_slow_slide_is_no_swap() -> None:
    way = [(1 - t) * PERSONA + t * ACCEPTED_STRANGER for t in np.linspace(0, 1, 16)]
    assert find_swaps(shot(*[v / np.linalg.norm(v) for v in way], noise=0.002), THRESHOLD) == ()


def test_a_slide_from_which_the_persona_comes_back_at_once_did_not_begin_with_somebody_else() -> None:
    way = [(1 - t) * PERSONA + t * STRANGER for t in np.linspace(0, 0.8, 10)]
    frames = shot(*[v / np.linalg.norm(v) for v in way], *[PERSONA] * 8, noise=0.002)
    assert all(swap.start_s > 0 for swap in find_swaps(frames, THRESHOLD))


@given(seed=st.integers(0, 10_000), noise=st.floats(0.0, 0.045))
def test_one_person_is_never_a_swap_however_the_frames_scatter(seed: int, noise: float) -> None:
    """Noise up to .045 per dimension is as long as the direction itself: neighbours are .5 alike."""
    assert find_swaps(shot(*[PERSONA] * 16, noise=noise, seed=seed), THRESHOLD) == ()


def test_distances_decide_in_their_own_unit() -> None:
    by_cosine = EmbeddingScore(cosine_similarity=0.9, threshold=0.55, passed=True)
    by_distance = EmbeddingScore(cosine_similarity=0.7, threshold=0.6, passed=True, euclidean_distance=0.3)
    assert accepted_distance(by_cosine) == pytest.approx(0.45)
    assert accepted_distance(by_distance) == pytest.approx(0.18)

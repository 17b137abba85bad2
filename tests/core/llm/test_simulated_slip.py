"""Identity is kept the worse the smaller the face, and the better the more the prompt insists."""

from __future__ import annotations

import numpy as np
import pytest

from personalab_core.llm.simulated_slip import draw_slip, slipped, towards
from personalab_core.schemas import Framing
from personalab_core.simulation import SimulatedIdentity, identity_vector, interpolate, lookalike, sample_identity

N = 2000


def _slips(framing: Framing = "half_body", patch_level: int = 0) -> np.ndarray:
    rng = np.random.default_rng(7)
    return np.array([draw_slip(framing, patch_level, rng) for _ in range(N)])


def test_slips_stay_between_the_person_and_somebody_else() -> None:
    slips = _slips()
    assert slips.min() >= 0
    assert slips.max() <= 1


def test_a_smaller_face_slips_further() -> None:
    means = [_slips(framing).mean() for framing in ("headshot", "half_body", "full_body")]
    assert means[0] < means[1] < means[2]


def test_every_patch_level_keeps_the_person_better() -> None:
    means = [_slips(patch_level=level).mean() for level in range(4)]
    lapses = [(_slips(patch_level=level) > 0.85).mean() for level in range(4)]
    assert sorted(means, reverse=True) == means
    assert lapses[0] > lapses[1] > lapses[3]


def test_the_draw_consumes_the_same_numbers_whatever_the_patch() -> None:
    first, second = np.random.default_rng(3), np.random.default_rng(3)
    draw_slip("headshot", 0, first)
    draw_slip("full_body", 3, second)
    assert first.random() == second.random()


def _distance(slip: float, drift: float = 0.0, seed: int = 5) -> float:
    person = sample_identity(11)
    shown = slipped(person, slip, drift, np.random.default_rng(seed))
    return float(np.linalg.norm(identity_vector(shown) - identity_vector(person)))


def test_no_slip_is_the_person() -> None:
    assert _distance(0.0) == 0.0


def test_the_distance_grows_with_the_slip() -> None:
    distances = [_distance(slip) for slip in (0.1, 0.3, 0.6, 1.0)]
    assert sorted(distances) == distances


def test_drift_adds_to_a_slip_and_goes_one_way() -> None:
    person = sample_identity(11)
    ends = [slipped(person, 0.0, 0.5, np.random.default_rng(seed)) for seed in (1, 2)]
    assert ends[0] == ends[1]
    assert _distance(0.4, drift=0.5) > _distance(0.4)


def test_a_morph_leaves_the_distance_and_fixes_the_direction() -> None:
    person = sample_identity(11)

    def strayed(seed: int, morph: float) -> np.ndarray:
        shown = slipped(person, 0.6, 0.0, np.random.default_rng(seed), morph=morph)
        return identity_vector(shown) - identity_vector(person)

    def alike(morph: float) -> float:
        ways = [strayed(seed, morph) for seed in range(30)]
        return float(np.linalg.norm(np.mean(ways, axis=0)) / np.mean([np.linalg.norm(way) for way in ways]))

    lengths = [np.mean([np.linalg.norm(strayed(seed, morph)) for seed in range(30)]) for morph in (0.0, 0.5)]
    assert lengths[1] == pytest.approx(lengths[0], rel=0.1)
    assert alike(0.0) < alike(0.3) < alike(0.6)
    assert alike(1.0) == pytest.approx(1.0)


def test_gender_is_never_part_of_a_slip() -> None:
    person = sample_identity(11)
    shown = slipped(person, 1.0, 0.0, np.random.default_rng(1))
    assert shown.value("masc") == pytest.approx(person.value("masc"))


def test_a_slip_leads_past_the_average_face_and_not_through_it() -> None:
    person, other = sample_identity(11), lookalike(sample_identity(11), 4)
    average = np.mean([lookalike(person, seed).geometry for seed in range(300)], axis=0)

    def character(identity: SimulatedIdentity) -> float:
        return float(np.linalg.norm(np.subtract(identity.geometry, average)))

    half_way = character(towards(person, other, 0.5))
    straight = character(interpolate(person, other, 0.5))
    assert straight < 0.85 * min(character(person), character(other))
    assert half_way > 0.85 * min(character(person), character(other))


def test_the_way_begins_and_ends_at_the_two_people() -> None:
    person, other = sample_identity(11), lookalike(sample_identity(11), 4)
    assert towards(person, other, 0.0) == person
    assert np.allclose(towards(person, other, 1.0).geometry, other.geometry)


def test_the_one_towards_whom_a_provider_drifts_is_no_chance_lookalike() -> None:
    """A look-alike of the person would turn a loss of identity into a gain."""

    def bones(identity: SimulatedIdentity) -> np.ndarray:
        average = np.mean([lookalike(identity, seed).geometry for seed in range(150)], axis=0)
        return np.subtract(identity.geometry, average)

    for seed in range(4):
        person = sample_identity(seed)
        average_of_person = bones(person)
        lasting = slipped(person, 0.0, 1.0, np.random.default_rng(0))
        way = np.subtract(lasting.geometry, person.geometry) + average_of_person
        cosine = average_of_person @ way / (np.linalg.norm(average_of_person) * np.linalg.norm(way))
        assert abs(cosine) < 0.15

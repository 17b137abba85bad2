"""Who a simulated person is: parameters, constrained proportions, descriptions."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalab_core.simulation import (
    APPEARANCE_NAMES,
    GEOMETRY_NAMES,
    SimulatedIdentity,
    Style,
    identity_from_bytes,
    identity_vector,
    interpolate,
    lookalike,
    perturb,
    sample_identity,
    sample_style,
)
from personalab_core.simulation.identity import LIMIT, soft_bound
from personalab_core.simulation.proportions import (
    MAX_MOUTH_CHIN_CM,
    MIN_BROW_EYE_CM,
    MIN_CHIN_CM,
    MIN_INNER_EYE_GAP_CM,
    MIN_JAW_CM,
    MIN_MOUTH_CHIN_CM,
    MIN_NOSE_MOUTH_CM,
    NOSE_MOUTH_RATIO,
    measure,
)

PARAMETER = st.floats(-LIMIT, LIMIT)
IDENTITY = st.builds(
    SimulatedIdentity,
    geometry=st.tuples(*[PARAMETER] * len(GEOMETRY_NAMES)),
    appearance=st.tuples(*[PARAMETER] * len(APPEARANCE_NAMES)),
)


def rms(a: SimulatedIdentity, b: SimulatedIdentity) -> float:
    return float(np.sqrt(np.mean((np.array(a.geometry) - np.array(b.geometry)) ** 2)))


def test_same_seed_same_person_other_seed_other_person() -> None:
    assert sample_identity(5) == sample_identity(5)
    assert hash(sample_identity(5)) == hash(sample_identity(5))
    assert sample_identity(5) != sample_identity(6)
    assert sample_style(sample_identity(5), 1) == sample_style(sample_identity(5), 1)


def test_sampled_parameters_stay_within_the_limit() -> None:
    values = np.array([identity_vector(sample_identity(seed)) for seed in range(200)])
    assert np.abs(values).max() < LIMIT
    assert values.shape == (200, len(GEOMETRY_NAMES) + len(APPEARANCE_NAMES))
    assert values.dtype == np.float32
    assert values.std(axis=0).min() > 0.2, "every parameter varies between persons"


@given(st.lists(st.floats(-50, 50), min_size=2, max_size=20))
def test_soft_bound_is_monotone_bounded_and_exact_inside_one(values: list[float]) -> None:
    bounded = soft_bound(np.sort(np.array(values)))
    assert (np.diff(bounded) >= 0).all()
    assert (np.abs(bounded) <= LIMIT).all()
    inside = np.abs(np.sort(values)) <= 1
    assert (bounded[inside] == np.sort(values)[inside]).all()


@settings(max_examples=60)
@given(IDENTITY)
def test_every_vector_gives_ordered_proportions(identity: SimulatedIdentity) -> None:
    face = measure(identity)
    assert face.mouth_y - face.chin_y >= MIN_MOUTH_CHIN_CM - 1e-9
    assert face.mouth_y - face.chin_y <= MAX_MOUTH_CHIN_CM + 1e-9
    assert face.nose_base_y - face.mouth_y >= MIN_NOSE_MOUTH_CM - 1e-9
    assert face.brow_y >= MIN_BROW_EYE_CM - 0.1
    assert face.eye_x - face.eye_hw >= MIN_INNER_EYE_GAP_CM / 2 - 1e-9
    low, high = NOSE_MOUTH_RATIO
    assert low - 1e-9 <= face.nose_hw / face.mouth_hw <= high + 1e-9
    assert (
        face.crown_y
        > face.hairline_y
        > face.brow_y
        > 0
        > face.nose_tip_y
        > face.nose_base_y
        > face.mouth_y
        > face.chin_y
    )
    assert face.cheek_hw > face.jaw_hw > face.chin_hw >= MIN_CHIN_CM
    assert face.jaw_hw >= MIN_JAW_CM
    assert face.eye_x + face.eye_hw < face.cheek_hw, "eyes lie within the face"


def test_perturb_steps_by_the_asked_rms_in_one_direction() -> None:
    person = SimulatedIdentity((0.0,) * len(GEOMETRY_NAMES), (0.0,) * len(APPEARANCE_NAMES))
    steps = [perturb(person, geometry_eps=eps, appearance_eps=0.0, seed=3) for eps in (0.1, 0.2, 0.3)]
    assert [rms(person, step) for step in steps] == pytest.approx([0.1, 0.2, 0.3])
    assert np.array(steps[1].geometry) == pytest.approx(2 * np.array(steps[0].geometry))
    assert steps[0].appearance == person.appearance


def test_no_step_is_the_same_person() -> None:
    person = sample_identity(11)
    assert identity_vector(perturb(person, geometry_eps=0, appearance_eps=0, seed=1)) == pytest.approx(
        identity_vector(person), abs=2e-2
    )


def test_lookalike_keeps_the_appearance_and_changes_the_bones() -> None:
    person = sample_identity(21)
    double = lookalike(person, 1)
    assert double.appearance == person.appearance
    assert rms(person, double) > 0.4
    assert lookalike(person, 2) != double


def test_interpolate_runs_from_one_person_to_the_other() -> None:
    a, b = sample_identity(1), sample_identity(2)
    assert interpolate(a, b, 0) == a
    assert interpolate(a, b, 1) == b
    assert identity_vector(interpolate(a, b, 0.5)) == pytest.approx((identity_vector(a) + identity_vector(b)) / 2)


def test_bytes_give_a_stable_person() -> None:
    assert identity_from_bytes(b"anchor") == identity_from_bytes(b"anchor")
    assert identity_from_bytes(b"anchor") != identity_from_bytes(b"other")


def test_dicts_survive_json_and_refuse_another_version() -> None:
    person = sample_identity(4)
    style = sample_style(person, 4)
    assert SimulatedIdentity.from_dict(json.loads(json.dumps(person.to_dict()))) == person
    assert Style.from_dict(json.loads(json.dumps(style.to_dict()))) == style
    with pytest.raises(ValueError, match="version 1, got 99"):
        SimulatedIdentity.from_dict({**person.to_dict(), "version": 99})


def test_wrong_number_of_parameters_is_refused() -> None:
    with pytest.raises(ValueError, match="expected 37 geometry values, got 1"):
        SimulatedIdentity((0.0,), (0.0,) * len(APPEARANCE_NAMES))


def test_with_values_and_value_agree() -> None:
    person = sample_identity(4).with_values(age=0.5, nose_w=-0.25)
    assert (person.value("age"), person.value("nose_w")) == (0.5, -0.25)
    with pytest.raises(KeyError):
        person.value("shoe_size")


def test_geometry_samples_are_centred() -> None:
    values = np.array([sample_identity(seed).geometry for seed in range(400)])
    assert np.abs(values.mean(axis=0)).max() < 4 * 0.75 / math.sqrt(400)

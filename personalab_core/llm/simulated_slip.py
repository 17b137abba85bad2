"""How far the provider strays from the anchor's identity: the one knob that similarity depends on.

A slip is the fraction of the way from the person to somebody else: 0 is the person, 1
another one with the same hair and partly the same colouring. Every picture slips a
little; now and then one lapses and slips far. Both get worse the smaller the face is
in the picture, and better with each level of the retry patches against a lost
identity, which is why retries help.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count

import numpy as np
from numpy.typing import NDArray

from personalab_core.llm.simulated_faults import stable_seed
from personalab_core.schemas import Framing, Reason
from personalab_core.simulation import GEOMETRY_NAMES, SimulatedIdentity, interpolate, lookalike, sample_identity
from personalab_core.simulation.identity import LIMIT, MASCULINE_OFFSETS

# Calibrated with `python -m benchmarks.simulated_provider`, which states targets and results.
SLIP_MEAN: Mapping[Framing, float] = {"headshot": 0.59, "half_body": 0.61, "full_body": 0.63}
SLIP_SD = 0.09
LAPSE_RATE: Mapping[Framing, float] = {"headshot": 0.15, "half_body": 0.19, "full_body": 0.24}
"""Probability that a picture lapses instead."""

LAPSE_RANGE = (0.84, 0.97)
"""A lapse slips this far, uniformly."""

SLIP_LEFT = 0.84
"""What one level of the identity patch leaves of an ordinary slip."""

LAPSES_LEFT = 0.3
"""What one level of the identity patch leaves of the probability of a lapse."""

FOREIGN_COLOURING = 0.3
"""Share of the other person's colouring of skin and eyes at slip 1; their bones come whole."""

KEPT = ("masc", "age", "hair_mel", "hair_red", "hair_grey")
"""What a provider gets right even when it slips: sex, age and hair stand in the prompt and catch the eye."""

CHANCE_ALIKE = 0.1
"""The one towards whom a provider drifts is at most so much like the person, or unlike: cosine of their bones about the
average face; strangers' have a standard deviation of .16. With one at .25 a drift of .45 raised the composite score by
.02 and a morph of .4 by .06; with four within .1 they came to -.06 to -.09 and to -.01 to +.02 (own measurement)."""

IDENTITY_PATCHES = (Reason.IDENTITY_LOW, Reason.GEOMETRY_OFF)
"""The reasons whose patches keep the provider closer to the person."""


def draw_slip(framing: Framing, patch_level: int, rng: np.random.Generator) -> float:
    """Return how far one picture strays, in [0, 1].

    Args:
        framing: How much of the person the picture shows.
        patch_level: Highest level of the identity patches in the prompt; 0 is none.
        rng: Consumed by three numbers whatever happens.
    """
    lapses = float(rng.random()) < LAPSE_RATE[framing] * LAPSES_LEFT**patch_level
    far = float(rng.uniform(*LAPSE_RANGE))
    ordinary = float(rng.normal(SLIP_MEAN[framing], SLIP_SD)) * SLIP_LEFT**patch_level
    return far if lapses else min(max(ordinary, 0.0), 1.0)


def slipped(
    identity: SimulatedIdentity, slip: float, drift: float, rng: np.random.Generator, *, morph: float = 0.0
) -> SimulatedIdentity:
    """Return who is shown: strayed by ``slip`` in a random direction, then by ``drift`` in the persona's fixed one.

    Drift is the provider's own change: no patch cures it. ``morph`` (0 to 1) turns the random direction towards
    the fixed one, so that pictures stray as far as before, but all the same way.
    """
    lasting = _lasting(identity)
    passing = _somebody_else(identity, int(rng.integers(1 << 40)))
    strayed = towards(identity, towards(passing, lasting, morph), slip)
    return towards(strayed, lasting, drift)


def towards(person: SimulatedIdentity, other: SimulatedIdentity, way: float) -> SimulatedIdentity:
    """Return who is found on the ``way`` (0 to 1) from one person to another of the same masculinity.

    The bones turn from one to the other about the average face. A straight line would
    pass near that face, which resembles everybody.
    """
    if way == 0:
        return person
    average = _average(person)
    between = interpolate(person, other, way)
    kept_length = 1 / np.hypot(1 - way, way)
    geometry = np.clip(average + (np.array(between.geometry) - average) * kept_length, -LIMIT, LIMIT)
    return SimulatedIdentity(tuple(float(value) for value in geometry), between.appearance)


def _average(person: SimulatedIdentity) -> NDArray[np.float64]:
    """Return the bones of the average face of this masculinity."""
    return np.array([MASCULINE_OFFSETS.get(name, 0.0) * person.value("masc") for name in GEOMETRY_NAMES])


def _lasting(identity: SimulatedIdentity) -> SimulatedIdentity:
    """Return the one somebody else towards whom the provider drifts: as unlike the person as others are."""
    first = stable_seed("drift", repr(identity.geometry))
    others = (_somebody_else(identity, first + number) for number in count())
    return next(other for other in others if abs(_alike(identity, other)) <= CHANCE_ALIKE)


def _alike(person: SimulatedIdentity, other: SimulatedIdentity) -> float:
    """Return the cosine of two people's bones about the average face of the first; 0 is chance."""
    average = _average(person)
    one, two = np.array(person.geometry) - average, np.array(other.geometry) - average
    return float(one @ two / max(float(np.linalg.norm(one) * np.linalg.norm(two)), 1e-12))


def _somebody_else(identity: SimulatedIdentity, seed: int) -> SimulatedIdentity:
    """Return a person of other bones and partly other colouring; see :data:`KEPT` for what never strays."""
    coloured = interpolate(identity, sample_identity(seed), FOREIGN_COLOURING)
    coloured = coloured.with_values(**{name: identity.value(name) for name in KEPT})
    return SimulatedIdentity(lookalike(identity, seed).geometry, coloured.appearance)

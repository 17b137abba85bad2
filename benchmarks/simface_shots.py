"""The test pictures of the face pack: people, styles and scenes that training never saw."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from personalab_core.simulation import (
    Scene,
    SimulatedIdentity,
    Style,
    lookalike,
    perturb,
    sample_identity,
    sample_scene,
    sample_style,
)

SEED_BASE = 2_000_000_000
"""Training uses seeds from 1,000,000,000 to below this."""

SIZES = {"headshot": (256, 320), "half_body": (384, 480), "full_body": (512, 640)}
SMALL_SIZES = {"headshot": (192, 240), "half_body": (256, 320), "full_body": (384, 480)}
PRODUCT_SIZE = (768, 960)
STEPS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.8)
"""RMS sizes of the identity changes."""

RANDOM_SHOTS = ("headshot", "headshot", "headshot", "headshot", "half_body", "half_body", "full_body", "full_body")
LOOKALIKE_SHOTS = ("headshot", "headshot", "headshot", "half_body", "full_body")
FRAMING_CYCLE = ("headshot", "half_body", "full_body")


@dataclass(frozen=True)
class TestShot:
    """One test picture.

    Attributes:
        purpose: "random", "lookalike", "change_all", "change_bones", "product" or "away".
        person: Number of the person within the purpose.
        group: Number of the look-alike group, else -1.
        step: RMS size of the identity change, else 0.
    """

    __test__ = False

    purpose: str
    person: int
    group: int
    step: float
    identity: SimulatedIdentity
    style: Style
    scene: Scene
    width: int
    height: int


def random_person(number: int) -> SimulatedIdentity:
    """Test person `number`."""
    return sample_identity(SEED_BASE + number)


def plan_shots(*, share: float = 1.0) -> Iterator[TestShot]:
    """Every test picture.

    Args:
        share: Fraction of the people to use; below 1 only to try the benchmark out.
    """
    yield from _random_people(round(80 * share))
    yield from _lookalikes(round(20 * share))
    yield from _changes("change_all", round(20 * share), bones_only=False)
    yield from _changes("change_bones", round(20 * share), bones_only=True)
    yield from _product(round(24 * share))
    yield from _away(round(1000 * share))


def _shot(
    purpose: str, number: int, identity: SimulatedIdentity, framing: str, *, size: tuple[int, int], style_seed: int,
    scene_seed: int, group: int = -1, step: float = 0.0,
) -> TestShot:  # fmt: skip
    scene = sample_scene(SEED_BASE + scene_seed, framing)  # type: ignore[arg-type]  # one of the three framings
    style = sample_style(identity, SEED_BASE + style_seed)
    return TestShot(purpose, number, group, step, identity, style, scene, *size)


def _random_people(count: int) -> Iterator[TestShot]:
    """Two hair styles each: every second shot has the other one."""
    for number in range(count):
        for j, framing in enumerate(RANDOM_SHOTS):
            yield _shot(
                "random", number, random_person(number), framing, size=SIZES[framing],
                style_seed=number * 2 + j % 2, scene_seed=1_000_000 + number * 8 + j,
            )  # fmt: skip


def _lookalikes(groups: int) -> Iterator[TestShot]:
    """Groups of four people of the same colouring, age and hair style."""
    for group in range(groups):
        base = sample_identity(SEED_BASE + 100_000 + group)
        for member in range(4):
            number = group * 4 + member
            identity = lookalike(base, SEED_BASE + 200_000 + number)
            for j, framing in enumerate(LOOKALIKE_SHOTS):
                yield _shot(
                    "lookalike", number, identity, framing, size=SIZES[framing], group=group,
                    style_seed=300_000 + group, scene_seed=2_000_000 + number * 5 + j,
                )  # fmt: skip


def _changes(purpose: str, count: int, *, bones_only: bool) -> Iterator[TestShot]:
    """The first random people, changed by growing steps in one direction, in the same two scenes."""
    for number in range(count):
        for step in STEPS:
            person = perturb(
                random_person(number),
                geometry_eps=step,
                appearance_eps=0.0 if bones_only else step,
                seed=SEED_BASE + number,
            )
            for j in range(2):
                yield _shot(
                    purpose, number, person, "headshot", size=SIZES["headshot"], step=step,
                    style_seed=number * 2, scene_seed=3_000_000 + number * 2 + j,
                )  # fmt: skip


def _product(count: int) -> Iterator[TestShot]:
    """The first random people at the size the product makes."""
    for number in range(count):
        for j, framing in enumerate(FRAMING_CYCLE):
            yield _shot(
                "product", number, random_person(number), framing, size=PRODUCT_SIZE,
                style_seed=number * 2, scene_seed=4_000_000 + number * 3 + j,
            )  # fmt: skip


def _away(count: int) -> Iterator[TestShot]:
    """Heads seen from behind: hair, no face."""
    for number in range(count):
        framing = FRAMING_CYCLE[number % 3]
        shot = _shot(
            "away", number, sample_identity(SEED_BASE + 400_000 + number), framing, size=SMALL_SIZES[framing],
            style_seed=500_000 + number, scene_seed=5_000_000 + number,
        )  # fmt: skip
        rng = np.random.default_rng([SEED_BASE, number])
        yaw = float(rng.choice([-1, 1]) * rng.uniform(130, 180))
        yield replace(shot, scene=replace(shot.scene, yaw_deg=yaw))

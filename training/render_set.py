"""Render the training pictures: `python -m training.render_set --out DIR --part 0 --parts 2`.

Picture `index` is a pure function of the index and the renderer's version, so any number of processes can share the
work. All three nets learn from the same set.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from personalab_core.simulation import (
    APPEARANCE_NAMES,
    GEOMETRY_NAMES,
    PortraitRenderer,
    Scene,
    SimulatedIdentity,
    Style,
    identity_vector,
    lookalike,
    sample_identity,
    sample_scene,
    sample_style,
)
from training.samples import Sample, encode_jpeg, save_shard

PEOPLE = 1900
PROFILE_PEOPLE = range(1800, 1900)
"""These show their profile and more, which is where a face ends for the detector's second look."""
SHOTS = 8
RANDOM_PEOPLE = range(600, 1200)
"""These are drawn alone, all others in look-alike groups."""
GROUP = 4
SEED_BASE = 1_000_000_000
"""Training people, styles and scenes are seeded from here on; the benchmark starts at 2,000,000,000."""

AWAY_SHARE = 0.07
TURNED_SHARE = 0.12
"""Extra three-quarter views: random scenes hardly ever turn a head beyond 30 degrees."""
DYED_SHARE = 0.3
SHARD = 400

DYEABLE = ("hair_mel", "hair_red", "hair_grey")
_NOT_REGRESSED = (*DYEABLE, "hairline")
REGRESSED: tuple[int, ...] = tuple(
    i for i, name in enumerate((*GEOMETRY_NAMES, *APPEARANCE_NAMES)) if name not in _NOT_REGRESSED
)
"""Positions in the identity vector that the recogniser learns to read off a face."""

FRAMING_SHARES = {"headshot": 0.58, "half_body": 0.25, "full_body": 0.17}
SIZES = {
    "headshot": (((192, 240), 0.5), ((256, 320), 0.34), ((320, 400), 0.12), ((512, 640), 0.04)),
    "half_body": (((192, 240), 0.1), ((256, 320), 0.55), ((384, 480), 0.35)),
    "full_body": (((320, 400), 0.45), ((448, 560), 0.4), ((576, 720), 0.15)),
}
"""Width and height in pixels with their shares: small pictures are cheap, and enough for 64-pixel faces."""


@dataclass(frozen=True)
class Shot:
    """One picture to render."""

    index: int
    person: int
    kind: str
    identity: SimulatedIdentity
    style: Style
    scene: Scene
    width: int
    height: int


def training_identity(person: int) -> SimulatedIdentity:
    """A training person; most come in groups of four that differ in bones only."""
    if person in RANDOM_PEOPLE:
        return sample_identity(SEED_BASE + 10_000_000 + person)
    return lookalike(sample_identity(SEED_BASE + person // GROUP), SEED_BASE + person)


def plan_shot(index: int) -> Shot:
    """What picture `index` shows. Two shots each share style, framing and size, so that the renderer's cache helps."""
    person, number = divmod(index, SHOTS)
    seed = SEED_BASE + index
    rng = np.random.default_rng([seed])
    pair_rng = np.random.default_rng([SEED_BASE + person, number // 2])
    identity = training_identity(person)
    if pair_rng.random() < DYED_SHARE:
        donor = sample_identity(int(pair_rng.integers(1 << 40)))
        identity = identity.with_values(**{name: donor.value(name) for name in DYEABLE})
    style = sample_style(identity, int(pair_rng.integers(1 << 40)))
    framing = str(pair_rng.choice(list(FRAMING_SHARES), p=list(FRAMING_SHARES.values())))
    sizes = SIZES[framing]
    width, height = sizes[pair_rng.choice(len(sizes), p=[share for _, share in sizes])][0]
    scene = sample_scene(seed, framing)  # type: ignore[arg-type]  # a key of FRAMING_SHARES
    if framing == "headshot":
        scene = replace(scene, zoom=scene.zoom * float(rng.uniform(0.8, 1.25)))
    if rng.random() < TURNED_SHARE:
        scene = replace(scene, yaw_deg=float(rng.choice([-1, 1]) * rng.uniform(20, 50)))
    kind = "face"
    if rng.random() < AWAY_SHARE:
        kind = "away"
        scene = replace(scene, yaw_deg=float(rng.choice([-1, 1]) * rng.uniform(115, 180)))
    if person in PROFILE_PEOPLE:
        kind = "away"
        scene = replace(scene, yaw_deg=float(rng.choice([-1, 1]) * rng.uniform(65, 115)))
    return Shot(index, person, kind, identity, style, scene, width, height)


def render_shot(renderer: PortraitRenderer, shot: Shot) -> Sample:
    """Render one planned picture."""
    rendering = renderer.render(shot.identity, shot.style, shot.scene, width=shot.width, height=shot.height)
    truth = rendering.faces[0]
    return Sample(
        index=shot.index,
        person=shot.person,
        kind=shot.kind,
        framing=shot.scene.framing,
        jpeg=encode_jpeg(rendering.image),
        box=np.asarray(truth.box, np.float32),
        points5=np.asarray(truth.points5, np.float32),
        points106=np.asarray(truth.points106, np.float32),
        yaw_deg=shot.scene.yaw_deg,
        vector=identity_vector(shot.identity),
    )


def render_part(part: int, parts: int, people: range) -> Iterator[Sample]:
    """Every `parts`-th person's pictures, person by person."""
    renderer = PortraitRenderer(2)
    for person in people[part::parts]:
        for number in range(SHOTS):
            yield render_shot(renderer, plan_shot(person * SHOTS + number))


def write_part(out: Path, part: int, parts: int, people: range) -> int:
    """Render a part into shards and return the number of pictures."""
    out.mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(1)
    pending: list[Sample] = []
    written = 0
    for sample in render_part(part, parts, people):
        pending.append(sample)
        if len(pending) == SHARD:
            written += _flush(out, part, written, pending)
    if pending:
        written += _flush(out, part, written, pending)
    return written


def _flush(out: Path, part: int, written: int, pending: list[Sample]) -> int:
    save_shard(out / f"part{part}_{pending[0].index:06d}.npz", pending)
    count = len(pending)
    pending.clear()
    print(f"part {part}: {written + count} pictures", flush=True)
    return count


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the shards")
    parser.add_argument("--part", type=int, default=0)
    parser.add_argument("--parts", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first person")
    parser.add_argument("--people", type=int, default=PEOPLE, help="number after the last person")
    arguments = parser.parse_args()
    people = range(arguments.first, arguments.people)
    if write_part(arguments.out, arguments.part, arguments.parts, people) == 0:
        parser.error(f"part {arguments.part} of {arguments.parts} holds no person of {people}")


if __name__ == "__main__":
    main()

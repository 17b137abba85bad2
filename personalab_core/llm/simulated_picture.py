"""Draw the answer to one picture request: who is asked for, how they are shown, and how far that strays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from personalab_core.llm.client import ImagePart, Part
from personalab_core.llm.simulated_faults import DriftEffect, Fault, stable_seed
from personalab_core.llm.simulated_person import person_from_text, sibling
from personalab_core.llm.simulated_prompt import PatchedText, read_shot
from personalab_core.llm.simulated_scene import changed_look, choose_scene, obey_patches, spoil
from personalab_core.llm.simulated_slip import IDENTITY_PATCHES, draw_slip, slipped
from personalab_core.simulation import (
    PortraitRenderer,
    Scene,
    SimulatedIdentity,
    Style,
    encode_png,
    identity_from_bytes,
    read_metadata,
    sample_identity,
    sample_style,
)


@dataclass(frozen=True)
class Person:
    """Who a request asks for, and whether a picture (not only words) says so."""

    identity: SimulatedIdentity
    style: Style
    from_anchor: bool


@dataclass(frozen=True, slots=True)
class Conditions:
    """What fate adds to a request: the provider's state, the fault drawn, and the size."""

    effect: DriftEffect
    fault: Fault | None
    width: int
    height: int


def requested_person(parts: Sequence[Part]) -> Person:
    """Return the person of the identity reference, or else of the words."""
    for part in parts:
        if isinstance(part, ImagePart) and part.role == "identity_reference":
            return _person_of_anchor(part.data)
    identity, style = person_from_text("\n".join(part for part in parts if isinstance(part, str)))
    return Person(identity, style, from_anchor=False)


def _person_of_anchor(data: bytes) -> Person:
    """Read who a picture shows from its metadata; any other picture stands for one stable person."""
    metadata = read_metadata(data)
    if metadata is not None:
        return Person(metadata.identity, metadata.style, from_anchor=True)
    identity = identity_from_bytes(data)
    return Person(identity, sample_style(identity, stable_seed(data)), from_anchor=True)


@dataclass(frozen=True)
class PicturePlan:
    """One picture, decided and not yet drawn.

    Attributes:
        identity: Who is shown.
        style: Their hair.
        scene: The shot.
        others: Who else is in it.
        slip: How far the person shown has strayed from the anchor's, in [0, 1] (before drift).
    """

    identity: SimulatedIdentity
    style: Style
    scene: Scene
    others: tuple[tuple[SimulatedIdentity, Style, Scene], ...]
    slip: float


def plan_picture(
    parts: Sequence[Part], prompt: PatchedText, conditions: Conditions, rng: np.random.Generator
) -> PicturePlan:
    """Return what the provider makes of a request: obedient as to the shot, less so as to the person."""
    person = requested_person(parts)
    shot = read_shot(prompt.request)
    scene = obey_patches(choose_scene(shot, stable_seed(prompt.request), rng), prompt)
    slip = draw_slip(scene.framing, prompt.level(*IDENTITY_PATCHES), rng) if person.from_anchor else 0.0
    shown, style = _shown(person, slip, conditions, rng)
    scene = changed_look(scene, conditions.effect.batch)
    scene = spoil(scene, conditions.fault, rng, short_side_px=min(conditions.width, conditions.height))
    company = shot.companions or conditions.fault is Fault.SEVERAL_PEOPLE
    return PicturePlan(shown, style, scene, (_stranger(scene, rng),) if company else (), slip)


def draw_picture(renderer: PortraitRenderer, plan: PicturePlan, conditions: Conditions) -> bytes:
    """Return one PNG whose metadata tell the truth about it."""
    rendering = renderer.render(
        plan.identity, plan.style, plan.scene, width=conditions.width, height=conditions.height, others=plan.others
    )
    truth = {
        "provider": "simulated",
        "fault": None if conditions.fault is None else conditions.fault.value,
        "slip": round(plan.slip, 4),
        "drift": asdict(conditions.effect),
    }
    return encode_png(rendering, truth)


def _shown(
    person: Person, slip: float, conditions: Conditions, rng: np.random.Generator
) -> tuple[SimulatedIdentity, Style]:
    if conditions.fault is Fault.WRONG_PERSON:
        return somebody(rng)
    if not person.from_anchor:
        return sibling(person.identity, _seed(rng)), person.style
    effect = conditions.effect
    return slipped(person.identity, slip, effect.identity, rng, morph=effect.morph), person.style


def somebody(rng: np.random.Generator) -> tuple[SimulatedIdentity, Style]:
    """Return a person who has nothing to do with the request."""
    identity = sample_identity(_seed(rng))
    return identity, sample_style(identity, _seed(rng))


def _stranger(scene: Scene, rng: np.random.Generator) -> tuple[SimulatedIdentity, Style, Scene]:
    """Return somebody who happens to be in the picture, in the same light and place."""
    return *somebody(rng), replace(scene, yaw_deg=-scene.yaw_deg, clothes_seed=_seed(rng))


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(1 << 30))

"""From what a prompt asks to the one shot that is drawn, and the ways a shot can be spoilt."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np

from personalab_core.llm.simulated_faults import Fault, seeded
from personalab_core.llm.simulated_outfit import clothes_seed
from personalab_core.llm.simulated_prompt import Expression, Light, PatchedText, ShotRequest, View
from personalab_core.schemas import Framing, Reason
from personalab_core.simulation import Scene
from personalab_core.simulation.scene import BackgroundName

_ANY_VIEW = View(0.0, 9.0)
_ANY_EXPRESSION = Expression(0.35)
_ANY_LIGHT = Light()
_MAX_FREE_YAW_DEG = 24.0
"""A view that the prompt leaves open stays within what a portrait photographer would take."""

_BEHIND_YAW_DEG = 168.0
_BLUR_OF_SHORT_SIDE = {"headshot": 0.1, "half_body": 0.05, "full_body": 0.025}
"""Sigma of a spoiling blur over the picture's shorter side: about a quarter of the face's width in each framing."""

_TURN_LEFT = 0.5
"""What one level of the patch against a turned head leaves of the yaw."""

_CLOSER_FROM_LEVEL = 3
"""From this level on, the patches against a lost identity and a missing face ask for a closer view, too."""

_CLOSER: dict[Framing, Framing] = {"full_body": "half_body", "half_body": "headshot", "headshot": "headshot"}


def choose_scene(shot: ShotRequest, place_seed: int, rng: np.random.Generator) -> Scene:
    """Return one shot that obeys the request.

    Args:
        shot: What the prompt says.
        place_seed: Settles what attempts for one asset have in common: place, clothes, and
            all that the prompt leaves open but does not change between attempts.
        rng: Settles what differs from picture to picture: pose, expression, camera.
    """
    place = seeded("place", place_seed)
    drawn_framing: Framing = "headshot" if place.random() < 0.5 else "half_body"
    backgrounds: tuple[BackgroundName, ...] = get_args(BackgroundName)
    background = shot.background or backgrounds[int(place.integers(len(backgrounds)))]
    light = shot.light or _ANY_LIGHT
    expression = shot.expression or _ANY_EXPRESSION
    return Scene(
        framing=shot.framing or drawn_framing,
        yaw_deg=_yaw(shot.view, rng),
        pitch_deg=float(np.clip(rng.normal(0, 3), -8, 8)),
        roll_deg=float(np.clip(rng.normal(0, 2.5), -7, 7)),
        smile=float(np.clip(rng.normal(expression.smile, 0.07), -0.3, 1)),
        mouth_open=float(np.clip(expression.mouth_open + rng.normal(0, 0.03), 0, 1)),
        eye_open=float(np.clip(rng.normal(1, 0.05), 0.8, 1.15)),
        gaze=(float(rng.normal(0, 0.04)), float(rng.normal(0, 0.02))),
        brow_raise=float(np.clip(rng.normal(expression.brow_raise, 0.1), -1, 1)),
        light_azimuth_deg=float(place.uniform(-45, 45) + rng.normal(0, 4)),
        light_elevation_deg=float(place.uniform(22, 45)),
        key=light.key,
        fill=light.fill,
        warmth=light.warmth + float(rng.normal(0, 0.02)),
        exposure=light.exposure * float(rng.normal(1, 0.02)),
        shift=(float(rng.normal(0, 0.015)), float(rng.normal(0, 0.01))),
        zoom=float(np.clip(rng.normal(1, 0.03), 0.92, 1.08)),
        background=background,
        background_seed=int(place.integers(1 << 30)),
        clothes_seed=clothes_seed(shot.outfit, place_seed),
        noise=0.006,
        silhouette=shot.silhouette,
        seed=int(rng.integers(1 << 30)),
    )


def _yaw(view: View | None, rng: np.random.Generator) -> float:
    wanted = view or _ANY_VIEW
    side = -1.0 if wanted.two_sided and rng.random() < 0.5 else 1.0
    yaw = side * float(rng.normal(wanted.yaw_deg, wanted.spread_deg))
    return (
        float(np.clip(yaw, -_MAX_FREE_YAW_DEG, _MAX_FREE_YAW_DEG)) if view is None else float(np.clip(yaw, -179, 179))
    )


def obey_patches(scene: Scene, prompt: PatchedText) -> Scene:
    """Return the shot as the prompt's retry patches want it: from closer by, the head turned to the camera."""
    framing: Framing = scene.framing
    insists = prompt.level(Reason.IDENTITY_LOW, Reason.NO_FACE) >= _CLOSER_FROM_LEVEL
    for _ in range(prompt.level(Reason.FACE_TOO_SMALL) + insists):
        framing = _CLOSER[framing]
    turned = _TURN_LEFT ** prompt.level(Reason.TURNED_AWAY, Reason.NO_FACE)
    return replace(scene, framing=framing, yaw_deg=scene.yaw_deg * turned)


def changed_look(scene: Scene, batch: float) -> Scene:
    """Return the shot as another version of the provider would take it: warmer, brighter, flatter, noisier."""
    if batch == 0:
        return scene
    return replace(
        scene,
        warmth=scene.warmth + 0.22 * batch,
        exposure=scene.exposure * (1 + 0.08 * batch),
        fill=scene.fill + 0.18 * batch,
        noise=scene.noise + 0.012 * batch,
    )


def spoil(scene: Scene, fault: Fault | None, rng: np.random.Generator, *, short_side_px: int) -> Scene:
    """Return the shot with a picture fault: head cut off, blurred, or seen from behind; else unchanged."""
    if fault is Fault.NO_FACE:
        return replace(scene, framing="half_body", shift=(scene.shift[0], -0.62), silhouette=False)
    if fault is Fault.BLUR:
        return replace(scene, blur_sigma_px=_BLUR_OF_SHORT_SIDE[scene.framing] * short_side_px)
    if fault is Fault.TURNED_AWAY:
        return replace(scene, yaw_deg=_BEHIND_YAW_DEG * (1 if rng.random() < 0.5 else -1))
    return scene

"""A request becomes one shot; what it leaves open is settled per asset or per picture."""

from __future__ import annotations

import numpy as np
import pytest

from personalab_core.llm.simulated_faults import Fault
from personalab_core.llm.simulated_prompt import PatchedText, read_shot
from personalab_core.llm.simulated_scene import changed_look, choose_scene, obey_patches, spoil
from personalab_core.schemas import Reason
from personalab_core.simulation import Scene


def _scene(text: str = "a photo", *, place_seed: int = 1, seed: int = 1) -> Scene:
    return choose_scene(read_shot(text), place_seed, np.random.default_rng(seed))


def test_a_request_is_obeyed() -> None:
    scene = _scene("full-body photo at the beach, laughing, golden hour, facing the camera")
    assert (scene.framing, scene.background) == ("full_body", "beach")
    assert scene.smile > 0.7
    assert scene.warmth > 0.3
    assert abs(scene.yaw_deg) < 15


def test_attempts_for_one_asset_share_place_and_clothes_but_not_the_pose() -> None:
    first, second = _scene(seed=1), _scene(seed=2)
    assert (first.background, first.background_seed, first.clothes_seed, first.framing) == (
        second.background,
        second.background_seed,
        second.clothes_seed,
        second.framing,
    )
    assert first.yaw_deg != second.yaw_deg


def test_another_asset_is_elsewhere() -> None:
    assert _scene(place_seed=1).background_seed != _scene(place_seed=2).background_seed


def test_a_view_left_open_keeps_the_face_in_sight() -> None:
    assert max(abs(_scene(seed=seed).yaw_deg) for seed in range(200)) <= 24


def test_a_three_quarter_view_may_go_to_either_side() -> None:
    yaws = [_scene("three-quarter view", seed=seed).yaw_deg for seed in range(20)]
    assert min(yaws) < -15
    assert max(yaws) > 15
    assert all(15 < abs(yaw) < 50 for yaw in yaws)


@pytest.mark.parametrize(("level", "framing"), [(0, "full_body"), (1, "half_body"), (2, "headshot"), (3, "headshot")])
def test_the_patch_against_small_faces_brings_the_camera_closer(level: int, framing: str) -> None:
    prompt = PatchedText("", {Reason.FACE_TOO_SMALL: level})
    assert obey_patches(Scene(framing="full_body"), prompt).framing == framing


@pytest.mark.parametrize(("level", "framing"), [(2, "full_body"), (3, "half_body")])
def test_the_last_identity_patch_asks_for_a_closer_view(level: int, framing: str) -> None:
    prompt = PatchedText("", {Reason.IDENTITY_LOW: level})
    assert obey_patches(Scene(framing="full_body"), prompt).framing == framing


def test_the_patch_against_turned_heads_turns_them_back() -> None:
    turned = Scene(yaw_deg=40.0)
    assert obey_patches(turned, PatchedText("", {Reason.TURNED_AWAY: 2})).yaw_deg == 10.0
    assert obey_patches(turned, PatchedText("", {Reason.IDENTITY_LOW: 2})).yaw_deg == 40.0


def test_a_changed_provider_takes_another_kind_of_picture() -> None:
    before = Scene()
    after = changed_look(before, 1.0)
    assert after.warmth > before.warmth
    assert after.noise > before.noise
    assert changed_look(before, 0.0) is before


def test_each_picture_fault_shows_in_the_shot() -> None:
    rng = np.random.default_rng(1)
    plain = Scene()
    assert spoil(plain, Fault.NO_FACE, rng, short_side_px=500).shift[1] < -0.5
    assert spoil(plain, Fault.BLUR, rng, short_side_px=500).blur_sigma_px == pytest.approx(50)
    assert abs(spoil(plain, Fault.TURNED_AWAY, rng, short_side_px=500).yaw_deg) > 150
    assert spoil(plain, None, rng, short_side_px=500) is plain

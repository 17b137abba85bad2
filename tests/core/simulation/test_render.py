"""Pictures and their ground truth, at small sizes."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from personalab_core.simulation import (
    FaceTruth,
    PortraitRenderer,
    Rendering,
    Scene,
    SimulatedIdentity,
    Style,
    lookalike,
    perturb,
    render,
    sample_identity,
    sample_scene,
    sample_style,
)
from personalab_core.simulation.identity import APPEARANCE_NAMES, GEOMETRY_NAMES

WIDTH, HEIGHT = 192, 240
PLAIN = Style(length=-0.6)


@pytest.fixture(scope="module")
def renderer() -> PortraitRenderer:
    return PortraitRenderer(cache_size=4)


def shot(renderer: PortraitRenderer, seed: int, scene: Scene, style: Style | None = None) -> Rendering:
    identity = sample_identity(seed)
    return renderer.render(identity, style or sample_style(identity, seed), scene, width=WIDTH, height=HEIGHT)


def inter_ocular_px(face: FaceTruth) -> float:
    return float(np.linalg.norm(face.points5[1] - face.points5[0]))


def test_same_input_same_picture_with_and_without_cache(renderer: PortraitRenderer) -> None:
    identity, scene = sample_identity(1), sample_scene(1, "headshot")
    style = sample_style(identity, 1)
    fresh = render(identity, style, scene, width=WIDTH, height=HEIGHT)
    kept = [renderer.render(identity, style, scene, width=WIDTH, height=HEIGHT) for _ in range(2)]
    assert fresh.image.shape == (HEIGHT, WIDTH, 3)
    assert fresh.image.dtype == np.uint8
    for again in kept:
        assert np.array_equal(fresh.image, again.image)
        assert np.array_equal(fresh.faces[0].points106, again.faces[0].points106)


def test_one_render_leaves_the_cached_layers_untouched(renderer: PortraitRenderer) -> None:
    plain, laughing = Scene(), Scene(smile=1.0, mouth_open=0.8, eye_open=0.3, brow_raise=1.0)
    before = shot(renderer, 2, plain).image
    shot(renderer, 2, laughing)
    assert np.array_equal(before, shot(renderer, 2, plain).image)


@pytest.mark.parametrize("framing", ["headshot", "half_body", "full_body"])
@pytest.mark.parametrize("seed", range(4))
def test_truth_lies_in_the_picture(renderer: PortraitRenderer, framing: str, seed: int) -> None:
    rendering = shot(renderer, seed, sample_scene(seed, framing))  # type: ignore[arg-type]
    face = rendering.faces[0]
    x0, y0, x1, y1 = face.box
    assert 0 <= x0 < x1 <= WIDTH
    assert 0 <= y0 < y1 <= HEIGHT
    assert face.points106.shape == (106, 2)
    assert (face.points106 >= 0).all()
    assert (face.points106 <= [WIDTH, HEIGHT]).all()
    slack = 0.12 * (x1 - x0)
    assert (face.points106 >= [x0 - slack, y0 - slack]).all()
    assert (face.points106 <= [x1 + slack, y1 + slack]).all()
    assert face.occluded_fraction == pytest.approx(1 - face.visible106.mean())
    assert not face.turned_away


@pytest.mark.parametrize("seed", range(4))
def test_five_points_agree_with_the_106(renderer: PortraitRenderer, seed: int) -> None:
    face = shot(renderer, seed, sample_scene(seed, "headshot")).faces[0]
    close = 0.02 * inter_ocular_px(face)
    for index5, index106 in ((0, 38), (1, 88), (2, 86), (3, 52), (4, 61)):
        assert np.linalg.norm(face.points5[index5] - face.points106[index106]) < close
    for eye, ring in ((0, (35, 41, 40, 42, 39, 37, 33, 36)), (1, (93, 96, 94, 95, 89, 90, 87, 91))):
        centre = face.points106[list(ring)].mean(axis=0)
        assert np.linalg.norm(face.points5[eye] - centre) < 0.1 * inter_ocular_px(face)


def test_left_is_left_and_up_is_up(renderer: PortraitRenderer) -> None:
    left_eye, right_eye, nose, left_mouth, right_mouth = shot(renderer, 3, Scene()).faces[0].points5
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_mouth[0] < nose[0] < right_mouth[0]
    assert left_eye[1] < nose[1] < left_mouth[1]


def test_a_symmetric_face_is_its_own_mirror_image() -> None:
    average = SimulatedIdentity((0.0,) * len(GEOMETRY_NAMES), (0.0,) * len(APPEARANCE_NAMES))
    face = render(average, PLAIN, Scene(), width=WIDTH, height=HEIGHT).faces[0]
    mirrored = face.points106 * [-1, 1] + [WIDTH, 0]
    distance = np.linalg.norm(mirrored[:, None] - face.points106[None], axis=2)
    assert distance.min(axis=1).max() < 0.01 * inter_ocular_px(face)


@pytest.mark.parametrize(("yaw_deg", "sign"), [(30.0, 1), (-30.0, -1)])
def test_nose_moves_the_way_the_head_turns(renderer: PortraitRenderer, yaw_deg: float, sign: int) -> None:
    left_eye, right_eye, nose, *_ = shot(renderer, 3, Scene(yaw_deg=yaw_deg)).faces[0].points5
    assert sign * (nose[0] - (left_eye[0] + right_eye[0]) / 2) > 0


def test_pitch_up_lifts_the_nose_and_roll_leans_to_image_right(renderer: PortraitRenderer) -> None:
    plain, up = (shot(renderer, 3, Scene(pitch_deg=p)).faces[0].points5 for p in (0.0, 12.0))
    assert up[2, 1] - up[:2, 1].mean() < plain[2, 1] - plain[:2, 1].mean()
    leaning = shot(renderer, 3, Scene(roll_deg=15)).faces[0].points5
    slope = (leaning[1] - leaning[0]) / np.linalg.norm(leaning[1] - leaning[0])
    assert np.degrees(np.arctan2(slope[1], slope[0])) == pytest.approx(15, abs=1)


def test_far_side_contour_lies_on_the_silhouette(renderer: PortraitRenderer) -> None:
    """At 35 degrees of yaw no feature of the far half may stick out beyond the contour, and none of it is hidden."""
    face = shot(renderer, 12, Scene(yaw_deg=35), PLAIN).faces[0]
    contour = face.points106[17:33]
    features = face.points106[87:106]
    assert features[:, 0].max() <= contour[:, 0].max() + 0.02 * inter_ocular_px(face)
    assert face.visible106[17:33].mean() > 0.85


@pytest.mark.parametrize(
    ("yaw_deg", "away"), [(0.0, False), (60.0, False), (90.0, True), (-130.0, True), (180.0, True)]
)
def test_turned_away_is_flagged(renderer: PortraitRenderer, yaw_deg: float, away: bool) -> None:
    face = shot(renderer, 5, Scene(yaw_deg=yaw_deg)).faces[0]
    assert face.turned_away is away
    assert face.yaw_deg == yaw_deg


def test_the_back_of_a_head_hides_the_face(renderer: PortraitRenderer) -> None:
    face = shot(renderer, 5, Scene(yaw_deg=180)).faces[0]
    assert face.occluded_fraction > 0.9
    assert not face.visible106[33:].any()


def test_a_second_person_stands_to_the_right_with_truth_of_their_own(renderer: PortraitRenderer) -> None:
    subject, other = sample_identity(6), sample_identity(7)
    scene = Scene()
    alone = renderer.render(subject, PLAIN, scene, width=WIDTH, height=HEIGHT)
    pair = renderer.render(
        subject, PLAIN, scene, width=WIDTH, height=HEIGHT, others=[(other, PLAIN, Scene(yaw_deg=-10))]
    )
    assert len(alone.faces) == 1
    assert len(pair.faces) == 2
    first, second = pair.faces
    assert first.points5[2, 0] < WIDTH / 2 < second.points5[2, 0]
    assert (first.yaw_deg, second.yaw_deg) == (0.0, -10.0)
    assert second.occluded_fraction < 0.5


def test_more_change_gives_more_different_pictures_and_bones(renderer: PortraitRenderer) -> None:
    """Mean over three persons; single ones may wobble."""
    geometry_px, pixels = [], []
    for eps in (0.0, 0.2, 0.6):
        changes = []
        for seed in range(3):
            identity = sample_identity(seed)
            start = renderer.render(identity, PLAIN, Scene(noise=0), width=WIDTH, height=HEIGHT)
            moved = perturb(identity, geometry_eps=eps, appearance_eps=0, seed=seed)
            end = renderer.render(moved, PLAIN, Scene(noise=0), width=WIDTH, height=HEIGHT)
            shift = np.linalg.norm(end.faces[0].points106 - start.faces[0].points106, axis=1).mean()
            changes.append((shift, np.abs(end.image.astype(int) - start.image).mean()))
        mean = np.mean(changes, axis=0)
        geometry_px.append(mean[0])
        pixels.append(mean[1])
    assert geometry_px[0] == pytest.approx(0, abs=0.05)
    assert (np.diff(geometry_px) > 0.1).all()
    assert (np.diff(pixels) > 0.1).all()


def test_a_lookalike_shares_the_colours_but_not_the_landmarks(renderer: PortraitRenderer) -> None:
    person = sample_identity(9)
    a, b = (
        renderer.render(who, PLAIN, Scene(noise=0), width=WIDTH, height=HEIGHT)
        for who in (person, lookalike(person, 1))
    )
    cheek_a, cheek_b = (
        r.image[int(y) - 2 : int(y) + 3, int(x) - 2 : int(x) + 3].mean(axis=(0, 1))
        for r, (x, y) in ((r, (r.faces[0].points5[0] + r.faces[0].points5[3]) / 2) for r in (a, b))
    )
    assert np.abs(cheek_a - cheek_b).max() < 25
    moved = np.linalg.norm(a.faces[0].points106 - b.faces[0].points106, axis=1).mean()
    assert moved > 0.03 * inter_ocular_px(a.faces[0])


def test_silhouette_is_dark_before_a_bright_ground(renderer: PortraitRenderer) -> None:
    rendering = shot(renderer, 4, Scene(silhouette=True, noise=0))
    x, y = rendering.faces[0].points5[2].astype(int)
    assert rendering.image[y - 5 : y + 5, x - 5 : x + 5].mean() < 70
    assert rendering.image[30:80, 5:25].mean() > 90


def test_framings_shrink_the_face(renderer: PortraitRenderer) -> None:
    """Diagonal of the face box over that of the picture: head >= .30, half .10-.30, full below .10."""
    share = {}
    for framing in ("headshot", "half_body", "full_body"):
        x0, y0, x1, y1 = shot(renderer, 4, Scene(framing=framing)).faces[0].box  # type: ignore[arg-type]
        share[framing] = np.hypot(x1 - x0, y1 - y0) / np.hypot(WIDTH, HEIGHT)
    assert share["headshot"] >= 0.30
    assert 0.10 <= share["half_body"] < 0.30
    assert share["full_body"] < 0.10


def test_backgrounds_and_seeds_differ(renderer: PortraitRenderer) -> None:
    corners = {
        name: shot(renderer, 4, Scene(background=name, noise=0)).image[:30, :30].mean(axis=(0, 1))  # type: ignore[arg-type]
        for name in ("studio", "beach", "night", "nature")
    }
    assert len({tuple(np.round(c)) for c in corners.values()}) == 4
    assert corners["night"].mean() < 60 < corners["beach"].mean()


@pytest.mark.parametrize("bad", [{"framing": "closeup"}, {"background": "moon"}, {"yaw_deg": 200.0}])
def test_a_scene_that_cannot_be_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="expected"):
        replace(Scene(), **bad)  # type: ignore[arg-type]


def test_a_size_out_of_range_is_refused(renderer: PortraitRenderer) -> None:
    with pytest.raises(ValueError, match=r"64..4096 px, got 10x240"):
        renderer.render(sample_identity(1), PLAIN, Scene(), width=10, height=240)


def test_importing_the_package_loads_no_heavy_library() -> None:
    code = "import sys, personalab_core.simulation; sys.exit(any(m in sys.modules for m in ('cv2', 'numpy', 'PIL')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

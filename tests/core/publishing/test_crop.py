"""The crop keeps the face: as a property of the plan, and on rendered people whose faces are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from personalab_core.errors import InputError
from personalab_core.publishing.crop import cut, face_box, plan_crop
from personalab_core.simulation import Scene, sample_identity, sample_style
from tests.support.faces import shared_renderer


def test_without_a_face_the_part_is_centred_and_a_little_above_the_middle() -> None:
    assert plan_crop(300, 200, 1.0, None).box == (50, 0, 250, 200)
    assert plan_crop(200, 320, 1.0, None).box == (0, 40, 200, 240)


def test_the_part_follows_the_face() -> None:
    assert plan_crop(400, 100, 1.0, (20, 30, 50, 60)).box == (0, 0, 100, 100)
    assert plan_crop(400, 100, 1.0, (350, 30, 380, 60)).box == (300, 0, 400, 100)


def test_the_same_shape_is_not_cut() -> None:
    assert plan_crop(400, 500, 0.8, (100, 100, 200, 220)).box == (0, 0, 400, 500)


def test_a_face_that_does_not_fit_is_kept_whole_and_the_rest_filled_in() -> None:
    plan = plan_crop(400, 500, 16 / 9, (50, 20, 350, 480))
    assert plan.padded
    assert plan.box == (0, 20, 400, 480)
    filled = cut(np.full((500, 400, 3), 99, np.uint8), plan, 16 / 9)
    assert filled.shape[1] / filled.shape[0] == pytest.approx(16 / 9, abs=0.01)


boxes = st.tuples(st.floats(0, 900), st.floats(0, 900), st.floats(2, 500), st.floats(2, 500))


@given(st.integers(64, 1200), st.integers(64, 1200), st.floats(0.3, 3.0), boxes)
def test_no_plan_cuts_the_face(width: int, height: int, aspect: float, box: tuple[float, ...]) -> None:
    x0, y0 = box[0], box[1]
    face = (x0, y0, min(x0 + box[2], width), min(y0 + box[3], height))
    assume(face[2] > x0 + 1 and face[3] > y0 + 1)
    plan = plan_crop(width, height, aspect, face)
    left, top, right, bottom = plan.box
    assert 0 <= left <= face[0]
    assert 0 <= top <= face[1]
    assert width >= right >= face[2] - 1
    assert height >= bottom >= face[3] - 1
    if not plan.padded:
        assert abs(plan.width_px - plan.height_px * aspect) <= max(1.0, aspect) * 1.01


@pytest.mark.parametrize("framing", ["headshot", "half_body", "full_body"])
@pytest.mark.parametrize("aspect", [0.5625, 0.8, 1.0, 16 / 9])
def test_known_faces_stay_whole(framing: str, aspect: float) -> None:
    """Ground truth: every one of the 106 points and the face's box lie in the part that is kept."""
    for person in (3, 4):
        identity = sample_identity(person)
        scene = Scene(framing=framing, shift=(0.1 if person == 3 else -0.1, 0.0))  # type: ignore[arg-type]
        truth = (
            shared_renderer().render(identity, sample_style(identity, person), scene, width=256, height=320).faces[0]
        )
        face = face_box(tuple(truth.box), [tuple(point) for point in truth.points106])  # type: ignore[arg-type]
        left, top, right, bottom = plan_crop(256, 320, aspect, face).box
        inside = np.clip(truth.points106, 0, (256, 320))
        assert (inside >= (left, top)).all()
        assert (inside <= (right, bottom)).all()


def test_a_face_outside_of_the_picture_is_refused() -> None:
    with pytest.raises(InputError, match="outside of the picture"):
        plan_crop(100, 100, 1.0, (200, 200, 220, 220))

"""Plain words become framing, view, expression, light and place."""

from __future__ import annotations

import pytest

from personalab_core.llm.simulated_prompt import read_shot, split_patches
from personalab_core.prompts import PatchCatalogue
from personalab_core.schemas import Reason


@pytest.mark.parametrize(
    ("text", "framing"),
    [
        ("A photorealistic full-body photo in a park", "full_body"),
        ("half-body portrait, 35 mm", "half_body"),
        ("waist-up shot of a woman", "half_body"),
        ("tight headshot portrait", "headshot"),
        ("a full body shot, not a close-up", "full_body"),
        ("a photo of a woman in a full-length skirt", None),
        ("a photo of a man", None),
    ],
)
def test_framing(text: str, framing: str | None) -> None:
    assert read_shot(text).framing == framing


@pytest.mark.parametrize(
    ("text", "yaw_deg"),
    [
        ("facing the camera straight on", 0.0),
        ("three-quarter view of the head", 30.0),
        ("in profile", 55.0),
        ("seen from behind", 165.0),
        ("strong light from behind only", None),
        ("a portrait", None),
    ],
)
def test_view(text: str, yaw_deg: float | None) -> None:
    view = read_shot(text).view
    assert (view.yaw_deg if view else None) == yaw_deg


@pytest.mark.parametrize(
    ("text", "smile"),
    [
        ("neutral expression, mouth closed", 0.05),
        ("a soft smile", 0.4),
        ("smiling", 0.62),
        ("laughing out loud", 0.9),
        ("a man with laugh lines around the eyes", None),
    ],
)
def test_expression(text: str, smile: float | None) -> None:
    expression = read_shot(text).expression
    assert (expression.smile if expression else None) == smile


@pytest.mark.parametrize(
    ("text", "background"),
    [
        ("Place: small cafe with wooden shelves. Mood: quiet afternoon at home.", "cafe"),
        ("walking on the beach", "beach"),
        ("city street at night", "street"),
        ("85 mm lens, shallow depth of field", None),
        ("a square jaw", None),
        ("plain light grey background in a photo studio", "studio"),
    ],
)
def test_the_first_place_named_wins(text: str, background: str | None) -> None:
    assert read_shot(text).background == background


def test_warm_light_is_warmer_than_an_overcast_sky() -> None:
    warm, cool = read_shot("golden hour").light, read_shot("overcast daylight").light
    assert warm is not None
    assert cool is not None
    assert warm.warmth > 0 > cool.warmth


def test_what_is_to_be_avoided_is_no_wish() -> None:
    shot = read_shot("A headshot of a woman. Avoid: full body, laughing, beach. No sunset.")
    assert (shot.framing, shot.expression, shot.background, shot.light) == ("headshot", None, None, None)


def test_a_silhouette_and_company_are_understood() -> None:
    assert read_shot("as a dark silhouette against a bright background").silhouette
    assert read_shot("laughing with a close friend").companions
    alone = read_shot("Nobody else is in the picture.")
    assert not alone.silhouette
    assert not alone.companions


CATALOGUE = PatchCatalogue(
    {Reason.IDENTITY_LOW: ["Keep the same person.", "Copy the face exactly."], Reason.NO_FACE: ["Show the face."]}
)


def test_patches_are_found_across_line_breaks_and_taken_out() -> None:
    split = split_patches("A portrait.\nCopy the\n  face exactly. Show the face.\nIn a park.", CATALOGUE)
    assert split.request == "A portrait. In a park."
    assert split.levels == {Reason.IDENTITY_LOW: 2, Reason.NO_FACE: 1}
    assert split.level(Reason.IDENTITY_LOW, Reason.GEOMETRY_OFF) == 2
    assert split.level(Reason.BLOCKED) == 0


def test_a_prompt_without_patches_stays_as_it_is() -> None:
    assert split_patches("A portrait.  In a park.", CATALOGUE).request == "A portrait. In a park."

"""People wear what the prompt says, as far as the wardrobe goes."""

from __future__ import annotations

import numpy as np
import pytest

from personalab_core.llm.simulated_outfit import clothes_seed, read_outfit
from personalab_core.simulation.clothes import BLAZER, CREW, SHIRT, TURTLENECK, choose_outfit


@pytest.mark.parametrize(
    ("text", "cut", "dark"),
    [
        ("Outfit: cream knitted sweater.", CREW, False),
        ("Hair off the face, plain dark crew-neck top, no glasses.", CREW, True),
        ("Outfit: black leather jacket.", BLAZER, True),
        ("Outfit: denim jacket over a white t-shirt.", BLAZER, None),
        ("wearing a white shirt", SHIRT, False),
        ("a black turtleneck", TURTLENECK, True),
    ],
)
def test_the_first_garment_is_worn(text: str, cut: int, dark: bool | None) -> None:
    outfit = choose_outfit(clothes_seed(read_outfit(text), 7))
    assert outfit.cut == cut
    if dark is not None:
        assert (float(np.mean(outfit.fabric)) < 0.15) == dark


def test_colours_of_other_things_are_not_the_clothes() -> None:
    wish = read_outfit("Dark brown hair. A red bus behind her, linen shirt.")
    assert wish is not None
    assert wish.colour == (0.80, 0.76, 0.68)


def test_a_t_shirt_is_no_shirt() -> None:
    wish = read_outfit("a striped t-shirt")
    assert wish is not None
    assert wish.cut == CREW
    assert wish.striped


def test_without_a_word_about_clothes_anything_is_worn() -> None:
    assert read_outfit("a portrait in the park") is None
    assert clothes_seed(None, 1) != clothes_seed(None, 2)


def test_the_same_asset_is_dressed_the_same() -> None:
    wish = read_outfit("a green blouse")
    assert clothes_seed(wish, 3) == clothes_seed(wish, 3)

"""Dress the person as the prompt says: the first garment it names, its cut and its colour."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from personalab_core.llm.simulated_faults import stable_seed
from personalab_core.simulation.clothes import BLAZER, CREW, SCOOP, SHIRT, TURTLENECK, V_NECK, Outfit, choose_outfit

_N_TRIED = 100
"""Outfits looked at before the one nearest to the wish is put on; about 15 ms."""

_WRONG_CUT = 0.6
_WRONG_PATTERN = 0.3
"""What a wrong cut or pattern counts beside a distance of colours, whose channels are in [0, 1]."""

_CUTS: Mapping[str, int] = {
    r"v[\s-]neck": V_NECK,
    r"turtle[\s-]?neck|roll[\s-]?neck|polo neck": TURTLENECK,
    r"blazer|jacket|coat|suit|cardigan": BLAZER,
    r"(?<!t-)(?<!t )(?<!sweat)shirt|blouse": SHIRT,
    r"dress": SCOOP,
    r"sweater|sweatshirt|pullover|jumper|hoodie|t[\s-]?shirt|tee|top|crew[\s-]neck": CREW,
}
_GARMENT = re.compile(rf"\b(?:{'|'.join(_CUTS)})\b", re.I)
_COLOURS: Mapping[str, tuple[float, float, float]] = {
    r"navy|dark blue|indigo": (0.14, 0.19, 0.32),
    r"light blue|sky blue|pale blue": (0.55, 0.64, 0.74),
    r"denim|blue": (0.27, 0.40, 0.56),
    r"teal|petrol": (0.22, 0.40, 0.44),
    r"olive|khaki": (0.36, 0.38, 0.28),
    r"green|emerald": (0.20, 0.35, 0.27),
    r"burgundy|wine|maroon": (0.42, 0.14, 0.18),
    r"rust|terracotta|orange|copper": (0.58, 0.34, 0.24),
    r"red|crimson": (0.60, 0.16, 0.17),
    r"pink|rose": (0.76, 0.56, 0.55),
    r"purple|violet|plum": (0.39, 0.25, 0.41),
    r"mustard|yellow|ochre": (0.80, 0.68, 0.40),
    r"camel|tan|brown|leather": (0.52, 0.38, 0.26),
    r"cream|beige|ivory|linen|off-white|sand": (0.80, 0.76, 0.68),
    r"white": (0.89, 0.89, 0.90),
    r"charcoal|dark gr[ae]y": (0.22, 0.22, 0.24),
    r"gr[ae]y|silver": (0.58, 0.58, 0.60),
    r"black|dark": (0.13, 0.13, 0.15),
}


@dataclass(frozen=True, slots=True)
class OutfitWish:
    """What a prompt says about clothes; ``None`` where it says nothing. ``colour`` is sRGB in [0, 1]."""

    cut: int | None
    colour: tuple[float, float, float] | None
    striped: bool


def read_outfit(text: str) -> OutfitWish | None:
    """Return the first garment a prompt names, with the words right before it; ``None`` if it names none."""
    garment = _GARMENT.search(text)
    if garment is None:
        return None
    words = re.split(r"[.,;:]", text[max(0, garment.start() - 40) : garment.start()])[-1]
    said = f"{words} {garment[0]}"
    return OutfitWish(
        cut=next((cut for pattern, cut in _CUTS.items() if _says(pattern, garment[0])), None),
        colour=next((colour for pattern, colour in _COLOURS.items() if _says(pattern, said)), None),
        striped=_says("striped?|stripes", said),
    )


def clothes_seed(wish: OutfitWish | None, place_seed: int) -> int:
    """Return a renderer's clothes seed that comes near the wish; without a wish, any."""
    seeds = [stable_seed("clothes", place_seed, number) % (1 << 30) for number in range(_N_TRIED if wish else 1)]
    return seeds[0] if wish is None else min(seeds, key=lambda seed: _mismatch(choose_outfit(seed), wish))


def _mismatch(outfit: Outfit, wish: OutfitWish) -> float:
    colour = 0.0
    if wish.colour is not None:
        shown = np.asarray(outfit.fabric, np.float64) ** (1 / 2.2)  # the renderer keeps linear light
        colour = float(np.abs(shown - wish.colour).max())
    cut = _WRONG_CUT * (wish.cut is not None and outfit.cut != wish.cut)
    return colour + cut + _WRONG_PATTERN * (outfit.striped != wish.striped)


def _says(pattern: str, text: str) -> bool:
    return re.search(rf"\b(?:{pattern})\b", text, re.I) is not None

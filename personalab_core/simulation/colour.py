"""Colour ramps of skin, hair and iris: parameters in, linear RGB (3,) float32 out. Hand-made palettes, no data."""

import numpy as np

from personalab_core.simulation.curves import F32, FloatArray
from personalab_core.simulation.identity import SimulatedIdentity

_SKIN = np.array([[0.95, 0.79, 0.71], [0.89, 0.69, 0.58], [0.78, 0.56, 0.44], [0.58, 0.38, 0.28], [0.37, 0.24, 0.18]])
_HAIR = np.array([[0.80, 0.66, 0.44], [0.60, 0.43, 0.25], [0.38, 0.25, 0.16], [0.22, 0.15, 0.11], [0.10, 0.08, 0.08]])
_IRIS = np.array([[0.45, 0.29, 0.13], [0.36, 0.45, 0.27], [0.47, 0.52, 0.55], [0.33, 0.49, 0.64]])
_DARK_IRIS = np.array([0.22, 0.13, 0.08])
_GINGER = np.array([0.58, 0.24, 0.10])
_GREY = np.array([0.62, 0.61, 0.60])


def _along(palette: np.ndarray, position: float) -> np.ndarray:
    """The palette colour at a position in [-1, 1], linearly between its entries."""
    x = float(np.clip((position + 1) / 2, 0, 1)) * (len(palette) - 1)
    i = min(int(x), len(palette) - 2)
    return np.asarray(palette[i] + (palette[i + 1] - palette[i]) * (x - i))


def linear(srgb: np.ndarray) -> FloatArray:
    """Display values in [0, 1] to linear light (gamma 2.2)."""
    return np.asarray(np.clip(srgb, 0, 1) ** 2.2, F32)


def skin_colour(identity: SimulatedIdentity) -> FloatArray:
    """Mean skin colour."""
    hue = identity.value("skin_hue")
    c = _along(_SKIN, identity.value("skin_tone"))
    return linear(c * np.array([1 + 0.02 * hue, 1 - 0.004 * hue, 1 - 0.055 * hue]))


def hair_colour(identity: SimulatedIdentity) -> FloatArray:
    """Mean hair colour: melanin, ginger, grey."""
    c = _along(_HAIR, identity.value("hair_mel"))
    ginger = 0.42 * max(0.0, identity.value("hair_red") - 0.2)
    c = c * (1 - ginger) + _GINGER * ginger * (c.mean() * 1.6 + 0.3)
    grey = min(0.92, max(0.0, identity.value("hair_grey")) * 0.95)
    return linear(c * (1 - grey) + _GREY * grey * (0.55 + 0.6 * c.mean()))


def iris_colour(identity: SimulatedIdentity) -> FloatArray:
    """Mean iris colour, from almost black brown to light blue."""
    light = float(np.clip(((identity.value("eye_light") + 1) / 2 - 0.25) * 2.2, 0, 1))
    return linear(_DARK_IRIS + (_along(_IRIS, identity.value("eye_hue")) - _DARK_IRIS) * light)


def skin_darkness(identity: SimulatedIdentity) -> float:
    """0 for the lightest, 1 for the darkest skin."""
    return float(np.clip((identity.value("skin_tone") + 1) / 2, 0, 1))

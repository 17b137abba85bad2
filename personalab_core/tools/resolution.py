"""Sharper and larger, without inventing a face.

What ships interpolates (Lanczos) and raises contrast at edges (unsharp mask). It adds no
detail, so it cannot change who is in the picture. A real super-resolution model can be
plugged in by the entry-point group ``personalab.upscalers``; such a model does invent
detail, and the identity has to be measured again after it, which the export does.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points

import numpy as np
import numpy.typing as npt

from personalab_core.errors import ConfigError, InputError

Picture = npt.NDArray[np.uint8]
Upscaler = Callable[[Picture, int, int], Picture]
"""Takes (H, W, 3) uint8 BGR, the wanted width and height; returns (height, width, 3) uint8 BGR."""

ENTRY_POINT_GROUP = "personalab.upscalers"
MAX_FACTOR = 4.0
"""Beyond four times the size, interpolation shows nothing but blur. Not calibrated."""


def sharpen(bgr: Picture, *, amount: float = 0.5, sigma_px: float = 1.0) -> Picture:
    """Return the picture with an unsharp mask: ``p + amount * (p - gauss(p, sigma_px))``, saturated.

    Args:
        bgr: (H, W, 3) uint8.
        amount: 0 leaves the picture as it is; above 1.5 halos show (not calibrated).
        sigma_px: Width of the edges that are raised.

    Raises:
        InputError: ``amount`` is below 0 or ``sigma_px`` not above 0.
    """
    import cv2

    if amount < 0 or sigma_px <= 0:
        raise InputError(f"sharpening needs amount >= 0 and sigma_px > 0, got {amount} and {sigma_px}.")
    soft = cv2.GaussianBlur(bgr, (0, 0), sigma_px)
    return cv2.addWeighted(bgr, 1.0 + amount, soft, -amount, 0.0).astype(np.uint8, copy=False)


def upscale(bgr: Picture, width_px: int, height_px: int) -> Picture:
    """Return the picture in the wanted size by Lanczos interpolation and a light unsharp mask.

    Raises:
        InputError: The size is smaller than the picture or over four times as large.
    """
    import cv2

    height, width = bgr.shape[:2]
    if width_px < width or height_px < height:
        raise InputError(f"upscaling {width} x {height} px to {width_px} x {height_px} px would make it smaller.")
    if max(width_px / width, height_px / height) > MAX_FACTOR:
        raise InputError(
            f"{width} x {height} px cannot be upscaled to {width_px} x {height_px} px; "
            f"{MAX_FACTOR:.0f} times as large is the most."
        )
    larger = cv2.resize(bgr, (width_px, height_px), interpolation=cv2.INTER_LANCZOS4)
    return sharpen(larger.astype(np.uint8, copy=False), amount=0.3)


def upscaler(name: str) -> Upscaler:
    """Return the upscaler of that name: ``lanczos``, or one that an installed package offers.

    Raises:
        ConfigError: No such upscaler is installed; the message lists those that are.
    """
    if name == "lanczos":
        return upscale
    offered = {entry.name: entry for entry in entry_points(group=ENTRY_POINT_GROUP)}
    if name not in offered:
        known = ", ".join(["lanczos", *sorted(offered)])
        raise ConfigError(f"no upscaler is called {name!r}; installed: {known}.")
    loaded: Upscaler = offered[name].load()
    return loaded

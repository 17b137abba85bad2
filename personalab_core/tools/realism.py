"""The phone look: sensor noise, lateral chromatic aberration, JPEG.

Applied to a finished picture, after its identity was judged. It can only cost
identity, never excuse a low score: measure again afterwards.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field, ValidationError

from personalab_core.config.resources import data_path
from personalab_core.config.yaml_files import read_yaml_mapping
from personalab_core.errors import ConfigError, InputError
from personalab_core.schemas.contract import Contract

if TYPE_CHECKING:
    from collections.abc import Mapping

Picture = npt.NDArray[np.uint8]

PRESET_FILE = "realism.yml"
"""Name of the shipped file in ``data/tools`` and of a user's own in ``paths.prompts``."""

_PLATE_SEED = 20_260_101
_PLATE_BYTES = 16 * 1024 * 1024
_NEUTRAL = 128


class RealismPreset(Contract):
    """One look.

    Attributes:
        noise_sigma: Standard deviation of the noise, 8-bit levels.
        aberration_px: How far red (outwards) and blue (inwards) move at the left and right edge.
        jpeg_quality: As libjpeg counts; colour is stored at half resolution (4:2:0).
    """

    noise_sigma: Annotated[float, Field(ge=0, le=40)] = 4.0
    aberration_px: Annotated[int, Field(ge=0, le=8)] = 1
    jpeg_quality: Annotated[int, Field(ge=1, le=100)] = 85


def load_realism_presets(overrides: Path | None = None) -> Mapping[str, RealismPreset]:
    """Return the looks by name: those that ship, and over them a user's own.

    Args:
        overrides: Folder that may hold a ``realism.yml``, as ``config.paths.prompts``.

    Raises:
        ConfigError: A file is broken; the message names file and look.
    """
    presets = _read(data_path("tools", PRESET_FILE))
    own = overrides / PRESET_FILE if overrides is not None else None
    if own is not None and own.is_file():
        presets |= _read(own)
    return presets


def _read(path: Path) -> dict[str, RealismPreset]:
    presets = {}
    for name, values in read_yaml_mapping(path).items():
        try:
            presets[name] = RealismPreset.model_validate(values)
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            place = ".".join(str(part) for part in (name, *first["loc"]))
            raise ConfigError(f"{path}: {place}: {first['msg']}.") from None
    return presets


class RealismFilter:
    """Gives pictures one look; make it once, use it for many pictures.

    The noise comes from a plate of 16 million values drawn once per strength; a picture's seed
    says where on the plate its noise begins. That is film grain's old trick, and it costs a
    fifth of drawing fresh noise for every picture.

    Args:
        preset: The look.
    """

    def __init__(self, preset: RealismPreset) -> None:
        self.preset = preset

    def encode(self, bgr: Picture, *, seed: int) -> bytes:
        """Return the picture with the look, as JPEG bytes without metadata.

        Args:
            bgr: (H, W, 3) uint8, BGR, both sides at least 32 px; left as it is.
            seed: Equal seeds give equal bytes on one version of the JPEG library.

        Raises:
            InputError: The array is no such picture.
        """
        import cv2

        done, data = cv2.imencode(".jpg", self._pixels(bgr, seed), [cv2.IMWRITE_JPEG_QUALITY, self.preset.jpeg_quality])
        if not done:
            raise InputError(f"a picture of {bgr.shape[1]} x {bgr.shape[0]} px cannot be stored as JPEG.")
        return data.tobytes()

    def apply(self, bgr: Picture, *, seed: int) -> Picture:
        """Return the picture with the look as (H, W, 3) uint8, BGR, JPEG losses included."""
        import cv2

        decoded = cv2.imdecode(np.frombuffer(self.encode(bgr, seed=seed), np.uint8), cv2.IMREAD_COLOR)
        if decoded is None:
            raise InputError("the JPEG library could not read back what it wrote.")
        return decoded.astype(np.uint8, copy=False)

    def _pixels(self, bgr: Picture, seed: int) -> Picture:
        if bgr.dtype != np.uint8 or bgr.ndim != 3 or bgr.shape[2] != 3 or min(bgr.shape[:2]) < 32:
            raise InputError(
                f"expected an 8-bit picture (H, W, 3) of at least 32 px a side, got {bgr.shape} {bgr.dtype}."
            )
        return self._aberrated(self._noisy(bgr, seed))

    def _noisy(self, bgr: Picture, seed: int) -> Picture:
        import cv2

        if self.preset.noise_sigma == 0:
            return bgr.copy()
        # addWeighted saturates: nothing wraps around at black and white.
        noisy = cv2.addWeighted(bgr, 1.0, self._noise(bgr.shape, seed), 1.0, -_NEUTRAL)
        return np.asarray(noisy, dtype=np.uint8)

    def _noise(self, shape: tuple[int, ...], seed: int) -> Picture:
        size = int(np.prod(shape))
        start = int(np.random.default_rng([seed % 2**64, 1]).integers(_PLATE_BYTES))
        end = start + size
        plate = _noise_plate(self.preset.noise_sigma)
        if end <= _PLATE_BYTES:
            return plate[start:end].reshape(shape)
        return np.resize(np.roll(plate, -start), shape)

    def _aberrated(self, bgr: Picture) -> Picture:
        """Magnify red and shrink blue about the centre, as a simple lens does; changes ``bgr`` in place."""
        import cv2

        shift_x = self.preset.aberration_px
        if shift_x == 0:
            return bgr
        height, width = bgr.shape[:2]
        shift_y = max(1, round(shift_x * height / width))
        red = cv2.resize(cv2.extractChannel(bgr, 2), (width + 2 * shift_x, height + 2 * shift_y))
        blue = cv2.resize(cv2.extractChannel(bgr, 0), (width - 2 * shift_x, height - 2 * shift_y))
        framed = cv2.copyMakeBorder(blue, shift_y, shift_y, shift_x, shift_x, cv2.BORDER_REPLICATE)
        cv2.insertChannel(red[shift_y:-shift_y, shift_x:-shift_x], bgr, 2)
        cv2.insertChannel(framed, bgr, 0)
        return bgr


@lru_cache(maxsize=4)
def _noise_plate(sigma: float) -> Picture:
    """Return Gaussian noise around 128: uniform numbers through the quantiles of the normal distribution."""
    from statistics import NormalDist

    normal = NormalDist(_NEUTRAL, sigma)
    levels = [normal.inv_cdf((index + 0.5) / 65_536) for index in range(65_536)]
    table = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
    plate: Picture = table[np.random.default_rng(_PLATE_SEED).integers(0, 65_536, _PLATE_BYTES, dtype=np.uint16)]
    plate.flags.writeable = False
    return plate

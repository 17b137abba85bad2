"""From accepted pixels to the pixels of a channel: crop, size, sharpness, look. Each step is named in the record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from personalab_core.config import Config
from personalab_core.errors import InputError
from personalab_core.publishing.channels import Channel
from personalab_core.publishing.crop import Box, CropPlan, cut, plan_crop
from personalab_core.publishing.formats import PictureFile, encode, jpeg_with_packet
from personalab_core.tools import RealismFilter, load_realism_presets, upscaler
from personalab_core.tools.resolution import Upscaler, sharpen, upscale

Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Finish:
    """What is done to every picture of an export; nothing by default.

    Attributes:
        realism: The phone look, and its name for the record.
        sharpen_amount: Of the unsharp mask; 0 is off.
        upscaler: Makes a picture larger where the channel asks for it.
    """

    realism: tuple[str, RealismFilter] | None = None
    sharpen_amount: float = 0.0
    upscaler: tuple[str, Upscaler] = ("lanczos", upscale)


@dataclass(frozen=True, slots=True)
class Finished:
    """A picture ready to be encoded.

    Attributes:
        encode: Gives the file with the XMP packet handed in (``None`` for no packet).
        width_px: Of the picture.
        height_px: Of the picture.
        crop: Part of the source that was kept, ``None`` if all of it.
        edits: What was done, in order.
    """

    encode: Callable[[bytes | None], PictureFile]
    width_px: int
    height_px: int
    crop: CropPlan | None
    edits: tuple[str, ...]


def chosen_finish(config: Config, *, look: str | None, sharpen_amount: float) -> Finish:
    """Return what is done to the pictures of an export, with the workspace's own looks and upscaler.

    Args:
        config: Names the upscaler and the folder of a person's own looks.
        look: Name of a realism preset, ``None`` for none.
        sharpen_amount: Of the unsharp mask; 0 is off.

    Raises:
        InputError: No look has that name; the message lists all.
        ConfigError: The upscaler is not installed, or a file of looks is broken.
    """
    name = config.publishing.upscaler
    realism = None
    if look is not None:
        looks = load_realism_presets(config.paths.prompts)
        if look not in looks:
            raise InputError(f"no look is called {look!r}. There are: {', '.join(sorted(looks))}.")
        realism = (look, RealismFilter(looks[look]))
    return Finish(realism=realism, sharpen_amount=sharpen_amount, upscaler=(name, upscaler(name)))


def finish_picture(bgr: Picture, channel: Channel, finish: Finish, *, face: Box | None, seed: int) -> Finished:
    """Return the picture in a channel's shape.

    Args:
        bgr: (H, W, 3) uint8, BGR, upright; left as it is.
        channel: Shape and format.
        finish: What else is done.
        face: The persona's face, which the crop keeps; ``None`` if it is not known.
        seed: Of the look's noise.

    Raises:
        InputError: The picture would have to be enlarged more than four times.
    """
    edits: list[str] = []
    plan = None
    if channel.size is not None:
        bgr, plan = _shaped(bgr, channel.size, finish.upscaler, face, edits)
    if finish.sharpen_amount > 0:
        bgr = sharpen(bgr, amount=finish.sharpen_amount)
        edits.append(f"sharpen {finish.sharpen_amount:g}")
    if finish.realism is not None:
        edits.append(f"realism {finish.realism[0]}")
    height, width = bgr.shape[:2]
    return Finished(_encoder(bgr, channel, finish, seed), width, height, plan, tuple(edits))


def _shaped(
    bgr: Picture, size: tuple[int, int], upscaler: tuple[str, Upscaler], face: Box | None, edits: list[str]
) -> tuple[Picture, CropPlan]:
    width, height = size
    plan = plan_crop(bgr.shape[1], bgr.shape[0], width / height, face)
    part = cut(bgr, plan, width / height)
    if plan.padded:
        edits.append("crop padded")
    elif part.shape != bgr.shape:
        edits.append("crop")
    return _sized(part, width, height, upscaler, edits), plan


def _sized(part: Picture, width: int, height: int, upscaler: tuple[str, Upscaler], edits: list[str]) -> Picture:
    import cv2

    if part.shape[:2] == (height, width):
        return part
    if part.shape[1] < width and part.shape[0] < height:
        name, enlarge = upscaler
        edits.append(f"upscale {name} {width}x{height}")
        return enlarge(part, width, height)
    edits.append(f"resize {width}x{height}")
    return cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def _encoder(bgr: Picture, channel: Channel, finish: Finish, seed: int) -> Callable[[bytes | None], PictureFile]:
    if finish.realism is None:
        return lambda packet: encode(bgr, channel.format, quality=channel.quality, packet=packet)
    look = finish.realism[1]
    if channel.format == "jpeg":
        # The look's own JPEG losses are the file's: encoding once more would only add to them.
        return lambda packet: jpeg_with_packet(look.encode(bgr, seed=seed), packet)
    return lambda packet: encode(look.apply(bgr, seed=seed), channel.format, quality=channel.quality, packet=packet)

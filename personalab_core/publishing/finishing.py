"""From accepted pixels to the pixels of a channel: crop, size, sharpness, look. Each step is named in the record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from personalab_core.config import Config
from personalab_core.errors import InputError
from personalab_core.publishing.advice import Advice
from personalab_core.publishing.channels import Channel
from personalab_core.publishing.crop import Box, CropPlan, cut, plan_crop
from personalab_core.publishing.formats import PictureFile, encode, jpeg_with_packet
from personalab_core.tools import RealismFilter, load_realism_presets, upscaler
from personalab_core.tools.resolution import Upscaler, sharpen, upscale

Picture = npt.NDArray[np.uint8]


ADVISED_SHARPENING = 0.5
"""Amount of the unsharp mask where the gate advises sharpening. Not calibrated; halos show above 1.5."""
SUPER_RESOLUTION = 2
"""How many times as wide and as high super-resolution makes a picture."""


@dataclass(frozen=True, slots=True)
class Finish:
    """What is done to every asset of an export; nothing by default.

    Attributes:
        realism: The phone look of pictures, and its name for the record; videos keep theirs.
        sharpen_amount: Of the unsharp mask; 0 is off.
        super_resolve: Whether the upscaler doubles the picture before it takes the channel's size.
        sharpen_as_advised: Whether an asset is sharpened that the post-processing gate calls soft.
        super_resolve_as_advised: Whether such an asset is super-resolved.
        upscaler: Makes a picture larger, by its name for the record.
    """

    realism: tuple[str, RealismFilter] | None = None
    sharpen_amount: float = 0.0
    super_resolve: bool = False
    sharpen_as_advised: bool = False
    super_resolve_as_advised: bool = False
    upscaler: tuple[str, Upscaler] = ("lanczos", upscale)

    def of_asset(self, advice: Advice | None) -> Finish:
        """Return what is done to one asset, given what the gate says of it."""
        sharpen = self.sharpen_as_advised and advice is not None and advice.sharpen
        super_resolve = self.super_resolve_as_advised and advice is not None and advice.super_resolve
        return replace(
            self,
            sharpen_amount=max(self.sharpen_amount, ADVISED_SHARPENING) if sharpen else self.sharpen_amount,
            super_resolve=self.super_resolve or super_resolve,
        )


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


def chosen_finish(
    config: Config,
    *,
    look: str | None,
    sharpen_amount: float,
    sharpen_as_advised: bool | None = None,
    super_resolve_as_advised: bool | None = None,
) -> Finish:
    """Return what is done to the assets of an export, with the workspace's own looks and upscaler.

    Args:
        config: Names the upscaler and the folder of a person's own looks.
        look: Name of a realism preset, ``None`` for none.
        sharpen_amount: Of the unsharp mask; 0 is off.
        sharpen_as_advised: Whether what the gate calls soft is sharpened; ``None`` leaves it to the configuration.
        super_resolve_as_advised: Whether it is super-resolved; likewise.

    Raises:
        InputError: No look has that name; the message lists all.
        ConfigError: The upscaler is not installed, or a file of looks is broken.
    """
    name, automatic = config.publishing.upscaler, config.evaluation.quality.post_processing
    return Finish(
        realism=_chosen_look(config, look) if look is not None else None,
        sharpen_amount=sharpen_amount,
        sharpen_as_advised=automatic.auto_sharpen if sharpen_as_advised is None else sharpen_as_advised,
        super_resolve_as_advised=(
            automatic.auto_super_res if super_resolve_as_advised is None else super_resolve_as_advised
        ),
        upscaler=(name, upscaler(name)),
    )


def _chosen_look(config: Config, name: str) -> tuple[str, RealismFilter]:
    looks = load_realism_presets(config.paths.prompts)
    if name not in looks:
        raise InputError(f"no look is called {name!r}. There are: {', '.join(sorted(looks))}.")
    return name, RealismFilter(looks[name])


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
    plan = channel_crop(bgr.shape[1], bgr.shape[0], channel, face)
    bgr, edits = finish_pixels(bgr, channel, finish, plan)
    if finish.realism is not None:
        edits = (*edits, f"realism {finish.realism[0]}")
    height, width = bgr.shape[:2]
    return Finished(_encoder(bgr, channel, finish, seed), width, height, plan, edits)


def channel_crop(width_px: int, height_px: int, channel: Channel, face: Box | None) -> CropPlan | None:
    """Return the part of a picture of this size that a channel keeps, ``None`` if it has no size of its own."""
    return plan_crop(width_px, height_px, channel.size[0] / channel.size[1], face) if channel.size else None


def finish_pixels(
    bgr: Picture, channel: Channel, finish: Finish, plan: CropPlan | None
) -> tuple[Picture, tuple[str, ...]]:
    """Return the pixels cropped, enlarged or reduced and sharpened, and what was done, in order.

    Args:
        bgr: (H, W, 3) uint8, BGR; a picture, or one frame of a video.
        channel: Shape.
        finish: What else is done; the look is not part of it, as it belongs to the encoding.
        plan: From :func:`channel_crop`.

    Raises:
        InputError: The picture would have to be enlarged more than four times.
    """
    edits: list[str] = []
    if plan is not None and channel.size is not None:
        part = cut(bgr, plan, channel.size[0] / channel.size[1])
        if plan.padded:
            edits.append("crop padded")
        elif part.shape != bgr.shape:
            edits.append("crop")
        bgr = part
    if finish.super_resolve:
        name, enlarge = finish.upscaler
        bgr = enlarge(bgr, SUPER_RESOLUTION * bgr.shape[1], SUPER_RESOLUTION * bgr.shape[0])
        edits.append(f"super-resolution {name}")
    if channel.size is not None:
        bgr = _sized(bgr, *channel.size, finish.upscaler, edits)
    if finish.sharpen_amount > 0:
        bgr = sharpen(bgr, amount=finish.sharpen_amount)
        edits.append(f"sharpen {finish.sharpen_amount:g}")
    return bgr, tuple(edits)


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

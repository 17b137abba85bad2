"""Reads a picture file of any common kind into one form: upright, 8-bit, BGR.

Every picture that is measured passes through here, so that a rotated phone photo, a
CMYK scan and a transparent PNG are measured on the pixels a person would see.
"""

from __future__ import annotations

import hashlib
import struct
import warnings
import zlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from personalab_core.errors import UnreadableImageError

if TYPE_CHECKING:
    from PIL import Image

MAX_PIXELS = 80_000_000
"""Largest picture opened (width x height): 240 MB as BGR. Below Pillow's own alarm at 89 megapixels."""

NEUTRAL_BACKGROUND = (128, 128, 128)
"""Grey behind transparent pixels: neither black nor white, so that no edge of the face is lost in it."""

# A closed list: Pillow would also try formats that start other programs (EPS) or hold documents (PDF).
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF", "JPEG2000")

# What Pillow's decoders raise on damaged files; they have no common base below Exception.
_DAMAGED = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    EOFError,
    IndexError,
    KeyError,
    OverflowError,
    MemoryError,
    struct.error,
    zlib.error,
)


@dataclass(frozen=True, slots=True, eq=False)
class LoadedImage:
    """A decoded picture.

    Attributes:
        bgr: (H, W, 3) uint8, BGR, upright (EXIF rotation applied).
        width_px: Width of the upright picture.
        height_px: Height of the upright picture.
        sha256: Hex SHA-256 of the file's bytes.
    """

    bgr: npt.NDArray[np.uint8]
    width_px: int
    height_px: int
    sha256: str


def read_image(path: str | Path) -> LoadedImage:
    """Return the picture in ``path``; what counts is its content, not its file name.

    Animated pictures give their first frame, transparent ones lie on neutral grey, 16-bit
    ones are reduced to 8 bits.

    Raises:
        UnreadableImageError: The file is absent, empty, damaged, too large or no picture.
    """
    data = read_picture_bytes(path)
    bgr = decode_image(data, name=Path(path).name)
    return LoadedImage(bgr, bgr.shape[1], bgr.shape[0], content_hash(data))


def content_hash(data: bytes) -> str:
    """Return the hex SHA-256 of a file's bytes."""
    return hashlib.sha256(data).hexdigest()


def read_picture_bytes(path: str | Path) -> bytes:
    """Return the bytes of ``path``, not yet decoded.

    Raises:
        UnreadableImageError: The file is absent, a folder, empty or may not be read.
    """
    file = Path(path)
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        raise UnreadableImageError(f"{file.name} does not exist (looked in {file.parent}).") from None
    except IsADirectoryError:
        raise UnreadableImageError(f"{file.name} is a folder, not a picture.") from None
    except (OSError, ValueError) as error:
        raise UnreadableImageError(f"{file.name} cannot be read: {_plain(error)}.") from None
    if not data:
        raise UnreadableImageError(f"{file.name} is empty (0 bytes).")
    return data


def decode_image(data: bytes, *, name: str = "the picture") -> npt.NDArray[np.uint8]:
    """Return the picture in ``data`` as (H, W, 3) uint8, BGR, upright.

    Args:
        data: An encoded picture (PNG, JPEG, WebP, GIF, BMP, TIFF, ...).
        name: What to call it in the error message.

    Raises:
        UnreadableImageError: It is no picture, damaged or larger than ``MAX_PIXELS``.
    """
    with warnings.catch_warnings():
        # Pillow warns of size and odd metadata; size is checked here, and metadata are not what is measured.
        warnings.simplefilter("ignore")
        picture = _open(data, name)
        try:
            rgb = _to_rgb(_upright(picture), name)
        except UnreadableImageError:
            raise
        except _DAMAGED:
            raise UnreadableImageError(f"{name} is damaged or incomplete and cannot be decoded.") from None
    return np.ascontiguousarray(rgb[:, :, ::-1])


def _open(data: bytes, name: str) -> Image.Image:
    from PIL import Image, UnidentifiedImageError

    try:
        picture = Image.open(BytesIO(data), formats=_FORMATS)
    except Image.DecompressionBombError:
        raise UnreadableImageError(_too_large(name, "over 179")) from None
    except UnidentifiedImageError:
        raise UnreadableImageError(
            f"{name} is not a picture this program can open (PNG, JPEG, WebP, GIF, BMP, TIFF)."
        ) from None
    except _DAMAGED:
        raise UnreadableImageError(f"{name} is damaged or incomplete and cannot be decoded.") from None
    width, height = picture.size
    if width * height > MAX_PIXELS:
        raise UnreadableImageError(_too_large(name, f"{width * height / 1e6:.0f}"))
    return picture


def _upright(picture: Image.Image) -> Image.Image:
    from PIL import ImageOps

    picture.load()
    try:
        return ImageOps.exif_transpose(picture)
    except _DAMAGED:
        return picture  # broken EXIF says nothing about the pixels


def _to_rgb(picture: Image.Image, name: str) -> npt.NDArray[np.uint8]:
    if picture.mode.startswith("I"):
        return _from_integers(np.asarray(picture))
    if picture.mode == "F":
        raise UnreadableImageError(f"{name} has floating-point pixels; save it with 8 or 16 bits per channel.")
    if picture.has_transparency_data:
        return _on_neutral(picture)
    return np.asarray(picture.convert("RGB"))


def _from_integers(values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Return 16-bit (or wider) grey as 8-bit RGB: 65535 becomes 255, as displays show it."""
    wide = values.astype(np.int64)
    grey = np.clip(wide >> 8 if wide.max(initial=0) > 255 else wide, 0, 255).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


def _on_neutral(picture: Image.Image) -> npt.NDArray[np.uint8]:
    from PIL import Image

    layer = picture.convert("RGBA")
    ground = Image.new("RGBA", layer.size, (*NEUTRAL_BACKGROUND, 255))
    return np.asarray(Image.alpha_composite(ground, layer).convert("RGB"))


def _too_large(name: str, megapixels: str) -> str:
    return f"{name} has {megapixels} megapixels; at most {MAX_PIXELS // 1_000_000} can be opened. Reduce it first."


def _plain(error: OSError | ValueError) -> str:
    return (getattr(error, "strerror", None) or type(error).__name__).lower()

"""Files as they leave: which kind they are, and how pixels and packet become one."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from personalab_core.errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.PngImagePlugin import PngInfo

PictureFormat = Literal["jpeg", "png", "webp"]

MIME_TYPES: dict[str, str] = {"jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp", "mp4": "video/mp4"}
SUFFIXES: dict[str, str] = {"jpeg": ".jpg", "png": ".png", "webp": ".webp", "mp4": ".mp4"}

_PNG_KEY = "XML:com.adobe.xmp"


@dataclass(frozen=True, slots=True)
class PictureFile:
    """An encoded picture on its way out.

    Attributes:
        data: The bytes.
        format: Of the bytes.
    """

    data: bytes
    format: PictureFormat

    @property
    def mime_type(self) -> str:
        """MIME type of the bytes."""
        return MIME_TYPES[self.format]


def format_of(head: bytes) -> str | None:
    """Return ``jpeg``, ``png``, ``webp`` or ``mp4`` by a file's first 16 bytes, ``None`` for anything else."""
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    return "mp4" if head[4:8] == b"ftyp" else None


def encode(bgr: npt.NDArray[np.uint8], kind: PictureFormat, *, quality: int, packet: bytes | None) -> PictureFile:
    """Return the picture as a file with the packet in it and no other metadata.

    Args:
        bgr: (H, W, 3) uint8, BGR.
        kind: ``jpeg``, ``png`` (lossless) or ``webp``.
        quality: 1 to 100; not used for ``png``.
        packet: XMP; ``None`` writes none.
    """
    from PIL import Image

    return _save(Image.fromarray(np.ascontiguousarray(bgr[:, :, ::-1])), kind, packet, quality=quality)


def jpeg_with_packet(data: bytes, packet: bytes | None) -> PictureFile:
    """Return a JPEG with the packet and no other metadata; it keeps its own quantisation tables."""
    from PIL import Image

    with Image.open(io.BytesIO(data), formats=["JPEG"]) as picture:
        return _save(picture, "jpeg", packet, quality="keep")


def read_packet(data: bytes) -> bytes | str | None:
    """Return the XMP packet of a JPEG, PNG or WebP file, ``None`` if it has none.

    Raises:
        InputError: The bytes are no such picture.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data), formats=["JPEG", "PNG", "WEBP"]) as picture:
            picture.load()  # a PNG's text may stand behind its pixels
            found = picture.info.get("xmp") or picture.info.get(_PNG_KEY)
    except UnidentifiedImageError:
        raise InputError("expected a JPEG, PNG or WebP picture.") from None
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError):
        raise InputError("this picture is damaged or incomplete.") from None
    return found if isinstance(found, bytes | str) else None


def _save(picture: Image, kind: PictureFormat, packet: bytes | None, *, quality: int | str) -> PictureFile:
    buffer = io.BytesIO()
    match kind:
        case "png":
            picture.save(buffer, "PNG", pnginfo=_png_text(packet))
        case "webp":
            picture.save(buffer, "WEBP", quality=quality, method=4, **({"xmp": packet} if packet else {}))
        case "jpeg":
            sampling = {} if quality == "keep" else {"subsampling": "4:2:0", "optimize": True}
            picture.save(buffer, "JPEG", quality=quality, **sampling, **({"xmp": packet} if packet else {}))
    return PictureFile(buffer.getvalue(), kind)


def _png_text(packet: bytes | None) -> PngInfo:
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    if packet:
        info.add_itxt(_PNG_KEY, packet.decode())
    return info

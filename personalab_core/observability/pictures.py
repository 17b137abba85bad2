"""Pictures on disk: byte for byte as they came, never half there, each with a small copy to show."""

from __future__ import annotations

import hashlib
import io
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from personalab_core.config.atomic_files import workspace_errors, write_atomic
from personalab_core.errors import InputError, UnreadableImageError, WorkspaceError

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_MEGAPIXELS = 100
THUMBNAIL_SIZE_PX = 320
"""Longer side of a thumbnail."""
THUMBNAIL_FOLDER = "thumbnails"

_THUMBNAIL_QUALITY = 80
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,150}")
_SUFFIXES = {"PNG": ".png", "JPEG": ".jpg", "WEBP": ".webp", "GIF": ".gif", "BMP": ".bmp", "TIFF": ".tif"}


@dataclass(frozen=True, slots=True)
class StoredPicture:
    """A picture that was stored.

    Attributes:
        path: The original, byte for byte.
        sha256: Of those bytes, in hex.
        width: Pixels, upright (EXIF rotation applied).
        height: Pixels, upright.
        thumbnail_path: WebP, 320 px on its longer side (a smaller picture keeps its size).
    """

    path: Path
    sha256: str
    width: int
    height: int
    thumbnail_path: Path


def store_picture(folder: str | Path, name: str, data: bytes) -> StoredPicture:
    """Store an encoded picture and its thumbnail.

    Args:
        folder: Made if need be; the thumbnail goes into ``thumbnails/`` below it.
        name: Plain file name. Without a suffix it gets that of the picture's format.
        data: The encoded picture.

    Raises:
        InputError: ``name`` is not a plain file name.
        UnreadableImageError: The bytes are not a whole picture, or one of over 100 megapixels.
        WorkspaceError: The disk is full or the folder cannot be written; nothing is left behind.
    """
    if not _FILE_NAME.fullmatch(name):
        raise InputError(f"{name[:60]!r} is not a plain file name: use letters, digits, '.', '_' and '-'.")
    picture = _decode(data, called=name)
    suffix = "" if Path(name).suffix else _SUFFIXES.get(picture.format or "", ".img")
    path = Path(folder) / f"{name}{suffix}"
    upright = _upright(picture)
    small = _encode_thumbnail(upright)
    _store_both(path, data, small)
    return StoredPicture(path, hashlib.sha256(data).hexdigest(), upright.width, upright.height, thumbnail_path(path))


def make_thumbnail(path: str | Path) -> Path:
    """Make the thumbnail of a stored picture, or make it anew, and return its path.

    Raises:
        UnreadableImageError: The file is not a whole picture, or one of over 100 megapixels.
        WorkspaceError: The file cannot be read or the thumbnail cannot be written.
    """
    path = Path(path)
    with workspace_errors("read", path):
        data = path.read_bytes()
    small = _encode_thumbnail(_upright(_decode(data, called=str(path))))
    write_atomic(thumbnail_path(path), small)
    return thumbnail_path(path)


def thumbnail_path(path: str | Path) -> Path:
    """Return where the thumbnail of a picture belongs; it is not checked to exist."""
    path = Path(path)
    return path.parent / THUMBNAIL_FOLDER / f"{path.name}.webp"


def _store_both(path: Path, data: bytes, thumbnail: bytes) -> None:
    small_path = thumbnail_path(path)
    write_atomic(small_path, thumbnail)
    try:
        write_atomic(path, data)
    except WorkspaceError:
        if not path.exists():
            small_path.unlink(missing_ok=True)
        raise


def _decode(data: bytes, *, called: str) -> Image:
    """Return the first frame, fully decoded, so that a cut-off file is found here and not later."""
    from PIL import Image, UnidentifiedImageError

    if not data:
        raise UnreadableImageError(f"{called} is empty (0 bytes).")
    try:
        with warnings.catch_warnings():
            # Our own limit follows; Pillow's warning would come at 89 megapixels.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            picture = Image.open(io.BytesIO(data))
        if picture.width * picture.height > MAX_MEGAPIXELS * 1_000_000:
            raise UnreadableImageError(_too_large(called))
        picture.load()
    except Image.DecompressionBombError:
        raise UnreadableImageError(_too_large(called)) from None
    except UnidentifiedImageError:
        raise UnreadableImageError(f"{called} is not a picture that can be read (PNG, JPEG, WebP, ...).") from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise UnreadableImageError(f"{called} is a damaged or incomplete picture ({type(error).__name__}).") from error
    return picture


def _too_large(called: str) -> str:
    return f"{called} has more than the {MAX_MEGAPIXELS} megapixels that are allowed; scale it down first."


def _upright(picture: Image) -> Image:
    from PIL import ImageOps

    return ImageOps.exif_transpose(picture)


def _encode_thumbnail(picture: Image) -> bytes:
    shown = _as_rgb(picture)
    shown.thumbnail((THUMBNAIL_SIZE_PX, THUMBNAIL_SIZE_PX))
    buffer = io.BytesIO()
    shown.save(buffer, "WEBP", quality=_THUMBNAIL_QUALITY, method=2)
    return buffer.getvalue()


def _brightest(picture: Image) -> float:
    extrema = picture.getextrema()
    return float(extrema[1]) if extrema and not isinstance(extrema[1], tuple) else 0.0


def _as_rgb(picture: Image) -> Image:
    """Return 8-bit RGB, or RGBA if there is transparency, of any mode."""
    if picture.mode.startswith("I") and _brightest(picture) > 255:
        # Plain conversion would cut 16-bit values off at 255 instead of scaling them.
        return picture.point(lambda value: value / 257, "L").convert("RGB")
    if "A" in picture.getbands() or "transparency" in picture.info:
        return picture.convert("RGBA")
    return picture.convert("RGB")

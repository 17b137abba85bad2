"""Addresses of pictures, and the only place that turns an address back into a file.

An address carries the content hash of the picture, so it may be cached for ever, and the
server answers only when the file inside the workspace really has that hash. Nobody who has
not seen the record can ask for a file, and no path outside the workspace can be named.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal
from urllib.parse import quote

Room = Literal["output", "references"]
"""Which folder of the workspace a picture lies in."""

MEDIA_TYPES: Mapping[str, str] = {
    ".gif": "image/gif",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
}
HASH_DIGITS = 16
_HASH = re.compile(rf"[0-9a-f]{{{HASH_DIGITS}}}")
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_. -]{0,199}")


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as the page shows it: the original, a small copy, and the words for who cannot see it."""

    src: str
    thumbnail: str
    alt: str


def picture(
    room: Room, path: str | None, sha256: str | None, *, thumbnail: str | None = None, alt: str
) -> Picture | None:
    """Return the addresses of a recorded picture, or ``None`` where the record has none.

    Args:
        room: The folder ``path`` is relative to.
        path: POSIX path from the record.
        sha256: Content hash from the record.
        thumbnail: Path of the small copy; the original stands in for a missing one.
        alt: What a person who cannot see the picture is told.
    """
    if not path or not sha256:
        return None
    src = _address("pictures", room, sha256, path)
    return Picture(src=src, thumbnail=_address("thumbnails", room, sha256, thumbnail) if thumbnail else src, alt=alt)


def _address(kind: str, room: Room, sha256: str, path: str) -> str:
    return f"/{kind}/{room}/{sha256[:HASH_DIGITS]}/{quote(path)}"


def find_picture(rooms: Mapping[str, Path], room: str, digest: str, path: str, *, verify: bool) -> Path | None:
    """Return the file an address names, or ``None`` if it is not a picture of this workspace.

    Args:
        rooms: The folders that may be served, by name.
        room: Name of the folder, from the address.
        digest: First 16 hex digits of the picture's SHA-256, from the address.
        path: Relative POSIX path, from the address.
        verify: Whether the file's own content must have that hash. A thumbnail carries the
            hash of the picture it was made from, so its content cannot be checked.
    """
    return find_file(rooms, room, digest, path, types=MEDIA_TYPES, verify=verify)


def find_file(
    rooms: Mapping[str, Path], room: str, digest: str, path: str, *, types: Mapping[str, str], verify: bool
) -> Path | None:
    """Return the file of one of these types that an address names; see :func:`find_picture`."""
    root = rooms.get(room)
    parts = path.split("/")
    if root is None or not _HASH.fullmatch(digest) or not all(_PART.fullmatch(part) for part in parts):
        return None
    root = root.resolve()
    file = root.joinpath(*parts).resolve()
    if not file.is_relative_to(root) or file.suffix.lower() not in types or not file.is_file():
        return None
    return file if not verify or _digest(file).startswith(digest) else None


def _digest(file: Path) -> str:
    stat = file.stat()
    return _digest_of(str(file), stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=4096)
def _digest_of(file: str, _mtime_ns: int, _size: int) -> str:
    with Path(file).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

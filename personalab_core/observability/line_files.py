"""Files of lines, seen as bytes: split them, read their end, part with a torn tail."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from personalab_core.config.atomic_files import write_atomic

_BLOCK_BYTES = 65_536


def split_lines(data: bytes) -> tuple[list[bytes], bytes]:
    """Return the whole lines without their ends, and what follows the last line end."""
    *lines, torn = data.split(b"\n")
    return lines, torn


def last_lines(path: Path, n: int) -> list[bytes]:
    """Return the last ``n`` whole lines, oldest first, reading the file from its end."""
    if n < 1:
        return []
    with path.open("rb") as file:
        position = file.seek(0, os.SEEK_END)
        tail = b""
        # One line end more than lines: the one before the first of them.
        while position > 0 and tail.count(b"\n") <= n:
            step = min(_BLOCK_BYTES, position)
            position = file.seek(position - step)
            tail = file.read(step) + tail
    lines, _ = split_lines(tail)
    return lines[-n:] if position == 0 else lines[1:][-n:]


def set_torn_tail_aside(path: Path) -> Path | None:
    """Move what follows the last line end into ``<name>.torn-<n>`` and return that file.

    Returns ``None`` if the file ends with a whole line. The piece is written before the
    file is shortened, so that a crash in between loses nothing.

    Raises:
        OSError: The file cannot be read or shortened.
        WorkspaceError: The piece cannot be written.
    """
    size = path.stat().st_size
    torn = _torn_tail(path, size)
    if not torn:
        return None
    aside = path.with_name(f"{path.name}.torn-{len(torn_pieces(path)) + 1}")
    write_atomic(aside, torn)
    os.truncate(path, size - len(torn))
    return aside


def torn_pieces(path: Path) -> list[Path]:
    """Return the pieces that were set aside from a file, by number."""
    pieces = path.parent.glob(f"{path.name}.torn-*")
    return sorted(pieces, key=lambda piece: (len(piece.name), piece.name))


def sync_folder(folder: Path) -> None:
    """Bring a new file's name to the disk itself, so that a power cut cannot take the whole file."""
    with contextlib.suppress(PermissionError):  # Windows cannot open folders, and needs no such call
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _torn_tail(path: Path, size: int) -> bytes:
    with path.open("rb") as file:
        tail = b""
        position = size
        while position > 0 and b"\n" not in tail:
            step = min(_BLOCK_BYTES, position)
            position = file.seek(position - step)
            tail = file.read(step) + tail
    return tail[tail.rfind(b"\n") + 1 :]

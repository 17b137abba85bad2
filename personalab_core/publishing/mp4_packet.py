"""The XMP packet of an MP4: a ``uuid`` box at the end of the file (XMP specification part 3, 1.1.3)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from personalab_core.errors import InputError

XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")

_CHUNK_BYTES = 1 << 20
_MAX_32 = 0xFFFF_FFFF
_SMALLEST_BOX = 8


@dataclass(frozen=True, slots=True)
class _Box:
    offset: int
    size: int
    kind: bytes
    header: int
    open_ended: bool
    """Whether its size field says 0, "up to the end of the file"."""


def read_packet(file: BinaryIO) -> bytes | None:
    """Return the last XMP packet of an MP4, or ``None``.

    Raises:
        InputError: The file is no MP4, or it is cut off.
    """
    packet = None
    for box in _xmp_boxes(file):
        file.seek(box.offset + box.header + len(XMP_UUID))
        packet = file.read(box.size - box.header - len(XMP_UUID))
    return packet


def write_packet(source: BinaryIO, target: BinaryIO, packet: bytes) -> None:
    """Copy an MP4 and append a packet. Older ones become free space, so that no offset in the file moves.

    Raises:
        InputError: The file is no MP4, or it is cut off.
    """
    boxes = list(_boxes(source))
    older = [box.offset for box in _xmp_boxes(source)]
    source.seek(0)
    while chunk := source.read(_CHUNK_BYTES):
        target.write(chunk)
    for offset in older:
        target.seek(offset + 4)
        target.write(b"free")
    _close(target, boxes[-1])
    target.seek(0, 2)
    body = XMP_UUID + packet
    target.write(struct.pack(">I4s", _SMALLEST_BOX + len(body), b"uuid") + body)


def _close(target: BinaryIO, last: _Box) -> None:
    """Give a last box without a size its size, since something follows it now."""
    if not last.open_ended:
        return
    if last.size > _MAX_32:
        raise InputError("this MP4 ends in a box of over 4 GB without a size; no mark can be put behind it.")
    target.seek(last.offset)
    target.write(struct.pack(">I", last.size))


def _xmp_boxes(file: BinaryIO) -> Iterator[_Box]:
    for box in list(_boxes(file)):
        if box.kind == b"uuid":
            file.seek(box.offset + box.header)
            if file.read(len(XMP_UUID)) == XMP_UUID:
                yield box


def _boxes(file: BinaryIO) -> Iterator[_Box]:
    end = file.seek(0, 2)
    offset = 0
    while offset < end:
        box = _box_at(file, offset, end)
        if offset == 0 and box.kind != b"ftyp":
            raise InputError("expected an MP4 file, but it does not begin like one.")
        yield box
        offset += box.size
    if end == 0:
        raise InputError("expected an MP4 file, but it is empty (0 bytes).")


def _box_at(file: BinaryIO, offset: int, end: int) -> _Box:
    file.seek(offset)
    head = file.read(16)
    if len(head) < _SMALLEST_BOX:
        raise InputError("this MP4 is cut off.")
    size, kind = struct.unpack(">I4s", head[:8])
    header, open_ended = _SMALLEST_BOX, size == 0
    if size == 1 and len(head) == 16:
        size, header = struct.unpack(">Q", head[8:])[0], 16
    elif open_ended:
        size = end - offset
    if size < header or offset + size > end:
        raise InputError("this MP4 is cut off, or it is no MP4.")
    return _Box(offset, size, kind, header, open_ended)

"""Portraits as PNG files that say what they are: identity, style and ground truth in a text chunk of the file."""

import io
import json
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from personalab_core.simulation.identity import SimulatedIdentity, Style
from personalab_core.simulation.renderer import RENDERER_VERSION, Rendering
from personalab_core.simulation.truth import FaceTruth

CHUNK_KEYWORD = "personalab:simulation"
"""Keyword of the PNG iTXt chunk that carries the metadata as JSON."""

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MAX_METADATA_BYTES = 1_000_000


@dataclass(frozen=True, eq=False)
class PortraitMetadata:
    """What a simulated PNG says about itself.

    Attributes:
        renderer_version: The `RENDERER_VERSION` that drew it.
        identity: The subject.
        style: The subject's hair style.
        faces: Ground truth of every face, the subject first.
        extra: Whatever the writer added (for example the provider's seed).
    """

    renderer_version: int
    identity: SimulatedIdentity
    style: Style
    faces: tuple[FaceTruth, ...]
    extra: Mapping[str, Any]


def encode_png(rendering: Rendering, metadata: Mapping[str, Any] | None = None, *, compress_level: int = 1) -> bytes:
    """The picture as PNG bytes with its simulation metadata.

    Args:
        rendering: What to write.
        metadata: JSON-able additions, read back as `PortraitMetadata.extra`.
        compress_level: zlib level 0 to 9; 1 is fast, and noise hardly compresses better at 9.
    """
    done, encoded = cv2.imencode(".png", rendering.image, [cv2.IMWRITE_PNG_COMPRESSION, compress_level])
    if not done:
        raise ValueError(f"expected an encodable uint8 BGR picture, got shape {rendering.image.shape}")
    record = {
        "simulated": True,
        "renderer_version": RENDERER_VERSION,
        "identity": rendering.identity.to_dict(),
        "style": rendering.style.to_dict(),
        "faces": [_face_to_dict(face) for face in rendering.faces],
        "extra": dict(metadata or {}),
    }
    return _insert_text(encoded.tobytes(), json.dumps(record, separators=(",", ":")))


def _insert_text(png: bytes, text: str) -> bytes:
    """Put an uncompressed iTXt chunk right behind the header chunk (so that a truncated file still has it)."""
    body = CHUNK_KEYWORD.encode("latin-1") + b"\0\0\0\0\0" + text.encode("utf-8")
    chunk = struct.pack(">I", len(body)) + b"iTXt" + body + struct.pack(">I", zlib.crc32(b"iTXt" + body))
    after_header = len(_SIGNATURE) + 12 + 13
    return png[:after_header] + chunk + png[after_header:]


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(type, body) of each complete chunk before the picture data; stops silently at anything malformed."""
    stream = io.BytesIO(data)
    stream.seek(len(_SIGNATURE))
    while len(head := stream.read(8)) == 8:
        size, kind = struct.unpack(">I4s", head)
        if kind == b"IDAT" or size > _MAX_METADATA_BYTES:
            return
        body, check = stream.read(size), stream.read(4)
        if len(body) < size or len(check) < 4 or struct.unpack(">I", check)[0] != zlib.crc32(kind + body):
            return
        yield kind, body


def read_metadata(png_bytes: bytes) -> PortraitMetadata | None:
    """The simulation metadata of a PNG; None for anything else (other formats, other tools, damaged or older data)."""
    if not png_bytes.startswith(_SIGNATURE):
        return None
    prefix = CHUNK_KEYWORD.encode("latin-1") + b"\0"
    for kind, body in _chunks(png_bytes):
        if kind == b"iTXt" and body.startswith(prefix):
            return _parse(body[len(prefix) + 4 :])
    return None


def _parse(text: bytes) -> PortraitMetadata | None:
    try:
        record = json.loads(text.decode("utf-8"))
        return PortraitMetadata(
            renderer_version=int(record["renderer_version"]),
            identity=SimulatedIdentity.from_dict(record["identity"]),
            style=Style.from_dict(record["style"]),
            faces=tuple(_face_from_dict(face) for face in record["faces"]),
            extra=dict(record["extra"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        # Metadata is what a stranger may have written: anything unexpected counts as "carries none".
        return None


def _face_to_dict(face: FaceTruth) -> dict[str, Any]:
    return {
        "box": [round(v, 2) for v in face.box],
        "points5": np.round(face.points5, 2).astype(float).tolist(),
        "points106": np.round(face.points106, 2).astype(float).tolist(),
        "visible106": "".join("1" if v else "0" for v in face.visible106),
        "yaw_deg": face.yaw_deg,
        "pitch_deg": face.pitch_deg,
        "roll_deg": face.roll_deg,
        "occluded_fraction": face.occluded_fraction,
        "turned_away": face.turned_away,
    }


def _points(data: Any, count: int) -> NDArray[np.float32]:
    points = np.array(data, np.float32)
    if points.shape != (count, 2):
        raise ValueError(f"expected {count} points, got shape {points.shape}")
    return points


def _face_from_dict(data: Mapping[str, Any]) -> FaceTruth:
    x0, y0, x1, y1 = (float(v) for v in data["box"])
    visible = np.array([c == "1" for c in data["visible106"]], np.bool_)
    return FaceTruth(
        box=(x0, y0, x1, y1),
        points5=_points(data["points5"], 5),
        points106=_points(data["points106"], 106),
        visible106=visible,
        yaw_deg=float(data["yaw_deg"]),
        pitch_deg=float(data["pitch_deg"]),
        roll_deg=float(data["roll_deg"]),
        occluded_fraction=float(data["occluded_fraction"]),
        turned_away=bool(data["turned_away"]),
    )

"""The selected anchor, read for sending: the bytes on disk are the bytes a provider sees."""

from __future__ import annotations

import hashlib
from pathlib import Path

from personalab_core.config.atomic_files import workspace_errors
from personalab_core.errors import UnreadableImageError
from personalab_core.generation.requests import ReferencePicture
from personalab_core.identity.anchors import require_anchor

_SIGNATURES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}


def load_anchor(references_root: str | Path, persona: str) -> ReferencePicture:
    """Return the persona's selected frontal anchor.

    Raises:
        AnchorMissingError: None was selected yet; the message says how to make one.
        UnreadableImageError: The file is none of the picture formats that providers take.
        WorkspaceError: The file cannot be read.
    """
    root = Path(references_root)
    path = require_anchor(root, persona)
    with workspace_errors("read", path):
        data = path.read_bytes()
    return ReferencePicture(
        path=path,
        relative_path=path.relative_to(root).as_posix(),
        data=data,
        mime_type=mime_type_of(data, name=path.name),
        sha256=hashlib.sha256(data).hexdigest(),
    )


def mime_type_of(data: bytes, *, name: str) -> str:
    """Return the MIME type of an encoded PNG, JPEG or WebP picture, by its first bytes.

    Raises:
        UnreadableImageError: It is none of them.
    """
    for signature, mime_type in _SIGNATURES.items():
        if data.startswith(signature):
            return mime_type
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    raise UnreadableImageError(f"{name} is not a PNG, JPEG or WebP picture, so no provider takes it as a reference.")

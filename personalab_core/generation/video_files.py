"""Videos on disk: byte for byte as they came, never half there, each with a poster to show."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from personalab_core.config.atomic_files import write_atomic
from personalab_core.identity.frame_extractor import VideoFacts, first_frame
from personalab_core.observability import StoredPicture, store_picture

POSTER_QUALITY = 92
_SUFFIXES = {"matroska,webm": ".webm", "avi": ".avi"}


@dataclass(frozen=True, slots=True)
class StoredVideo:
    """A video that was stored.

    Attributes:
        path: The original, byte for byte.
        sha256: Of those bytes, in hex.
        facts: What its first frame and its header say.
        poster: Its first frame as JPEG, with a thumbnail.
    """

    path: Path
    sha256: str
    facts: VideoFacts
    poster: StoredPicture


def store_video(folder: str | Path, name: str, data: bytes) -> StoredVideo:
    """Store an encoded video, and its first frame as ``<name>.jpg`` beside it.

    Args:
        folder: Made if need be.
        name: Plain file name without suffix; that of the format is added.
        data: The encoded video.

    Raises:
        InputError: ``name`` is no plain file name, or no frame of the video can be decoded; nothing is stored.
        WorkspaceError: The disk is full or the folder cannot be written.
    """
    facts, picture = first_frame(data, name=name)
    poster = store_poster(folder, name, picture)
    path = Path(folder) / f"{name}{_SUFFIXES.get(facts.container, '.mp4')}"
    write_atomic(path, data)
    return StoredVideo(path, hashlib.sha256(data).hexdigest(), facts, poster)


def store_poster(folder: str | Path, name: str, image: npt.NDArray[np.uint8]) -> StoredPicture:
    """Store a frame ((H, W, 3) uint8 BGR) as ``<name>.jpg``, in place of an earlier one.

    Raises:
        InputError: ``name`` is no plain file name.
        WorkspaceError: The disk is full or the folder cannot be written.
    """
    import cv2

    _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, POSTER_QUALITY])
    return store_picture(folder, f"{name}.jpg", encoded.tobytes())

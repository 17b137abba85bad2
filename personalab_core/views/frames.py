"""Addresses of videos and of their frames, and the only place that turns them back into files and pictures.

As with pictures, an address carries the content hash of the video, and is answered only if the file inside
the workspace has it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from personalab_core.errors import InputError
from personalab_core.identity.frame_extractor import pictures_at
from personalab_core.views.pictures import HASH_DIGITS, find_file

VIDEO_TYPES: Mapping[str, str] = {".mp4": "video/mp4", ".webm": "video/webm", ".avi": "video/x-msvideo"}
MAX_FRAME_PX = 960
"""Longer side of a frame as it is shown; landmarks are scaled with it."""
JPEG_QUALITY = 88
VIDEOS_KEPT = 3
MAX_FRAMES_SHOWN = 160
"""Frames of one video that are shown as pictures: 160 of at most 960 px are some 20 MB."""


def video_address(path: str, sha256: str) -> str:
    """Return the address of a video in the output folder."""
    return f"/videos/output/{sha256[:HASH_DIGITS]}/{quote(path)}"


def frame_address(path: str, sha256: str, index: int) -> str:
    """Return the address of one frame of it, by its number in decoding order."""
    return f"/frames/output/{sha256[:HASH_DIGITS]}/{index}/{quote(path)}"


def find_video(rooms: Mapping[str, Path], room: str, digest: str, path: str) -> Path | None:
    """Return the video an address names, or ``None`` if there is none of that content."""
    return find_file(rooms, room, digest, path, types=VIDEO_TYPES, verify=True)


class FrameShelf:
    """Frames of the videos looked at last, as JPEG: each video is decoded once, whoever asks for how many frames."""

    def __init__(self) -> None:
        self._videos: OrderedDict[tuple[str, int], dict[int, bytes]] = OrderedDict()
        self._lock = threading.Lock()

    def frame(self, video: Path, index: int, wanted: Sequence[int]) -> bytes | None:
        """Return a frame as JPEG, ``None`` if the video has none of that number.

        Args:
            video: The file.
            index: Number of the frame in decoding order.
            wanted: Frames that will be asked for, too; decoded in the same pass.
        """
        key = (str(video), video.stat().st_mtime_ns)
        with self._lock:  # whoever comes second waits for the first one's pass instead of repeating it
            shelf = self._videos.setdefault(key, {})
            self._videos.move_to_end(key)
            if index not in shelf:
                shelf.update(_jpegs(video, [index, *wanted[:MAX_FRAMES_SHOWN]]))
            while len(self._videos) > VIDEOS_KEPT:
                self._videos.popitem(last=False)
            return shelf.get(index)


def _jpegs(video: Path, wanted: Sequence[int]) -> dict[int, bytes]:
    import cv2

    found = {}
    try:
        for index, image in pictures_at(video, wanted):
            scale = min(1.0, MAX_FRAME_PX / max(image.shape[:2]))
            small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else image
            _, encoded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
            found[index] = encoded.tobytes()
    except InputError:
        return found
    return found

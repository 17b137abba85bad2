"""Where what a provider sends is stored, and what of it is shown."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from personalab_core.generation import ImageGenerator, VideoGenerator
from personalab_core.observability import StoredPicture
from personalab_core.schemas.video import VideoAttempt


@dataclass(frozen=True, slots=True)
class Kept:
    """What is stored of one attempt.

    Attributes:
        path: What gets measured.
        picture: What gets shown: the picture itself, or a video's poster.
        video: What the record says of a video; ``None`` for a picture.
    """

    path: Path
    picture: StoredPicture
    video: VideoAttempt | None = None


class Keeper(Protocol):
    """Stores one kind of media."""

    @property
    def what(self) -> str:
        """The kind, with its article, for sentences."""
        ...

    def keep(self, data: bytes, *, persona: str, name: str) -> Kept:
        """Store what came, byte for byte.

        Raises:
            InputError: It cannot be decoded; nothing is stored.
            WorkspaceError: The disk is full or the folder cannot be written.
        """
        ...

    def find(self, *, persona: str, name: str) -> Path | None:
        """Return the file that :meth:`keep` has stored under this name, ``None`` if there is none."""
        ...


@dataclass(frozen=True, slots=True)
class PictureKeeper:
    """Stores pictures in ``<output_dir>/<persona>/images``."""

    generator: ImageGenerator
    output_dir: Path
    what: str = "a picture"

    def keep(self, data: bytes, *, persona: str, name: str) -> Kept:
        """Store a picture with its thumbnail; see :class:`Keeper`."""
        picture = self.generator.store(data, folder=self.output_dir / persona / "images", name=name)
        return Kept(picture.path, picture)

    def find(self, *, persona: str, name: str) -> Path | None:
        """Return a stored picture; see :class:`Keeper`."""
        return _named(self.output_dir / persona / "images", f"{name}.*")


@dataclass(frozen=True, slots=True)
class VideoKeeper:
    """Stores videos in ``<output_dir>/<persona>/videos``, each with a poster."""

    generator: VideoGenerator
    output_dir: Path
    what: str = "a video"

    def keep(self, data: bytes, *, persona: str, name: str) -> Kept:
        """Store a video, its first frame as poster, and the poster's thumbnail; see :class:`Keeper`."""
        stored = self.generator.store(data, folder=self.output_dir / persona / "videos", name=name)
        video = VideoAttempt(
            video_path=relative_posix(stored.path, self.output_dir),
            video_sha256=stored.sha256,
            duration_s=stored.facts.stated_duration_s,
            width_px=stored.facts.width_px,
            height_px=stored.facts.height_px,
        )
        return Kept(stored.path, stored.poster, video)

    def find(self, *, persona: str, name: str) -> Path | None:
        """Return a stored video; see :class:`Keeper`."""
        return _named(self.output_dir / persona / "videos", f"{name}.[maw][pve][4ib]*")


def _named(folder: Path, pattern: str) -> Path | None:
    return next((path for path in sorted(folder.glob(pattern)) if path.is_file()), None)


def relative_posix(path: Path, root: Path) -> str:
    """Return ``path`` as records keep it: relative to the output folder, POSIX separators."""
    return path.relative_to(root).as_posix()

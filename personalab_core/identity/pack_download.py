"""Fetches InsightFace's ``buffalo_l`` when, and only when, it was allowed.

InsightFace's own download has no time limit, is not atomic and leaves an empty folder behind that
it later trusts; this one unpacks beside the final place and renames.
"""

from __future__ import annotations

import shutil
import tempfile
import time
import zipfile
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from personalab_core.errors import ModelPackError
from personalab_core.identity.packs import DEFAULT_PACK, pack_folder, pack_licence

if TYPE_CHECKING:
    import httpx

PACK_URL = f"https://github.com/deepinsight/insightface/releases/download/model-zoo/{DEFAULT_PACK}.zip"
"""Where InsightFace 2.1 itself fetches the pack from."""

TIME_LIMIT_S = 900.0
"""For the whole download."""

_SILENCE_LIMIT_S = 30.0
"""For each answer of the server."""

Announce = Callable[[str], None]
Progress = Callable[[int, int | None], None]
"""Called with bytes done and bytes in all (``None`` if the server does not say)."""


def download_pack(
    *,
    announce: Announce,
    progress: Progress | None = None,
    root: str | Path | None = None,
    time_limit_s: float = TIME_LIMIT_S,
    transport: httpx.BaseTransport | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Path:
    """Fetch and unpack ``buffalo_l``, and return its folder.

    Args:
        announce: Told what is about to be fetched, from where and under which licence, before it is.
        progress: Told how far the download is.
        root: Where packs are kept, ``~/.insightface`` by default.
        time_limit_s: Seconds after which the download is given up.
        transport: The way to the server, to be replaced in tests.
        clock: Monotonic seconds.

    Raises:
        ModelPackError: No network, an error of the server, a damaged archive, no room, or out of
            time. Nothing half-finished is left behind.
    """
    folder = pack_folder(DEFAULT_PACK, root)
    announce(f"Downloading the face model pack '{DEFAULT_PACK}' from {PACK_URL}. {pack_licence(DEFAULT_PACK)}")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{DEFAULT_PACK}-", dir=folder.parent))
    except OSError as error:
        raise ModelPackError(f"{folder.parent} cannot be written: {error.strerror or error}.") from None
    try:
        archive = work / "pack.zip"
        _fetch(archive, progress, deadline_s=clock() + time_limit_s, transport=transport, clock=clock)
        _unpack(archive, work / "models")
        _put_in_place(work / "models", folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return folder


def _fetch(
    archive: Path,
    progress: Progress | None,
    *,
    deadline_s: float,
    transport: httpx.BaseTransport | None,
    clock: Callable[[], float],
) -> None:
    import httpx

    try:
        with (
            httpx.Client(timeout=_SILENCE_LIMIT_S, follow_redirects=True, transport=transport) as client,
            client.stream("GET", PACK_URL) as answer,
            archive.open("wb") as out,
        ):
            if answer.status_code != httpx.codes.OK:
                raise ModelPackError(f"{PACK_URL} answered with HTTP {answer.status_code}. Try again later.")
            total = int(answer.headers.get("content-length", 0)) or None
            done = 0
            for chunk in answer.iter_bytes(1 << 20):
                done += out.write(chunk)
                if clock() > deadline_s:
                    raise ModelPackError(
                        f"The download of '{DEFAULT_PACK}' took too long and was given up after {done >> 20} MB."
                    )
                if progress:
                    progress(done, total)
    except httpx.HTTPError as error:
        raise ModelPackError(
            f"'{DEFAULT_PACK}' could not be downloaded: no usable network connection to github.com "
            f"({type(error).__name__}). Try again later, or unpack {PACK_URL} into "
            f"{archive.parent.parent / DEFAULT_PACK}."
        ) from None
    except OSError as error:
        raise ModelPackError(f"'{DEFAULT_PACK}' could not be stored: {error.strerror or error}.") from None


def _unpack(archive: Path, target: Path) -> None:
    """Unpack the model files only, by their bare names, so that no entry leads outside."""
    target.mkdir()
    try:
        with zipfile.ZipFile(archive) as pack:
            for entry in pack.infolist():
                if entry.filename.endswith(".onnx"):
                    with pack.open(entry) as source, (target / Path(entry.filename).name).open("wb") as out:
                        shutil.copyfileobj(source, out)
    except (zipfile.BadZipFile, EOFError, ValueError):
        raise ModelPackError(f"The downloaded archive of '{DEFAULT_PACK}' is damaged. Try again.") from None
    except OSError as error:
        raise ModelPackError(f"'{DEFAULT_PACK}' could not be unpacked: {error.strerror or error}.") from None
    if not any(target.iterdir()):
        raise ModelPackError(f"The downloaded archive of '{DEFAULT_PACK}' holds no models. Try again later.")


def _put_in_place(unpacked: Path, folder: Path) -> None:
    """Rename into place; an incomplete older folder is kept beside it, neither mixed with nor lost."""
    try:
        if folder.exists():
            folder.rename(_free_name(folder))
        unpacked.replace(folder)
    except OSError as error:
        raise ModelPackError(f"{folder} could not be written: {error.strerror or error}.") from None


def _free_name(folder: Path) -> Path:
    names = (folder.with_name(f"{folder.name}.incomplete-{n}") for n in count(1))
    return next(name for name in names if not name.exists())

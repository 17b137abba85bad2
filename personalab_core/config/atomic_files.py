"""Write a file whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from personalab_core.errors import WorkspaceError

_CAUSES = {
    errno.ENOSPC: "the disk is full; free some space",
    errno.EDQUOT: "the disk quota is used up; free some space",
    errno.EROFS: "the disk is read-only",
    errno.EACCES: "permission is denied",
    errno.EPERM: "permission is denied",
    errno.ENAMETOOLONG: "the path is too long",
}


@contextlib.contextmanager
def workspace_errors(action: str, path: Path) -> Iterator[None]:
    """Turn an ``OSError`` into a :class:`WorkspaceError` of one sentence.

    Args:
        action: What was tried, as a verb: ``write``, ``read``, ``delete``.
        path: On what.
    """
    try:
        yield
    except OSError as error:
        cause = _CAUSES.get(error.errno or 0, error.strerror or str(error))
        raise WorkspaceError(f"Cannot {action} {path}: {cause}.") from error


def write_atomic(path: Path, data: bytes) -> None:
    """Write ``data`` under a temporary name in the same folder, then rename it to ``path``.

    A reader sees the old file or the new one, never a part. The folder is made if need be.

    Raises:
        WorkspaceError: The disk is full or the folder cannot be written; ``path`` is as before.
    """
    # One name per thread: two writers of one file never share a temporary one, the last rename wins.
    temporary = path.with_name(f".{path.name[:80]}.{os.getpid()}-{threading.get_ident()}.part")
    with workspace_errors("write", path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise

"""Disks that are full, small or write-protected, as the system itself makes them."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


@contextlib.contextmanager
def nearly_full_disk(*, max_file_bytes: int) -> Iterator[None]:
    """Let no file of this process grow beyond ``max_file_bytes``; the system fails the write that would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (max_file_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextlib.contextmanager
def small_disk(folder: Path, *, size_kib: int) -> Iterator[None]:
    """Put a file system of that size in the place of an empty folder; the test is skipped where that is not allowed."""
    with _mounted(folder, "-t", "tmpfs", "-o", f"size={size_kib}k", "tmpfs", str(folder)):
        yield


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Let nobody write below a folder. Root ignores modes, so that for root it is mounted read-only."""
    if os.geteuid() == 0:
        with _mounted(folder, "--bind", str(folder), str(folder)):
            _mount("-o", "remount,ro,bind", str(folder))
            yield
        return
    folders = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
    modes = {path: path.stat().st_mode for path in folders}
    for path in folders:
        path.chmod(0o555)
    try:
        yield
    finally:
        for path, mode in modes.items():
            path.chmod(mode)


@contextlib.contextmanager
def _mounted(folder: Path, *arguments: str) -> Iterator[None]:
    _mount(*arguments)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _mount(*arguments: str) -> None:
    try:
        done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount command")
    if done.returncode:
        pytest.skip(f"nothing may be mounted here: {done.stderr.strip()}")

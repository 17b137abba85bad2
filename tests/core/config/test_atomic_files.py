"""A file is written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from personalab_core.config.atomic_files import write_atomic
from personalab_core.errors import WorkspaceError
from tests.support.disks import nearly_full_disk


def test_new_content_replaces_old_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.txt"
    write_atomic(path, b"old")
    write_atomic(path, b"new")
    assert path.read_bytes() == b"new"
    assert [p.name for p in path.parent.iterdir()] == ["a.txt"]


def test_full_disk_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_atomic(path, b"old")
    with nearly_full_disk(max_file_bytes=1000), pytest.raises(WorkspaceError, match="Cannot write"):
        write_atomic(path, b"x" * 5000)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_unusable_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WorkspaceError) as caught:
        write_atomic(tmp_path / "file" / "a.txt", b"")
    assert "\n" not in str(caught.value)

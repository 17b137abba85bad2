"""Only pictures inside the workspace can be asked for, and only by who knows their content."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from personalab_core.views.pictures import find_picture, picture
from tests.support.workspace_builder import face_png


@pytest.fixture
def rooms(tmp_path: Path) -> dict[str, Path]:
    folder = tmp_path / "output"
    (folder / "mara" / "images").mkdir(parents=True)
    (folder / "mara" / "images" / "a b.png").write_bytes(face_png(1))
    (folder / "mara" / "metrics.jsonl").write_text("{}")
    (tmp_path / "secret.png").write_bytes(face_png(2))
    return {"output": folder}


DIGEST = hashlib.sha256(face_png(1)).hexdigest()


def test_an_address_leads_back_to_its_file(rooms: dict[str, Path]) -> None:
    shown = picture("output", "mara/images/a b.png", DIGEST, alt="Mara")
    assert shown is not None
    assert shown.src == f"/pictures/output/{DIGEST[:16]}/mara/images/a%20b.png"
    assert shown.thumbnail == shown.src
    file = find_picture(rooms, "output", DIGEST[:16], "mara/images/a b.png", verify=True)
    assert file == (rooms["output"] / "mara/images/a b.png").resolve()


def test_a_record_without_a_picture_has_no_address() -> None:
    assert picture("output", None, None, alt="") is None


@pytest.mark.parametrize(
    ("room", "digest", "path"),
    [
        ("output", DIGEST[:16], "../secret.png"),
        ("output", DIGEST[:16], "mara/../../secret.png"),
        ("output", DIGEST[:16], "/etc/passwd"),
        ("output", DIGEST[:16], "mara/metrics.jsonl"),
        ("output", DIGEST[:16], "mara/images"),
        ("output", DIGEST[:16], ""),
        ("output", "0" * 16, "mara/images/a b.png"),
        ("output", DIGEST, "mara/images/a b.png"),
        ("jobs", DIGEST[:16], "mara/images/a b.png"),
    ],
)
def test_anything_else_is_not_found(rooms: dict[str, Path], room: str, digest: str, path: str) -> None:
    assert find_picture(rooms, room, digest, path, verify=True) is None


def test_a_link_out_of_the_workspace_is_not_followed(rooms: dict[str, Path], tmp_path: Path) -> None:
    (rooms["output"] / "mara" / "link.png").symlink_to(tmp_path / "secret.png")
    digest = hashlib.sha256(face_png(2)).hexdigest()[:16]
    assert find_picture(rooms, "output", digest, "mara/link.png", verify=True) is None


def test_a_replaced_file_is_not_served_under_the_old_address(rooms: dict[str, Path]) -> None:
    file = rooms["output"] / "mara/images/a b.png"
    assert find_picture(rooms, "output", DIGEST[:16], "mara/images/a b.png", verify=True)
    file.write_bytes(face_png(3) + b"longer")
    assert find_picture(rooms, "output", DIGEST[:16], "mara/images/a b.png", verify=True) is None

"""Pictures are kept byte for byte, with an upright small copy; what is no picture is refused and leaves nothing."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from personalab_core.errors import InputError, UnreadableImageError, WorkspaceError
from personalab_core.observability import make_thumbnail, store_picture, thumbnail_path
from tests.support.disks import nearly_full_disk


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def rotated_jpeg() -> bytes:
    """64 x 48 stored, to be shown turned by 90 degrees: 48 x 64."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(Image.new("RGB", (64, 48)), "JPEG", exif=exif)


def test_original_is_kept_and_thumbnail_fits_320_px(tmp_path: Path) -> None:
    data = encoded(Image.new("RGB", (640, 800), "teal"))
    stored = store_picture(tmp_path / "images", "a-1.png", data)
    assert stored.path == tmp_path / "images" / "a-1.png"
    assert stored.path.read_bytes() == data
    assert stored.sha256 == hashlib.sha256(data).hexdigest()
    assert (stored.width, stored.height) == (640, 800)
    assert stored.thumbnail_path == thumbnail_path(stored.path)
    with Image.open(stored.thumbnail_path) as small:
        assert (small.format, small.size) == ("WEBP", (256, 320))
        assert small.convert("RGB").getpixel((128, 160)) == pytest.approx((0, 128, 128), abs=4)


def test_a_small_picture_is_not_blown_up(tmp_path: Path) -> None:
    stored = store_picture(tmp_path, "a.png", encoded(Image.new("RGB", (64, 48))))
    with Image.open(stored.thumbnail_path) as small:
        assert small.size == (64, 48)


def test_exif_rotation_is_honoured(tmp_path: Path) -> None:
    stored = store_picture(tmp_path, "a.jpg", rotated_jpeg())
    assert (stored.width, stored.height) == (48, 64)
    with Image.open(stored.thumbnail_path) as small:
        assert small.size == (48, 64)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_suffix_follows_the_format_where_none_is_given(tmp_path: Path, kind: str) -> None:
    stored = store_picture(tmp_path, "a", encoded(Image.new("RGB", (8, 8)), kind))
    assert stored.path.suffix == {"PNG": ".png", "JPEG": ".jpg", "WEBP": ".webp", "GIF": ".gif"}[kind]


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA", "CMYK", "I;16", "I", "F"])
def test_every_mode_gets_a_thumbnail(tmp_path: Path, mode: str) -> None:
    kind = {"CMYK": "JPEG", "I": "TIFF", "F": "TIFF"}.get(mode, "PNG")
    data = encoded(Image.new(mode, (40, 30)), kind)
    with Image.open(store_picture(tmp_path, "a", data).thumbnail_path) as small:
        assert small.size == (40, 30)


def test_sixteen_bits_are_scaled_not_cut_off(tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(0, 65535, 64).astype(np.uint16), (48, 1))
    stored = store_picture(tmp_path, "a.png", encoded(Image.fromarray(ramp)))
    with Image.open(stored.thumbnail_path) as small:
        assert small.convert("L").getpixel((32, 24)) == pytest.approx(130, abs=6)


def test_animation_shows_its_first_frame(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    with Image.open(store_picture(tmp_path, "a.gif", data).thumbnail_path) as small:
        assert small.convert("RGB").getpixel((8, 8)) == pytest.approx((255, 0, 0), abs=8)


def noise(kind: str) -> bytes:
    return encoded(Image.effect_noise((64, 48), 30), kind)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "is empty"),
        (b"hello", "is not a picture"),
        (noise("PNG")[:-500], "damaged or incomplete"),
        (noise("JPEG")[:-300], "damaged or incomplete"),
        (noise("PNG")[:30], "damaged or incomplete|not a picture"),
        (encoded(Image.new("1", (10_010, 10_000))), "more than the 100 megapixels"),
        (encoded(Image.new("1", (20_010, 10_000))), "more than the 100 megapixels"),
    ],
    ids=["empty", "text", "cut-png", "cut-jpeg", "cut-header", "large", "huge"],
)
def test_what_is_no_whole_picture_is_refused_and_leaves_nothing(tmp_path: Path, data: bytes, problem: str) -> None:
    with pytest.raises(UnreadableImageError, match=problem) as caught:
        store_picture(tmp_path / "images", "a.png", data)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "images").exists()


@pytest.mark.parametrize("name", ["../x.png", "a/b.png", ".hidden", "", "a\0b", "x" * 200])
def test_name_is_a_plain_file_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="plain file name"):
        store_picture(tmp_path, name, encoded(Image.new("RGB", (8, 8))))


def test_a_full_disk_leaves_neither_picture_nor_thumbnail(tmp_path: Path) -> None:
    data = encoded(Image.effect_noise((200, 200), 60).convert("RGB"), "BMP")
    with nearly_full_disk(max_file_bytes=len(data) - 10), pytest.raises(WorkspaceError, match="Cannot write"):
        store_picture(tmp_path, "a.bmp", data)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_thumbnail_can_be_made_anew(tmp_path: Path) -> None:
    stored = store_picture(tmp_path, "a.png", encoded(Image.new("RGB", (400, 400))))
    stored.thumbnail_path.unlink()
    assert make_thumbnail(stored.path) == stored.thumbnail_path
    assert stored.thumbnail_path.is_file()
    with pytest.raises(WorkspaceError, match="Cannot read"):
        make_thumbnail(tmp_path / "none.png")

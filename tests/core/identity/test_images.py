"""Any common picture becomes upright 8-bit BGR; anything else is one clear sentence."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from personalab_core.errors import UnreadableImageError
from personalab_core.identity import images
from personalab_core.identity.images import decode_image, read_image

RED, GREEN, BLUE = (250, 10, 20), (10, 250, 20), (20, 10, 250)


def four_corners() -> Image.Image:
    """A 6 x 4 picture whose left half is red and right half blue."""
    picture = Image.new("RGB", (6, 4), RED)
    picture.paste(BLUE, (3, 0, 6, 4))
    return picture


def test_channels_are_bgr_and_the_hash_is_that_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    four_corners().save(path)
    loaded = read_image(path)
    assert loaded.bgr.dtype == np.uint8
    assert (loaded.width_px, loaded.height_px) == (6, 4)
    assert loaded.bgr.shape == (4, 6, 3)
    assert tuple(loaded.bgr[0, 0]) == RED[::-1]
    assert tuple(loaded.bgr[0, 5]) == BLUE[::-1]
    assert loaded.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_exif_rotation_is_honoured(tmp_path: Path) -> None:
    """Orientation 6: the camera was held upright, the stored rows run from right to left."""
    exif = Image.Exif()
    exif[0x0112] = 6
    four_corners().save(tmp_path / "phone.png", exif=exif)
    loaded = read_image(tmp_path / "phone.png")
    assert (loaded.width_px, loaded.height_px) == (4, 6)
    assert tuple(loaded.bgr[0, 0]) == RED[::-1]
    assert tuple(loaded.bgr[5, 0]) == BLUE[::-1]


def test_cmyk_jpeg_keeps_its_colours(tmp_path: Path) -> None:
    Image.new("RGB", (16, 16), GREEN).convert("CMYK").save(tmp_path / "print.jpg", quality=95)
    blue, green, red = read_image(tmp_path / "print.jpg").bgr[8, 8]
    assert green > 200
    assert max(int(blue), int(red)) < 80


def test_sixteen_bit_grey_is_scaled_not_clipped(tmp_path: Path) -> None:
    values = np.array([[0, 0x8000], [0x4000, 0xFFFF]], dtype=np.uint16)
    Image.fromarray(values).save(tmp_path / "deep.png")
    assert read_image(tmp_path / "deep.png").bgr[:, :, 1].tolist() == [[0, 128], [64, 255]]


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA", "YCbCr"])
def test_other_modes_become_three_channels(tmp_path: Path, mode: str) -> None:
    name = "x.tif" if mode == "YCbCr" else "x.png"
    Image.new("RGB", (8, 8), (255, 255, 255)).convert(mode).save(tmp_path / name)
    assert read_image(tmp_path / name).bgr[4, 4].min() >= 250


def test_transparency_lies_on_neutral_grey(tmp_path: Path) -> None:
    picture = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    picture.putpixel((0, 0), (255, 0, 0, 255))
    picture.save(tmp_path / "cut-out.png")
    bgr = read_image(tmp_path / "cut-out.png").bgr
    assert tuple(bgr[0, 0]) == (0, 0, 255)
    assert tuple(bgr[3, 3]) == images.NEUTRAL_BACKGROUND


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png"])
def test_an_animation_gives_its_first_frame(tmp_path: Path, name: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, GREEN)]
    frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], duration=50)
    _blue, green, red = read_image(tmp_path / name).bgr[4, 4]
    assert red > 200
    assert green < 60


def test_the_content_counts_not_the_file_name(tmp_path: Path) -> None:
    four_corners().save(tmp_path / "a.jpg")
    renamed = (tmp_path / "a.jpg").rename(tmp_path / "a.png")
    assert read_image(renamed).width_px == 6


def _unreadable(path: Path) -> str:
    with pytest.raises(UnreadableImageError) as caught:
        read_image(path)
    sentence = str(caught.value)
    assert sentence.endswith((".", ")"))
    assert "\n" not in sentence
    return sentence


def test_what_is_not_a_picture_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.png").write_text("just words")
    (tmp_path / "zero.jpg").touch()
    (tmp_path / "plot.eps").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    assert "not a picture" in _unreadable(tmp_path / "notes.png")
    assert "empty (0 bytes)" in _unreadable(tmp_path / "zero.jpg")
    assert "not a picture" in _unreadable(tmp_path / "plot.eps")
    assert "is a folder" in _unreadable(tmp_path)
    assert "does not exist" in _unreadable(tmp_path / "nowhere.png")
    assert "cannot be read" in _unreadable(Path("a\0b.png"))


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "gif", "tif", "bmp"])
def test_a_truncated_file_is_refused_wherever_it_ends(tmp_path: Path, suffix: str) -> None:
    rng = np.random.default_rng(0)
    whole = tmp_path / f"whole.{suffix}"
    Image.fromarray(rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(whole)
    data = whole.read_bytes()
    for share in (0.02, 0.3, 0.6):
        with pytest.raises(UnreadableImageError):
            decode_image(data[: int(len(data) * share)])


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "gif", "tif"])
def test_damaged_bytes_never_raise_anything_else(tmp_path: Path, suffix: str) -> None:
    whole = tmp_path / f"whole.{suffix}"
    four_corners().resize((48, 48)).save(whole)
    clean = whole.read_bytes()
    chance = random.Random(7)
    for _ in range(60):
        data = bytearray(clean)
        for _ in range(6):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            assert decode_image(bytes(data)).dtype == np.uint8
        except UnreadableImageError:
            continue


def _png_header(width: int, height: int) -> bytes:
    """A valid PNG that only claims to be this large."""
    import struct
    import zlib

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("width", "height"), [(10_000, 10_001), (12_000, 8_000), (40_000, 40_000)])
def test_a_picture_of_100_megapixels_is_refused_before_decoding(tmp_path: Path, width: int, height: int) -> None:
    (tmp_path / "huge.png").write_bytes(_png_header(width, height))
    assert "at most 80 can be opened" in _unreadable(tmp_path / "huge.png")


def test_floating_point_pixels_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((4, 4), np.float32)).save(tmp_path / "render.tif")
    assert "floating-point" in _unreadable(tmp_path / "render.tif")

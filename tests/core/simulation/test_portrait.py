"""PNG files that carry who is in them."""

import io

import numpy as np
import pytest
from PIL import Image

from personalab_core.simulation import (
    RENDERER_VERSION,
    Rendering,
    Scene,
    encode_png,
    read_metadata,
    render,
    sample_identity,
    sample_style,
)
from personalab_core.simulation.portrait import CHUNK_KEYWORD


@pytest.fixture(scope="module")
def rendering() -> Rendering:
    identity = sample_identity(3)
    other = (sample_identity(4), sample_style(sample_identity(4), 4), Scene())
    return render(identity, sample_style(identity, 3), Scene(yaw_deg=12), width=160, height=200, others=[other])


def test_metadata_round_trip(rendering: Rendering) -> None:
    found = read_metadata(encode_png(rendering, {"seed": 7}))
    assert found is not None
    assert found.renderer_version == RENDERER_VERSION
    assert found.identity == rendering.identity
    assert found.style == rendering.style
    assert found.extra == {"seed": 7}
    assert len(found.faces) == 2
    for read, true in zip(found.faces, rendering.faces, strict=True):
        assert read.points106 == pytest.approx(true.points106, abs=0.006)
        assert read.points5 == pytest.approx(true.points5, abs=0.006)
        assert read.box == pytest.approx(true.box, abs=0.006)
        assert np.array_equal(read.visible106, true.visible106)
        assert (read.yaw_deg, read.pitch_deg, read.roll_deg) == (true.yaw_deg, true.pitch_deg, true.roll_deg)
        assert read.occluded_fraction == true.occluded_fraction
        assert read.turned_away is true.turned_away


def test_another_reader_sees_the_same_pixels_and_the_same_text(rendering: Rendering) -> None:
    with Image.open(io.BytesIO(encode_png(rendering))) as image:
        image.load()
        assert np.array_equal(np.asarray(image)[..., ::-1], rendering.image)
        assert '"simulated":true' in image.text[CHUNK_KEYWORD]


def test_a_truncated_file_still_says_who_it_shows(rendering: Rendering) -> None:
    data = encode_png(rendering)
    found = read_metadata(data[: len(data) // 2])
    assert found is not None
    assert found.identity == rendering.identity


def plain_png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0 not a png", plain_png()])
def test_other_files_carry_none(data: bytes) -> None:
    assert read_metadata(data) is None


def test_damaged_or_foreign_metadata_counts_as_none(rendering: Rendering) -> None:
    data = encode_png(rendering)
    flipped = bytearray(data)
    flipped[len(data[: data.index(b"iTXt")]) + 60] ^= 0xFF
    assert read_metadata(bytes(flipped)) is None, "the checksum no longer fits"
    assert read_metadata(data.replace(b'"version":1', b'"version":9', 1)) is None

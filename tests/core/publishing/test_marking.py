"""Every format keeps its mark through every order of filters; a file saved again without it is reported."""

from __future__ import annotations

import io
import itertools
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from personalab_core.errors import InputError
from personalab_core.publishing import Channel, Finish, Marker, MarkError, finish_picture, read_mark
from personalab_core.publishing.certificates import SigningCredentials, development_credentials
from personalab_core.publishing.formats import MIME_TYPES, SUFFIXES, PictureFile, encode
from personalab_core.publishing.manifests import sign
from personalab_core.publishing.marking import read_mark_of
from personalab_core.schemas.publishing import Disclosure, MarkReport
from personalab_core.tools import RealismFilter, RealismPreset, sharpen, upscale
from tests.core.publishing.test_xmp import TRAINED, disclosure
from tests.support.clips import clip, level_frame

pytest.importorskip("c2pa")


@pytest.fixture(scope="module")
def credentials(tmp_path_factory: pytest.TempPathFactory) -> SigningCredentials:
    return development_credentials(tmp_path_factory.mktemp("certificate"))


def picture() -> np.ndarray:
    return cv2.resize(np.random.default_rng(1).integers(0, 255, (8, 8, 3), np.uint8), (96, 120))


def marked(marker: Marker, kind: str, *, parent: bytes | None = None, edits: tuple[str, ...] = ()) -> bytes:
    said = disclosure(edits=edits)
    return marker.mark_picture(
        lambda packet: encode(picture(), kind, quality=90, packet=packet),  # type: ignore[arg-type]
        said,
        parent=parent,
    ).data


def report(data: bytes) -> MarkReport:
    return read_mark_of(io.BytesIO(data), name="a file")


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp"])
def test_picture_formats_round_trip(kind: str, credentials: SigningCredentials) -> None:
    found = report(marked(Marker(credentials=credentials, text="Made with AI."), kind))
    assert (found.marked, found.in_xmp, found.c2pa) == (True, True, "development")
    assert found.digital_source == TRAINED
    assert found.disclosure == disclosure(edits=())
    assert found.signer == "personalab_core development certificate"


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp"])
def test_pixels_are_the_same_with_and_without_the_mark(kind: str, credentials: SigningCredentials) -> None:
    plain = encode(picture(), kind, quality=90, packet=None).data  # type: ignore[arg-type]
    data = marked(Marker(credentials=credentials), kind)
    decoded = [np.asarray(Image.open(io.BytesIO(one)).convert("RGB")) for one in (plain, data)]
    assert np.array_equal(*decoded)


def test_a_video_round_trips_twice_and_keeps_its_pictures(tmp_path: Path, credentials: SigningCredentials) -> None:
    import av

    source, once, twice = (tmp_path / name for name in ("a.mp4", "b.mp4", "c.mp4"))
    source.write_bytes(clip([level_frame(level) for level in range(60, 160, 10)]))
    marker = Marker(credentials=credentials)
    marker.mark_video(source, once, disclosure())
    found, upstream = marker.mark_video(once, twice, disclosure(asset_id="a-2"))
    assert (found.marked, found.c2pa, found.disclosure) == (True, "development", disclosure(asset_id="a-2"))
    assert upstream == "kept"
    assert found.ingredients == ("a-2",)

    def packets(path: Path) -> list[bytes]:
        with av.open(path) as container:
            return [bytes(packet) for packet in container.demux(video=0)]

    assert packets(source) == packets(twice)
    assert not list(tmp_path.glob(".*"))


def test_a_video_without_a_signature_is_marked_in_its_metadata(tmp_path: Path) -> None:
    source, target = tmp_path / "a.mp4", tmp_path / "b.mp4"
    source.write_bytes(clip([level_frame(90)] * 3))
    found, _ = Marker(credentials=None).mark_video(source, target, disclosure())
    assert (found.marked, found.in_xmp, found.c2pa) == (True, True, "none")


FILTERS = {
    "sharpen": lambda pixels: sharpen(pixels, amount=0.5),
    "realism": lambda pixels: RealismFilter(RealismPreset()).apply(pixels, seed=1),
    "upscale": lambda pixels: upscale(pixels, pixels.shape[1] * 2, pixels.shape[0] * 2),
}


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp"])
def test_the_mark_survives_every_order_of_filters(kind: str, credentials: SigningCredentials) -> None:
    """Each step opens the marked file of the step before, as a chain of tools would, and marks its own result."""
    marker = Marker(credentials=credentials)
    for order in itertools.permutations(FILTERS):
        data = marked(marker, kind)
        for n, name in enumerate(order, start=1):
            pixels = FILTERS[name](cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR))
            data = marker.mark_picture(
                lambda packet, pixels=pixels: encode(pixels, kind, quality=90, packet=packet),  # type: ignore[misc]
                disclosure(edits=order[:n]),
                parent=data,
            ).data
        found = report(data)
        assert (found.marked, found.c2pa) == (True, "development"), order
        assert found.disclosure is not None
        assert found.disclosure.edits == order


@pytest.mark.parametrize("channel", [Channel(format="jpeg"), Channel(width_px=64, height_px=64, format="webp")])
def test_a_finished_picture_carries_the_mark(channel: Channel, credentials: SigningCredentials) -> None:
    finish = Finish(realism=("phone", RealismFilter(RealismPreset())), sharpen_amount=0.3)
    finished = finish_picture(picture(), channel, finish, face=(30, 30, 60, 70), seed=1)
    data = Marker(credentials=credentials).mark_picture(finished.encode, disclosure()).data
    assert report(data).marked
    with Image.open(io.BytesIO(data)) as opened:
        assert opened.size == (finished.width_px, finished.height_px)


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp"])
def test_a_copy_saved_again_by_another_program_is_reported_unmarked(kind: str, credentials: SigningCredentials) -> None:
    with Image.open(io.BytesIO(marked(Marker(credentials=credentials), kind))) as opened:
        opened.load()
        # A new picture of the same pixels: nothing that was beside them comes along.
        bare = Image.frombytes("RGB", opened.size, opened.convert("RGB").tobytes())
    copy = io.BytesIO()
    bare.save(copy, kind.upper())
    found = report(copy.getvalue())
    assert (found.marked, found.in_xmp, found.c2pa, found.disclosure) == (False, False, "none", None)
    assert found.sentence.startswith("Not marked")


def test_one_changed_byte_makes_the_manifest_invalid(credentials: SigningCredentials) -> None:
    data = bytearray(marked(Marker(credentials=credentials), "jpeg"))
    data[-40] ^= 1
    assert report(bytes(data)).c2pa == "invalid"


def test_a_providers_own_manifest_is_kept_as_ingredient(credentials: SigningCredentials) -> None:
    original = marked(Marker(credentials=credentials), "png")
    result = Marker(credentials=credentials).mark_picture(
        lambda packet: encode(picture(), "jpeg", quality=90, packet=packet), disclosure(), parent=original
    )
    assert result.upstream == "kept"
    assert result.report.ingredients == ("a-1",)


def test_without_a_signature_the_loss_of_a_providers_manifest_is_said(credentials: SigningCredentials) -> None:
    original = marked(Marker(credentials=credentials), "png")
    result = Marker(credentials=None).mark_picture(
        lambda packet: encode(picture(), "jpeg", quality=90, packet=packet), disclosure(), parent=original
    )
    assert (result.upstream, result.report.c2pa, result.report.marked) == ("lost", "none", True)


def test_a_mark_that_cannot_be_read_back_is_an_error() -> None:
    """An encoder that drops the packet must not get a file out of the house."""
    with pytest.raises(MarkError, match=r"a-1: the mark .* was written but not found again"):
        Marker(credentials=None).mark_picture(
            lambda _packet: encode(picture(), "jpeg", quality=90, packet=None), disclosure()
        )


def test_an_expired_certificate_is_refused(tmp_path: Path) -> None:
    old = development_credentials(tmp_path, now=lambda: datetime(2001, 1, 1, tzinfo=UTC))
    with pytest.raises(Exception, match="C2PA manifest"):
        marked(Marker(credentials=old), "jpeg")


def test_the_development_key_is_private_and_made_once(tmp_path: Path) -> None:
    first = development_credentials(tmp_path)
    assert development_credentials(tmp_path) == first
    assert (tmp_path / "development_key.pem").stat().st_mode & 0o077 == 0
    assert "PRIVATE" not in repr(first)


def test_a_manifest_alone_is_a_mark(credentials: SigningCredentials) -> None:
    plain = encode(picture(), "jpeg", quality=90, packet=None)
    target = io.BytesIO()
    sign(io.BytesIO(plain.data), target, MIME_TYPES["jpeg"], disclosure(), credentials)
    found = report(target.getvalue())
    assert (found.marked, found.in_xmp, found.digital_source) == (True, False, TRAINED)
    assert found.sentence.startswith("Marked as AI-generated in its C2PA manifest")


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("a.jpg", b"hello", "this is none of them"),
        ("a.jpg", b"", "this is none of them"),
        ("a.png", b"\x89PNG\r\n\x1a\n broken", "JPEG, PNG or WebP|damaged"),
        ("a.mp4", b"\0\0\0\x18ftypisom\0\0", "cut off"),
    ],
)
def test_files_that_are_no_pictures_end_in_a_sentence(tmp_path: Path, name: str, data: bytes, why: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=why):
        read_mark(tmp_path / name)


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.jpg is not a file that exists"):
        read_mark(tmp_path / "a.jpg")


def test_suffixes_and_types_know_the_same_formats() -> None:
    assert SUFFIXES.keys() == MIME_TYPES.keys()
    assert PictureFile(b"", "webp").mime_type == "image/webp"
    assert isinstance(disclosure(), Disclosure)

"""Shapes and pictures on their way into a request."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalab_core.errors import InvalidRequestError
from personalab_core.llm import ImagePart
from personalab_core.llm.media import data_uri, pixel_size, reduced_ratio, split_parts

STEPS = {"step_px": 64, "min_px": 512, "max_px": 2048, "target_px": 1024, "provider": "acme"}


@pytest.mark.parametrize(
    ("ratio", "size"),
    [
        ("1:1", (1024, 1024)),
        ("4:5", (1024, 1280)),
        ("16:9", (1024, 576)),
        ("9:16", (576, 1024)),
        ("8:10", (1024, 1280)),
    ],
)
def test_common_shapes_have_a_size(ratio: str, size: tuple[int, int]) -> None:
    assert pixel_size(ratio, **STEPS) == size  # type: ignore[arg-type]


@given(st.integers(1, 40), st.integers(1, 40))
def test_a_size_has_exactly_the_ratio_or_there_is_none(width: int, height: int) -> None:
    try:
        size = pixel_size(f"{width}:{height}", **STEPS)  # type: ignore[arg-type]
    except InvalidRequestError:
        return
    assert size[0] * height == size[1] * width
    assert all(side % 64 == 0 and 512 <= side <= 2048 for side in size)


@pytest.mark.parametrize("ratio", ["", "4", "4:0", "0:4", "4.5:3", "a:b", "4:5:6", "-4:5"])
def test_what_is_no_ratio_is_named(ratio: str) -> None:
    with pytest.raises(InvalidRequestError, match="aspect ratio such as '4:5'"):
        reduced_ratio(ratio, provider="acme")


def test_text_and_pictures_are_told_apart_in_order() -> None:
    one, two = ImagePart(b"1"), ImagePart(b"2")
    assert split_parts(["a", one, "b", two], provider="acme") == ("a\n\nb", [one, two])
    assert split_parts("a", provider="acme") == ("a", [])


@pytest.mark.parametrize("part", [3, b"bytes", ImagePart("text")])  # type: ignore[arg-type]
def test_anything_else_is_refused(part: object) -> None:
    with pytest.raises(InvalidRequestError):
        split_parts([part], provider="acme")  # type: ignore[list-item]


def test_a_data_uri_names_the_type() -> None:
    assert data_uri(ImagePart(b"abc", "image/webp")) == "data:image/webp;base64,YWJj"

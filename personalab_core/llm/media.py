"""Pictures on their way into a request, and shapes in pixels."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from math import gcd

from personalab_core.errors import InvalidRequestError
from personalab_core.llm.client import ImagePart, Part


def split_parts(parts: str | Sequence[Part], *, provider: str) -> tuple[str, list[ImagePart]]:
    """Return the text (parts joined by blank lines) and the pictures of a request.

    Raises:
        InvalidRequestError: A part is neither text nor a picture of bytes.
    """
    parts = [parts] if isinstance(parts, str) else list(parts)
    for part in parts:
        if not isinstance(part, str) and not (isinstance(part, ImagePart) and isinstance(part.data, bytes)):
            raise InvalidRequestError("expected every part to be text or an ImagePart of bytes", provider=provider)
    text = "\n\n".join(part for part in parts if isinstance(part, str))
    return text, [part for part in parts if isinstance(part, ImagePart)]


def data_uri(picture: ImagePart) -> str:
    """Return the picture as a ``data:`` URI."""
    return f"data:{picture.mime_type};base64,{base64.b64encode(picture.data).decode('ascii')}"


def reduced_ratio(aspect_ratio: str, *, provider: str) -> tuple[int, int]:
    """Return ``"W:H"`` in lowest terms, such as (16, 9).

    Raises:
        InvalidRequestError: It is not of that form.
    """
    width, _, height = aspect_ratio.partition(":")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise InvalidRequestError(
            f"expected an aspect ratio such as '4:5', got {aspect_ratio[:20]!r}", provider=provider
        )
    divisor = gcd(int(width), int(height))
    return int(width) // divisor, int(height) // divisor


def pixel_size(
    aspect_ratio: str, *, step_px: int, min_px: int, max_px: int, target_px: int, provider: str
) -> tuple[int, int]:
    """Return width and height in pixels, multiples of ``step_px``, with exactly that aspect ratio.

    Of the sizes possible, the one whose area is nearest to that of a square of
    ``target_px``; with a ratio of 16:9 and steps of 64 that is 1024 x 576.

    Raises:
        InvalidRequestError: No size of that ratio fits between ``min_px`` and ``max_px``.
    """
    width, height = reduced_ratio(aspect_ratio, provider=provider)
    steps = range(1, max_px // (step_px * max(width, height)) + 1)
    sizes = [(width * step_px * n, height * step_px * n) for n in steps]
    possible = [size for size in sizes if min(size) >= min_px]
    if not possible:
        raise InvalidRequestError(
            f"the aspect ratio {width}:{height} has no size of {min_px} to {max_px} pixels in steps of {step_px}",
            provider=provider,
        )
    return min(possible, key=lambda size: abs(size[0] * size[1] - target_px**2))

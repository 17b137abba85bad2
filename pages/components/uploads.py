"""Files that come through the browser. It is asked to refuse large ones, but may send anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from pages.components import notices
from personalab_core.views import numbers


class Upload(Protocol):
    """A file as Streamlit hands it over; its bytes are in memory."""

    name: str
    size: int


F = TypeVar("F", bound=Upload)


def within(files: Sequence[F], *, mb: int) -> list[F]:
    """Return the files of at most ``mb`` megabytes, and say which are left out."""
    large = [file.name for file in files if file.size > mb * 1024 * 1024]
    if large:
        was = "has" if len(large) == 1 else "have"
        left_out = "It was" if len(large) == 1 else "They were"
        notices.show_refusal(f"{numbers.listing(large)} {was} over {mb}{numbers.NBSP}MB. {left_out} left out.")
    return [file for file in files if file.size <= mb * 1024 * 1024]


def one_within(file: F | None, *, mb: int) -> F | None:
    """Return a file if it is there and has at most ``mb`` megabytes; else say that it has more."""
    return next(iter(within([file], mb=mb)), None) if file else None

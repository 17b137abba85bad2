"""Persona ids: checked once, at the border, so that no path is ever built from a widget."""

from __future__ import annotations

import re
import unicodedata

from personalab_core.errors import InputError

_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


def check_slug(value: str) -> str:
    """Return ``value`` if it is a valid persona id, else raise.

    A persona id is 1 to 64 characters out of ``a-z 0-9 _ -`` and starts with a
    letter or digit, so it is safe as a file name on every platform.

    Raises:
        InputError: The id is not of that form.
    """
    if not isinstance(value, str) or not _SLUG.fullmatch(value):
        shown = repr(value) if len(repr(value)) <= 40 else repr(value)[:37] + "..."
        raise InputError(
            f"{shown} is not a persona id: use 1 to 64 characters out of a-z, 0-9, '_' and '-', "
            "starting with a letter or a digit, such as 'daniperez'."
        )
    return value


def slugify(name: str) -> str:
    """Return the persona id that a display name suggests.

    >>> slugify("Daniela 'Dani' Pérez")
    'daniela-dani-perez'
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:64].rstrip("-")
    return check_slug(slug)

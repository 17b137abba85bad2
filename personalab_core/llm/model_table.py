"""What differs from model to model: input keys, shapes, routes. The rows are in ``data/providers/models.yml``."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cache
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from personalab_core.config import data_path, read_yaml_mapping
from personalab_core.errors import ConfigError, InvalidRequestError


class ModelRow(BaseModel):
    """One row; ``model`` is a model name or a pattern with ``*``, and the first match counts."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    model: str


class ReplicateModel(ModelRow):
    """How one of Replicate's models takes its input.

    Attributes:
        reference_input: Input key of reference pictures; ``None`` if it is not known or takes none.
        reference_list: Whether that key takes a list.
        max_references: Most pictures it takes.
        aspect_ratios: Values of ``aspect_ratio`` it takes; empty means any is passed on.
        pixels: The model takes ``width`` and ``height`` instead, in steps of 64.
        seed_input: Input key of the seed.
        extra: Further inputs, sent with every request.
    """

    reference_input: str | None = None
    reference_list: bool = False
    max_references: int = 1
    aspect_ratios: tuple[str, ...] = ()
    pixels: bool = False
    seed_input: str | None = None
    extra: Mapping[str, Any] = {}


class RunwareModel(ModelRow):
    """How one of Runware's models takes its input.

    Attributes:
        reference_input: Where reference pictures go; a dot means one level deeper.
        max_references: Most pictures it takes.
        sizes: Pixel size ``[width, height]`` per aspect ratio; empty means steps of ``step_px``.
        step_px: Both sides are a multiple of it.
        min_px: Shortest side.
        max_px: Longest side.
    """

    reference_input: str | None = None
    max_references: int = 1
    sizes: Mapping[str, tuple[int, int]] = {}
    step_px: int = 64
    min_px: int = 512
    max_px: int = 2048


class RunwayModel(ModelRow):
    """What one of Runway's models makes.

    Attributes:
        from_text: Whether it works without a picture.
        from_picture: Whether it takes a first picture.
        duration_s: Length asked for, in seconds; ``None`` leaves it to the service.
        text_ratios: Pixel ratio per resolution and aspect ratio, without a picture.
        picture_ratios: The same with a first picture.
    """

    from_text: bool = True
    from_picture: bool = True
    duration_s: int | None = None
    text_ratios: Mapping[str, Mapping[str, str]] = {}
    picture_ratios: Mapping[str, Mapping[str, str]] = {}


class GeminiVideoModel(ModelRow):
    """How one of Google's video models is reached.

    Attributes:
        route: ``veo`` is the raw start of a long operation, ``interactions`` the newer interface.
        duration_s: Length asked for, in seconds.
        resolutions: Resolutions it makes.
        aspect_ratios: Shapes it makes.
        max_references: Most reference pictures it takes.
    """

    route: Literal["veo", "interactions"]
    duration_s: int
    resolutions: tuple[str, ...]
    aspect_ratios: tuple[str, ...]
    max_references: int = 3


Row = TypeVar("Row", bound=ModelRow)


def model_row(provider: str, model_name: str, kind: type[Row]) -> Row:
    """Return the first row of ``provider`` that fits ``model_name``.

    Raises:
        InvalidRequestError: The table has no row for it.
    """
    rows = _rows(provider, kind)
    for row in rows:
        if fnmatchcase(model_name, row.model):
            return row
    raise InvalidRequestError(
        f"the model {model_name[:60]!r} is not in data/providers/models.yml "
        f"(known: {', '.join(row.model for row in rows)})",
        provider=provider,
    )


def _rows(provider: str, kind: type[Row]) -> list[Row]:
    try:
        return [kind.model_validate(row) for row in _table()[provider]]
    except (KeyError, TypeError, ValidationError) as error:
        raise ConfigError(f"data/providers/models.yml: the rows of {provider!r} cannot be read: {error}") from None


@cache
def _table() -> dict[str, Any]:
    return read_yaml_mapping(data_path("providers", "models.yml"))

"""What differs from model to model: input keys, shapes, routes. The rows are in ``data/providers/models.yml``.

A configuration may name what is different, or not yet known, of the model it uses:
``models.<modality>.row`` is laid over the row found (:func:`changes_of`).
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from personalab_core.config import data_path, read_yaml_mapping
from personalab_core.errors import ConfigError, InvalidRequestError

if TYPE_CHECKING:
    from personalab_core.config import Config


class ModelRow(BaseModel):
    """One row; ``model`` is a model name or a pattern with ``*``, and the first match counts."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    model: str


_COUNTS = ("num_outputs", "num_images", "number_of_images", "n", "batch_size", "max_images")


def _one_picture(extra: Mapping[str, Any]) -> Mapping[str, Any]:
    """Refuse inputs that ask for several pictures: one is measured per call, the others would be paid in vain."""
    asked = next((name for name in _COUNTS if extra.get(name, 1) != 1), None)
    if asked is not None:
        raise ValueError(f"{asked} must be 1, because one picture is measured per call")
    return extra


class ReplicateModel(ModelRow):
    """How one of Replicate's models takes its input.

    Attributes:
        reference_input: Input key of reference pictures; ``None`` if it is not known or takes none.
        reference_list: Whether that key takes a list.
        max_references: Most pictures it takes.
        aspect_ratios: Values of ``aspect_ratio`` it takes; empty means any is passed on.
        pixels: The model takes ``width`` and ``height`` instead, in steps of 64.
        seed_input: Input key of the seed.
        extra: Further inputs, sent with every request; none that asks for more than one picture.
    """

    reference_input: str | None = None
    reference_list: bool = False
    max_references: int = 1
    aspect_ratios: tuple[str, ...] = ()
    pixels: bool = False
    seed_input: str | None = None
    extra: Annotated[Mapping[str, Any], AfterValidator(_one_picture)] = {}


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


class GeminiImageModel(ModelRow):
    """What one of Google's image models makes.

    Attributes:
        aspect_ratios: Shapes it makes.
        max_references: Most reference pictures it takes.
    """

    aspect_ratios: tuple[str, ...]
    max_references: int = 14


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


def model_row(
    provider: str, model_name: str, kind: type[Row], changes: Mapping[str, Any] | None = None, *, table: str = ""
) -> Row:
    """Return the first row of ``provider`` that fits ``model_name``, with ``changes`` laid over it.

    Args:
        provider: Provider's name.
        model_name: The model to ask.
        kind: What its rows are.
        changes: What the configuration says of the model (:func:`changes_of`).
        table: Name of the table where it is not the provider's.

    Raises:
        InvalidRequestError: The table has no row for it.
    """
    rows = _rows(table or provider, kind)
    row = next((row for row in rows if fnmatchcase(model_name, row.model)), None)
    try:
        if changes:
            known = row.model_dump() if row is not None else {}
            return kind.model_validate({**known, **changes, "model": model_name})
    except ValidationError as error:
        missing = ", ".join(str(details["loc"][0]) for details in error.errors(include_url=False))
        raise InvalidRequestError(
            f"models.*.row says too little of the model {model_name[:60]!r}: {missing}", provider=provider
        ) from None
    if row is not None:
        return row
    raise InvalidRequestError(
        f"the model {model_name[:60]!r} is not in data/providers/models.yml "
        f"(known: {', '.join(row.model for row in rows)}); describe it in models.*.row of the configuration",
        provider=provider,
    )


def changes_of(config: Config, modality: str, kind: type[ModelRow]) -> Mapping[str, Any]:
    """Return what ``models.<modality>.row`` of a configuration says, each entry checked by itself.

    Raises:
        ConfigError: An entry is unknown or of the wrong type; names the file and the key.
    """
    changes: Mapping[str, Any] = config.models[modality].row or {}
    known = {name: info for name, info in kind.model_fields.items() if name != "model"}
    for name, value in changes.items():
        key = f"models.{modality}.row.{name}"
        place = f"{config.origin(key)}: '{key}'"
        if name not in known:
            raise ConfigError(f"{place} is not known; known: {', '.join(known)}.")
        try:
            TypeAdapter(_annotated(known[name])).validate_python(value)
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]["msg"]
            raise ConfigError(f"{place}: {problem}, got {value!r}.") from None
    return changes


def _annotated(info: FieldInfo) -> Any:
    """Return a field's type together with its validators, which pydantic keeps apart."""
    return Annotated[(info.annotation, *info.metadata)] if info.metadata else info.annotation


def _rows(provider: str, kind: type[Row]) -> list[Row]:
    try:
        return [kind.model_validate(row) for row in _table()[provider]]
    except (KeyError, TypeError, ValidationError) as error:
        raise ConfigError(f"data/providers/models.yml: the rows of {provider!r} cannot be read: {error}") from None


@cache
def _table() -> dict[str, Any]:
    return read_yaml_mapping(data_path("providers", "models.yml"))

"""Where pictures go: a size and a format per channel."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, ValidationError, model_validator

from personalab_core.config.layers import nearest
from personalab_core.config.resources import data_path
from personalab_core.config.yaml_files import read_yaml_mapping
from personalab_core.errors import ConfigError, InputError
from personalab_core.publishing.formats import PictureFormat
from personalab_core.schemas.contract import Contract

CHANNEL_FILE = "channels.yml"

Side = Annotated[int, Field(ge=64, le=8192)]


class Channel(Contract):
    """One channel's shape; without a size a picture keeps its own.

    Attributes:
        width_px: Of the exported picture.
        height_px: Of the exported picture.
        format: Of the file.
        quality: 1 to 100; not used for PNG.
    """

    width_px: Side | None = None
    height_px: Side | None = None
    format: PictureFormat = "jpeg"
    quality: Annotated[int, Field(ge=1, le=100)] = 92

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.width_px is None) != (self.height_px is None):
            raise ValueError("give width_px and height_px, or neither")
        return self

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height in pixels, ``None`` to keep the picture's own."""
        return (self.width_px, self.height_px) if self.width_px and self.height_px else None


def load_channels(overrides: Path | None = None) -> Mapping[str, Channel]:
    """Return the channels by name: those that ship, and over them a user's own.

    Args:
        overrides: Folder that may hold a ``channels.yml``, as ``config.paths.prompts``.

    Raises:
        ConfigError: A file is broken; the message names file and channel.
    """
    channels = _read(data_path("publishing", CHANNEL_FILE))
    own = overrides / CHANNEL_FILE if overrides is not None else None
    if own is not None and own.is_file():
        channels |= _read(own)
    return channels


def chosen_channel(name: str, channels: Mapping[str, Channel]) -> Channel:
    """Return the channel of that name.

    Raises:
        InputError: There is none; the message names the nearest and lists all.
    """
    if name in channels:
        return channels[name]
    close = nearest(name, list(channels))
    hint = f" Did you mean {close!r}?" if close else ""
    raise InputError(f"no channel is called {name!r}.{hint} There are: {', '.join(sorted(channels))}.")


def _read(path: Path) -> dict[str, Channel]:
    channels = {}
    for name, values in read_yaml_mapping(path).items():
        try:
            channels[name] = Channel.model_validate(values or {})
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            place = ".".join(str(part) for part in (name, *first["loc"]))
            raise ConfigError(f"{path}: {place}: {first['msg']}.") from None
    return channels

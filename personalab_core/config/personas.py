"""The personas of a workspace: one YAML file each, named after the persona's id."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from personalab_core.config.atomic_files import workspace_errors
from personalab_core.config.explain import describe, expectation
from personalab_core.config.layers import nearest
from personalab_core.config.yaml_files import parse_yaml_mapping, read_yaml_mapping, write_yaml, yaml_text
from personalab_core.errors import ConfigError, InputError, UnknownPersonaError
from personalab_core.schemas import Character, check_slug

_SUFFIX = ".yml"
_Characters = list[Character]  # inside the class, `list` is the method


class PersonaStore:
    """Reads and writes ``<folder>/<id>.yml``. The folder need not exist yet."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def list(self, *, include_archived: bool = False) -> _Characters:
        """Return the readable personas by id; :attr:`problems` says which files are not."""
        characters, _ = self._scan()
        return [c for c in characters if include_archived or not c.archived]

    @property
    def problems(self) -> tuple[str, ...]:
        """One sentence for every persona file that cannot be used."""
        return self._scan()[1]

    def exists(self, persona_id: str) -> bool:
        """Return whether there is a file for that persona, readable or not.

        Raises:
            InputError: The id is not a valid persona id.
        """
        return self._path(persona_id).is_file()

    def name_of(self, persona_id: str) -> str:
        """Return a persona's name; the id of one that was never saved as a file, or whose file cannot be read.

        Raises:
            InputError: The id is not a valid persona id.
        """
        try:
            return self.get(persona_id).name
        except (UnknownPersonaError, ConfigError):
            return persona_id

    def get(self, persona_id: str) -> Character:
        """Return one persona.

        Raises:
            InputError: The id is not a valid persona id.
            UnknownPersonaError: There is no such persona; the message names the nearest one.
            ConfigError: Its file is broken; the message says where.
        """
        path = self._existing(persona_id)
        return _read(path)

    def save(self, character: Character) -> Path:
        """Write the persona's file, whole or not at all, and return its path.

        Raises:
            WorkspaceError: The folder cannot be written.
        """
        path = self._path(character.id)
        write_yaml(path, _plain(character))
        return path

    def add(self, character: Character) -> Path:
        """Write a persona that is not there yet, and return its path.

        Raises:
            InputError: There is one of that id; nothing was changed.
            WorkspaceError: The folder cannot be written.
        """
        if self.exists(character.id):
            raise InputError(f"There is a persona '{character.id}' already in {self.folder}; nothing was changed.")
        return self.save(character)

    def replace(self, before: Character, after: Character) -> Path:
        """Write a persona's new version, unless its file is not as it was when the change began.

        Args:
            before: The persona as it was read.
            after: What it becomes; the same id.

        Raises:
            InputError: Somebody else has changed or deleted it since; nothing was written.
            WorkspaceError: The folder cannot be written.
        """
        if before.id != after.id:
            raise InputError(f"A persona keeps its id: '{before.id}' cannot become '{after.id}'.")
        if not self.exists(before.id) or self.get(before.id) != before:
            raise InputError(f"'{before.id}' was changed elsewhere since you opened it; nothing was written.")
        return self.save(after)

    def archive(self, persona_id: str) -> Character:
        """Mark the persona as archived, keeping everything, and return it. Raises as :meth:`get`."""
        return self._with_archived(persona_id, archived=True)

    def restore(self, persona_id: str) -> Character:
        """Undo :meth:`archive` and return the persona. Raises as :meth:`get`."""
        return self._with_archived(persona_id, archived=False)

    def delete(self, persona_id: str) -> None:
        """Delete the persona's file; its pictures and records stay where they are.

        Raises:
            UnknownPersonaError: There is no such persona.
            WorkspaceError: The file cannot be deleted.
        """
        path = self._existing(persona_id)
        with workspace_errors("delete", path):
            path.unlink(missing_ok=True)

    def _with_archived(self, persona_id: str, *, archived: bool) -> Character:
        character = self.get(persona_id).model_copy(update={"archived": archived})
        self.save(character)
        return character

    def _path(self, persona_id: str) -> Path:
        return self.folder / f"{check_slug(persona_id)}{_SUFFIX}"

    def _existing(self, persona_id: str) -> Path:
        path = self._path(persona_id)
        if path.is_file():
            return path
        known = sorted(file.stem for file in self._files())
        close = nearest(persona_id, known)
        if close:
            hint = f"Did you mean '{close}'?"
        elif known:
            shown = ", ".join(known[:8]) + (", ..." if len(known) > 8 else "")
            hint = f"There are: {shown}."
        else:
            hint = "There are none yet."
        raise UnknownPersonaError(f"There is no persona '{persona_id}' in {self.folder}. {hint}")

    def _files(self) -> Iterable[Path]:
        return sorted(self.folder.glob(f"*{_SUFFIX}")) if self.folder.is_dir() else ()

    def _scan(self) -> tuple[_Characters, tuple[str, ...]]:
        characters: _Characters = []
        problems: tuple[str, ...] = ()
        for file in self._files():
            try:
                characters.append(_read(file))
            except (ConfigError, InputError) as error:
                problems += (str(error),)
        return characters, problems


def persona_to_yaml(character: Character) -> str:
    """Return a persona as the text of its file."""
    return yaml_text(_plain(character))


def persona_from_yaml(text: str | bytes, *, source: str) -> Character:
    """Return the persona in a YAML text that came from elsewhere.

    Args:
        text: The text, or UTF-8 bytes.
        source: What to call it in messages.

    Raises:
        ConfigError: It is not YAML, or not a persona; the message says where.
    """
    data = parse_yaml_mapping(text, source=source)
    try:
        return Character.model_validate(data)
    except ValidationError as error:
        raise ConfigError(f"{source}: {_first_problem(error)}") from None


def _plain(character: Character) -> dict[str, Any]:
    return {"id": character.id, **character.model_dump(mode="json", exclude_defaults=True)}


def _read(path: Path) -> Character:
    """Return the persona in a file; its id is the file's name.

    Raises:
        ConfigError: The file is not YAML, or its content is not a persona.
    """
    try:
        check_slug(path.stem)
    except InputError as error:
        raise ConfigError(f"{path}: the file name is not a persona id. {error}") from None
    data = read_yaml_mapping(path)
    if data.get("id", path.stem) != path.stem:
        raise ConfigError(f"{path}: the id in the file is {data['id']!r}, but the file is named '{path.name}'.")
    try:
        return Character.model_validate({**data, "id": path.stem})
    except ValidationError as error:
        raise ConfigError(f"{path}: {_first_problem(error)}") from None


def _first_problem(error: ValidationError) -> str:
    # A mistyped key often leaves another one missing; the mistyped one is the cause.
    details = min(error.errors(include_url=False), key=lambda found: found["type"] != "extra_forbidden")
    key = ".".join(str(part) for part in details["loc"])
    if details["type"] == "extra_forbidden":
        close = nearest(key, list(Character.model_fields))
        hint = f"Did you mean '{close}'?" if close else f"Known: {', '.join(Character.model_fields)}."
        return f"unknown key '{key}'. {hint}"
    if details["type"] == "missing":
        return f"the key '{key}' is missing."
    return f"'{key}': expected {expectation(details)}, got {describe(details['input'])}."

"""``personalab persona``: define who the pictures are supposed to show."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from personalab_core.cli.context import JsonOption, PersonaArgument, chosen, note, print_json, print_table, say

if TYPE_CHECKING:
    from personalab_core.config import PersonaStore
    from personalab_core.schemas import Character

app = typer.Typer(no_args_is_help=True, help="Define, list and show personas.")


@app.command("add")
def add(
    context: typer.Context,
    *,
    name: Annotated[str | None, typer.Option(help="Display name.")] = None,
    persona_id: Annotated[
        str | None, typer.Option("--id", help="Id (a-z, 0-9, _ and -); made from the name if left out.")
    ] = None,
    file: Annotated[Path | None, typer.Option(help="Take the persona from this YAML file instead.")] = None,
    vibe: Annotated[str, typer.Option(help="A few words on the style.")] = "",
    location: Annotated[str, typer.Option(help="Where the persona lives.")] = "",
    pillar: Annotated[list[str] | None, typer.Option(help="A content pillar; may be repeated.")] = None,
    look: Annotated[
        list[str] | None,
        typer.Option(help="Part of the physical description as KEY=VALUE, such as hair.base_color=black; repeatable."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Add a persona to the workspace.

    Example: personalab persona add --name "Mara Lind" --id mara --look age_range=31 --look hair.base_color=auburn
    """
    from personalab_core.errors import InputError

    if (name is None) == (file is None):
        raise InputError("Give either --name or --file.")
    if file is not None:
        fields = _read(file)
    else:
        fields = {
            "name": name,
            "vibe": vibe,
            "location": location,
            "content_pillars": tuple(pillar or ()),
            "physical_description": _nested(look or []),
        }
    character = _character(fields | ({"id": persona_id} if persona_id else {}))
    path = _store(context).add(character)
    if as_json:
        print_json(character)
    else:
        say(f"Added {character.name} as '{character.id}' ({path}).")
        say(f"Next: personalab anchors generate {character.id}")


@app.command("list")
def list_personas(context: typer.Context, *, as_json: JsonOption = False) -> None:
    """List the personas of the workspace.

    Example: personalab persona list --json
    """
    store = _store(context)
    characters = store.list()
    for problem in store.problems:
        note(problem)
    if as_json:
        print_json(characters)
    elif characters:
        rows = [(c.id, c.name, c.location, c.vibe) for c in characters]
        print_table("", ("id", "name", "location", "vibe"), rows)
    else:
        say(f"No persona yet in {store.folder}. Add one: personalab persona add --name NAME")


@app.command("show")
def show(context: typer.Context, *, persona: PersonaArgument, as_json: JsonOption = False) -> None:
    """Show one persona.

    Example: personalab persona show daniperez
    """
    import yaml

    character = _store(context).get(persona)
    if as_json:
        print_json(character)
    else:
        plain = character.model_dump(mode="json", exclude_defaults=True)
        say(yaml.safe_dump({"id": character.id, **plain}, sort_keys=False, allow_unicode=True).rstrip())


def _store(context: typer.Context) -> PersonaStore:
    from personalab_core.config import PersonaStore

    return PersonaStore(chosen(context).load().paths.personas)


def _read(file: Path) -> dict[str, Any]:
    from personalab_core.config.yaml_files import read_yaml_mapping

    return read_yaml_mapping(file)


def _nested(parts: list[str]) -> dict[str, Any]:
    """Return ``["hair.length=long"]`` as ``{"hair": {"length": "long"}}``."""
    from personalab_core.errors import InputError

    nested: dict[str, Any] = {}
    for part in parts:
        key, equals, value = part.partition("=")
        *groups, last = key.split(".")
        if not equals or not all((*groups, last)):
            raise InputError(f"--look takes KEY=VALUE such as hair.base_color=black, got {part!r}.")
        target = nested
        for group in groups:
            target = target.setdefault(group, {})
            if not isinstance(target, dict):
                raise InputError(f"--look {part!r}: {group!r} is a text already.")
        target[last] = value
    return nested


def _character(fields: dict[str, Any]) -> Character:
    from pydantic import ValidationError

    from personalab_core.errors import InputError
    from personalab_core.schemas import Character

    try:
        return Character.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "persona"
        raise InputError(f"The persona cannot be used: {where}: {first['msg']}.") from None

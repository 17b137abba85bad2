"""``personalab config``: the settings in force and where each came from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import typer

from personalab_core.cli.context import JsonOption, chosen, print_json, print_table, say

app = typer.Typer(no_args_is_help=True, help="Show the settings in force.")


@app.command("show")
def show(context: typer.Context, *, as_json: JsonOption = False) -> None:
    """Show every setting with the file, variable or rule that set it. Secrets are never shown.

    Example: personalab --profile default config show
    """
    config = chosen(context).load()
    settings = [(key, value, config.origin(key)) for key, value in _leaves(config.to_mapping()) if key != "profile"]
    if as_json:
        document = {"profile": config.profile, "config_hash": config.config_hash, "sources": dict(config.sources)}
        print_json(document | {"settings": {k: {"value": v, "from": origin} for k, v, origin in settings}})
        return
    say(f"Profile {config.profile}, hash {config.config_hash}. Layers, later ones win:")
    for name, origin in config.sources.items():
        say(f"  {name:<12} {origin}" if name != origin else f"  {name}")
    name_of = {origin: name for name, origin in config.sources.items()}
    print_table("", ("setting", "value", "from"), [(k, _shown(v), name_of.get(o, o)) for k, v, o in settings])


def _leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)

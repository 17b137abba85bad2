"""What every command shares: the chosen workspace, and how answers are printed."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from personalab_core.config import Config
    from personalab_core.jobs import WorkspaceRef

DONE, NOT_ACCEPTED, BAD_INPUT = 0, 1, 2
"""Exit codes."""

DEFAULT_FOLDER = "workspace"
_SIGNS_OF_A_WORKSPACE = ("config.yml", "personalab.yml", "personas", "references", "generated_content")
_WIDTH_WITHOUT_TERMINAL = 160

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
PersonaArgument = Annotated[str, typer.Argument(metavar="PERSONA", help="Id of the persona, such as daniperez.")]


@dataclass(frozen=True, slots=True)
class Chosen:
    """The workspace, configuration file and profile that were asked for."""

    workspace: Path | None
    config_file: Path | None
    profile: str | None

    def reference(self) -> WorkspaceRef:
        """Return the choice in a form that another process can load.

        Without any choice the working directory is the workspace if it looks like one,
        else its subfolder ``workspace``, so that trying things out leaves no files about.
        """
        from pydantic import ValidationError

        from personalab_core.errors import InputError
        from personalab_core.jobs import WorkspaceRef

        folder = self.workspace
        if folder is None and self.config_file is None and not any(map(_here, _SIGNS_OF_A_WORKSPACE)):
            folder = Path(DEFAULT_FOLDER)
        try:
            return WorkspaceRef.model_validate(
                {"folder": _absolute(folder), "config_file": _absolute(self.config_file), "profile": self.profile}
            )
        except ValidationError:
            raise InputError(f"--profile is 'simulated' or 'default', got {self.profile!r}.") from None

    def load(self, overrides: Mapping[str, Any] | None = None) -> Config:
        """Return the settings in force there."""
        return self.reference().load(overrides)


def chosen(context: typer.Context) -> Chosen:
    """Return the global options of this call."""
    found = context.find_object(Chosen)
    return found or Chosen(None, None, None)


def require_persona(config: Config, persona: str) -> None:
    """Refuse a persona that the workspace neither defines nor holds anything of.

    Python code may work with a persona that was never saved as a file.
    """
    from personalab_core.config import PersonaStore
    from personalab_core.schemas import check_slug

    check_slug(persona)
    if not any((root / persona).is_dir() for root in (config.paths.output, config.paths.references)):
        PersonaStore(config.paths.personas).get(persona)


def say(text: str = "") -> None:
    """Print a line for a person to standard output, in plain text."""
    typer.echo(text)


def note(text: str) -> None:
    """Print a remark to standard error, where it disturbs no program that reads the answer."""
    typer.echo(text, err=True)


def note_simulated(config: Config) -> None:
    """Say in one line what here shows no real person and no real provider."""
    paid = [f"{name} by {config.provider(name)}" for name in config.models if config.provider(name) != "simulated"]
    if config.simulated and paid:
        note(f"Partly simulated; made outside, and perhaps charged: {', '.join(paid)}.")
    elif config.simulated:
        note("Simulated profile: pictures and scores come from the built-in simulator, nothing is paid.")


def print_json(document: object) -> None:
    """Print one JSON document; models become objects, times ISO 8601, paths text."""
    typer.echo(json.dumps(document, indent=2, default=_plain, ensure_ascii=False))


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table; columns whose name starts with ``#`` are numbers and aligned right."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column.lstrip("#"), justify="right" if column.startswith("#") else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console = Console(width=None if sys.stdout.isatty() else _WIDTH_WITHOUT_TERMINAL, highlight=False)
    console.print(table)


def number(value: float | None, digits: int = 2) -> str:
    """Return a score with two digits, or a dash for what was not measured."""
    return "–" if value is None else f"{value:.{digits}f}"


def _here(name: str) -> bool:
    return Path(name).exists()


def _absolute(path: Path | None) -> str | None:
    return str(path.expanduser().absolute()) if path else None


def _plain(value: object) -> object:
    from dataclasses import asdict, is_dataclass
    from datetime import datetime

    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return value.isoformat() if isinstance(value, datetime) else str(value)

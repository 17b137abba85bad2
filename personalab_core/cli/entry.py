"""The command line as a whole: global options, the groups of commands, the edge where errors end."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from personalab_core import __version__
from personalab_core.cli import (
    anchors,
    batch,
    canary,
    costs,
    doctor,
    drift,
    evaluate,
    export,
    generate,
    jobs,
    personas,
    plan,
    records,
    report,
    serve,
    settings,
)
from personalab_core.cli.context import BAD_INPUT, NOT_ACCEPTED, Chosen, note
from personalab_core.errors import LLMError, PersonalabError

_INTERRUPTED = 130
_GLOBAL_OPTIONS = ("--workspace", "-w", "--config", "-c", "--profile")


class _Edge(TyperGroup):
    """Ends every error of this package in one sentence on standard error, without a traceback.

    Options that concern every command are understood behind the command, too.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, _global_options_first(args))

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except PersonalabError as error:
            note(f"personalab: {error}")
            raise typer.Exit(NOT_ACCEPTED if isinstance(error, LLMError) else BAD_INPUT) from None
        except KeyboardInterrupt:
            note("personalab: interrupted; what was finished is kept.")
            raise typer.Exit(_INTERRUPTED) from None
        except BrokenPipeError:
            # The reader of a pipe (head, less) has seen enough.
            raise typer.Exit(0) from None


app = typer.Typer(
    name="personalab",
    cls=_Edge,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 rejected or not accepted, 2 bad input.",
)
app.command("demo")(serve.demo)
app.command("app")(serve.serve)
app.add_typer(personas.app, name="persona")
app.add_typer(anchors.app, name="anchors")
app.add_typer(generate.app, name="generate")
app.command("evaluate")(evaluate.evaluate)
app.command("drift")(drift.drift)
app.add_typer(canary.app, name="canary")
app.command("report")(report.report)
app.add_typer(records.app, name="log")
app.add_typer(batch.app, name="batch")
app.command("costs")(costs.costs)
app.add_typer(jobs.app, name="jobs")
app.add_typer(plan.app, name="plan")
app.command("export")(export.export)
app.add_typer(export.app, name="provenance")
app.command("doctor")(doctor.doctor)
app.add_typer(settings.app, name="config")


def _global_options_first(arguments: list[str]) -> list[str]:
    """Return the arguments with the options that concern every command moved to the front."""
    first: list[str] = []
    rest: list[str] = []
    waiting = list(arguments)
    while waiting:
        argument = waiting.pop(0)
        if argument == "--":
            rest += [argument, *waiting]
            break
        if argument in _GLOBAL_OPTIONS and waiting:
            first += [argument, waiting.pop(0)]
        else:
            (first if argument.startswith(tuple(f"{name}=" for name in _GLOBAL_OPTIONS)) else rest).append(argument)
    return first + rest


def _show_version(value: bool) -> None:  # noqa: FBT001 - the form typer calls it in
    if value:
        typer.echo(f"personalab {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    *,
    workspace: Annotated[
        Path | None,
        typer.Option(
            "--workspace", "-w", envvar="PERSONALAB_WORKSPACE", help="Folder of personas, pictures and records."
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", envvar="PERSONALAB_CONFIG", help="Configuration file (YAML)."),
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option("--profile", envvar="PERSONALAB_PROFILE", help="simulated (free, offline) or default."),
    ] = None,
    version: Annotated[  # noqa: ARG001 - handled by its callback
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Measure whether a generated face is still the same person, and generate until it is.

    Without --workspace or --config the working directory is used if it holds a
    workspace, else its subfolder "workspace". Example: personalab demo
    """
    context.obj = Chosen(workspace, config, profile)


def main() -> None:
    """Run the console command."""
    app()

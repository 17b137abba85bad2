"""``personalab doctor``: is everything in place, and what does it run on?"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from personalab_core.cli.context import DONE, NOT_ACCEPTED, JsonOption, chosen, print_json, print_table, say


def doctor(
    context: typer.Context,
    *,
    online: Annotated[
        bool, typer.Option("--online", help="Also ask the configured providers; costs nothing, sends the keys.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Check the installation, the models, the keys and the workspace.

    Exit code 1 if something that is needed is missing. Example: personalab doctor --online
    """
    from personalab_core.jobs.checks import run_checks

    config = chosen(context).load()
    checks = run_checks(config, online=online)
    missing = [check for check in checks if check.verdict == "missing"]
    if as_json:
        print_json({"profile": config.profile, "ready": not missing, "checks": [asdict(check) for check in checks]})
    else:
        print_table("", ("what", "", "found"), [(c.subject, c.verdict, c.detail) for c in checks])
        say()
        say("Everything is ready." if not missing else f"To do: {', '.join(check.subject for check in missing)}.")
    raise typer.Exit(NOT_ACCEPTED if missing else DONE)

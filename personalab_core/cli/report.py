"""``personalab report``: the identity report of a persona and month, to hand on."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from personalab_core.cli.context import JsonOption, PersonaArgument, chosen, print_json, require_persona, say


def report(
    context: typer.Context,
    *,
    persona: PersonaArgument,
    month: Annotated[str | None, typer.Option(help="Such as 2026-10; the present month if left out.")] = None,
    folder: Annotated[Path | None, typer.Option("--to", help="Folder for the files; reports/ of the output.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Write the identity report of one month as HTML and PDF: made, accepted, how stable, events, cost, method, limits.

    Example: personalab report daniperez --month 2026-10
    """
    from personalab_core.config import PersonaStore
    from personalab_core.views.records import Records
    from personalab_core.views.report import Month, build_report
    from personalab_core.views.report_files import INSTALL, write_report

    config = chosen(context).load()
    require_persona(config, persona)
    now = datetime.now(UTC)
    wanted = Month.of(month or f"{now:%Y-%m}")
    paths = config.paths
    character = PersonaStore(paths.personas).get(persona)
    records = Records(paths.output, paths.references, config.evaluation.drift.log_dir)
    rooms = {"output": paths.output, "references": paths.references}
    made = build_report(records.history(character), wanted, rooms=rooms, now=now)
    html, pdf = write_report(made, folder or paths.output / "reports", stem=f"{persona}-{wanted.start:%Y-%m}")
    if as_json:
        print_json({"html": html, "pdf": pdf, "finding": made.finding})
        return
    say(made.finding)
    say(f"{html}\n{pdf}" if pdf else f"{html}\nNo PDF was written: that needs fpdf2 ({INSTALL}).")

"""``personalab drift`` and ``personalab log``: what the records say, and whether they can be trusted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from personalab_core.cli.context import (
    DONE,
    NOT_ACCEPTED,
    JsonOption,
    PersonaArgument,
    chosen,
    note,
    number,
    print_json,
    print_table,
    require_persona,
    say,
)

if TYPE_CHECKING:
    from personalab_core.config import Config
    from personalab_core.schemas import Record

app = typer.Typer(no_args_is_help=True, help="List attempts, and check that no record was changed.")


def drift(context: typer.Context, *, persona: PersonaArgument, as_json: JsonOption = False) -> None:
    """Summarise a persona's timeline: level, spread, extremes and trend of the composite score.

    Example: personalab drift daniperez --json
    """
    from personalab_core.identity import DriftTracker

    config = _with_persona(context, persona)
    summary = DriftTracker(config.evaluation.drift.log_dir).summary(persona)
    if as_json:
        print_json(summary)
    elif summary.n == 0:
        say(f"No measured picture of {persona} yet. Generate one: personalab generate image {persona}")
    else:
        say(f"{persona}: {summary.trend or 'too few records for a trend'}.")
        say(f"The newest {summary.n_window} of {summary.n} measured pictures, {summary.evaluator}:")
        say(f"  mean {number(summary.mean_score, 3)}, standard deviation {number(summary.std_score, 3)}")
        say(f"  lowest {number(summary.min_score)}, highest {number(summary.max_score)}")
        say(f"  slope {number(summary.slope, 4)} per record")
        say("The trend is only the sign of that slope. It also moves where nothing changes and is not an alarm.")


@app.command("list")
def list_attempts(
    context: typer.Context,
    *,
    persona: PersonaArgument,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Newest attempts to show.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """List a persona's newest attempts with their decisions.

    Example: personalab log list daniperez -n 50
    """
    from personalab_core.observability import GenerationMetricsLogger

    config = _with_persona(context, persona)
    log = GenerationMetricsLogger(config.paths.output)
    attempts = log.read_log(persona)[-limit:]
    for problem in log.problems(persona):
        note(str(problem))
    if as_json:
        print_json(attempts)
        return
    rows = [
        (
            f"{a.timestamp:%Y-%m-%d %H:%M}",
            f"{a.attempt} of {a.max_attempts}",
            a.scenario or "",
            a.decision.value,
            number(a.scores.composite),
            a.sentence,
        )
        for a in attempts
    ]
    print_table("", ("when (UTC)", "attempt", "scenario", "decision", "#score", "why"), rows)


@app.command("verify")
def verify(
    context: typer.Context,
    *,
    persona: Annotated[str | None, typer.Argument(metavar="[PERSONA]", help="One persona only.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Check that no record was changed, removed or reordered; exit code 1 if one was.

    Example: personalab log verify
    """
    from personalab_core.observability import Journal

    config = _with_persona(context, persona) if persona else chosen(context).load()
    reports = [(path, Journal(path, kind).verify()) for path, kind in _journals(config, persona)]
    broken = [path for path, report in reports if not report.ok]
    if as_json:
        print_json([_document(path, report) for path, report in reports])
    elif reports:
        rows = [
            (str(path), str(report.n), "unbroken" if report.ok else f"line {report.first_bad_line}: {report.problem}")
            for path, report in reports
        ]
        print_table("", ("file", "#records", "chain"), rows)
    else:
        say("No record yet.")
    raise typer.Exit(NOT_ACCEPTED if broken else DONE)


def _with_persona(context: typer.Context, persona: str) -> Config:
    """Return the configuration, once it is known that the persona exists."""
    config = chosen(context).load()
    require_persona(config, persona)
    return config


def _journals(config: Config, persona: str | None) -> Iterator[tuple[Path, type[Record]]]:
    from personalab_core.schemas import AnchorRecord, AttemptRecord, DriftRecord, RegistryRecord

    who = persona or "*"
    output, references = Path(config.paths.output), Path(config.paths.references)
    patterns = (
        (output, f"{who}/metrics.jsonl", AttemptRecord),
        (output, f"{who}/registry.jsonl", RegistryRecord),
        (Path(config.evaluation.drift.log_dir), f"{who}_drift.jsonl", DriftRecord),
        (references, f"{who}/anchors/anchors.jsonl", AnchorRecord),
    )
    for root, pattern, kind in patterns:
        for path in sorted(root.glob(pattern)):
            yield path, kind


def _document(path: Path, report: Any) -> dict[str, object]:
    return {
        "file": path,
        "ok": report.ok,
        "n": report.n,
        "first_bad_line": report.first_bad_line,
        "problem": report.problem,
    }

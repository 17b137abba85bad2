"""``personalab log``: what the records say, and whether they can be trusted."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
    from personalab_core.observability.evidence import EvidenceSources
    from personalab_core.observability.verification import Verification

app = typer.Typer(no_args_is_help=True, help="List attempts, and check that no record was changed.")


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
    target: Annotated[
        str | None, typer.Argument(metavar="[PERSONA | BUNDLE.zip]", help="One persona, or an evidence bundle.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check that no record was changed, removed, inserted or reordered, and that every asset fits its hash.

    Exit code 1 if not. An evidence bundle is checked by itself, without a workspace.
    Example: personalab log verify
    """
    from personalab_core.observability.evidence import verify_evidence
    from personalab_core.observability.verification import verify_workspace

    if target is not None and target.endswith(".zip"):
        found = verify_evidence(Path(target))
    else:
        config = _with_persona(context, target) if target else chosen(context).load()
        found = verify_workspace(*_folders(config), target)
    if as_json:
        print_json({"ok": found.ok, **asdict(found)})
    else:
        _tell(found)
    raise typer.Exit(DONE if found.ok else NOT_ACCEPTED)


@app.command("export")
def export(
    context: typer.Context,
    *,
    persona: Annotated[str | None, typer.Argument(metavar="[PERSONA]", help="One persona only.")] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The zip to write.")] = Path("evidence.zip"),
    as_json: JsonOption = False,
) -> None:
    """Write records, pictures, configuration and the models' hashes into a zip that verifies elsewhere.

    Example: personalab log export daniperez --out evidence.zip
    """
    from personalab_core.observability.evidence import export_evidence

    config = _with_persona(context, persona) if persona else chosen(context).load()
    evidence = export_evidence(_sources(config, persona), out, now=datetime.now(UTC))
    if as_json:
        print_json(evidence)
        return
    say(f"{evidence.path}: {evidence.n_records:,} records and {evidence.n_assets:,} pictures and videos.")
    for path in evidence.missing:
        note(f"{path} is missing and not in the bundle.")
    say(f"SHA-256 of the bundle, to be kept elsewhere: {evidence.sha256}")
    say(f"Check it anywhere: personalab log verify {evidence.path}")


def _folders(config: Config) -> tuple[Path, Path, Path]:
    return Path(config.paths.output), Path(config.paths.references), Path(config.evaluation.drift.log_dir)


def _sources(config: Config, persona: str | None) -> EvidenceSources:
    from personalab_core.observability.evidence import EvidenceSources

    output, references, drift = _folders(config)
    files = sorted(Path(config.paths.personas).glob(f"{persona or '*'}.yml"))
    return EvidenceSources(
        output=output,
        references=references,
        drift=drift,
        configuration={"config_hash": config.config_hash, **config.to_mapping()},
        models=_installed(config),
        personas=tuple(files),
        persona=persona,
    )


def _installed(config: Config) -> dict[str, object]:
    """Return the face model pack in force with the hash of each file; only why not, where there is none."""
    from personalab_core.errors import ModelPackError
    from personalab_core.identity.packs import find_pack

    try:
        pack = find_pack(config.evaluation.embedding.model_name)
    except ModelPackError as error:
        return {"absent": str(error)}
    files = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in pack.files}
    return {"pack": pack.name, "pack_hash": pack.hash(), "licence": pack.licence, "files": files}


def _tell(found: Verification) -> None:
    if not found.journals:
        say("No record yet.")
        return
    rows = [
        (
            report.name,
            str(report.chain.n),
            "unbroken" if report.chain.ok else f"line {report.chain.first_bad_line}: {report.chain.problem}",
        )
        for report in found.journals
    ]
    print_table("", ("file", "#records", "chain"), rows)
    for report in found.journals:
        for piece in report.torn:
            note(piece)
    say()
    say(f"{found.n_assets:,} pictures and videos checked, {len(found.asset_problems):,} of them missing or changed.")
    for problem in found.asset_problems:
        say(f"{problem.path} ({problem.where}): {problem.problem}.")
    for sentence in found.other_problems:
        say(f"{sentence}.")


def _with_persona(context: typer.Context, persona: str) -> Config:
    """Return the configuration, once it is known that the persona exists."""
    config = chosen(context).load()
    require_persona(config, persona)
    return config

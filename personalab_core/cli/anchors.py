"""``personalab anchors``: make, choose and list the pictures that say who a persona is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from personalab_core.cli.context import (
    JsonOption,
    PersonaArgument,
    chosen,
    note,
    note_simulated,
    number,
    print_json,
    print_table,
    require_persona,
    say,
)

if TYPE_CHECKING:
    from personalab_core.config import Config
    from personalab_core.schemas import AnchorRecord

app = typer.Typer(no_args_is_help=True, help="Generate, select and list anchor pictures.")


@app.command("generate")
def generate(
    context: typer.Context,
    *,
    persona: PersonaArgument,
    candidates: Annotated[int, typer.Option(min=1, max=24, help="Frontal candidates to make.")] = 4,
    seed: Annotated[int, typer.Option(min=0, help="Equal seeds give equal simulated pictures.")] = 0,
    select: Annotated[
        bool, typer.Option("--select/--no-select", help="Choose the best candidate and make the other kinds, too.")
    ] = True,
    background: Annotated[bool, typer.Option("--background", help="Run as a job and return at once.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Generate anchor candidates and select the most central one.

    Example: personalab anchors generate daniperez --candidates 6
    """
    from personalab_core.cli.run import run_job_here, submit
    from personalab_core.jobs import GenerateAnchorsParams

    config = chosen(context).load()
    _take_example(config, persona)
    note_simulated(config)
    params = GenerateAnchorsParams(
        workspace=chosen(context).reference(), persona=persona, n_candidates=candidates, select=select, seed=seed
    )
    if background:
        submit(config, "generate_anchors", params, as_json=as_json)
        return
    from personalab_core.jobs.work import generate_anchors

    message = run_job_here(config, params, generate_anchors, quiet=as_json)
    if as_json:
        print_json(_records(config, persona))
    else:
        say(message)


@app.command("select")
def select(
    context: typer.Context,
    *,
    persona: PersonaArgument,
    candidate: Annotated[
        Path | None, typer.Option(help="Use this picture; without it the most central candidate is chosen.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Select a persona's anchor, automatically or by hand, and say why.

    Example: personalab anchors select daniperez
    """
    from personalab_core.identity import select_anchor
    from personalab_core.jobs.studio import Studio

    config = chosen(context).load()
    studio = Studio(config, announce=note)
    require_persona(config, persona)
    selection = select_anchor(persona, config.paths.references, evaluator=studio.evaluator, chosen=candidate)
    if as_json:
        print_json({"path": selection.path, "record": selection.record})
    else:
        say(f"Selected: {selection.path}")
        say(selection.record.why)


@app.command("list")
def list_anchors(context: typer.Context, *, persona: PersonaArgument, as_json: JsonOption = False) -> None:
    """List a persona's anchor pictures and how the present one was chosen.

    Example: personalab anchors list daniperez
    """
    config = chosen(context).load()
    require_persona(config, persona)
    records = _records(config, persona)
    if as_json:
        print_json(records)
    elif not records:
        say(f"No anchor yet. Make candidates: personalab anchors generate {persona}")
    else:
        _print(records)


def _take_example(config: Config, persona: str) -> None:
    """Add a persona that ships as an example to the workspace, if it is asked for and not there yet."""
    from personalab_core.config import PersonaStore, data_path

    store, shipped = PersonaStore(config.paths.personas), PersonaStore(data_path("personas"))
    if not store.exists(persona) and shipped.exists(persona):
        note(f"Added the example persona '{persona}': {store.save(shipped.get(persona))}")
    store.get(persona)


def _records(config: Config, persona: str) -> list[AnchorRecord]:
    from personalab_core.identity import ANCHORS_LOG
    from personalab_core.observability import Journal
    from personalab_core.schemas import AnchorRecord

    path = config.paths.references / persona / "anchors" / ANCHORS_LOG
    contents = Journal(path, AnchorRecord).read()
    for problem in contents.problems:
        note(str(problem))
    return list(contents.records)


def _print(records: list[AnchorRecord]) -> None:
    selected = next((r for r in reversed(records) if r.kind == "anchor_selected"), None)
    central = dict(zip(selected.candidates, selected.central_similarity, strict=False)) if selected else {}
    rows = [
        (r.anchor_kind, r.path, number(central.get(r.path)), r.status.value if r.status else "", r.reason)
        for r in records
        if r.kind == "anchor_candidate"
    ]
    print_table("", ("kind", "picture", "#central similarity", "face", ""), rows)
    say()
    say(f"Selected: {selected.path}. {selected.why}" if selected else "None is selected yet.")

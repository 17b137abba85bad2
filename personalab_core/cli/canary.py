"""``personalab canary``: fixed prompts on a schedule, which tell a changed vendor from changed prompts."""

from __future__ import annotations

from typing import Annotated

import typer

from personalab_core.cli.context import JsonOption, PersonaArgument, chosen, note_simulated, number, print_json, say

app = typer.Typer(no_args_is_help=True, help="Run the fixed prompts that watch the vendor.")


@app.callback()
def _group() -> None:
    """Run the fixed prompts that watch the vendor."""


@app.command("run")
def run(
    context: typer.Context,
    *,
    persona: PersonaArgument,
    n: Annotated[int, typer.Option("-n", "--number", min=1, max=50, help="Pictures per prompt.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Generate and measure one picture per fixed prompt; the first run freezes the prompts.

    Every picture is paid like any other. docs/drift.md has the line of a crontab that runs it every morning.
    Example: personalab canary run daniperez
    """
    from personalab_core.cli.drift import canary_watch
    from personalab_core.identity.drift.sentences import explanation, headline
    from personalab_core.jobs.canaries import run_canaries
    from personalab_core.jobs.studio import Studio

    config = chosen(context).load()
    note_simulated(config)
    studio = Studio(config)
    results = run_canaries(studio, persona, n=n)
    studio.sentinel.close()
    found = canary_watch(config).look(persona)
    if as_json:
        state = found.status.state.value if found else None
        scores = [result.attempts[-1].scores.composite for result in results]
        print_json({"persona": persona, "scores": scores, "state": state, "n": found.status.n if found else 0})
        return
    for result in results:
        record = result.attempts[-1]
        say(f"{record.scenario}: {number(record.scores.composite)}, {record.sentence}")
    if found is not None:
        name = studio.personas.name_of(persona)
        say(" ".join(filter(None, (f"Canaries: {headline(found.status, name)}", explanation(found.status)))))

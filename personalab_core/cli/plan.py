"""``personalab plan``: what a persona will post, and making it."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from personalab_core.cli.batch import BackgroundOption, follow
from personalab_core.cli.context import (
    DONE,
    JsonOption,
    PersonaArgument,
    chosen,
    note,
    note_simulated,
    print_json,
    print_table,
    require_persona,
    say,
)

if TYPE_CHECKING:
    from personalab_core.config import Config
    from personalab_core.generation import PlanStore
    from personalab_core.schemas import ContentPlan, PlannedContent
    from personalab_core.schemas.content_plan import PlanStatus

app = typer.Typer(no_args_is_help=True, help="What a persona will post: ideas, calendar, making it.")

ItemsArgument = Annotated[list[str] | None, typer.Argument(metavar="[ITEMS...]", help="Items, such as item-2.")]
AllOption = Annotated[bool, typer.Option("--all", help="Every item of the plan.")]


@app.callback()
def _group() -> None:
    """What a persona will post: ideas, calendar, making it."""


@app.command("new")
def new(
    context: typer.Context,
    *,
    persona: PersonaArgument,
    n: Annotated[int, typer.Option("-n", "--number", min=1, max=50, help="How many pieces.")] = 6,
    start: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First day; default: tomorrow.")] = None,
    per_week: Annotated[int, typer.Option(min=1, max=21, help="Pieces a week.")] = 3,
    background: BackgroundOption = False,
    as_json: JsonOption = False,
) -> None:
    """Ask the text provider for ideas, grounded in search trends where it offers them, and put them in a calendar.

    Earlier ideas are not repeated. The plan before is kept under plans/. With --background it is the durable job
    that the dashboard starts and shows, too.
    Example: personalab plan new daniperez -n 9 --start 2026-12-01 --per-week 3
    """
    from personalab_core.jobs.planned import new_plan
    from personalab_core.jobs.studio import Studio

    config = chosen(context).load()
    require_persona(config, persona)
    note_simulated(config)
    first = start.date() if start else None
    if background:
        _plan_in_background(context, config, persona, n=n, start=first, per_week=per_week, as_json=as_json)
        return
    plan = new_plan(Studio(config), persona, n_items=n, start=first, per_week=per_week)
    path = _store(config).path(persona)
    if as_json:
        print_json({"path": str(path), "plan": plan})
        return
    _print(config, plan)
    if plan.repeated:
        note(f"{len(plan.repeated)} ideas repeated earlier ones and were left out: {'; '.join(plan.repeated)}.")
    say(f"Written: {path}. Edit it by hand, approve items (personalab plan approve {persona} --all), then run it.")


def _plan_in_background(
    context: typer.Context, config: Config, persona: str, *, n: int, start: date | None, per_week: int, as_json: bool
) -> None:
    from personalab_core.cli.run import submit
    from personalab_core.jobs import NewPlanParams

    params = NewPlanParams(
        workspace=chosen(context).reference(), persona=persona, n_pieces=n, start=start, per_week=per_week
    )
    submit(config, "new_plan", params, as_json=as_json)


@app.command("show")
def show(context: typer.Context, *, persona: PersonaArgument, as_json: JsonOption = False) -> None:
    """Show the plan in force: days, state, and what each piece cost and scored.

    Example: personalab plan show daniperez
    """
    config = chosen(context).load()
    require_persona(config, persona)
    plan = _store(config).load(persona)
    if as_json:
        print_json(plan)
        return
    _print(config, plan)
    if plan.sources:
        say("Sources: " + "; ".join(f"{source.title} ({source.url})" for source in plan.sources))


@app.command("approve")
def approve(
    context: typer.Context, *, persona: PersonaArgument, items: ItemsArgument = None, all_: AllOption = False
) -> None:
    """Approve items, so that ``plan run`` makes them.

    Example: personalab plan approve daniperez item-1 item-3
    """
    _set_status(context, persona, items, "approved", everything=all_)


@app.command("drop")
def drop(
    context: typer.Context, *, persona: PersonaArgument, items: ItemsArgument = None, all_: AllOption = False
) -> None:
    """Drop items; they stay in the file, so that they are not planned again.

    Example: personalab plan drop daniperez item-2
    """
    _set_status(context, persona, items, "dropped", everything=all_)


@app.command("run")
def run(
    context: typer.Context,
    *,
    persona: PersonaArgument,
    items: ItemsArgument = None,
    week: Annotated[str | None, typer.Option(help="Only what falls into this ISO week, such as 2026-W48.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Equal seeds give equal simulated pictures.")] = 0,
    background: BackgroundOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make the approved items, or those named, as one durable job; the plan says what became of them.

    Exit code 1 if anything was not accepted. Ctrl-C only stops watching.
    Example: personalab plan run daniperez --week 2026-W48
    """
    from personalab_core.jobs import JobStore
    from personalab_core.jobs.planned import due_items, plan_batch

    config = chosen(context).load()
    require_persona(config, persona)
    note_simulated(config)
    plan = _store(config).load(persona)
    due = due_items(plan, items=items or (), week=_week(week))
    store = JobStore(config.paths.jobs)
    job_id = store.submit("batch", plan_batch(config, chosen(context).reference(), plan, due, seed=seed))
    follow(config, store, job_id, background=background, as_json=as_json)


def _week(text: str | None) -> tuple[int, int] | None:
    from personalab_core.errors import InputError

    if text is None:
        return None
    try:
        day = datetime.strptime(f"{text}-1", "%G-W%V-%u")  # noqa: DTZ007 - a calendar week has no zone
    except ValueError:
        raise InputError(f"--week is an ISO week such as 2026-W48, got {text!r}.") from None
    return day.isocalendar()[:2]


def _set_status(
    context: typer.Context, persona: str, items: list[str] | None, status: PlanStatus, *, everything: bool
) -> None:
    from personalab_core.errors import InputError

    config = chosen(context).load()
    require_persona(config, persona)
    store = _store(config)
    plan = store.load(persona)
    names = [item.id for item in plan.planned_content if item.status != "made"] if everything else items or []
    if not names:
        raise InputError("Name the items, such as item-1, or give --all.")
    for name in names:
        plan.item(name)  # all are checked before the first is changed
    for name in names:
        store.change_item(persona, name, lambda item: item.model_copy(update={"status": status}))
    say(f"{', '.join(names)}: {status}.")
    raise typer.Exit(DONE)


def _store(config: Config) -> PlanStore:
    from personalab_core.generation import PlanStore

    return PlanStore(config.paths.output)


def _print(config: Config, plan: ContentPlan) -> None:
    from personalab_core.observability import GenerationMetricsLogger
    from personalab_core.observability.spending import total

    attempts: dict[str, list[Any]] = {}
    if any(item.assets for item in plan.planned_content):
        for record in GenerationMetricsLogger(config.paths.output).read_log(plan.persona):
            attempts.setdefault(record.asset_id, []).append(record)
    rows = [
        _row(item, [r for asset in item.assets for r in attempts.get(asset, [])], total)
        for item in plan.planned_content
    ]
    print_table(f"Plan of {plan.persona}", ("day", "item", "title", "pillar", "state", "#score", "#cost"), rows)
    say()


def _row(item: PlannedContent, records: list[Any], total: Any) -> tuple[str, ...]:
    scores = [r.scores.composite for r in records if r.scores.composite is not None]
    spent = total(records).known_usd if records else None
    return (
        _day(item.scheduled),
        item.id,
        item.title,
        item.pillar or "–",
        item.status,
        f"{max(scores):.2f}" if scores else "–",
        "–" if not records else "unknown" if spent is None else f"${spent:,.2f}",
    )


def _day(day: date | None) -> str:
    return f"{day:%a %d %b}" if day else "–"

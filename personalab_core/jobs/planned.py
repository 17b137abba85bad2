"""Makes the items of a content plan, and writes down in the plan what became of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from functools import partial

from personalab_core.config import Config, PersonaStore
from personalab_core.errors import ConfigError, InputError
from personalab_core.generation import IdeaGenerator, PlanStore
from personalab_core.generation.plan_store import spread
from personalab_core.jobs.control import Progress, stop_if_asked
from personalab_core.jobs.params import BatchItem, BatchParams, NewPlanParams, WorkspaceRef
from personalab_core.jobs.studio import Studio
from personalab_core.jobs.work import run_batch
from personalab_core.orchestration import RegistryWriter
from personalab_core.prompts import load_system_prompts, subject_description
from personalab_core.runtime import JobResult
from personalab_core.schemas import Character, ContentPlan, ImagePrompt, PlannedContent, VideoPrompt


def new_plan(studio: Studio, persona: str, *, n_items: int, start: date | None, per_week: int) -> ContentPlan:
    """Ask the text provider for ideas, spread them over the calendar and put the plan in force.

    Earlier ideas are not repeated; the plan before is kept under ``plans/``.

    Args:
        studio: Reaches the provider.
        persona: Whom to plan for.
        n_items: How many pieces.
        start: First day; the day after today if ``None``.
        per_week: Pieces a week, 1 to 21.

    Raises:
        UnknownPersonaError: There is no such persona.
        InputError: ``per_week`` is out of range.
        LLMError: The call failed, was blocked, was not valid twice, or brought nothing new.
        BudgetReachedError: The call can cost more than is left; nothing was sent.
        WorkspaceError: The plan cannot be written; the one before is still in force.
    """
    config, store = studio.config, PlanStore(studio.config.paths.output)
    first = start or studio.clock().date() + timedelta(days=1)
    spread((), start=first, per_week=per_week)  # refused before anything is paid
    plan = IdeaGenerator(
        client=studio.client,
        config=config,
        persona=studio.personas.get(persona),
        system_prompts=load_system_prompts(config),
        n_items=n_items,
        earlier=store.history(persona),
        ledger=studio.ledger,
        transport_retry=studio.transport_retry,
        clock=studio.clock,
    ).generate()
    items = spread(plan.planned_content, start=first, per_week=per_week)
    plan = plan.model_copy(update={"planned_content": items, "job": studio.job_id})
    store.replace(plan)
    return plan


def make_plan(studio: Studio, params: NewPlanParams, progress: Progress) -> str:
    """Make a new plan as a job and return what came of it; raises as :func:`new_plan`.

    Raises:
        JobCancelledError: The work was asked to stop before anything was paid.
    """
    stop_if_asked(progress)
    plan = _made_before(studio, params.persona) or new_plan(
        studio, params.persona, n_items=params.n_pieces, start=params.start, per_week=params.per_week
    )
    progress.report(1, params.title)
    left_out = f", {len(plan.repeated)} left out as repetitions" if plan.repeated else ""
    return f"{len(plan.planned_content)} of {params.n_pieces} pieces planned{left_out}"


def _made_before(studio: Studio, persona: str) -> ContentPlan | None:
    """Return the plan in force if this very job made it and was cut off only afterwards."""
    store = PlanStore(studio.config.paths.output)
    if studio.job_id is None or not store.exists(persona):
        return None
    try:
        plan = store.load(persona)
    except ConfigError:
        return None  # a broken file is no plan; the new one takes its place
    return plan if plan.job == studio.job_id else None


def due_items(
    plan: ContentPlan, *, items: Sequence[str] = (), week: tuple[int, int] | None = None
) -> tuple[PlannedContent, ...]:
    """Return what is to be made: the named items, else the approved ones, of one ISO week if one is given.

    Raises:
        InputError: A named item does not exist, or nothing is to be made; the message says what to do.
    """
    if items:
        return tuple(plan.item(name) for name in items)
    wanted = tuple(i for i in plan.planned_content if i.status == "approved" and _in_week(i.scheduled, week))
    if not wanted:
        when = f" in week {week[0]}-W{week[1]:02d}" if week else ""
        raise InputError(
            f"The plan of {plan.persona} has no approved item{when} that is still to be made. "
            f"Approve some: personalab plan approve {plan.persona} --all"
        )
    return wanted


def plan_batch(
    config: Config, workspace: WorkspaceRef, plan: ContentPlan, items: Sequence[PlannedContent], *, seed: int = 0
) -> BatchParams:
    """Return the job that makes these items, one asset each.

    Raises:
        UnknownPersonaError: The plan's persona does not exist any more.
    """
    character = PersonaStore(config.paths.personas).get(plan.persona)
    return BatchParams(
        workspace=workspace,
        name=f"Plan of {plan.persona}: {len(items)} item{'s' if len(items) > 1 else ''}",
        items=tuple(_batch_item(character, item, seed + n) for n, item in enumerate(items)),
        plan_items=tuple(item.id for item in items),
    )


def run_planned(studio: Studio, params: BatchParams, progress: Progress) -> list[JobResult]:
    """Do the work of a batch; its assets are in the plan from the start, so that a crash loses no trace of them.

    Raises:
        JobCancelledError: The work was asked to stop; what was accepted until then is in the plan.
        JobPausedError: It waits for a person.
        PersonalabError: It cannot go on; the message says why.
    """
    store, persona = PlanStore(studio.config.paths.output), params.items[0].persona
    assets = [f"{studio.job_id}-{n:03d}" for n in range(len(params.items))]
    for item, asset in zip(params.plan_items, assets, strict=True):
        _change(store, persona, item, partial(_with_asset, asset=asset))
    try:
        return run_batch(studio, params, progress)
    finally:
        accepted = {record.asset_id for record in RegistryWriter(studio.config.paths.output).read(persona)}
        for item, asset in zip(params.plan_items, assets, strict=True):
            if asset in accepted:
                _change(store, persona, item, _made)


def _change(store: PlanStore, persona: str, item: str, change: Callable[[PlannedContent], PlannedContent]) -> None:
    """Change an item if it is still in the plan: a person may have planned anew while the job ran."""
    if store.exists(persona) and any(planned.id == item for planned in store.load(persona).planned_content):
        store.change_item(persona, item, change)


def _made(item: PlannedContent) -> PlannedContent:
    return item.model_copy(update={"status": "made"})


def _with_asset(item: PlannedContent, *, asset: str) -> PlannedContent:
    return item if asset in item.assets else item.model_copy(update={"assets": (*item.assets, asset)})


def _batch_item(character: Character, item: PlannedContent, seed: int) -> BatchItem:
    kind = VideoPrompt if item.asset_type == "video" else ImagePrompt
    prompt = kind.from_scenario_details(item.scenario_details, subject_description=subject_description(character))
    return BatchItem(
        persona=character.id, asset_type=item.asset_type, prompt=prompt, scenario=f"plan: {item.title}"[:80], seed=seed
    )


def _in_week(day: date | None, week: tuple[int, int] | None) -> bool:
    return week is None or (day is not None and day.isocalendar()[:2] == week)

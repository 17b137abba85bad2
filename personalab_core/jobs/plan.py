"""A batch plan: a YAML file that says what to make, read and checked before anything is paid."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, JsonValue, ValidationError

from personalab_core.config import PersonaStore, read_yaml_mapping
from personalab_core.errors import InputError
from personalab_core.jobs.params import BatchItem, BatchParams, PersonaId, WorkspaceRef
from personalab_core.prompts import AssetScenarios, subject_description
from personalab_core.schemas import Contract, ImagePrompt, VideoPrompt


class PlanBudget(Contract):
    """Limits of this batch in US dollars; what it leaves out is as configured."""

    per_run: float | None = Field(default=None, ge=0)
    per_persona: float | None = Field(default=None, ge=0)
    per_day: float | None = Field(default=None, ge=0)
    unknown_price_counts_as: float | None = Field(default=None, ge=0)

    def overrides(self) -> dict[str, JsonValue]:
        """Return the configuration keys that it changes."""
        return {f"budget.{name}": value for name, value in self.model_dump(exclude_none=True).items()}


class PlanEntry(Contract):
    """``n`` assets of each of the scenarios and prompts; seeds go on from one asset to the next."""

    persona: PersonaId
    asset_type: Literal["image", "video"] = "image"
    scenario: str | None = None
    scenarios: tuple[str, ...] = ()
    prompt: dict[str, Any] | None = None
    prompts: tuple[dict[str, Any], ...] = ()
    n: int = Field(default=1, ge=1, le=1000)
    seed: int = Field(default=0, ge=0)


class Plan(Contract):
    """The file as a whole; see ``docs/batch.md``. What stands at the top serves every entry that does not say it."""

    name: str = ""
    budget: PlanBudget = PlanBudget()
    persona: PersonaId | None = None
    asset_type: Literal["image", "video"] = "image"
    n: int = Field(default=1, ge=1, le=1000)
    seed: int = Field(default=0, ge=0)
    assets: tuple[PlanEntry, ...] = Field(min_length=1)


def read_plan(path: str | Path) -> Plan:
    """Return the plan in a YAML file.

    Raises:
        InputError: It cannot be read, or asks for what there is not; the message names the place.
    """
    document = read_yaml_mapping(Path(path))
    common = {name: document[name] for name in ("persona", "asset_type", "n", "seed") if name in document}
    entries = document.get("assets")
    if isinstance(entries, list):
        filled = [{**common, **entry} if isinstance(entry, Mapping) else entry for entry in entries]
        document = {**document, "assets": filled}
    try:
        return Plan.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{path}: {place}: {first['msg']}. The keys are described in docs/batch.md.") from None


def batch_of(plan: Plan, workspace: WorkspaceRef, personas: PersonaStore, scenarios: AssetScenarios) -> BatchParams:
    """Return the job that a plan stands for; every persona and scenario in it exists.

    Raises:
        InputError: One does not, or an entry says neither or both of scenario and prompt.
    """
    items = [item for entry in plan.assets for item in _items(entry, personas, scenarios)]
    return BatchParams(workspace=workspace, name=plan.name, items=tuple(items), overrides=plan.budget.overrides())


def _items(entry: PlanEntry, personas: PersonaStore, scenarios: AssetScenarios) -> list[BatchItem]:
    subject = subject_description(personas.get(entry.persona))
    known = scenarios.video_scenarios if entry.asset_type == "video" else scenarios.image_scenarios
    names = [*filter(None, [entry.scenario]), *entry.scenarios]
    prompts = [*filter(None, [entry.prompt]), *entry.prompts]
    if not names and not prompts:
        raise InputError(f"An entry for {entry.persona} names no scenario and no prompt; give one or more of either.")
    for name in names:
        known.scenario(name)
    kind = VideoPrompt if entry.asset_type == "video" else ImagePrompt
    wanted: list[dict[str, Any]] = [{"scenario": name} for name in names]
    wanted += [{"prompt": _prompt(kind, prompt, subject)} for prompt in prompts]
    return [
        BatchItem(
            persona=entry.persona, asset_type=entry.asset_type, n=entry.n, seed=entry.seed + place * entry.n, **what
        )
        for place, what in enumerate(wanted)
    ]


def _prompt(
    kind: type[ImagePrompt | VideoPrompt], fields: Mapping[str, Any], subject: str
) -> ImagePrompt | VideoPrompt:
    try:
        return kind.model_validate({"subject_description": subject, **fields})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise InputError(f"prompt.{'.'.join(str(p) for p in first['loc'])}: {first['msg']}.") from None

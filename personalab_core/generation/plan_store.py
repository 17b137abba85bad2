"""A persona's plans on disk: the one in force and those before it.

``<output>/<persona>/content_plan.yml`` may be edited by hand; what a program changes is one item
at a time, under a lock, read anew just before.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

from pydantic import ValidationError

from personalab_core.config import read_yaml_mapping, write_yaml
from personalab_core.config.atomic_files import workspace_errors
from personalab_core.errors import ConfigError, InputError
from personalab_core.observability.locking import exclusive
from personalab_core.schemas import ContentPlan, PlannedContent, check_slug

PLAN_FILE = "content_plan.yml"
EARLIER_FOLDER = "plans"


class PlanStore:
    """Reads and writes the plans of a workspace.

    Args:
        output_dir: The workspace's output folder.
    """

    def __init__(self, output_dir: str | Path) -> None:
        self._output_dir = Path(output_dir)

    def path(self, persona: str) -> Path:
        """Return where a persona's plan is.

        Raises:
            InputError: ``persona`` is not a valid id.
        """
        return self._output_dir / check_slug(persona) / PLAN_FILE

    def load(self, persona: str) -> ContentPlan:
        """Return the plan in force.

        Raises:
            InputError: There is none.
            ConfigError: The file is broken; the message names item and field.
        """
        path = self.path(persona)
        if not path.is_file():
            raise InputError(f"{persona} has no content plan yet. Make one: personalab plan new {persona}")
        return read_plan(path)

    def exists(self, persona: str) -> bool:
        """Return whether the persona has a plan, readable or not."""
        return self.path(persona).is_file()

    def replace(self, plan: ContentPlan) -> Path:
        """Write a new plan; the one before is kept under ``plans/``. Returns where the new one is."""
        path = self.path(plan.persona)
        with exclusive(path):
            save_plan(path, plan)
        return path

    def change_item(
        self, persona: str, item_id: str, change: Callable[[PlannedContent], PlannedContent]
    ) -> PlannedContent:
        """Change one item of the plan in force and return it; everything else stays as it is on disk.

        Raises:
            InputError: There is no plan, or no such item.
            ConfigError: The file is broken; it is left as it is.
        """
        path = self.path(persona)
        with exclusive(path):
            plan = self.load(persona)
            changed = change(plan.item(item_id))
            write_yaml(path, plan.with_item(changed).model_dump(mode="json"))
        return changed

    def posts(self, persona: str) -> dict[str, PlannedContent]:
        """Return the piece that each asset was made for, by the asset's id; earlier plans count, too."""
        return {asset: item for item in self.history(persona) for asset in item.assets}

    def history(self, persona: str) -> list[PlannedContent]:
        """Return every idea planned so far, the plan in force last; files that are broken are left out."""
        path = self.path(persona)
        found: list[PlannedContent] = []
        for file in [*sorted((path.parent / EARLIER_FOLDER).glob("*.yml")), path]:
            try:
                found += read_plan(file).planned_content if file.is_file() else ()
            except ConfigError:
                continue
        return found


def read_plan(path: Path) -> ContentPlan:
    """Return the plan in a file.

    Raises:
        ConfigError: It cannot be read or is no plan; the message names item and field.
    """
    try:
        return ContentPlan.model_validate(read_yaml_mapping(path))
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in problem["loc"])
        raise ConfigError(f"{path}: '{place}': {problem['msg']}.") from None


def save_plan(path: Path, plan: ContentPlan) -> None:
    """Write a plan as YAML; a file that is there is moved to ``plans/`` beside it first.

    Raises:
        WorkspaceError: The folder cannot be written; an earlier plan is not lost.
    """
    if path.is_file():
        aside = _free_name(path)
        with workspace_errors("write", aside):
            aside.parent.mkdir(parents=True, exist_ok=True)
            # A hard copy, not a move: if writing the new one fails, the old one is still in force.
            aside.write_bytes(path.read_bytes())
    write_yaml(path, plan.model_dump(mode="json"))


def spread(ideas: tuple[PlannedContent, ...], *, start: date, per_week: int) -> tuple[PlannedContent, ...]:
    """Return the items with days, evenly: item ``i`` falls ``floor(7 i / per_week)`` days after ``start``.

    Raises:
        InputError: ``per_week`` is not 1 to 21.
    """
    if not 1 <= per_week <= 21:
        raise InputError(f"a plan has 1 to 21 pieces a week, got {per_week}.")
    return tuple(
        item.model_copy(update={"scheduled": start + timedelta(days=7 * index // per_week)})
        for index, item in enumerate(ideas)
    )


def _free_name(path: Path) -> Path:
    folder = path.parent / EARLIER_FOLDER
    number = 1
    while (name := folder / f"{path.stem}-{number:04d}.yml").exists():
        number += 1
    return name

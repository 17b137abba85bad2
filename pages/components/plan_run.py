"""Starts the job that makes pieces of a plan."""

from __future__ import annotations

from collections.abc import Sequence

from personalab_core.jobs.planned import plan_batch
from personalab_core.schemas import ContentPlan
from personalab_core.views.workspace import Workspace


def start(space: Workspace, plan: ContentPlan, items: Sequence[str]) -> None:
    """Start the job that makes these items.

    Raises:
        PersonalabError: It was refused, or cannot be stored.
    """
    # Another seed than the last time, so that making an item again gives other pictures.
    seed = sum(len(item.assets) for item in plan.planned_content)
    params = plan_batch(space.config, space.reference, plan, [plan.item(name) for name in items], seed=seed)
    space.jobs.submit("batch", params)

"""A new plan as a job: made once, by the configured retries, and not made where somebody asked to stop."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from personalab_core.config import Config, PersonaStore, load_config
from personalab_core.errors import InputError, LLMError, ProviderConnectionError
from personalab_core.generation import PlanStore
from personalab_core.jobs import NewPlanParams, WorkspaceRef
from personalab_core.jobs.control import JobCancelledError
from personalab_core.jobs.planned import due_items, make_plan, new_plan
from personalab_core.jobs.studio import Studio
from personalab_core.llm import LLMTextResponse
from personalab_core.llm.simulated import SimulatedClient
from personalab_core.schemas import Character

NOW = datetime(2026, 11, 30, 9, tzinfo=UTC)


class Reports:
    """Collects what a job reports, and may ask it to stop."""

    def __init__(self, *, stop: bool = False) -> None:
        self.said: list[tuple[int, str]] = []
        self._stop = stop

    def report(self, done: int, message: str) -> None:
        self.said.append((done, message))

    def should_stop(self) -> bool:
        return self._stop


class Asked(SimulatedClient):
    """The simulated provider, that counts how often it is asked for text and may be out of reach at first."""

    def __init__(self, *, unreachable: int = 0) -> None:
        super().__init__()
        self.n_asked = 0
        self._unreachable = unreachable

    def generate_text_json(self, *args: object, **kwargs: object) -> LLMTextResponse:
        self.n_asked += 1
        if self.n_asked <= self._unreachable:
            raise ProviderConnectionError("no route", provider="simulated")
        return super().generate_text_json(*args, **kwargs)  # type: ignore[arg-type]


@pytest.fixture
def config(tmp_path: Path) -> Config:
    config = load_config(workspace=tmp_path, environ={}, profile="simulated")
    PersonaStore(config.paths.personas).save(Character(name="Mara Lind", id="mara"))
    return config


def params(config: Config, n_pieces: int = 3) -> NewPlanParams:
    return NewPlanParams(workspace=WorkspaceRef(), persona="mara", n_pieces=n_pieces, per_week=7)


def studio(config: Config, client: Asked, job_id: str | None = "job-1") -> Studio:
    return Studio(config, job_id=job_id, client=client, clock=lambda: NOW, sleeper=lambda _: None)


def test_the_job_says_what_came_of_it_and_the_plan_names_the_job(config: Config) -> None:
    reports = Reports()
    assert make_plan(studio(config, Asked()), params(config), reports) == "3 of 3 pieces planned"
    plan = PlanStore(config.paths.output).load("mara")
    assert plan.job == "job-1"
    assert [item.scheduled for item in plan.planned_content] == [date(2026, 12, day) for day in (1, 2, 3)]
    assert reports.said == [(1, "New plan of mara")]


def test_a_job_that_was_cut_off_after_its_plan_was_written_does_not_ask_again(config: Config) -> None:
    client = Asked()
    make_plan(studio(config, client), params(config), Reports())
    n_asked = client.n_asked
    assert make_plan(studio(config, client), params(config), Reports()) == "3 of 3 pieces planned"
    assert client.n_asked == n_asked
    make_plan(studio(config, client, "job-2"), params(config), Reports())
    assert client.n_asked > n_asked


def test_a_job_asked_to_stop_pays_nothing(config: Config) -> None:
    client = Asked()
    with pytest.raises(JobCancelledError):
        make_plan(studio(config, client), params(config), Reports(stop=True))
    assert client.n_asked == 0


def test_retries_are_those_of_the_configuration(tmp_path: Path, config: Config) -> None:
    once = load_config(workspace=tmp_path, environ={}, profile="simulated", overrides={"runtime.retry.max_retries": 0})
    with pytest.raises(LLMError, match="no route"):
        new_plan(studio(once, Asked(unreachable=1)), "mara", n_items=2, start=None, per_week=3)
    assert len(
        new_plan(studio(config, Asked(unreachable=1)), "mara", n_items=2, start=None, per_week=3).planned_content
    )


def test_only_what_is_approved_is_due(config: Config) -> None:
    plan = new_plan(studio(config, Asked()), "mara", n_items=3, start=date(2026, 12, 5), per_week=7)
    with pytest.raises(InputError, match="no approved item that is still to be made"):
        due_items(plan)
    approved = plan.model_copy(
        update={"planned_content": tuple(i.model_copy(update={"status": "approved"}) for i in plan.planned_content)}
    )
    assert [item.id for item in due_items(approved, week=(2026, 49))] == ["item-1", "item-2"]  # 5 and 6 December
    assert [item.id for item in due_items(plan, items=["item-3"])] == ["item-3"]

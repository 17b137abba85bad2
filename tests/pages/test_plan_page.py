"""Plan: without a plan, with one, with a broken file; decided, changed, made."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from personalab_core.generation import PlanStore
from personalab_core.jobs import BatchParams, JobStore, NewPlanParams
from personalab_core.jobs.control import JobControl
from personalab_core.jobs.kinds import perform
from personalab_core.schemas import ContentPlan
from personalab_core.views.permissions import Person
from tests.pages.conftest import OpenPage, answer_of, labels_of, words_of
from tests.support.workspace_builder import NOW, WorkspaceBuilder

SCENE = {"action_details": "buying oranges", "location_details": "at a market stall", "framing": "half_body"}


def planned(builder: WorkspaceBuilder, *, assets: tuple[str, ...] = ()) -> PlanStore:
    """Two pieces in one week and one without a day; ``assets`` were made for the first."""
    store = PlanStore(builder.config.paths.output)
    items = [
        {
            "title": "Oranges",
            "scenario_details": SCENE,
            "scheduled": "2026-12-01",
            "status": "made" if assets else "idea",
        },
        {"title": "Harbour", "scenario_details": SCENE, "scheduled": "2026-12-03", "caption": "Salt and wind"},
        {"title": "Old idea", "scenario_details": SCENE, "status": "dropped"},
    ]
    items[0]["assets"] = assets
    fields = {"created_at": NOW, "provider": "simulated", "model": "text-1", "simulated": True, "prompt_hash": "0"}
    sources = [{"title": "Market days", "url": "https://example.com/m"}, {"title": "Odd", "url": "javascript:alert(1)"}]
    plan = {"persona": "mara", **fields, "sources": sources, "repeated": ["Morning run"], "planned_content": items}
    store.replace(ContentPlan.model_validate(plan))
    return store


def test_nobody_yet(open_page: OpenPage, tmp_path: Path) -> None:
    at = open_page("plan", tmp_path)
    assert answer_of(at) == "No persona yet."
    assert labels_of(at) == ["Create the first persona"]


def do_the_job(jobs: JobStore) -> None:
    """Do what the worker would do with the newest job."""
    job, *_ = jobs.list()
    ending = perform(job, JobControl(jobs, job))
    jobs.finish(job.id, "done", message=ending.message, error=ending.error)


def test_no_plan_leads_to_a_new_one_made_as_a_job(open_page: OpenPage, mara: WorkspaceBuilder, jobs: JobStore) -> None:
    at = open_page("plan", mara.root, persona="mara")
    assert answer_of(at) == "Mara has no plan yet."
    at.number_input(key="plan.n").set_value(2)
    at.date_input(key="plan.start").set_value(date(2026, 12, 1))
    at.button(key="plan.new").click().run()
    assert not at.exception
    assert at.button(key="plan.new").disabled  # one at a time
    assert "New plan of Mara Lindqvist" in words_of(at)
    (job,) = jobs.list(persona="mara")
    params = NewPlanParams.model_validate_json(job.params_json)
    assert (params.n_pieces, params.start, params.per_week) == (2, date(2026, 12, 1), 3)
    do_the_job(jobs)
    at.run()
    plan = PlanStore(mara.config.paths.output).load("mara")
    assert [item.scheduled for item in plan.planned_content] == [date(2026, 12, 1), date(2026, 12, 3)]
    assert answer_of(at) == "None of 2 planned pieces of Mara are made."


def test_a_plan_with_its_sources_and_what_was_left_out(open_page: OpenPage, mara: WorkspaceBuilder) -> None:
    (attempt,) = mara.asset("mara", 0.7)
    planned(mara, assets=(attempt.asset_id,))
    at = open_page("plan", mara.root, persona="mara")
    assert answer_of(at) == "One of 2 planned pieces of Mara is made."
    said = words_of(at)
    assert "Week 49, 30 Nov to 6 Dec" in said
    assert "One idea was left out as near to earlier ones: “Morning run”." in said
    bodies = " ".join(element.proto.body for element in at.get("html"))
    assert '<a href="https://example.com/m"' in bodies
    assert "javascript:" not in bodies


def test_the_list_shows_the_same(open_page: OpenPage, mara: WorkspaceBuilder) -> None:
    planned(mara)
    at = open_page("plan", mara.root, persona="mara")
    at.session_state["plan.look"] = {"selected": ["list"]}
    at.run()
    assert not at.exception
    assert "Week 49" not in words_of(at)


def test_a_broken_file_is_a_sentence_and_stays(open_page: OpenPage, mara: WorkspaceBuilder, jobs: JobStore) -> None:
    path = planned(mara).path("mara")
    path.write_text(path.read_text().replace("Oranges", "", 1))
    broken = path.read_bytes()
    at = open_page("plan", mara.root, persona="mara")
    assert answer_of(at) == "The plan cannot be read."
    assert "planned_content.0.title" in words_of(at)
    assert path.read_bytes() == broken
    at.button(key="plan.new").click().run()
    assert not at.exception
    do_the_job(jobs)
    assert (path.parent / "plans" / "content_plan-0001.yml").read_bytes() == broken


def test_ideas_are_approved_and_made_as_one_job(open_page: OpenPage, mara: WorkspaceBuilder, jobs: JobStore) -> None:
    store = planned(mara)
    at = open_page("plan", mara.root, persona="mara")
    assert "plan.make" not in [button.key for button in at.button]
    at.button(key="plan.approve").click().run()
    assert [item.status for item in store.load("mara").planned_content] == ["approved", "approved", "dropped"]
    at.button(key="plan.make").click().run()
    assert not at.exception
    (job,) = jobs.list(persona="mara")
    assert BatchParams.model_validate_json(job.params_json).plan_items == ("item-1", "item-2")
    assert "plan.make" not in [button.key for button in at.button]  # they are being made
    assert "Two being made now." in words_of(at)


def test_one_item_is_changed(open_page: OpenPage, mara: WorkspaceBuilder) -> None:
    store = planned(mara)
    at = open_page("plan", mara.root, persona="mara", item="item-2")
    assert answer_of(at) == "“Harbour” is an idea."
    at.text_input(key="plan.edit.mara.item-2.title").set_value("Harbour at dawn")
    at.text_input(key="plan.edit.mara.item-2.lighting").set_value("first light")
    next(button for button in at.button if button.label == "Save").click().run()
    assert not at.exception
    item = store.load("mara").item("item-2")
    assert (item.title, item.scenario_details["lighting"]) == ("Harbour at dawn", "first light")
    assert item.scenario_details["action_details"] == "buying oranges"
    assert item.scheduled == date(2026, 12, 3)


def test_what_breaks_the_schema_is_refused(open_page: OpenPage, mara: WorkspaceBuilder) -> None:
    store = planned(mara)
    at = open_page("plan", mara.root, persona="mara", item="item-2")
    at.text_input(key="plan.edit.mara.item-2.title").set_value("")
    next(button for button in at.button if button.label == "Save").click().run()
    assert "Nothing was changed." in at.error[0].value
    assert store.load("mara").item("item-2").title == "Harbour"


def test_one_item_is_dropped_and_made(open_page: OpenPage, mara: WorkspaceBuilder, jobs: JobStore) -> None:
    store = planned(mara)
    at = open_page("plan", mara.root, persona="mara", item="item-1")
    at.button(key="plan.item.drop").click().run()
    assert store.load("mara").item("item-1").status == "dropped"
    at.button(key="plan.item.approve").click().run()
    at.button(key="plan.item.make").click().run()
    assert not at.exception
    assert answer_of(at) == "“Oranges” is being made."
    assert len(jobs.list(persona="mara")) == 1


def test_an_unknown_item_in_the_address_is_ignored(open_page: OpenPage, mara: WorkspaceBuilder) -> None:
    planned(mara)
    at = open_page("plan", mara.root, persona="mara", item="item-99")
    assert not at.exception
    assert "2 planned pieces" in answer_of(at)


def test_a_viewer_changes_nothing(open_page: OpenPage, mara: WorkspaceBuilder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pages.components.access.current", lambda: Person("ann", "viewer"))
    store = planned(mara)
    at = open_page("plan", mara.root, persona="mara")
    assert at.button(key="plan.approve").disabled
    assert at.button(key="plan.new").disabled
    assert store.load("mara").planned_content[0].status == "idea"

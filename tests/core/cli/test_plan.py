"""``personalab plan``: made, shown, approved; earlier plans kept; mistakes in one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from personalab_core.cli.entry import app
from personalab_core.cli.progress import wait_for_job
from personalab_core.config import load_config
from personalab_core.jobs import JobStore

runner = CliRunner()


def run(*arguments: str, folder: Path, code: int = 0) -> str:
    result = runner.invoke(app, ["--workspace", str(folder), "plan", *arguments])
    assert result.exit_code == code, result.output
    return result.output if code else result.stdout


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    done = runner.invoke(app, ["-w", str(tmp_path), "persona", "add", "--name", "Mara Lind", "--id", "mara"])
    assert done.exit_code == 0, done.output
    return tmp_path


def test_a_plan_has_days_and_is_shown(workspace: Path) -> None:
    made = json.loads(run("new", "mara", "-n", "3", "--start", "2026-12-01", "--json", folder=workspace))
    items = made["plan"]["planned_content"]
    assert [item["scheduled"] for item in items] == ["2026-12-01", "2026-12-03", "2026-12-05"]
    assert Path(made["path"]).is_file()
    shown = run("show", "mara", folder=workspace)
    assert "Tue 01 Dec" in shown
    assert items[0]["title"] in " ".join(shown.split())


def test_three_plans_in_a_row_repeat_no_idea(workspace: Path) -> None:
    titles = [
        item["title"]
        for _ in range(3)
        for item in json.loads(run("new", "mara", "-n", "4", "--json", folder=workspace))["plan"]["planned_content"]
    ]
    assert len(titles) == 12
    assert len(set(titles)) == 12


def test_a_plan_in_the_background_is_a_job_that_every_window_sees(workspace: Path) -> None:
    job_id = json.loads(run("new", "mara", "-n", "2", "--background", "--json", folder=workspace))["job_id"]
    config = load_config(workspace=workspace, environ={}, profile="simulated")
    assert wait_for_job(JobStore(config.paths.jobs), job_id, quiet=True).message == "2 of 2 pieces planned"
    plan = json.loads(run("show", "mara", "--json", folder=workspace))
    assert len(plan["planned_content"]) == 2
    assert plan["job"] == job_id


def test_approving_and_dropping_is_kept(workspace: Path) -> None:
    run("new", "mara", "-n", "3", folder=workspace)
    run("approve", "mara", "--all", folder=workspace)
    run("drop", "mara", "item-2", folder=workspace)
    plan = json.loads(run("show", "mara", "--json", folder=workspace))
    assert [item["status"] for item in plan["planned_content"]] == ["approved", "dropped", "approved"]


def test_mistakes_end_in_one_sentence(workspace: Path) -> None:
    assert "personalab plan new mara" in run("show", "mara", folder=workspace, code=2)
    run("new", "mara", "-n", "2", folder=workspace)
    assert "It has: item-1, item-2" in " ".join(run("approve", "mara", "item-9", folder=workspace, code=2).split())
    assert "or give --all" in run("approve", "mara", folder=workspace, code=2)


def test_a_run_makes_the_approved_items_and_the_plan_says_what_became_of_them(workspace: Path) -> None:
    """As a durable job, with a worker of its own."""
    runner.invoke(app, ["-w", str(workspace), "anchors", "generate", "mara", "--candidates", "2"])
    run("new", "mara", "-n", "3", "--start", "2026-12-04", "--per-week", "3", folder=workspace)
    assert "Approve some" in run("run", "mara", folder=workspace, code=2)
    run("approve", "mara", "item-1", "item-3", folder=workspace)
    done = runner.invoke(app, ["-w", str(workspace), "plan", "run", "mara", "--week", "2026-W49", "--json"])
    assert done.exit_code in {0, 1}, done.output
    document = json.loads(done.stdout)
    assert (document["state"], document["total"]) == ("done", 1)  # item-3 falls into the next week
    first, _, third = json.loads(run("show", "mara", "--json", folder=workspace))["planned_content"]
    assert first["assets"] == [f"{document['job_id']}-000"]
    assert first["status"] == ("made" if document["accepted"] else "approved")
    assert (third["assets"], third["status"]) == ([], "approved")


def test_a_week_is_an_iso_week(workspace: Path) -> None:
    run("new", "mara", "-n", "2", folder=workspace)
    assert "such as 2026-W48, got '48'" in " ".join(
        run("run", "mara", "--week", "48", folder=workspace, code=2).split()
    )

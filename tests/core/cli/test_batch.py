"""``personalab batch``: plans are checked before anything is made; a batch is told and resumed by its id."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from personalab_core.cli.entry import app
from personalab_core.config import PersonaStore, data_path, load_config
from personalab_core.jobs import BatchItem, BatchParams, JobStore, WorkspaceRef
from personalab_core.observability import GenerationMetricsLogger

PERSONA = "daniperez"


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A simulated workspace with one persona and no anchor."""
    PersonaStore(tmp_path / "personas").save(PersonaStore(data_path("personas")).get(PERSONA))
    return tmp_path


def run(workspace: Path, *arguments: object) -> Result:
    return CliRunner().invoke(app, ["--workspace", str(workspace), *map(str, arguments)])


def queued(workspace: Path) -> tuple[JobStore, str]:
    """A batch whose worker was never started."""
    store = JobStore(load_config(workspace=workspace).paths.jobs, start=lambda *_: 0)
    reference = WorkspaceRef(folder=str(workspace), profile="simulated")
    item = BatchItem(persona=PERSONA, scenario="studio_portrait", n=3)
    return store, store.submit("batch", BatchParams(workspace=reference, items=(item,), name="Launch week"))


@pytest.mark.parametrize("command", ["run", "status", "resume"])
def test_every_command_has_an_example(command: str) -> None:
    shown = CliRunner().invoke(app, ["batch", command, "--help"])
    assert shown.exit_code == 0
    assert f"Example: personalab batch {command}" in shown.output
    assert "--json" in shown.output


def test_a_plan_that_cannot_be_starts_nothing(workspace: Path) -> None:
    plan = workspace / "plan.yml"
    plan.write_text("assets: [{persona: daniperez, scenario: cafe_selfi}]")
    answer = run(workspace, "batch", "run", plan)
    assert answer.exit_code == 2
    assert "cafe_selfie" in answer.output
    assert not load_config(workspace=workspace).paths.jobs.exists()


def test_without_a_batch_there_is_no_status(workspace: Path) -> None:
    answer = run(workspace, "batch", "status")
    assert answer.exit_code == 2
    assert "personalab batch run plan.yml" in answer.output or "There are no jobs yet" in answer.output


def test_status_says_what_waits_and_what_to_do(workspace: Path) -> None:
    store, job_id = queued(workspace)
    sentence = "BudgetReachedError: The budget is reached."
    store.finish(job_id, "paused", message="paused", error=sentence)
    answer = run(workspace, "batch", "status")
    assert answer.exit_code == 0
    assert f"Launch week (job {job_id}): paused." in answer.output
    assert sentence in answer.output
    assert f"personalab batch resume {job_id}" in answer.output
    document: dict[str, Any] = json.loads(run(workspace, "batch", "status", job_id, "--json").output)
    assert (document["state"], document["total"], document["accepted"]) == ("paused", 3, 0)
    assert (document["spent_usd"], document["possibly_paid"], document["resumable"]) == (0.0, 0, True)


@pytest.mark.slow
def test_a_batch_is_made_by_a_process_of_its_own(workspace: Path) -> None:
    assert run(workspace, "anchors", "generate", PERSONA, "--candidates", 1).exit_code == 0
    plan = workspace / "plan.yml"
    plan.write_text(
        "persona: daniperez\nname: Two and a film\nassets:\n"
        "  - scenarios: [studio_portrait, cafe_selfie]\n"
        "  - {asset_type: video, prompt: {action_details: waving, framing: headshot, duration_s: 1}}\n"
    )
    answer = run(workspace, "batch", "run", plan, "--json")
    document: dict[str, Any] = json.loads(answer.stdout)
    assert (document["state"], document["total"], document["done"]) == ("done", 3, 3)
    assert sum(document["outcomes"].values()) == 3
    assert answer.exit_code == (0 if document["accepted"] == 3 else 1)
    records = GenerationMetricsLogger(load_config(workspace=workspace).paths.output).read_log(PERSONA)
    ended = {record.asset_id: record.asset_type for record in records if record.final}
    assert sorted(ended.values()) == ["image", "image", "video"]
    assert all(r.video is not None and r.video.identity is not None for r in records if r.asset_type == "video")
    assert run(workspace, "log", "verify").exit_code == 0
    bundle = workspace / "evidence.zip"
    assert run(workspace, "log", "export", PERSONA, "--out", bundle).exit_code == 0
    assert CliRunner().invoke(app, ["log", "verify", str(bundle)]).exit_code == 0
    assert run(workspace, "batch", "resume", document["job_id"]).exit_code == 2, "what is done does not resume"

"""``personalab drift``: the state in words, the answer, and the specified summary."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from benchmarks.drift_process import Case
from personalab_core.cli.entry import app
from personalab_core.config import PersonaStore
from personalab_core.schemas import Character
from tests.support.drift_timelines import write_timeline


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    write_timeline(tmp_path / "generated_content", Case("step", "step", 0.10), seed=3, length=230)
    return tmp_path


def run(workspace: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["--workspace", str(workspace), "--profile", "simulated", "drift", *arguments])


def test_a_change_is_said_in_words_before_the_slope(workspace: Path) -> None:
    result = run(workspace, "mara")
    assert result.exit_code == 0, result.output
    first, second, *_ = result.stdout.splitlines()
    assert first.startswith("mara has changed since about record ")
    assert second.startswith("The adjusted level fell by 0.1")
    assert "--accept" in result.stdout
    assert "is not an alarm" in result.stdout


def test_the_persona_is_called_by_its_name(workspace: Path) -> None:
    PersonaStore(workspace / "personas").save(Character(id="mara", name="Mara Lindqvist"))
    said = run(workspace, "mara").stdout
    assert said.startswith("Mara Lindqvist has changed since about record ")
    assert "personalab drift mara --accept" in said, "what is typed is the id"


def test_the_answer_is_recorded_and_carried_out(workspace: Path) -> None:
    assert run(workspace, "mara", "--accept", "new hair").exit_code == 0
    document = json.loads(run(workspace, "mara", "--json").stdout)
    assert document["n"] == 230
    assert document["monitor"]["state"] in {"calibrating", "in_control"}
    *alarms, answer = document["monitor"]["events"]
    assert {e["event"] for e in alarms} == {"alarm"}
    assert (answer["event"], answer["reason"]) == ("accepted", "new hair")
    assert document["canaries"] is None


def test_one_answer_at_a_time(workspace: Path) -> None:
    result = run(workspace, "mara", "--accept", "a", "--hold", "b")
    assert result.exit_code == 2
    assert "one of --accept and --hold" in result.stderr

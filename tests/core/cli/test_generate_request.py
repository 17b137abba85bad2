"""``personalab generate --request``: a scene in one's own words; mistakes end in one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from personalab_core.cli.entry import app
from personalab_core.jobs import GenerateImagesParams, JobStore

runner = CliRunner()


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    done = runner.invoke(app, ["-w", str(tmp_path), "persona", "add", "--name", "Mara Lind", "--id", "mara"])
    assert done.exit_code == 0, done.output
    return tmp_path


def test_a_request_becomes_the_fields_of_the_prompt(workspace: Path) -> None:
    """The job that is started ends at once: there is no anchor. What it was asked for stays."""
    given = ["--request", "selfie in a cafe, smiling", "--lighting", "neon", "--background", "--json"]
    done = runner.invoke(app, ["-w", str(workspace), "generate", "image", "mara", *given])
    assert done.exit_code == 0, done.output
    job = JobStore(workspace / "generated_content" / "jobs.sqlite3").get(json.loads(done.stdout)["job_id"])
    prompt = GenerateImagesParams.model_validate_json(job.params_json).prompt
    assert prompt is not None
    assert (prompt.framing, prompt.location_details, prompt.expression) == ("headshot", "in a cafe", "smiling")
    assert prompt.lighting == "neon"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--request", " "], "The request is empty"),
        (["--request", "smiling", "--scenario", "cafe_selfie"], "either --scenario NAME or --request TEXT"),
    ],
)
def test_mistakes_end_in_one_sentence(workspace: Path, options: list[str], said: str) -> None:
    for what in ("image", "video"):
        done = runner.invoke(app, ["-w", str(workspace), "generate", what, "mara", *options])
        assert done.exit_code == 2
        assert said in " ".join(done.output.split())

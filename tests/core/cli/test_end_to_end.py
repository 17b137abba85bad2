"""From nothing to a timeline by commands alone, in one simulated workspace."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from personalab_core.cli import app
from personalab_core.cli.progress import wait_for_job
from personalab_core.jobs import GenerateImagesParams, JobStore


def run(workspace: Path, *arguments: object) -> Result:
    return CliRunner().invoke(app, [*(str(argument) for argument in arguments), "--workspace", str(workspace)])


def document(result: Result) -> object:
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace whose persona has an anchor and one asset."""
    folder = tmp_path_factory.mktemp("cli") / "mine"
    made = run(folder, "anchors", "generate", "daniperez", "--candidates", 2, "--no-select")
    assert made.exit_code == 0, made.output
    assert "Added the example persona 'daniperez'" in made.stderr
    assert "Simulated profile" in made.stderr
    selected = run(folder, "anchors", "select", "daniperez")
    assert selected.exit_code == 0, selected.output
    arguments = ("--scenario", "studio_portrait", "--max-attempts", 5, "--seed", 3)
    assert run(folder, "generate", "image", "daniperez", *arguments).exit_code in {0, 1}
    return folder


def picture(workspace: Path) -> Path:
    return next((workspace / "generated_content" / "daniperez" / "images").glob("*.png"))


def anchor(workspace: Path) -> Path:
    return workspace / "references" / "daniperez" / "anchors" / "daniperez_anchor_frontal_neutral.png"


def test_the_choice_of_the_anchor_is_listed_with_its_reason(workspace: Path) -> None:
    records = document(run(workspace, "anchors", "list", "daniperez", "--json"))
    assert isinstance(records, list)
    assert [record["kind"] for record in records] == ["anchor_candidate"] * 2 + ["anchor_selected"]
    assert records[-1]["why"] in run(workspace, "anchors", "list", "daniperez").stdout.replace("\n", " ")


def test_a_person_may_choose_another_candidate(workspace: Path) -> None:
    candidate = sorted((workspace / "references" / "daniperez" / "anchors" / "candidates").glob("*.png"))[0]
    result = run(workspace, "anchors", "select", "daniperez", "--candidate", candidate.name, "--json")
    assert result.exit_code == 0, result.output
    assert anchor(workspace).read_bytes() == candidate.read_bytes()
    assert json.loads(result.stdout)["record"]["chosen_by"] == "person"


def test_attempts_are_listed_and_the_chains_are_unbroken(workspace: Path) -> None:
    attempts = document(run(workspace, "log", "list", "daniperez", "--json"))
    assert isinstance(attempts, list)
    assert attempts[0]["scenario"] == "studio_portrait"
    assert attempts[0]["max_attempts"] == 5
    verified = run(workspace, "log", "verify", "--json")
    assert verified.exit_code == 0
    found = json.loads(verified.stdout)
    assert found["ok"]
    assert {Path(report["name"]).name for report in found["journals"]} >= {
        "metrics.jsonl",
        "anchors.jsonl",
        "submissions.jsonl",
    }


def test_a_changed_record_is_found(workspace: Path) -> None:
    log = workspace / "references" / "daniperez" / "anchors" / "anchors.jsonl"
    before = log.read_bytes()
    log.write_bytes(before.replace(b'"persona":"daniperez"', b'"persona":"somebody1"', 1))
    try:
        result = run(workspace, "log", "verify", "daniperez")
        assert result.exit_code == 1
        assert "line 1" in result.stdout
    finally:
        log.write_bytes(before)


def test_the_timeline_is_summarised(workspace: Path) -> None:
    summary = document(run(workspace, "drift", "daniperez", "--json"))
    assert isinstance(summary, dict)
    assert summary["evaluator"] == "arcface"
    assert summary["n"] >= 1


def test_records_of_a_persona_that_was_never_saved_are_shown(workspace: Path) -> None:
    """As after the quickstart, which defines its persona in Python."""
    file = workspace / "personas" / "daniperez.yml"
    saved = file.read_bytes()
    file.unlink()
    try:
        for command in (("drift",), ("log", "list"), ("anchors", "list")):
            assert run(workspace, *command, "daniperez").exit_code == 0
    finally:
        file.write_bytes(saved)


def test_the_anchor_itself_is_accepted_and_written_as_csv(workspace: Path, tmp_path: Path) -> None:
    table = tmp_path / "scores.csv"
    result = run(workspace, "evaluate", anchor(workspace), "--anchor", anchor(workspace), "--csv", table)
    assert result.exit_code == 0, result.output
    assert "worthless on photographs" in result.stderr
    (row,) = csv.DictReader(table.read_text().splitlines())
    assert row["decision"] == "accept"
    assert float(row["cosine_similarity"]) == pytest.approx(1.0, abs=1e-3)


def test_what_is_no_picture_has_no_score_and_is_not_accepted(workspace: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (tmp_path / "empty.jpg").touch()
    result = run(workspace, "evaluate", tmp_path, "--anchor", anchor(workspace), "--json")
    assert result.exit_code == 1
    rows = json.loads(result.stdout)["pictures"]
    assert [(row["status"], row["composite_score"]) for row in rows] == [("unreadable", None)] * 2


def test_pictures_are_added_to_a_timeline_once(workspace: Path) -> None:
    before = json.loads(run(workspace, "drift", "daniperez", "--json").stdout)["n"]
    arguments = ("evaluate", anchor(workspace), "--persona", "daniperez", "--add", "--date", "2020-01-31", "--json")
    assert len(json.loads(run(workspace, *arguments).stdout)["added"]["added"]) == 1
    assert len(json.loads(run(workspace, *arguments).stdout)["added"]["known"]) == 1
    assert json.loads(run(workspace, "drift", "daniperez", "--json").stdout)["n"] == before + 1


def test_adding_needs_a_persona(workspace: Path) -> None:
    result = run(workspace, "evaluate", anchor(workspace), "--anchor", anchor(workspace), "--add")
    assert result.exit_code == 2
    assert "whose timeline" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "either --scenario NAME, or a free scene"),
        (("--scenario", "cafe_selfie", "--action", "waving"), "either --scenario NAME, or a free scene"),
        (("--scenario", "cafe_selfi"), "Did you mean 'cafe_selfie'?"),
        (("--action", "waving", "--framing", "closeup"), "--framing"),
        (("--scenario", "cafe_selfie", "--accept-threshold", "0.1"), "retry_threshold"),
    ],
)
def test_a_scene_that_cannot_be_is_bad_input(workspace: Path, arguments: tuple[str, ...], sentence: str) -> None:
    result = run(workspace, "generate", "image", "daniperez", *arguments)
    assert result.exit_code == 2
    assert sentence in result.stderr


def test_a_persona_without_an_anchor_is_told_how_to_get_one(workspace: Path) -> None:
    run(workspace, "persona", "add", "--name", "Mara")
    result = run(workspace, "generate", "image", "mara", "--scenario", "cafe_selfie")
    assert result.exit_code == 2
    assert "personalab anchors generate mara" in result.stderr


@pytest.mark.slow
def test_work_in_the_background_is_a_job_with_typed_parameters(workspace: Path) -> None:
    result = run(workspace, "generate", "image", "daniperez", "--action", "waving", "-n", 90, "--background", "--json")
    job_id = json.loads(result.stdout)["job_id"]
    (job,) = json.loads(run(workspace, "jobs", "list", "--json").stdout)
    assert (job["id"], job["title"], job["total"]) == (job_id, "90 pictures of daniperez", 90)
    store = JobStore(workspace / "generated_content" / "jobs.sqlite3")
    params = GenerateImagesParams.model_validate_json(store.get(job_id).params_json)
    assert params.prompt is not None
    assert params.prompt.action_details == "waving"
    assert params.workspace.folder == str(workspace)
    run(workspace, "jobs", "cancel", job_id)
    assert wait_for_job(store, job_id).state == "cancelled"

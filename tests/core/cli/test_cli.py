"""The console command: what it prints, where, and with which exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.main import get_command
from typer.testing import CliRunner, Result

from personalab_core.cli import app

ROOT = Path(__file__).resolve().parents[3]
HEAVY = {"cv2", "onnxruntime", "insightface", "streamlit", "PIL", "pandas", "plotly", "google", "numpy"}


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return tmp_path / "mine"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def commands() -> list[list[str]]:
    """Every command that does something, as words."""
    found = []
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        children = getattr(command, "commands", None)
        found += [[name, child] for child in children] if children else [[name]]
    return found


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_has_help_with_an_example(words: list[str]) -> None:
    result = run(*words, "--help")
    assert result.exit_code == 0
    assert "Example: personalab" in result.output


def test_the_commands_of_the_specification_exist() -> None:
    known = {" ".join(words) for words in commands()}
    assert known >= {"demo", "app", "persona add", "persona list", "persona show", "anchors generate"}
    assert known >= {"anchors select", "anchors list", "generate image", "evaluate", "drift", "log list", "log verify"}
    assert known >= {"doctor", "config show"}


def test_help_starts_without_anything_heavy() -> None:
    code = (
        "import sys\nfrom typer.testing import CliRunner\nfrom personalab_core.cli import app\n"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0\n"
        "print(' '.join(sorted({m.split('.')[0] for m in sys.modules})))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT).stdout
    assert not HEAVY & set(loaded.split())


def test_a_persona_is_added_listed_and_shown(workspace: Path) -> None:
    looks = ("--look", "age_range=31", "--look", "hair.base_color=auburn")
    added = run("persona", "add", "--name", "Mara Lind", "--id", "mara", *looks, "--workspace", workspace)
    assert added.exit_code == 0, added.output
    assert "personalab anchors generate mara" in added.stdout
    (listed,) = json.loads(run("persona", "list", "--json", "--workspace", workspace).stdout)
    assert listed["physical_description"] == {"age_range": "31", "hair": {"base_color": "auburn"}}
    shown = yaml.safe_load(run("persona", "show", "mara", "--workspace", workspace).stdout)
    assert shown["id"] == "mara"


def test_a_persona_is_never_overwritten(workspace: Path) -> None:
    run("persona", "add", "--name", "Mara", "--location", "Oslo", "--workspace", workspace)
    again = run("persona", "add", "--name", "Mara", "--location", "Rome", "--workspace", workspace)
    assert again.exit_code == 2
    assert "nothing was changed" in again.stderr
    assert "Oslo" in (workspace / "personas" / "mara.yml").read_text()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["persona", "show", "../x"], "'../x' is not a persona id"),
        (["persona", "show", "nobody"], "There is no persona 'nobody'"),
        (["persona", "add"], "Give either --name or --file"),
        (["persona", "add", "--name", "Mara", "--look", "hair"], "--look takes KEY=VALUE"),
        (["persona", "add", "--name", "Mara", "--id", "a/b"], "The persona cannot be used"),
        (["--profile", "gratis", "config", "show"], "--profile is 'simulated' or 'default'"),
        (["--config", "missing.yml", "config", "show"], "there is no such config file"),
        (["drift", "nobody"], "There is no persona 'nobody'"),
        (["log", "list", "nobody"], "There is no persona 'nobody'"),
        (["generate", "image", "nobody", "--scenario", "cafe_selfie"], "There is no persona 'nobody'"),
        (["anchors", "generate", "nobody"], "There is no persona 'nobody'"),
        (["evaluate", "missing.png", "--anchor", "also-missing.png"], "missing.png does not exist"),
        (["evaluate", "missing.png"], "Give the picture to compare with"),
        (["jobs", "cancel", "none"], "There are no jobs yet"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(workspace: Path, arguments: list[str], sentence: str) -> None:
    result = run(*arguments, "--workspace", workspace)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert len(result.stderr.strip().splitlines()) <= 2, "a remark and the sentence, no traceback"
    assert not workspace.exists(), "nothing is left behind"


def test_an_unknown_option_is_bad_input() -> None:
    assert run("persona", "list", "--colour", "red").exit_code == 2


def test_broken_yaml_is_reported_and_the_others_are_listed(workspace: Path) -> None:
    run("persona", "add", "--name", "Mara", "--workspace", workspace)
    (workspace / "personas" / "elias.yml").write_text("name: [unclosed")
    result = run("persona", "list", "--workspace", workspace)
    assert result.exit_code == 0
    assert "mara" in result.stdout
    assert "elias.yml" in result.stderr


def test_global_options_are_understood_behind_the_command_too(workspace: Path) -> None:
    run("persona", "add", "--name", "Mara", f"--workspace={workspace}")
    before = run("--workspace", workspace, "persona", "list", "--json")
    behind = run("persona", "list", "--json", "--workspace", workspace)
    assert json.loads(before.stdout) == json.loads(behind.stdout)
    assert len(json.loads(before.stdout)) == 1


def test_the_working_directory_is_used_only_if_it_is_a_workspace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("persona", "add", "--name", "Mara").exit_code == 0
    assert (tmp_path / "workspace" / "personas" / "mara.yml").is_file()
    (tmp_path / "personas").mkdir()
    assert run("persona", "add", "--name", "Elias").exit_code == 0
    assert (tmp_path / "personas" / "elias.yml").is_file()


def test_config_show_names_the_source_of_every_setting(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace.mkdir()
    file = workspace / "config.yml"
    file.write_text("profile: simulated\nevaluation: {retry: {max_attempts: 5}}\n")
    monkeypatch.setenv("PERSONALAB__EVALUATION__SCORING__ACCEPT_THRESHOLD", "0.6")
    document = json.loads(run("config", "show", "--json", "--workspace", workspace).stdout)
    settings = document["settings"]
    assert settings["evaluation.retry.max_attempts"] == {"value": 5, "from": str(file)}
    assert settings["evaluation.scoring.accept_threshold"]["value"] == 0.6
    assert "environment" in settings["evaluation.scoring.accept_threshold"]["from"]
    assert settings["models.image.provider"]["from"].endswith("simulated.yml")
    assert settings["evaluation.scoring.retry_threshold"]["from"].endswith("defaults.yml")


def test_secrets_are_never_shown(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", "sesame-open-up")
    for arguments in (["config", "show"], ["config", "show", "--json"], ["doctor"], ["doctor", "--json"]):
        result = run(*arguments, "--workspace", workspace)
        assert "sesame" not in result.output
    checks = {check["subject"]: check for check in json.loads(result.stdout)["checks"]}
    assert checks["key of gemini"]["verdict"] == "ok"


def test_doctor_says_that_the_bundled_models_are_for_simulated_portraits(workspace: Path) -> None:
    result = run("doctor", "--workspace", workspace)
    assert "worthless on photographs" in result.stdout


def test_doctor_fails_if_the_key_of_a_configured_provider_is_missing(workspace: Path) -> None:
    result = run("--profile", "default", "doctor", "--json", "--workspace", workspace)
    assert result.exit_code == 1
    checks = {check["subject"]: check for check in json.loads(result.stdout)["checks"]}
    assert checks["key of gemini"]["verdict"] == "missing"


def test_the_version_is_printed() -> None:
    assert run("--version").stdout.startswith("personalab ")

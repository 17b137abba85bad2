"""The examples and scripts run as a newcomer runs them: simulated, offline, in an empty folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from personalab_core.config import load_config
from personalab_core.identity import DriftTracker
from personalab_core.observability import GenerationMetricsLogger
from tests.support.faces import write_grey

ROOT = Path(__file__).resolve().parents[2]


def run(script: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(
        [sys.executable, str(ROOT / script), *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=cwd,
        env=environment,
        check=False,
        timeout=120,
    )


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    folder = tmp_path_factory.mktemp("quickstart")
    return run("examples/quickstart.py", str(folder / "ws"), cwd=folder), folder / "ws"


def test_the_quickstart_ends_with_a_measured_asset(
    quickstart: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    ended, workspace = quickstart
    assert ended.returncode in (0, 1), ended.stderr
    assert "simulated" in ended.stdout
    config = load_config(workspace=workspace, environ={})
    records = GenerationMetricsLogger(output_dir=config.paths["output"]).read_log("daniperez")
    assert records[-1].final
    assert (ended.returncode == 0) == (records[-1]["decision"] == "accept")
    assert all(record.context.simulated for record in records)
    assert (workspace / "generated_content/daniperez/content_plan.yml").is_file()
    measured = [record for record in records if record["scores"].composite is not None]
    assert len(DriftTracker(log_dir=config.evaluation["drift"]["log_dir"]).read("daniperez")) == len(measured)


def test_the_quickstart_writes_only_into_its_workspace(
    quickstart: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    _, workspace = quickstart
    assert [path.name for path in workspace.parent.iterdir()] == ["ws"]
    assert sorted(path.name for path in workspace.iterdir()) == ["generated_content", "references"]


def test_the_anchor_script_makes_candidates_and_the_image_script_needs_a_choice(tmp_path: Path) -> None:
    personas = tmp_path / "personas"
    personas.mkdir()
    shipped = ROOT / "data" / "personas" / "daniperez.yml"
    (personas / "daniperez.yml").write_bytes(shipped.read_bytes())
    made = run("scripts/gen_anchors.py", "daniperez", "--candidates", "2", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    candidates = tmp_path / "references/daniperez/anchors/candidates"
    assert len(list(candidates.glob("*.png"))) == 2
    refused = run("scripts/auto_generate_image.py", "daniperez", cwd=tmp_path)
    assert refused.returncode == 2
    assert "anchors select daniperez" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_the_video_sample_ends_with_both_axes_measured(
    quickstart: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    """Run in the quickstart's workspace: the same persona, the same anchor."""
    pytest.importorskip("av")
    _, workspace = quickstart
    ended = run("examples/video.py", str(workspace), cwd=workspace.parent)
    assert ended.returncode in (0, 1), ended.stderr
    config = load_config(workspace=workspace, environ={})
    records = GenerationMetricsLogger(output_dir=config.paths["output"]).read_log("daniperez")
    filmed = [record for record in records if record.asset_type == "video"]
    assert filmed[-1].final
    assert (ended.returncode == 0) == (filmed[-1].decision == "accept")
    stored = [record.video for record in filmed if record.video is not None]
    assert all((workspace / "generated_content" / video.video_path).is_file() for video in stored)
    assert all(video.identity is not None and video.quality is not None for video in stored)


@pytest.mark.slow
def test_the_batch_example_makes_pictures_at_the_same_time_and_none_twice(tmp_path: Path) -> None:
    first = run("examples/batch.py", str(tmp_path / "ws"), "--jobs", "4", cwd=tmp_path)
    assert first.returncode in (0, 1), first.stderr
    assert "4/4" in first.stdout
    log = GenerationMetricsLogger(output_dir=load_config(workspace=tmp_path / "ws", environ={}).paths["output"])
    records = log.read_log("daniperez")
    assert {record.asset_id for record in records if record.final} == {f"batch-{number:03d}" for number in range(4)}
    again = run("examples/batch.py", str(tmp_path / "ws"), "--jobs", "4", cwd=tmp_path)
    assert again.stdout.splitlines()[-1] == first.stdout.splitlines()[-1]
    assert log.read_log("daniperez") == records


def test_pictures_are_measured_without_generating(
    quickstart: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    _, workspace = quickstart
    anchors = workspace / "references/daniperez/anchors"
    anchor = anchors / "daniperez_anchor_frontal_neutral.png"
    same = run("examples/measure_pictures.py", str(anchor), str(anchor), cwd=workspace.parent)
    assert same.returncode == 0, same.stderr
    assert same.stdout.startswith("1.00  accept")


def test_an_evaluator_of_ones_own_measures_what_the_quickstart_made(
    quickstart: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    _, workspace = quickstart
    ended = run("examples/own_evaluator.py", str(workspace), cwd=workspace.parent)
    assert ended.returncode == 0, ended.stderr
    one, _, several = ended.stdout.partition("mean of 3 anchors:")
    assert len(one.strip().splitlines()) - 1 == len(several.strip().splitlines()) > 0


def test_a_provider_of_ones_own_drives_the_loop(
    quickstart: tuple[subprocess.CompletedProcess[str], Path], tmp_path: Path
) -> None:
    """A grey card, then the anchor itself: tried again, then accepted."""
    _, workspace = quickstart
    anchors = workspace / "references/daniperez/anchors"
    write_grey(tmp_path / "1.png", 128)
    (tmp_path / "2.png").write_bytes((anchors / "daniperez_anchor_frontal_neutral.png").read_bytes())
    ended = run("examples/own_provider.py", str(tmp_path), str(workspace), cwd=workspace.parent)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "attempt 2: Same person. Score 1.00" in ended.stdout
    assert "Accepted at attempt 2 of 3" in ended.stdout

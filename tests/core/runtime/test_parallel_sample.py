"""The specification's parallel sample runs with only the import name changed, as a script of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from personalab_core.config import load_config
from personalab_core.observability import GenerationMetricsLogger
from tests.support.faces import write_portrait

ROOT = Path(__file__).resolve().parents[3]
SAMPLE = ROOT / "tests" / "support" / "samples" / "parallel.txt"


A_FILM = """
from personalab_core import VideoPrompt
film = VideoPrompt(subject_description="a woman of 23", framing="headshot", duration_s=1)
jobs.append(JobSpec(
    job_id="batch-001-film", seed=45, config_hash="0" * 16, persona="daniperez",
    scenario_template={}, prompt=film, asset_type="video",
))
# Run all jobs concurrently"""


@pytest.mark.slow
@pytest.mark.parametrize("film", [False, True], ids=["as it stands", "with a film more"])
def test_the_parallel_sample_runs(tmp_path: Path, *, film: bool) -> None:
    """Its text is cut at ``, ...)``, which is completed by leaving it out."""
    anchors = tmp_path / "references" / "daniperez" / "anchors"
    anchors.mkdir(parents=True)
    write_portrait(anchors / "daniperez_anchor_frontal_neutral.png", 1, width=320, height=400)
    sample = SAMPLE.read_text().replace("from personalab", "from personalab_core").replace(", ...)", ")")
    assert sample.count("# Run all jobs concurrently") == 1
    (tmp_path / "sample.py").write_text(sample.replace("# Run all jobs concurrently", A_FILM) if film else sample)
    ended = subprocess.run(
        [sys.executable, "sample.py"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PERSONALAB_PROFILE": "simulated"},
        check=False,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr
    lines = re.findall(r"^\[batch-001-(\w+)\] (?:ACCEPTED|REJECTED) score=0\.\d{4} attempts=(\d)$", ended.stdout, re.M)
    assert [name for name, _ in lines] == ["cafe_selfie", "street_walk", "gym_mirror", *(["film"] if film else [])]
    config = load_config(workspace=tmp_path, profile="simulated", environ={})
    records = GenerationMetricsLogger(config.paths.output).read_log("daniperez")
    assert len(records) == sum(int(attempts) for _, attempts in lines)
    assert {record.evaluator.pack for record in records if record.evaluator} == {"simface"}
    filmed = [record for record in records if record.asset_type == "video"]
    assert bool(filmed) is film
    assert all(record.video and record.video.identity and record.video.quality for record in filmed)

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


@pytest.mark.slow
def test_the_parallel_sample_runs_as_it_stands(tmp_path: Path) -> None:
    """Its text is cut at ``, ...)``, which is completed by leaving it out."""
    anchors = tmp_path / "references" / "daniperez" / "anchors"
    anchors.mkdir(parents=True)
    write_portrait(anchors / "daniperez_anchor_frontal_neutral.png", 1, width=320, height=400)
    sample = SAMPLE.read_text().replace("from personalab", "from personalab_core").replace(", ...)", ")")
    (tmp_path / "sample.py").write_text(sample)
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
    assert [name for name, _ in lines] == ["cafe_selfie", "street_walk", "gym_mirror"]
    config = load_config(workspace=tmp_path, profile="simulated", environ={})
    records = GenerationMetricsLogger(config.paths.output).read_log("daniperez")
    assert len(records) == sum(int(attempts) for _, attempts in lines)
    assert {record.evaluator.pack for record in records if record.evaluator} == {"simface"}

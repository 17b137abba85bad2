"""The command that trains the bundled pack, at its smallest; torch and onnx, which it needs, are no test dependency."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from personalab_core.config.resources import data_path

pytest.importorskip("torch", reason="training is by hand: pip install torch onnx")
pytest.importorskip("onnx", reason="training is by hand: pip install torch onnx")

from training import train_all

TRIAL = ("--steps", "2", "--people", "24", "--share", "0.02")


def test_a_trial_never_replaces_the_shipped_pack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["train_all", "--work", str(tmp_path / "work"), "--steps", "2"])
    with pytest.raises(SystemExit) as stopped:
        train_all.main()
    assert stopped.value.code == 2
    assert "give another folder by --pack" in capsys.readouterr().err
    assert not (tmp_path / "work").exists()


@pytest.mark.slow
def test_the_whole_command_runs_from_nothing_to_a_measured_pack(tmp_path: Path) -> None:
    pack = tmp_path / "pack"
    command = [
        sys.executable,
        "-m",
        "training.train_all",
        "--work",
        str(tmp_path / "work"),
        "--pack",
        str(pack),
        *TRIAL,
    ]
    subprocess.run(command, check=True, cwd=data_path().parent)
    description = json.loads((pack / "MODEL.json").read_text(encoding="utf-8"))
    shipped = data_path("models", "simface")
    assert set(description["sha256"]) == {path.name for path in shipped.glob("*.onnx")}
    assert {run["step"] for run in description["training"].values()} == {2}
    assert "not measured: too few faces were found" in (pack / "MODEL_CARD.md").read_text(encoding="utf-8")

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


def test_a_folder_with_another_extent_is_refused(tmp_path: Path) -> None:
    work = tmp_path / "work"
    train_all.claim(work, train_all.Extent(people=24))
    train_all.claim(work, train_all.Extent(people=24))
    with pytest.raises(ValueError, match="give another --work"):
        train_all.claim(work, train_all.Extent())


def test_a_finished_cycle_is_not_trained_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []

    def run(command: list[str], **_: object) -> None:
        """A training that writes nothing and is interrupted once, in the second cycle."""
        started.append(" ".join(Path(word).name for word in command[command.index("--out") + 1 :]))
        if len(started) == 2:
            raise subprocess.CalledProcessError(1, command)

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(subprocess.CalledProcessError):
        train_all._train_net(tmp_path, "refiner", train_all.Extent())
    train_all._train_net(tmp_path, "refiner", train_all.Extent())
    second = "refiner_2.pt --init refiner_1.pt"
    assert started == ["refiner_1.pt", second, second, "refiner.pt --init refiner_2.pt"]


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

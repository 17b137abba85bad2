"""The whole pack from nothing: `python -m training.train_all --work DIR`.

Renders the set, trains the four nets (two jobs at a time, one thread each), exports them into the model pack and runs
the benchmark that fills in its card. Under two hours on two quiet cores.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from personalab_core.config.resources import data_path
from training.export import PACK_NAME, export_pack

CORES = 2
CYCLES = {"recogniser": 5, "detector": 5, "landmarks": 3, "refiner": 3}
"""Learning rate cycles per net; the recogniser and the detector take longest and start first."""


def _run(module: str, *arguments: object, log: Path) -> None:
    """Run one module in its own single-threaded process, its output in a log file."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with log.open("w", encoding="utf-8") as stream:
        subprocess.run(command, check=True, stdout=stream, stderr=subprocess.STDOUT, env=environment)
    print(f"done: {module} ({log})", flush=True)


def render(work: Path) -> None:
    """Render the training set unless it is there already."""
    data = work / "data"
    if (data / "complete").exists():
        return
    with ThreadPoolExecutor(CORES) as pool:
        jobs = [
            pool.submit(
                _run, "training.render_set", "--out", data, "--part", part, "--parts", CORES,
                log=work / f"render_{part}.log",
            )
            for part in range(CORES)
        ]  # fmt: skip
        for job in jobs:
            job.result()
    (data / "complete").touch()


def train(work: Path) -> None:
    """Train the four nets, each in two or three cycles."""
    with ThreadPoolExecutor(CORES) as pool:
        jobs = [pool.submit(_train_net, work, net) for net in CYCLES]
        for job in jobs:
            job.result()


def _train_net(work: Path, net: str) -> None:
    """Run a net's cycles, each from the weights of the one before."""
    final = work / f"{net}.pt"
    start: list[object] = []
    for cycle in range(1, CYCLES[net] + 1):
        out = final if cycle == CYCLES[net] else work / f"{net}_{cycle}.pt"
        log = work / f"{net}_{cycle}.log"
        _run(f"training.train_{net}", "--data", work / "data", "--out", out, *start, log=log)
        start = ["--init", out]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder for pictures, checkpoints and logs (2 GB)")
    parser.add_argument("--pack", type=Path, default=data_path("models", PACK_NAME), help="where the pack goes")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    render(arguments.work)
    train(arguments.work)
    export_pack(arguments.work, arguments.pack)
    _run("benchmarks.simface_pack", "--pack", arguments.pack, "--update-card", log=arguments.work / "benchmark.log")


if __name__ == "__main__":
    main()

"""The whole pack from nothing: `python -m training.train_all --work DIR`.

Renders the set, trains the four nets (two jobs at a time, one thread each), exports them into the model pack,
spreads people over its embedding and runs the benchmark that fills in its card. What it takes on two cores stands
in `training/README.md`. Called again after an interruption, it goes on behind the last stage that was finished.

`--steps 2 --people 40 --share .02 --pack DIR` runs every stage in minutes, to see that the command works: such a pack
finds nothing.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from personalab_core.config.resources import data_path
from training.export import PACK_NAME, export_pack
from training.render_set import PEOPLE

SHIPPED = data_path("models", PACK_NAME)
CARD = "MODEL_CARD.md"
CORES = 2
PROMISED_MIN = 120.0
"""What a whole run may take on two cores."""
CYCLES = {"detector": 5, "refiner": 3, "landmarks": 3, "recogniser": 5}
"""Learning rate cycles per net; those that take longest start first, so that both cores are busy to the end."""


@dataclass(frozen=True)
class Extent:
    """How much of everything; the defaults are a real run.

    Attributes:
        people: How many are rendered.
        steps: Of every cycle, None for its own.
        share: Of the test people.
    """

    people: int = PEOPLE
    steps: int | None = None
    share: float = 1.0

    @property
    def is_trial(self) -> bool:
        """Whether this is only to see that the command works."""
        return self != Extent()


def _run(module: str, *arguments: object, log: Path) -> None:
    """Run one module in its own single-threaded process, its output in a log file."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with log.open("w", encoding="utf-8") as stream:
        subprocess.run(command, check=True, stdout=stream, stderr=subprocess.STDOUT, env=environment)
    print(f"done: {module} ({log})", flush=True)


def _run_once(module: str, *arguments: object, log: Path) -> None:
    """`_run`, unless a run before this one has finished this stage."""
    finished = log.with_suffix(".done")
    if finished.exists():
        print(f"done before: {module} ({log})", flush=True)
        return
    _run(module, *arguments, log=log)
    finished.touch()


def claim(work: Path, extent: Extent) -> None:
    """Make the folder, or go on in one of the same extent.

    Raises:
        ValueError: The folder holds a run of another extent, whose pictures and checkpoints must not be mixed in.
    """
    work.mkdir(parents=True, exist_ok=True)
    mark = work / "extent.txt"
    if mark.exists() and mark.read_text(encoding="utf-8") != str(extent):
        raise ValueError(f"{work} holds a run of {mark.read_text(encoding='utf-8')}, not {extent}: give another --work")
    mark.write_text(str(extent), encoding="utf-8")


def render(work: Path, extent: Extent) -> None:
    """Render the training set unless it is there already."""
    data = work / "data"
    with ThreadPoolExecutor(CORES) as pool:
        jobs = [
            pool.submit(
                _run_once, "training.render_set", "--out", data, "--part", part, "--parts", CORES,
                "--people", extent.people, log=work / f"render_{part}.log",
            )
            for part in range(CORES)
        ]  # fmt: skip
        for job in jobs:
            job.result()


def train(work: Path, extent: Extent) -> None:
    """Train the four nets, each in its cycles."""
    with ThreadPoolExecutor(CORES) as pool:
        jobs = [pool.submit(_train_net, work, net, extent) for net in CYCLES]
        for job in jobs:
            job.result()


def _train_net(work: Path, net: str, extent: Extent) -> None:
    """Run a net's cycles, each from the weights of the one before, and none twice."""
    final = work / f"{net}.pt"
    start: list[object] = []
    length = [] if extent.steps is None else ["--steps", extent.steps]
    for cycle in range(1, CYCLES[net] + 1):
        out = final if cycle == CYCLES[net] else work / f"{net}_{cycle}.pt"
        log = work / f"{net}_{cycle}.log"
        _run_once(f"training.train_{net}", "--data", work / "data", "--out", out, *length, *start, log=log)
        start = ["--init", out]


def measure(work: Path, pack: Path, share: float) -> None:
    """Run the pack's benchmark and let it fill in the card; a pack elsewhere gets the shipped one's text."""
    if not (pack / CARD).exists():
        shutil.copy(SHIPPED / CARD, pack / CARD)
    report, log = work / "benchmark.json", work / "benchmark.log"
    report.unlink(missing_ok=True)
    try:
        _run("benchmarks.simface_pack", "--pack", pack, "--share", share, "--update-card", "--out", report, log=log)
    except subprocess.CalledProcessError:
        # It fails when a target is missed, too, and then has written its report.
        if not report.exists():
            raise
        print(f"the pack misses a target ({log})", flush=True)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="folder for pictures, checkpoints and logs (1 GB)")
    parser.add_argument("--pack", type=Path, default=SHIPPED, help="where the pack goes")
    parser.add_argument("--steps", type=int, help="of every cycle, to try the command out")
    parser.add_argument("--people", type=int, default=PEOPLE, help="how many are rendered, fewer to try it out")
    parser.add_argument("--share", type=float, default=1.0, help="of the test people, less to try it out")
    arguments = parser.parse_args()
    extent = Extent(arguments.people, arguments.steps, arguments.share)
    if extent.is_trial and arguments.pack.resolve() == SHIPPED.resolve():
        parser.error("a trial would replace the shipped pack by one that finds nothing: give another folder by --pack")
    start = time.monotonic()
    try:
        claim(arguments.work, extent)
    except ValueError as problem:
        parser.error(str(problem))
    render(arguments.work, extent)
    train(arguments.work, extent)
    export_pack(arguments.work, arguments.pack)
    if not extent.is_trial:  # such a pack finds no face to learn from
        _run("training.spread", "--pack", arguments.pack, log=arguments.work / "spread.log")
    measure(arguments.work, arguments.pack, extent.share)
    minutes = (time.monotonic() - start) / 60
    print(f"{minutes:.0f} minutes" + (f", more than the {PROMISED_MIN:.0f} promised" if minutes > PROMISED_MIN else ""))


if __name__ == "__main__":
    main()

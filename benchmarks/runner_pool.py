"""How much a second measuring process gains: pictures per second with two workers over one.

    python -m benchmarks.runner_pool [--pack simface] [--pictures 60]

One worker with one thread, two workers with one thread each, one worker with all threads, and the
measurement inside this process take turns over the same portraits, each already loaded; the best of the
rounds counts, since a busy machine only ever takes away. The target is that two workers on two cores give at
least 1.8 times one worker. What the machine itself gives is measured beside it: two bare processes that
multiply matrices over one. Two cores that share caches, or that others use, give less than 2, and then the
target is 95 % of what they give. The cores that were busy are printed, too: if others took much of them, nothing
is judged and the exit code is 0.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from personalab_core.identity import FaceRuntime, build_evaluator
from personalab_core.runtime import EvaluationPool, InProcessPool
from personalab_core.simulation import PortraitRenderer, Scene, encode_png, sample_identity, sample_style

TARGET_RATIO = 1.8
SHARE_OF_CEILING = 0.95
MOST_FOREIGN_CORES = 0.15
N_ROUNDS = 3


def portraits(folder: Path, n: int) -> list[str]:
    renderer = PortraitRenderer()
    paths = []
    for number in range(n):
        identity = sample_identity(number)
        scene = Scene(framing="half_body" if number % 2 else "headshot")
        picture = renderer.render(identity, sample_style(identity, number), scene, width=512, height=640)
        paths.append(str(folder / f"{number}.png"))
        Path(paths[-1]).write_bytes(encode_png(picture))
    return paths


async def measure_all(pool: EvaluationPool | InProcessPool, anchor: str, pictures: Sequence[str]) -> None:
    await asyncio.gather(*(pool.evaluate_async(anchor, [picture]) for picture in pictures))


def busy_s() -> float:
    """Return the CPU seconds that all processes of the machine have used."""
    fields = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:9]
    user, nice, system, _idle, _wait, irq, soft, _steal = (int(field) for field in fields)
    return (user + nice + system + irq + soft) / os.sysconf("SC_CLK_TCK")


def one_round(pool: EvaluationPool | InProcessPool, anchor: str, pictures: Sequence[str]) -> tuple[float, float]:
    """Return pictures per second, and the cores that were busy."""
    started, busy = time.perf_counter(), busy_s()
    asyncio.run(measure_all(pool, anchor, pictures))
    wall_s = time.perf_counter() - started
    return len(pictures) / wall_s, (busy_s() - busy) / wall_s


BARE_LOOP = """
import sys, time, numpy as np
a = np.random.default_rng(0).random((512, 512), dtype=np.float32)
a @ a
print("ready", flush=True)
sys.stdin.readline()
start, n = time.perf_counter(), 0
while time.perf_counter() - start < 2:
    a @ a
    n += 1
print(n)
"""


def bare_rate(n_processes: int) -> float:
    """Return the matrix products that so many processes do together in a fixed time."""
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen([sys.executable, "-c", BARE_LOOP], stdin=-1, stdout=-1, text=True, env=one_thread)
        for _ in range(n_processes)
    ]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    return sum(float(process.communicate()[0]) for process in processes)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pack", default="simface", help="name or folder of a face model pack")
    parser.add_argument("--pictures", type=int, default=60)
    options = parser.parse_args()
    evaluation = {"embedding": {"model_name": options.pack}}
    evaluator = build_evaluator(evaluation, runtime=FaceRuntime.load(options.pack, n_threads=1))
    makers: dict[str, Callable[[], EvaluationPool | InProcessPool]] = {
        "1 worker x 1 thread": lambda: EvaluationPool(1, eval_cfg=evaluation, n_threads=1),
        "2 workers x 1 thread": lambda: EvaluationPool(2, eval_cfg=evaluation, n_threads=1),
        "1 worker x 2 threads": lambda: EvaluationPool(1, eval_cfg=evaluation, n_threads=2),
        "in process, 2 callers": lambda: InProcessPool(evaluator, max_workers=2),
    }
    with tempfile.TemporaryDirectory() as folder:
        anchor, *pictures = portraits(Path(folder), options.pictures + 1)
        pools = {name: make() for name, make in makers.items()}
        for pool in pools.values():
            asyncio.run(measure_all(pool, anchor, 2 * pictures))  # a line long enough to start every worker
        for name, pool in pools.items():
            if isinstance(pool, EvaluationPool):
                print(f"{name}: {pool.n_workers} processes")
        rates: dict[str, list[tuple[float, float]]] = {name: [] for name in pools}
        for _ in range(N_ROUNDS):
            for name, pool in pools.items():
                rates[name].append(one_round(pool, anchor, pictures))
        for pool in pools.values():
            pool.shutdown()
    best = {name: max(found) for name, found in rates.items()}
    base = best["1 worker x 1 thread"][0]
    for name, (rate, busy) in best.items():
        print(f"{name:22s} {rate:7.1f} pictures/s   {rate / base:4.2f} x   {busy:.2f} cores busy on this machine")
    ratio = best["2 workers x 1 thread"][0] / base
    foreign = min(found[1] for found in rates["1 worker x 1 thread"]) - 1.0
    quiet = foreign <= MOST_FOREIGN_CORES
    ceiling = bare_rate(2) / bare_rate(1)
    target = min(TARGET_RATIO, SHARE_OF_CEILING * ceiling)
    judged = (
        "met" if ratio >= (target if quiet else TARGET_RATIO) else "MISSED" if quiet else "not judged: busy machine"
    )
    print(f"two bare processes over one: {ceiling:.2f}")
    print(f"two workers over one: {ratio:.2f} (target {target:.2f}): {judged}")
    return 1 if judged == "MISSED" else 0


if __name__ == "__main__":
    sys.exit(main())

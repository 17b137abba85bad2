"""How long the simulated portrait renderer takes, with and without the identity's layers kept.

Run:  python -m benchmarks.renderer_speed [--repeats 9]

Prints median process CPU time (one thread) per size and framing, the ratio first/cached, and whether the targets are
met (exit code 1 if not): 768x960 headshot <= 150 ms and 256x320 headshot <= 40 ms with the layers cached. Every shot
has a new scene, light and clothes. On a shared machine CPU time itself grows with the neighbours' load; the ratio does
not.
"""

import argparse
import statistics
import time
from dataclasses import dataclass

import cv2

from personalab_core.simulation import PortraitRenderer, Scene, sample_identity, sample_scene, sample_style
from personalab_core.simulation.scene import Framing


@dataclass(frozen=True)
class Case:
    """One size and framing, with its target for cached layers (None = none set)."""

    width: int
    height: int
    framing: Framing
    target_ms: float | None


CASES = (
    Case(768, 960, "headshot", 150.0),
    Case(256, 320, "headshot", 40.0),
    Case(160, 200, "headshot", None),
    Case(768, 960, "half_body", None),
    Case(768, 960, "full_body", None),
)


def _cpu_ms(renderer: PortraitRenderer, case: Case, identity_seed: int, scene: Scene) -> float:
    identity = sample_identity(identity_seed)
    style = sample_style(identity, identity_seed)
    start = time.process_time()
    renderer.render(identity, style, scene, width=case.width, height=case.height)
    return 1000 * (time.process_time() - start)


def measure(case: Case, repeats: int) -> tuple[float, float, float]:
    """Median first, median cached and best cached time in milliseconds."""
    first, cached = [], []
    for k in range(repeats):
        renderer = PortraitRenderer()
        for shot in range(3):
            scene = sample_scene(100 * k + shot, case.framing)
            (cached if shot else first).append(_cpu_ms(renderer, case, k, scene))
    return statistics.median(first), statistics.median(cached), min(cached)


def main() -> int:
    """Measure all cases and print a table; 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=9, help="persons per case (three shots each)")
    repeats = parser.parse_args().repeats
    cv2.setNumThreads(1)
    missed = False
    print(f"{'size':>9} {'framing':<10} {'first':>8} {'cached':>8} {'best':>8} {'first/cached':>13}  target")
    for case in CASES:
        first, cached, best = measure(case, repeats)
        verdict = ""
        if case.target_ms is not None:
            verdict = f"{case.target_ms:.0f} ms {'met' if cached <= case.target_ms else 'missed'}"
            missed |= cached > case.target_ms
        size, times = f"{case.width}x{case.height}", f"{first:>5.0f} ms {cached:>5.0f} ms {best:>5.0f} ms"
        print(f"{size:>9} {case.framing:<10} {times} {first / cached:>12.2f}x  {verdict}")
    return int(missed)


if __name__ == "__main__":
    raise SystemExit(main())

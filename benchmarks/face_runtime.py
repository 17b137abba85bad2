"""How much faster ``FaceRuntime`` measures a picture than plain InsightFace, and whether it decides alike.

    python -m benchmarks.face_runtime [--rounds 15] [--pictures 300]

1. Wall time with all available cores, one picture against an anchor already looked at, on a pack of the
   shapes of ``buffalo_l`` that is written for the occasion. Both sides take turns, so that a busy machine
   slows both; the recogniser is the same file at the same precision.
2. Decisions on the bundled pack over rendered pictures of all framings, full bodies included, where the
   small face makes the runtime fall back to the larger detector size.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import statistics
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.buffalo_shaped_pack import write_pack
from personalab_core.identity import ArcFaceEvaluator, FaceFacts, FaceRuntime, GeometricEvaluator, IdentityPolicy
from personalab_core.identity.facts import Face, obstacle
from personalab_core.identity.packs import find_pack
from personalab_core.identity.pose import pose_from_106
from personalab_core.schemas import MeasurementStatus
from personalab_core.simulation import PortraitRenderer, Scene, sample_identity, sample_style

TARGET_RATIO = 3.5
PICTURE_PX = (1024, 1280)
"""Width and height: 4:5, the default aspect ratio of generated pictures."""
FRAMINGS = {"headshot": (384, 480), "half_body": (512, 640), "full_body": (768, 960)}


def naive_analysis(folder: Path) -> Any:
    """InsightFace as its own example uses it: every model, its default sizes and threads."""
    from insightface.app import FaceAnalysis

    with contextlib.redirect_stdout(io.StringIO()):
        analysis = FaceAnalysis(name=str(folder))
        analysis.prepare(ctx_id=0)
    return analysis


def wall_s(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def compare_speed(rounds: int) -> float:
    """Print both medians and return the ratio."""
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 255, (*PICTURE_PX[::-1], 3), dtype=np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        pack = write_pack(Path(folder) / "buffalo_l")
        naive = naive_analysis(pack)
        runtime = FaceRuntime.load(pack)
        evaluator = ArcFaceEvaluator(runtime, geometric=GeometricEvaluator())
        anchor = runtime.analyse(picture).faces[0]
        if anchor.embedding is None or any(face.embedding is None for face in naive.get(picture)):
            raise RuntimeError("expected both sides to recognise the face; their times would not compare")
        actions = {
            "naive": lambda: naive.get(picture),
            "runtime": lambda: evaluator.matcher.score(anchor, runtime.analyse(picture), path="candidate"),
        }
        for action in actions.values():  # sessions per detector size are opened at the first call
            action()
        times: dict[str, list[float]] = {name: [] for name in actions}
        for _ in range(rounds):
            for name, action in actions.items():
                times[name].append(wall_s(action))
    medians = {name: statistics.median(values) for name, values in times.items()}
    ratio = medians["naive"] / medians["runtime"]
    pairs = [a / b for a, b in zip(times["naive"], times["runtime"], strict=True)]
    low, high = np.percentile(pairs, [10, 90])
    print(f"picture {PICTURE_PX[0]} x {PICTURE_PX[1]}, {rounds} rounds in turns, {len(os.sched_getaffinity(0))} cores")
    print(f"  FaceAnalysis().get(), all models, defaults  {medians['naive'] * 1e3:7.0f} ms")
    print(f"  FaceRuntime, anchor already looked at       {medians['runtime'] * 1e3:7.0f} ms")
    print(f"  ratio {ratio:.2f} (per round, 10 % to 90 %: {low:.2f} to {high:.2f}); target {TARGET_RATIO}")
    return ratio


def facts_of(analysis: Any, picture: np.ndarray) -> FaceFacts:
    """What the plain analysis found, in our terms, so that only the detection differs."""
    faces = []
    for found in analysis.get(picture):
        points106 = found["landmark_2d_106"].astype(np.float32)
        pose = pose_from_106(points106)
        status, reason = obstacle(found.bbox, pose)
        measured = status is MeasurementStatus.MEASURED
        vector = found.normed_embedding.astype(np.float32) if measured else None
        faces.append(Face(found.bbox, found.kps, points106, float(found.det_score), pose, vector, status, reason))
    return FaceFacts.of_faces(faces, width_px=picture.shape[1], height_px=picture.shape[0])


def rendered(n: int) -> list[tuple[str, int, np.ndarray, np.ndarray]]:
    """Framing, kind, anchor and candidate; every third candidate shows somebody else."""
    renderer, rng, out = PortraitRenderer(), np.random.default_rng(5), []
    framings = list(FRAMINGS)
    anchors: dict[int, np.ndarray] = {}
    for i in range(n):
        person, framing = i // 6, framings[i % 3]
        identity = sample_identity(9000 + person)
        style = sample_style(identity, 9000 + person)
        if person not in anchors:
            anchors[person] = renderer.render(identity, style, Scene(), width=384, height=480).image
        if i % 6 >= 4:
            identity = sample_identity(20_000 + i)
            style = sample_style(identity, i)
        width, height = FRAMINGS[framing]
        scene = Scene(
            framing=framing,  # type: ignore[arg-type]
            yaw_deg=float(rng.uniform(-30, 30)),
            pitch_deg=float(rng.uniform(-8, 8)),
            smile=float(rng.uniform(-0.2, 0.9)),
            background_seed=i,
            clothes_seed=i,
        )
        out.append(
            (
                framing,
                person,
                anchors[person],
                renderer.render(identity, style, scene, width=width, height=height).image,
            )
        )
    return out


def compare_decisions(n: int) -> float:
    """Print how often both sides decide alike, and return that share."""
    pack = find_pack("simface").folder
    naive, runtime = naive_analysis(pack), FaceRuntime.load(pack)
    naive.prepare(ctx_id=0, det_size=(640, 640))
    matcher = ArcFaceEvaluator(runtime, geometric=GeometricEvaluator()).matcher
    policy = IdentityPolicy()
    anchors: dict[int, Face] = {}
    alike: Counter[str] = Counter()
    total: Counter[str] = Counter()
    decisions: Counter[str] = Counter()
    differences: list[str] = []
    for framing, person, anchor_picture, picture in rendered(n):
        if person not in anchors:
            anchors[person] = runtime.analyse(anchor_picture).faces[0]
        results = [
            matcher.score(anchors[person], facts, path="")
            for facts in (facts_of(naive, picture), runtime.analyse(picture))
        ]
        slow, fast = (policy.decide(result, others_expected=True) for result in results)
        total[framing] += 1
        alike[framing] += slow.decision is fast.decision
        decisions[fast.decision] += 1
        if slow.decision is not fast.decision:
            scores = " / ".join("none" if r.composite_score is None else f"{r.composite_score:.3f}" for r in results)
            faces = " / ".join(str(r.n_faces) for r in results)
            differences.append(f"{framing}: {slow.decision} / {fast.decision}, {scores}, faces {faces}")
    print(f"{n} rendered pictures, decisions {dict(decisions)}")
    for framing in FRAMINGS:
        print(f"  {framing:10} {alike[framing]} of {total[framing]} decided alike")
    for line in differences[:12]:
        print("    plain / runtime:", line)
    return sum(alike.values()) / n


def main() -> int:
    """Run, print, and say by the exit code whether the target is met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--pictures", type=int, default=300)
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore", message="`estimate` is deprecated", category=FutureWarning)
    ratio = compare_speed(arguments.rounds) if arguments.rounds else None
    if arguments.pictures:
        share = compare_decisions(arguments.pictures)
        print(f"  {share:.1%} decided alike")
    return 1 if ratio is not None and ratio < TARGET_RATIO else 0


if __name__ == "__main__":
    sys.exit(main())

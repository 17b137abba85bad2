"""Our own cost of one attempt, beyond provider, model, decoding, encoding and thumbnail.

    python -m benchmarks.attempt_overhead

The whole orchestrator runs with the real records (chained, locked, flushed to disk) over a
client that answers at once and an evaluator that knows the answer; storing the picture
is replaced by writing its bytes. Printed is the process CPU time of an attempt, which a
busy machine does not change, and beside it the wall time, most of it the disk's. Exit
code 1 if the median is not below the target.
"""

from __future__ import annotations

import itertools
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from personalab_core.config import load_config
from personalab_core.generation import GenerationRequest, GenerationResponse, ImageGenerator
from personalab_core.identity import DriftTracker, IdentityPolicy
from personalab_core.llm import create_client
from personalab_core.observability import GenerationMetricsLogger, StoredPicture
from personalab_core.orchestration import AttemptFinished, Event, GenerationOrchestrator
from personalab_core.prompts import load_patch_catalogue
from personalab_core.schemas import (
    CandidateResult,
    EmbeddingScore,
    EvaluationResult,
    EvaluatorInfo,
    FaceSummary,
    GeometricScore,
    ImagePrompt,
    MeasurementStatus,
    RatioScore,
)

TARGET_MS = 5.0
N_ASSETS = 60
N_WARM_UP = 9
PERSONA = "daniperez"
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(200_000)

PROMPT = ImagePrompt(
    subject_description="a 23-year-old woman with long dark brown hair",
    action_details="walking towards the camera",
    location_details="street with painted facades",
    framing="half_body",
)


class InstantGenerator(ImageGenerator):
    """Answers at once, and stores bytes without decoding them or making a thumbnail."""

    def generate(self, request: GenerationRequest) -> GenerationResponse:  # noqa: ARG002 - it asks nobody
        """Return the same picture."""
        return GenerationResponse(data=PICTURE)

    def store(self, data: bytes, *, folder: Path, name: str) -> StoredPicture:
        """Return where the bytes were written."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name}.png"
        path.write_bytes(data)
        return StoredPicture(path, "0" * 64, 640, 800, path)


class KnowingEvaluator:
    """Measures nothing: two retries, then accepted, each result as large as a real one."""

    info = EvaluatorInfo(name="known", version="1", pack="none", pack_hash="0" * 16, metric="cosine_similarity")

    def __init__(self) -> None:
        self.n_calls = 0
        self.cpu_s = 0.0

    def evaluate(self, anchor_path: str | Path, candidate_paths: Sequence[str | Path]) -> EvaluationResult:
        """Return a score between the thresholds twice, then one above; note what that costs itself."""
        started = time.process_time()
        result = self._result(str(candidate_paths[0]))
        self.cpu_s += time.process_time() - started
        return EvaluationResult(anchor_path=str(anchor_path), evaluator=self.info, candidates=(result,))

    def _result(self, path: str) -> CandidateResult:
        self.n_calls += 1
        score = 0.7 if self.n_calls % 3 == 0 else 0.45
        ratios = tuple(RatioScore(name=f"ratio_{i}", anchor=1.0, candidate=1.02) for i in range(7))
        return CandidateResult(
            path=path,
            status=MeasurementStatus.MEASURED,
            n_faces=1,
            composite_score=score,
            embedding=EmbeddingScore(cosine_similarity=score, threshold=0.55, passed=score >= 0.55),
            geometric=GeometricScore(normalized_error=0.02, threshold=0.08, passed=True, n_points=106, ratios=ratios),
            face=FaceSummary(
                box=(100, 100, 300, 360),
                size_fraction=0.3,
                frame_size="head",
                landmarks=tuple((float(i), float(i)) for i in range(106)),
            ),
            embedding_vector=tuple([0.044] * 512),
        )


class Stopwatch:
    """Notes CPU and wall time at the end of each attempt, without what the evaluator took."""

    def __init__(self, evaluator: KnowingEvaluator) -> None:
        self._evaluator = evaluator
        self.cpu_s: list[float] = []
        self.wall_s: list[float] = []

    def __call__(self, event: Event) -> None:
        """Look at the clocks if an attempt has ended."""
        if isinstance(event, AttemptFinished):
            self.cpu_s.append(time.process_time() - self._evaluator.cpu_s)
            self.wall_s.append(time.perf_counter())


def measure(folder: Path) -> tuple[float, float, int]:
    """Return the median milliseconds of CPU and wall time of an attempt, and how many were measured."""
    config = load_config(workspace=folder, profile="simulated", environ={})
    anchor = config.paths.references / PERSONA / "anchors" / f"{PERSONA}_anchor_frontal_neutral.png"
    anchor.parent.mkdir(parents=True)
    anchor.write_bytes(PICTURE)
    evaluator = KnowingEvaluator()
    stopwatch = Stopwatch(evaluator)
    orchestrator = GenerationOrchestrator(
        image_generator=InstantGenerator(
            client=create_client(config),
            model_name="instant",
            aspect_ratio="4:5",
            references_root=config.paths.references,
        ),
        evaluator=evaluator,
        policy=IdentityPolicy.from_config(config.evaluation),
        drift_tracker=DriftTracker(config.evaluation.drift.log_dir),
        metrics_logger=GenerationMetricsLogger(config.paths.output),
        output_dir=config.paths.output,
        references_root=config.paths.references,
        patches=load_patch_catalogue(config),
        on_event=stopwatch,
    )
    for seed in range(N_ASSETS):
        orchestrator.run(PERSONA, {}, PROMPT, seed=seed)
    cpu_ms, wall_ms = (
        [1e3 * (after - before) for before, after in itertools.pairwise(times)][N_WARM_UP:]
        for times in (stopwatch.cpu_s, stopwatch.wall_s)
    )
    return statistics.median(cpu_ms), statistics.median(wall_ms), len(cpu_ms)


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        cpu_ms, wall_ms, n = measure(Path(folder))
    print(f"own overhead of an attempt, median of {n}: {cpu_ms:.2f} ms CPU (target below {TARGET_MS:g}), "
          f"{wall_ms:.2f} ms wall")  # fmt: skip
    return 0 if cpu_ms < TARGET_MS else 1


if __name__ == "__main__":
    sys.exit(main())

"""How close the asynchronous runner comes to what the provider's limits allow, and what it costs itself.

    python -m benchmarks.runner_makespan

A simulated provider answers after a fixed time and allows L calls in flight; one call is one accepted picture.
Four facts, each with its target:

- 100 jobs end within 5 % of the ideal makespan, ceil(100 / L) * latency;
- with a rate limit of r calls a second, they end within 5 % of (100 - 1) / r + latency;
- the provider never sees more than L calls in flight, nor more than 1 + r * t beginnings in any t seconds;
- beside the one job loop that every runner drives, the runner costs less than 2 ms of CPU a job.

The records are real (chained, flushed to disk, every call in the account book first); pictures are stored as bytes
and measured by an evaluator that knows the answer. On a busy machine the makespans say how busy it is: the CPU time
is printed beside them.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Literal

from personalab_core.config import Config, load_config
from personalab_core.generation import GenerationRequest, GenerationResponse, ImageGenerator
from personalab_core.identity import DriftTracker, IdentityPolicy
from personalab_core.llm import LLMImageResponse, create_client
from personalab_core.observability import GenerationMetricsLogger, StoredPicture
from personalab_core.orchestration import GenerationOrchestrator
from personalab_core.prompts import load_patch_catalogue
from personalab_core.runtime import (
    AsyncRunner,
    JobSpec,
    ProviderSemaphore,
    RateLimiter,
    RetryPolicy,
    SyncRunner,
)
from personalab_core.schemas import (
    CandidateResult,
    EmbeddingScore,
    EvaluationResult,
    EvaluatorInfo,
    FaceSummary,
    ImagePrompt,
    MeasurementStatus,
)

N_JOBS = 100
IN_FLIGHT = 10
RATE_PER_S = 8.0
MAKESPAN_TARGET = 1.05
OVERHEAD_TARGET_MS = 2.0
N_PAIRS = 11
PERSONA = "daniperez"
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(50_000)
PROMPT = ImagePrompt(subject_description="a 23-year-old woman with long dark brown hair", framing="half_body")


class FixedLatencyClient:
    """A provider that answers every request with one picture, in an event loop after a fixed time."""

    provider = "simulated"

    def __init__(self, latency_s: float) -> None:
        self._latency_s = latency_s

    def generate_image(self, **_: object) -> LLMImageResponse:
        """Return a picture at once."""
        return LLMImageResponse(images=(PICTURE,))

    async def generate_image_async(self, **_: object) -> LLMImageResponse:
        """Return a picture after the latency."""
        await asyncio.sleep(self._latency_s)
        return LLMImageResponse(images=(PICTURE,))


@dataclass
class WatchedGenerator(ImageGenerator):
    """Notes when calls begin and how many are in flight; each is entered into the account book, as always."""

    config: Config
    latency_s: float
    begun_s: list[float] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0

    def __post_init__(self) -> None:
        ImageGenerator.__init__(
            self,
            client=FixedLatencyClient(self.latency_s),  # type: ignore[arg-type]  # only pictures are asked for
            model_name="instant",
            aspect_ratio="4:5",
            references_root=self.config.paths.references,
        )

    async def generate_async(self, request: GenerationRequest) -> GenerationResponse:
        """Return what the provider answers."""
        self.begun_s.append(time.monotonic())
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        response = await super().generate_async(request)
        self.in_flight -= 1
        return response

    def store(self, data: bytes, *, folder: Path, name: str) -> StoredPicture:
        """Return where the bytes were written."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name}.png"
        path.write_bytes(data)
        return StoredPicture(path, "0" * 64, 640, 800, path)


class KnowingEvaluator:
    """Measures nothing: every picture is accepted."""

    info = EvaluatorInfo(name="known", version="1", pack="none", pack_hash="0" * 16, metric="cosine_similarity")

    def evaluate(self, anchor_path: str | Path, candidate_paths: Sequence[str | Path]) -> EvaluationResult:
        """Return an accepted result."""
        candidate = CandidateResult(
            path=str(candidate_paths[0]),
            status=MeasurementStatus.MEASURED,
            n_faces=1,
            composite_score=0.7,
            embedding=EmbeddingScore(cosine_similarity=0.7, threshold=0.55, passed=True),
            face=FaceSummary(box=(100, 100, 300, 360), size_fraction=0.3, frame_size="head"),
        )
        return EvaluationResult(anchor_path=str(anchor_path), evaluator=self.info, candidates=(candidate,))


class InstantPool:
    """Answers in the event loop: what is measured here is the runner, not a pool."""

    def __init__(self) -> None:
        self._evaluator = KnowingEvaluator()

    async def evaluate_async(self, anchor_path: str, candidate_paths: Sequence[str]) -> EvaluationResult:
        """Return an accepted result."""
        return self._evaluator.evaluate(anchor_path, candidate_paths)

    async def evaluate_video_async(self, anchor_path: str, video_path: str, **_: float) -> EvaluationResult:
        """Return an accepted result; nothing is filmed here."""
        return self._evaluator.evaluate(anchor_path, [video_path])


@dataclass
class Bench:
    """One workspace with a runner over a watched provider."""

    folder: Path
    latency_s: float
    rate_per_s: float = 1e6

    def __post_init__(self) -> None:
        self.config = load_config(workspace=self.folder, profile="simulated", environ={})
        anchor = self.config.paths.references / PERSONA / "anchors" / f"{PERSONA}_anchor_frontal_neutral.png"
        anchor.parent.mkdir(parents=True)
        anchor.write_bytes(PICTURE)
        self.generator = WatchedGenerator(self.config, self.latency_s)
        self.common = {
            "image_generator": self.generator,
            "policy": IdentityPolicy.from_config(self.config.evaluation),
            "drift_tracker": DriftTracker(self.config.evaluation.drift.log_dir),
            "metrics_logger": GenerationMetricsLogger(self.config.paths.output),
            "output_dir": self.config.paths.output,
            "references_root": self.config.paths.references,
            "patches": load_patch_catalogue(self.config),
        }

    def asynchronous(self) -> AsyncRunner:
        """Return the runner that is measured."""
        return AsyncRunner(
            client=create_client(self.config),
            retry_policy=RetryPolicy(),
            eval_pool=InstantPool(),
            provider_semaphore=ProviderSemaphore({"simulated": IN_FLIGHT}),
            rate_limiter=RateLimiter({"simulated": self.rate_per_s}),
            max_concurrent_jobs=2 * IN_FLIGHT,
            **self.common,
        )

    def synchronous(self) -> SyncRunner:
        """Return the runner it is compared with."""
        return SyncRunner(GenerationOrchestrator(evaluator=KnowingEvaluator(), **self.common))

    def run(self, runner: AsyncRunner | SyncRunner, n: int = N_JOBS) -> tuple[float, float]:
        """Return wall and CPU seconds of a run; every job must end accepted."""
        jobs = [
            JobSpec(job_id=f"job-{i}", seed=i, config_hash="0" * 16, persona=PERSONA, prompt=PROMPT) for i in range(n)
        ]
        started, cpu = time.perf_counter(), time.process_time()
        results = runner.run(jobs)
        spent = time.perf_counter() - started, time.process_time() - cpu
        if not all(result.accepted for result in results):
            raise RuntimeError("a job was not accepted")
        return spent


def most_over_the_rate(begun_s: Sequence[float], rate_per_s: float) -> float:
    """Return by how many calls the worst window exceeds ``1 + rate * t``; not above 0 if none does."""
    return max(
        last - first + 1 - (1 + rate_per_s * (begun_s[last] - begun_s[first]))
        for first in range(len(begun_s))
        for last in range(first, len(begun_s))
    )


def makespan(latency_s: float) -> list[tuple[str, bool]]:
    """Return what was found about the two kinds of limits, and whether it meets its target."""
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), latency_s)
        wall_s, cpu_s = bench.run(bench.asynchronous())
        ideal_s = math.ceil(N_JOBS / IN_FLIGHT) * latency_s
        most = bench.generator.most_in_flight
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), latency_s, RATE_PER_S)
        paced_s, _ = bench.run(bench.asynchronous())
        paced_ideal_s = max(ideal_s, (N_JOBS - 1) / RATE_PER_S + latency_s)
        excess = most_over_the_rate(bench.generator.begun_s, RATE_PER_S)
    return [
        (
            f"{N_JOBS} jobs, {IN_FLIGHT} in flight: {wall_s:.2f} s, {wall_s / ideal_s:.3f} x ideal (CPU {cpu_s:.2f} s)",
            wall_s <= MAKESPAN_TARGET * ideal_s,
        ),
        (
            f"the same at {RATE_PER_S:g} calls/s: {paced_s:.2f} s, {paced_s / paced_ideal_s:.3f} x ideal",
            paced_s <= MAKESPAN_TARGET * paced_ideal_s,
        ),
        (f"most calls in flight: {most}", most <= IN_FLIGHT),
        (f"worst window over 1 + rate * t: {excess:+.4f} calls", excess <= 1e-9),
    ]


def overhead() -> list[tuple[str, bool]]:
    """Return what the runner adds to the CPU time of a job over the synchronous one: the median of pairs in turn."""
    cpu_s("synchronous")  # the first run pays for imports
    pairs = [(cpu_s("synchronous"), cpu_s("asynchronous")) for _ in range(N_PAIRS)]
    added_ms, alone_ms = (
        1e3 * median(times) / N_JOBS for times in ([both - one for one, both in pairs], [one for one, _ in pairs])
    )
    text = (
        f"runner overhead per job: {added_ms:.2f} ms CPU (target below {OVERHEAD_TARGET_MS:g}), "
        f"beside {alone_ms:.2f} ms in the synchronous runner"
    )
    return [(text, added_ms < OVERHEAD_TARGET_MS)]


def cpu_s(runner: Literal["synchronous", "asynchronous"]) -> float:
    """Return the CPU seconds of a run over a provider that answers at once."""
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), 0.0)
        return bench.run(bench.synchronous() if runner == "synchronous" else bench.asynchronous())[1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--latency-s", type=float, default=1.0, help="of a simulated call; real ones take 20-40 s")
    options = parser.parse_args()
    found = makespan(options.latency_s) + overhead()
    for text, met in found:
        print(f"{text}: {'met' if met else 'MISSED'}")
    return 0 if all(met for _, met in found) else 1


if __name__ == "__main__":
    sys.exit(main())

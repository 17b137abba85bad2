"""Clients, an evaluator and a workspace for whole batches; importable by the workers of a cluster."""

from __future__ import annotations

import asyncio
import os
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from personalab_core.config import Config, load_config
from personalab_core.errors import CapabilityError, ProviderServerError, UnknownOperationError
from personalab_core.generation import VideoGenerator
from personalab_core.identity import FrameExtractor, IdentityPolicy, VideoIdentityEvaluator
from personalab_core.llm import LLMImageResponse
from personalab_core.orchestration import VideoOrchestrator
from personalab_core.quality import PostProcessingGate, VideoQualityEvaluator
from personalab_core.runtime import (
    AsyncRunner,
    JobResult,
    JobSpec,
    ProviderSemaphore,
    RateLimiter,
    RetryPolicy,
    compute_config_hash,
)
from personalab_core.schemas import Cost, EvaluationResult, ImagePrompt
from tests.support.fakes import FakeLLMClient, tiny_png
from tests.support.loop_fakes import FAKE_INFO, PATCHES, PERSONA, LoopBench, TickingClock, candidate, counted_chance

PROMPT = ImagePrompt(subject_description="a woman of 23")


class SeededClient(FakeLLMClient):
    """Draws a picture whose brightness follows from the seed; blocks or fails for some seeds."""

    def generate_image(self, **request: Any) -> LLMImageResponse:
        seed = self.seed or 0
        if seed % 7 == 0:
            return LLMImageResponse(block_reason="SAFETY", cost=Cost(amount_usd=0.0))
        if seed % 11 == 0:
            raise ProviderServerError("busy", provider="fake")
        return LLMImageResponse(images=(tiny_png(seed % 251),), cost=Cost(amount_usd=0.0))


class PictureEvaluator:
    """Scores a picture by its bytes, so that the order of measurements does not matter."""

    info = FAKE_INFO

    def evaluate(self, anchor_path: str | Path, candidate_paths: Sequence[str | Path]) -> EvaluationResult:
        path = Path(candidate_paths[0])
        score = 0.3 + (zlib.crc32(path.read_bytes()) % 100) / 250
        return EvaluationResult(
            anchor_path=str(anchor_path), evaluator=self.info, candidates=(candidate(score, path=str(path)),)
        )

    async def evaluate_async(self, anchor_path: str, candidate_paths: Sequence[str]) -> EvaluationResult:
        await asyncio.sleep(0)
        return self.evaluate(anchor_path, candidate_paths)


@dataclass
class CountingClient:
    """Answers after ``latency_s``, and writes every submission into a file that all workers share."""

    log: Path
    latency_s: float
    seed: int = 0
    provider = "simulated"

    def with_seed(self, seed: int) -> Self:
        return replace(self, seed=seed)

    async def generate_image_async(self, **_: Any) -> LLMImageResponse:
        self.note()
        await asyncio.sleep(self.latency_s)
        return self.picture(self.seed)

    def note(self) -> None:
        with self.log.open("a") as file:
            file.write(f"{self.seed} {os.getpid()}\n")

    @staticmethod
    def picture(seed: int) -> LLMImageResponse:
        return LLMImageResponse(images=(tiny_png(seed % 251),), cost=Cost(amount_usd=0.0))


class LongOperationClient(CountingClient):
    """The same as a long operation that can be collected, by anybody, once it is done."""

    async def submit_image_async(self, **_: Any) -> str:
        self.note()
        return f"operation-{self.seed}"

    async def collect_image_async(self, operation_id: str) -> LLMImageResponse:
        await asyncio.sleep(self.latency_s)
        seed = int(operation_id.removeprefix("operation-"))
        if str(seed) not in self.log.read_text():
            raise UnknownOperationError("never heard of it", provider=self.provider)
        return self.picture(seed)

    def submit_image(self, **_: Any) -> str:
        raise CapabilityError("this fake makes pictures only", provider="fake")

    def collect_image(self, operation_id: str) -> LLMImageResponse:
        raise CapabilityError("this fake makes pictures only", provider="fake")


@dataclass
class NodeBoundClient(CountingClient):
    """Never answers on one node of a cluster; on the others only once ``n_there`` calls are under way on that one."""

    node: str = ""
    n_there: int = 0

    async def generate_image_async(self, **_: Any) -> LLMImageResponse:
        import ray

        where = ray.get_runtime_context().get_node_id()
        with self.log.open("a") as file:
            file.write(f"{self.seed} {where}\n")
        async with asyncio.timeout(120):
            while where == self.node or len(seeds_at(self.log, self.node)) < self.n_there:
                await asyncio.sleep(0.02)
        return self.picture(self.seed)


def seeds_at(log: Path, node: str) -> set[int]:
    """The seeds that were submitted from one node of a cluster."""
    lines = [line.split() for line in log.read_text().splitlines()]
    return {int(seed) for seed, where in lines if where == node}


def submissions(log: Path) -> Counter[int]:
    """How often each seed was submitted."""
    return Counter(int(line.split()[0]) for line in log.read_text().splitlines())


def workspace(folder: Path, settings: str = "", *, anchor: bytes | None = None) -> Config:
    """The configuration of a workspace with one persona and its anchor."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yml").write_text(f"profile: simulated\n{settings}")
    config = load_config(folder / "config.yml", environ={})
    path = config.paths.references / PERSONA / "anchors" / f"{PERSONA}_anchor_frontal_neutral.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(anchor or tiny_png(200))
    return config


def jobs(n: int, *, first_seed: int = 42, **changes: Any) -> list[JobSpec]:
    """Jobs with ids and seeds of their own."""
    return [
        JobSpec(
            **{
                "job_id": f"batch-001-{i}",
                "seed": first_seed + i,
                "config_hash": compute_config_hash(PROMPT),
                "persona": PERSONA,
                "scenario_template": {},
                "prompt": PROMPT,
                "asset_type": "image",
                **changes,
            }
        )
        for i in range(n)
    ]


def essence(result: JobResult) -> tuple[object, ...]:
    """What must not depend on who carried out a job: decisions, scores, prompts and patches."""
    attempts = [
        (
            *(a.decision, a.reason, a.part, a.sentence, a.status, a.scores, a.error, a.evaluator),
            *(a.asset_type, a.prompt, a.prompt_hash, a.patches, a.context.seed, a.image_sha256, a.transport_tries),
            (a.video.video_sha256, a.video.identity, a.video.quality, a.video.advice) if a.video else None,
        )
        for a in result.attempts
    ]
    return (result.job_id, result.outcome, result.sentence, result.final_score, result.final_attempt, attempts)


def film_twin(bench: LoopBench, generator: VideoGenerator) -> VideoOrchestrator:
    """What makes a bench's videos one after the other, measured as the runners' pools measure them."""
    evaluator = VideoIdentityEvaluator(bench.evaluator, FrameExtractor())
    return VideoOrchestrator(
        video_generator=generator,
        video_evaluator=evaluator,
        policy=bench.policy,
        quality_evaluator=VideoQualityEvaluator(),
        post_processing_gate=PostProcessingGate(),
        drift_tracker=bench.log,
        metrics_logger=bench.log,
        output_dir=bench.output_dir,
        references_root=bench.references_root,
        registry=bench.log,
        patches=PATCHES,
        clock=TickingClock(),
        chance=counted_chance(),
    )


def async_runner(bench: LoopBench, **changes: Any) -> AsyncRunner:
    """The asynchronous twin of ``SyncRunner(bench.orchestrator())``."""

    async def no_wait(_: float) -> None:
        return None

    settings = {
        "client": bench.client,
        "image_generator": bench.generator(),
        "policy": IdentityPolicy(),
        "retry_policy": RetryPolicy(1, sleeper=lambda _: None, async_sleeper=no_wait),
        "eval_pool": bench.evaluator,
        "provider_semaphore": ProviderSemaphore({"fake": 2}),
        "rate_limiter": RateLimiter({"fake": 1e6}),
        "drift_tracker": bench.log,
        "metrics_logger": bench.log,
        "output_dir": bench.output_dir,
        "references_root": bench.references_root,
        "registry": bench.log,
        "patches": PATCHES,
        "clock": TickingClock(),
        "chance": counted_chance(),
    }
    return AsyncRunner(**{**settings, **changes})

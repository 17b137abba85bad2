"""A worker that may be killed at any moment: a batch of jobs over a counting vendor, from a process of its own."""

from __future__ import annotations

import os
import signal
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from personalab_core.generation import ImageGenerator, RetryPolicy, VideoGenerator
from personalab_core.identity import DriftTracker, IdentityPolicy
from personalab_core.observability import GenerationMetricsLogger
from personalab_core.orchestration import AssetFinished, Event, GenerationOrchestrator
from personalab_core.runtime import AsyncRunner, JobSpec, ProviderSemaphore, RateLimiter, SyncRunner
from personalab_core.schemas import AssetOutcome, EvaluationResult, ImagePrompt, VideoPrompt
from personalab_core.schemas.records import AssetType
from tests.support.counting_vendor import TERMS, VendorKind, adapter_of, load_sdks
from tests.support.loop_fakes import FAKE_INFO, PATCHES, PERSONA, candidate

RunnerKind = Literal["sync", "async"]

ANNOUNCED = "announced.txt"

load_sdks()  # in the fork server, so that no killed process pays for it


class PictureEvaluator:
    """Scores a picture by its bytes: the same in every process."""

    info = FAKE_INFO

    def evaluate(self, anchor_path: str | Path, candidate_paths: Sequence[str | Path]) -> EvaluationResult:
        path = Path(candidate_paths[0])
        score = 0.4 + (zlib.crc32(path.read_bytes()) % 100) / 200
        result = candidate(score, path=str(path))
        return EvaluationResult(anchor_path=str(anchor_path), evaluator=self.info, candidates=(result,))

    async def evaluate_async(self, anchor_path: str, candidate_paths: Sequence[str]) -> EvaluationResult:
        return self.evaluate(anchor_path, candidate_paths)

    async def evaluate_video_async(self, anchor_path: str, video_path: str, **_: float) -> EvaluationResult:
        return self.evaluate(anchor_path, [video_path])


def jobs(n: int, asset_type: AssetType) -> list[JobSpec]:
    kind = VideoPrompt if asset_type == "video" else ImagePrompt
    prompts = [kind(subject_description="a woman of 23", action_details=f"holding card {i}") for i in range(n)]
    return [
        JobSpec(
            job_id=f"job-{i:03d}",
            seed=100 + i,
            config_hash="0" * 16,
            persona=PERSONA,
            prompt=prompt,
            asset_type=asset_type,
        )
        for i, prompt in enumerate(prompts)
    ]


def work(folder: str, url: str, vendor: VendorKind, runner: RunnerKind, n: int, die_at: int | None = None) -> None:
    """Carry out the jobs; with ``die_at`` the process kills itself at that many-th step of new work."""
    output_dir, references_root = Path(folder) / "generated_content", Path(folder) / "references"
    client = adapter_of(vendor, url)
    retry = RetryPolicy(0)

    def announce(event: Event) -> None:
        if isinstance(event, AssetFinished) and event.outcome is AssetOutcome.ACCEPTED:
            with (Path(folder) / ANNOUNCED).open("a") as file:
                file.write(f"{event.asset_id}\n")

    generator = ImageGenerator(
        client=client,
        model_name=TERMS[vendor].model,
        aspect_ratio="4:5",
        references_root=references_root,
        transport_retry=retry,
    )
    shared = {
        "policy": IdentityPolicy(),
        "drift_tracker": DriftTracker(output_dir / "drift"),
        "metrics_logger": GenerationMetricsLogger(output_dir),
        "output_dir": output_dir,
        "references_root": references_root,
        "patches": PATCHES,
        "on_event": announce,
    }
    made: SyncRunner | AsyncRunner
    if runner == "sync":
        orchestrator = GenerationOrchestrator(image_generator=generator, evaluator=PictureEvaluator(), **shared)  # type: ignore[arg-type]
        made = SyncRunner(orchestrator)
    else:
        made = AsyncRunner(
            client=client,
            image_generator=generator,
            video_generator=VideoGenerator(client, TERMS[vendor].model, "720p", "9:16", transport_retry=retry),
            retry_policy=retry,
            eval_pool=PictureEvaluator(),  # type: ignore[arg-type]
            provider_semaphore=ProviderSemaphore({"default": 2}),
            rate_limiter=RateLimiter({"default": 1e6}),
            max_concurrent_jobs=3,
            **shared,  # type: ignore[arg-type]
        )
    if die_at is not None:
        _die_at_step(die_at, folder)
    made.run(jobs(n, "video" if vendor == "films" else "image"))


def _die_at_step(number: int, folder: str) -> None:
    """Kill this process, as the system does it, so many connections made and files of the workspace opened or renamed
    after its first connection to the vendor: before that it only reads what is done."""
    steps = -1

    def count(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal steps
        of_ours = event in {"open", "os.rename", "os.truncate"} and str(arguments[0]).startswith(folder)
        if event == "socket.connect" or (steps >= 0 and of_ours):
            steps += 1
            if steps == number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)

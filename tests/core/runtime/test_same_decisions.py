"""Whoever carries out a job, and in whatever order: decisions, scores, prompts and patches are the same."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from personalab_core.errors import InputError, ProviderServerError, RateLimitError
from personalab_core.llm import LLMImageResponse
from personalab_core.runtime import ProviderSemaphore, SyncRunner
from personalab_core.schemas import EvaluationResult, MeasurementStatus
from tests.support.batch import PictureEvaluator, async_runner, essence, jobs
from tests.support.fakes import FakeLLMClient, tiny_png
from tests.support.loop_fakes import LoopBench, candidate


class MoodyClient(FakeLLMClient):
    """Everything a provider does, decided by the seed alone; answers take more or fewer turns of the loop."""

    def generate_image(self, **request: Any) -> LLMImageResponse:
        seed = self.seed or 0
        match seed % 9:
            case 0:
                return LLMImageResponse(block_reason="SAFETY")
            case 1:
                raise ProviderServerError("busy", provider="fake")
            case 2:
                raise RateLimitError("slow down", provider="fake", retry_after_s=1e-4)
            case 3:
                return LLMImageResponse(images=(b"no picture",))
        return LLMImageResponse(images=(tiny_png(seed % 251),))

    async def generate_image_async(self, **request: Any) -> LLMImageResponse:
        for _ in range((self.seed or 0) % 5):
            await asyncio.sleep(0)
        return self.generate_image(**request)


class MoodyEvaluator(PictureEvaluator):
    """Scores by the picture's bytes; some show nobody, and one kind ends the evaluator."""

    def evaluate(self, anchor_path: str | Path, candidate_paths: Sequence[str | Path]) -> EvaluationResult:
        result = super().evaluate(anchor_path, candidate_paths)
        mood = len(Path(candidate_paths[0]).read_bytes()) + int(1000 * (result.final_score or 0))
        if mood % 10 == 1:
            raise ZeroDivisionError
        if mood % 10 == 2:
            raise InputError("the anchor has no measurable face")
        if mood % 10 == 3:
            nobody = candidate(MeasurementStatus.NO_FACE, path=str(candidate_paths[0]))
            return result.model_copy(update={"candidates": (nobody,)})
        return result


@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@given(
    seeds=st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=6),
    at_once=st.integers(1, 5),
    in_flight=st.integers(1, 3),
)
def test_sync_and_async_give_the_same(seeds: list[int], at_once: int, in_flight: int) -> None:
    todo = [job.model_copy(update={"seed": seed}) for job, seed in zip(jobs(len(seeds)), seeds, strict=True)]
    with tempfile.TemporaryDirectory() as folder:
        bench = LoopBench(Path(folder), client=MoodyClient(), evaluator=MoodyEvaluator(), max_retries=1)
        bench.write_anchor()
        one = SyncRunner(bench.orchestrator()).run(todo)
        runner = async_runner(
            bench, max_concurrent_jobs=at_once, provider_semaphore=ProviderSemaphore({"fake": in_flight})
        )
        other = runner.run(todo)
    assert [essence(result) for result in one] == [essence(result) for result in other]
    assert [result.error for result in one] == [result.error for result in other]

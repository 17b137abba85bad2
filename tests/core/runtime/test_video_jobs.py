"""Jobs of asset type ``video``: the same results from both runners, in processes as well."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from personalab_core.config import load_config
from personalab_core.generation import VideoGenerator
from personalab_core.identity import StubEvaluator
from personalab_core.runtime import EvaluationPool, InProcessPool, JobSpec, SyncRunner
from personalab_core.schemas import AssetOutcome, ImagePrompt, VideoPrompt
from tests.support.batch import async_runner, essence, film_twin, jobs
from tests.support.clips import FakeVideoClient, level_clip, level_frame
from tests.support.loop_fakes import PERSONA, LoopBench

pytest.importorskip("av")

PROMPT = VideoPrompt(subject_description="a woman of 23", framing="headshot", duration_s=1)
STUB = {"embedding": {"backend": "stub"}}


@pytest.fixture
def bench(tmp_path: Path) -> LoopBench:
    bench = LoopBench(tmp_path, client=FakeVideoClient(videos=[level_clip([160] * 6)]))
    bench.write_anchor(data=cv2.imencode(".png", level_frame(200))[1].tobytes())
    return bench


def video_jobs(n: int) -> list[JobSpec]:
    return jobs(n, prompt=PROMPT, asset_type="video")


def generator(bench: LoopBench) -> VideoGenerator:
    return VideoGenerator(bench.client, "film-1", "720p", "9:16")


def test_both_runners_film_the_same_beside_pictures(bench: LoopBench) -> None:
    todo = [*video_jobs(2), *jobs(1, job_id="a-picture")]
    bench.evaluator = StubEvaluator()
    one = SyncRunner(bench.orchestrator(), video_orchestrator=film_twin(bench, generator(bench))).run(todo)
    pool = InProcessPool(bench.evaluator)
    other = async_runner(bench, eval_pool=pool, video_generator=generator(bench)).run(todo)
    pool.shutdown()
    assert [essence(result) for result in one] == [essence(result) for result in other]
    assert [result.attempts[0].asset_type for result in other] == ["video", "video", "image"]
    assert other[0].video_path is not None
    assert Path(other[0].video_path).read_bytes() == bench.client.videos[0]  # type: ignore[attr-defined]
    assert other[0].attempts[0].video is not None
    assert other[0].attempts[0].video.report_path is not None


@pytest.mark.slow
def test_a_process_measures_videos(bench: LoopBench) -> None:
    with EvaluationPool(1, eval_cfg=STUB) as pool:
        (result,) = async_runner(bench, eval_pool=pool, video_generator=generator(bench)).run(video_jobs(1))
    assert result.outcome is AssetOutcome.UNMEASURED
    assert result.attempts[0].video is not None
    assert result.attempts[0].video.quality is not None


def test_without_a_video_generator_the_configuration_in_force_says_how(bench: LoopBench) -> None:
    pool = InProcessPool(StubEvaluator())
    (result,) = async_runner(bench, eval_pool=pool).run(video_jobs(1))
    pool.shutdown()
    config = load_config(profile="simulated")
    (record,) = result.attempts
    assert (record.context.model, record.context.resolution) == (config.model_name("video"), "720p")
    assert result.video_path is not None


def test_a_sync_runner_without_video_orchestrator_says_what_it_lacks(bench: LoopBench) -> None:
    (result,) = SyncRunner(bench.orchestrator()).run(video_jobs(1))
    assert result.outcome is AssetOutcome.FAILED
    assert "video_orchestrator" in result.sentence


def test_the_prompt_must_be_of_the_jobs_kind() -> None:
    with pytest.raises(ValueError, match="needs a VideoPrompt"):
        jobs(1, asset_type="video", prompt=ImagePrompt(subject_description="a woman"))
    spec = video_jobs(1)[0]
    assert JobSpec.model_validate_json(spec.model_dump_json()) == spec
    assert isinstance(JobSpec.model_validate_json(spec.model_dump_json()).prompt, VideoPrompt)
    assert spec.persona == PERSONA

"""Jobs on a real cluster of two nodes on this machine, one of which is killed in the middle."""

from __future__ import annotations

import os
import random
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from personalab_core.config import Config
from personalab_core.errors import MissingDependencyError
from personalab_core.generation import ImageGenerator, RetryPolicy, VideoGenerator
from personalab_core.generation.seeds import derived_seed
from personalab_core.identity import FrameExtractor, IdentityPolicy, VideoIdentityEvaluator
from personalab_core.observability import GenerationMetricsLogger
from personalab_core.orchestration import GenerationOrchestrator, VideoOrchestrator
from personalab_core.prompts import load_patch_catalogue
from personalab_core.quality import PostProcessingGate, VideoQualityEvaluator
from personalab_core.runtime import JobDone, RayRunner, SyncRunner
from personalab_core.schemas import AssetOutcome
from tests.support.batch import (
    CountingClient,
    LongOperationClient,
    NodeBoundClient,
    PictureEvaluator,
    essence,
    jobs,
    seeds_at,
    submissions,
    workspace,
)
from tests.support.fakes import tiny_png
from tests.support.loop_fakes import PERSONA
from tests.support.moody import MoodyClient, MoodyEvaluator, mixed_jobs, moody_anchor

SETTINGS = """
runtime:
  max_concurrent_jobs: 6
  provider_limits: {simulated: 6, fake: 6}
  rate_limits: {simulated: 1000, fake: 1000}
  retry: {max_retries: 1, backoff_base: 0, backoff_max: 0}
"""
LOOPBACK = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_enable_metrics_collection": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # every address is 127.0.0.1
    "RAY_raylet_start_wait_time_s": "120",  # on a busy machine
}
NODE = {"object_store_memory": 80 * 2**20, "include_dashboard": False, "node_ip_address": "127.0.0.1"}
FAST_DETECTION = {
    "health_check_period_ms": 500,
    "health_check_failure_threshold": 3,
    "health_check_initial_delay_ms": 0,
}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    os.environ.update(LOOPBACK)
    pytest.importorskip("ray")
    import ray
    from ray.cluster_utils import Cluster

    cluster = Cluster()
    start(cluster, num_cpus=2, _system_config=FAST_DETECTION)
    ray.init(address=cluster.address, namespace="personalab", log_to_driver=False, logging_level="ERROR")
    yield cluster
    ray.shutdown()
    cluster.shutdown()


@pytest.fixture
def second_node(cluster: Any) -> Any:
    """A node that a test may kill; the other one has room for everything."""
    node = start(cluster, num_cpus=2)
    cluster.wait_for_nodes(timeout=120)  # until one that an earlier test killed is known to be gone
    wait_until_reached(node.node_id)
    return node


def wait_until_reached(node: str) -> None:
    """A node that is up is heard of by the others a little later; until then they place nothing there."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    @ray.remote(num_cpus=0, scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False))
    def be_there() -> None:
        return None

    for _ in range(100):
        try:
            ray.get(be_there.remote())
        except ray.exceptions.RayError:
            continue
        return
    raise AssertionError("the nodes never heard of each other")


def start(cluster: Any, **node: Any) -> Any:
    """A node that has come up. Ray gives up on its own helpers after seconds, which a busy machine needs longer."""
    for tries_left in (2, 1, 0):
        try:
            return cluster.add_node(**NODE, **node)
        except Exception:  # Ray raises nothing more exact
            if not tries_left:
                raise
    raise AssertionError("unreachable")


@contextmanager
def killed_once(is_time: Callable[[], bool], cluster: Any, node: Any) -> Iterator[None]:
    """Take a node away, without notice, as soon as ``is_time``; at the end of the block at the latest."""
    over = threading.Event()

    def wait_and_kill() -> None:
        while not is_time() and not over.wait(0.02):
            pass
        cluster.remove_node(node, allow_graceful=False)

    killer = threading.Thread(target=wait_and_kill)
    killer.start()
    try:
        yield
    finally:
        over.set()
        killer.join()


def sync_twin(config: Config) -> SyncRunner:
    client, evaluator = MoodyClient(), MoodyEvaluator()
    retry = RetryPolicy(1, 0, backoff_max=0)
    shared: dict[str, Any] = {
        "policy": IdentityPolicy.for_evaluator(evaluator.info, config.evaluation),
        "metrics_logger": GenerationMetricsLogger(config.paths.output),
        "drift_tracker": None,
        "output_dir": config.paths.output,
        "references_root": config.paths.references,
        "patches": load_patch_catalogue(config),
    }
    pictures = GenerationOrchestrator(
        ImageGenerator(
            client=client,
            model_name=config.model_name("image"),
            aspect_ratio="4:5",
            references_root=config.paths.references,
            transport_retry=retry,
        ),
        evaluator,
        **shared,
    )
    films = VideoOrchestrator(
        VideoGenerator.from_config(client, config, transport_retry=retry),
        VideoIdentityEvaluator(evaluator, FrameExtractor()),
        quality_evaluator=VideoQualityEvaluator(),
        post_processing_gate=PostProcessingGate(),
        **shared,
    )
    return SyncRunner(pictures, video_orchestrator=films)


@pytest.mark.slow
def test_the_cluster_decides_as_this_process_does(cluster: Any, tmp_path: Path) -> None:
    """Five random sets of pictures and films; every kind of failure is among them."""
    chance = random.Random("cluster")
    outcomes: set[AssetOutcome] = set()
    for number in range(5):
        todo = mixed_jobs([(chance.getrandbits(31), chance.random() < 0.4) for _ in range(8)])
        config, other = (
            workspace(tmp_path / f"{where}-{number}", SETTINGS, anchor=moody_anchor()) for where in ("there", "here")
        )
        here = sync_twin(other).run(todo)
        with RayRunner(config, make_client=MoodyClient, make_evaluator=MoodyEvaluator, n_evaluators=2) as runner:
            there = runner.run(todo)
        assert [essence(result) for result in there] == [essence(result) for result in here]
        log, same = (GenerationMetricsLogger(c.paths.output) for c in (config, other))
        assert log.journal(PERSONA).verify().ok
        assert len(log.read_log(PERSONA)) == len(same.read_log(PERSONA))
        outcomes |= {result.outcome for result in here}
    assert outcomes == set(AssetOutcome) - {AssetOutcome.CANCELLED}


@pytest.mark.slow
def test_a_lost_node_costs_only_the_calls_in_flight_and_nothing_twice(
    cluster: Any, second_node: Any, tmp_path: Path
) -> None:
    """Six calls are under way, three of them on the node that is lost: exactly these are in doubt."""
    config, log, doomed = workspace(tmp_path / "ws", SETTINGS), tmp_path / "submissions", second_node.node_id
    log.touch()
    make_client = partial(NodeBoundClient, log, 0.0, node=doomed, n_there=3)
    cluster_of_two = {"make_client": make_client, "make_evaluator": AlwaysAccepts, "n_evaluators": 2}
    todo = jobs(18)
    with RayRunner(config, **cluster_of_two, calls_per_worker=3) as runner:
        with killed_once(lambda: len(seeds_at(log, doomed)) >= 3, cluster, second_node):
            results = runner.run(todo)
        rerun = runner.run(todo)
    assert [result.job_id for result in results] == [job.job_id for job in todo]
    lost = [result for result in results if not result.accepted]
    in_flight = {job.job_id for job in todo if derived_seed(job.seed, 1) in seeds_at(log, doomed)}
    assert {result.job_id for result in lost} == in_flight
    assert len(in_flight) == 3
    assert {result.outcome for result in lost} == {AssetOutcome.FAILED}
    assert all("may have been carried out" in (result.attempts[-1].error or "") for result in lost)
    # A rerun of the very same jobs pays for nothing again: done is done, and doubtful is not repeated.
    assert set(submissions(log).values()) == {1}
    assert [result.accepted for result in rerun] == [result.accepted for result in results]


@pytest.mark.slow
def test_a_long_operation_is_collected_by_another_worker(cluster: Any, second_node: Any, tmp_path: Path) -> None:
    config, log = workspace(tmp_path / "ws", SETTINGS), tmp_path / "submissions"
    make_client = Maker(LongOperationClient, log, 3.0)
    book = config.paths.output / "submissions.jsonl"

    def are_under_way() -> bool:
        return book.exists() and len(set(re.findall(r"operation-\d+", book.read_text()))) == 6

    with (
        RayRunner(config, make_client=make_client, make_evaluator=AlwaysAccepts, n_evaluators=2) as runner,
        killed_once(are_under_way, cluster, second_node),
    ):
        results = runner.run(jobs(6))
    assert [(result.accepted, result.final_attempt) for result in results] == [(True, 1)] * 6
    assert set(submissions(log).values()) == {1}


@pytest.mark.slow
def test_a_lost_limiter_costs_no_job(cluster: Any, tmp_path: Path) -> None:
    """It holds the provider's limits for the whole cluster; whoever stands in line goes on standing in line."""
    import ray

    config, told = workspace(tmp_path / "ws", SETTINGS), list[JobDone]()

    def kill_it_once(done: JobDone) -> None:
        told.append(done)
        if len(told) == 2:
            ray.kill(ray.get_actor("provider-limits", namespace="personalab"), no_restart=False)

    make_client = Maker(CountingClient, tmp_path / "submissions", 0.1)
    with RayRunner(config, make_client=make_client, make_evaluator=AlwaysAccepts, n_evaluators=1) as runner:
        results = runner.run(jobs(18), on_done=kill_it_once)
    assert [result.accepted for result in results] == [True] * 18
    assert set(submissions(tmp_path / "submissions").values()) == {1}


@pytest.mark.slow
def test_a_measurement_that_hangs_costs_its_picture_and_its_worker(cluster: Any, tmp_path: Path) -> None:
    config = workspace(tmp_path / "ws", f"{SETTINGS}  eval_timeout_s: 5\n")
    make_client = Maker(CountingClient, tmp_path / "submissions", 0.0)
    with RayRunner(config, make_client=make_client, make_evaluator=HangsAtTheFirst, n_evaluators=1) as runner:
        first, *others = runner.run(jobs(4))
    assert first.outcome is AssetOutcome.UNMEASURED
    assert "the measuring worker gave no answer within 5 s on this file and was ended" in first.sentence
    assert [result.accepted for result in others] == [True] * 3


class Maker:
    """Makes clients on the workers."""

    def __init__(self, kind: type[CountingClient], log: Path, latency_s: float) -> None:
        self.kind, self.log, self.latency_s = kind, log, latency_s
        log.touch()

    def __call__(self) -> Any:
        return self.kind(self.log, self.latency_s)


class AlwaysAccepts(PictureEvaluator):
    """Every picture shows the persona."""

    def evaluate(self, anchor_path: Any, candidate_paths: Any) -> Any:
        result = super().evaluate(anchor_path, candidate_paths)
        sure = result.candidates[0].model_copy(update={"composite_score": 0.9})
        return result.model_copy(update={"candidates": (sure,)})


class HangsAtTheFirst(AlwaysAccepts):
    """Never gives an answer about the picture of the first job."""

    def evaluate(self, anchor_path: Any, candidate_paths: Any) -> Any:
        first = jobs(1)[0].seed
        if Path(candidate_paths[0]).read_bytes() == tiny_png(derived_seed(first, 1) % 251):
            threading.Event().wait()
        return super().evaluate(anchor_path, candidate_paths)


def test_without_ray_one_sentence_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingDependencyError, match="pip install ray"):
        RayRunner(workspace(tmp_path))

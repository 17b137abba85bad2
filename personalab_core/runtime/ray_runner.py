"""Carries out jobs on a Ray cluster, for those who outgrow one machine."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import uuid
from collections.abc import AsyncGenerator, Callable, Sequence
from functools import partial
from types import ModuleType
from typing import Any, Self

from personalab_core.config import Config
from personalab_core.errors import MissingDependencyError
from personalab_core.generation import (
    ImageGenerator,
    RetryPolicy,
    ShouldStop,
    VideoGenerator,
    context_from_config,
)
from personalab_core.generation.ticket import open_ledger
from personalab_core.identity import DriftTracker, IdentityEvaluator, IdentityPolicy
from personalab_core.llm import LLMClient, create_client, provider_of
from personalab_core.observability import GenerationMetricsLogger
from personalab_core.orchestration import OnEvent
from personalab_core.prompts import load_patch_catalogue
from personalab_core.runtime.cluster_actors import CallStation, FileStation
from personalab_core.runtime.cluster_client import ClusterClient
from personalab_core.runtime.cluster_crew import Crew
from personalab_core.runtime.cluster_limits import LEASE_S, ClusterLimits, ClusterSlots, ClusterTokens
from personalab_core.runtime.cluster_pool import ClusterPool
from personalab_core.runtime.concurrency import ProviderSemaphore, RateLimiter
from personalab_core.runtime.eval_pool import available_cores
from personalab_core.runtime.job import JobResult, JobSpec
from personalab_core.runtime.runner import AsyncRunner, JobDone, OnDone, in_order, with_threads

NAMESPACE = "personalab"
LOCAL_OBJECT_STORE_BYTES = 100 * 2**20
"""Shared memory of a Ray that is started on this machine: pictures are small."""

_ONLY_WAITS = {"num_cpus": 0, "memory": 1}
"""What an actor needs that computes nothing. One that asks for nothing at all is placed by a node drawn at random, and
not always where it is wanted (Ray 2.60 on two nodes: 10 of 24 were elsewhere; with one byte of memory 0 of 32)."""

_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_enable_metrics_collection": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
_LOOPBACK_ONLY = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""Ray's own switch for machines without a cluster: every address is 127.0.0.1."""


class RayRunner:
    """Carries out jobs as :class:`AsyncRunner` does, with calls and measurements on a cluster's workers.

    The attempt loop, the account of submissions and all records stay in this process: they are written
    in one place and in order. Workers are lent a client and an evaluator each, loaded once; pictures travel
    as bytes, no shared disk is needed. Providers' limits are kept by one actor for all drivers of the cluster.

    A lost worker or node costs what it was at: a measurement is made again, a long operation is collected by
    another worker, and a call that may have been paid is recorded so and not repeated without leave. API keys
    are read on the workers, from their environment or their `.env`.

    Args:
        config: Settings in force.
        address: The cluster, ``auto`` or ``host:port``. ``None`` starts Ray on this machine, unless this process is
            connected already.
        make_client: Makes the client on a worker; must be picklable. By default what the configuration asks for.
        make_evaluator: Makes the evaluator on a worker; likewise.
        n_callers: Actors that call providers, on as many nodes as there are.
        calls_per_worker: Provider calls that one of them has under way at a time; they only wait.
        n_evaluators: Actors that measure, each with one core; by default as many as the cluster has cores.
        on_event: Told what happens; called from several threads, one at a time for each asset.

    Raises:
        MissingDependencyError: Ray is not installed.
        ConnectionError: There is no cluster at that address.
    """

    def __init__(
        self,
        config: Config,
        *,
        address: str | None = None,
        make_client: Callable[[], LLMClient] | None = None,
        make_evaluator: Callable[[], IdentityEvaluator] | None = None,
        n_callers: int = 2,
        calls_per_worker: int = 100,
        n_evaluators: int | None = None,
        on_event: OnEvent | None = None,
    ) -> None:
        self._ray = ray = _import_ray(address)
        self._connected_here = _connect(ray, address)
        make_client = make_client or partial(create_client, config)
        evaluation = config.evaluation.to_mapping()
        self._driver = uuid.uuid4().hex
        self._limiter = _limiter(ray)
        caller = partial(ray.remote(CallStation).options, **_ONLY_WAITS, max_concurrency=calls_per_worker)
        measurer = ray.remote(FileStation).options(num_cpus=1, scheduling_strategy="SPREAD")
        n_cores = int(ray.cluster_resources().get("CPU", 1))
        self._callers: Crew[Any] = Crew(
            _node_by_node(ray, caller, make_client), size=n_callers, at_once=calls_per_worker
        )
        self._measurers: Crew[Any] = Crew(
            partial(measurer.remote, evaluation, 1, make_evaluator), size=n_evaluators or max(1, n_cores), at_once=1
        )
        self._n_threads = 2 * config.runtime.max_concurrent_jobs + 4
        self._config = config
        self._model_client = make_client()
        self._on_event = on_event
        self._runner: AsyncRunner | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()

    def run(
        self, jobs: Sequence[JobSpec], *, should_stop: ShouldStop | None = None, on_done: OnDone | None = None
    ) -> list[JobResult]:
        """Return one result per job, in the order given; see :meth:`AsyncRunner.run`."""
        work = self.run_async(jobs, should_stop=should_stop, on_done=on_done)
        return asyncio.run(with_threads(self._n_threads, work))

    async def run_async(
        self, jobs: Sequence[JobSpec], *, should_stop: ShouldStop | None = None, on_done: OnDone | None = None
    ) -> list[JobResult]:
        """Do the same inside an event loop that is already running."""
        return await in_order(self.stream(jobs, should_stop=should_stop), on_done)

    async def stream(
        self, jobs: Sequence[JobSpec], *, should_stop: ShouldStop | None = None
    ) -> AsyncGenerator[JobDone, None]:
        """Yield every job as it ends; see :meth:`AsyncRunner.stream`."""
        heart = asyncio.create_task(self._beat())
        try:
            self._runner = self._runner or await self._assemble()
            async with contextlib.aclosing(self._runner.stream(jobs, should_stop=should_stop)) as stream:
                async for done in stream:
                    yield done
        finally:
            heart.cancel()
            await asyncio.gather(heart, self._callers.settle(), self._measurers.settle(), return_exceptions=True)

    def shutdown(self) -> None:
        """End the workers' actors, and the connection to the cluster if it was made here."""
        for actor in (*self._callers.dismiss(), *self._measurers.dismiss()):
            self._ray.kill(actor)
        if self._connected_here:
            self._ray.shutdown()

    async def _beat(self) -> None:
        while True:
            await self._limiter.alive.remote(self._driver)
            await asyncio.sleep(LEASE_S / 4)

    async def _assemble(self) -> AsyncRunner:
        config, client = self._config, ClusterClient(self._callers, self._model_client)
        pool = ClusterPool(self._measurers, timeout_s=config.runtime.eval_timeout_s)
        retry = RetryPolicy.from_config(config.runtime.retry)
        drift = config.evaluation.drift
        return AsyncRunner(
            client=client,
            image_generator=ImageGenerator(
                client=client,
                model_name=config.model_name("image"),
                aspect_ratio=config.generation.image.aspect_ratio,
                references_root=config.paths.references,
                provider=provider_of(self._model_client, "image"),
                context=context_from_config(config),
            ),
            video_generator=VideoGenerator.from_config(
                client, config, provider=provider_of(self._model_client, "video")
            ),
            policy=IdentityPolicy.for_evaluator(await pool.info(), config.evaluation),
            retry_policy=retry,
            eval_pool=pool,
            provider_semaphore=ClusterSlots(
                self._limiter, self._driver, ProviderSemaphore(config.runtime.provider_limits)
            ),
            rate_limiter=ClusterTokens(self._limiter, RateLimiter(config.runtime.rate_limits)),
            drift_tracker=DriftTracker(drift.log_dir) if drift.enabled else None,
            metrics_logger=GenerationMetricsLogger(config.paths.output),
            output_dir=config.paths.output,
            references_root=config.paths.references,
            provider_key=config.generation.image.provider,
            max_concurrent_jobs=config.runtime.max_concurrent_jobs,
            patches=load_patch_catalogue(config),
            on_event=self._on_event,
            ledger=open_ledger(config, output_dir=config.paths.output),
        )


def _import_ray(address: str | None) -> ModuleType:
    for name, value in {**_QUIET, **({} if address else _LOOPBACK_ONLY)}.items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError as error:
        raise MissingDependencyError(
            "Running jobs on a cluster needs Ray, which is not installed. Install it with: pip install ray"
        ) from error
    module: ModuleType = ray
    return module


def _connect(ray: Any, address: str | None) -> bool:
    """Connect this process to a cluster, or start one; return whether that was needed."""
    if ray.is_initialized():
        return False
    if address is not None:
        ray.init(address=address, namespace=NAMESPACE, log_to_driver=False, logging_level="ERROR")
        return True
    ray.init(
        num_cpus=available_cores(),
        object_store_memory=LOCAL_OBJECT_STORE_BYTES,
        include_dashboard=False,
        namespace=NAMESPACE,
        log_to_driver=False,
        logging_level="ERROR",
        _node_ip_address="127.0.0.1",
    )
    return True


def _node_by_node(ray: Any, actor: Callable[..., Any], *arguments: object) -> Callable[[], Any]:
    """Return what starts such an actor, each time on the next of the cluster's nodes.

    Ray's own ``SPREAD`` is counted by every node for itself: two actors may well end up on one.
    """
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    turns = itertools.count()

    def start() -> Any:
        nodes = sorted(node["NodeID"] for node in ray.nodes() if node["Alive"])
        there = NodeAffinitySchedulingStrategy(nodes[next(turns) % len(nodes)], soft=True)
        return actor(scheduling_strategy=there).remote(*arguments)

    return start


def _limiter(ray: Any) -> Any:
    """Return the one limiter of the cluster; it outlives its driver, because others may be using it."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
    return (
        ray.remote(ClusterLimits)
        .options(
            name="provider-limits",
            namespace=NAMESPACE,
            get_if_exists=True,
            lifetime="detached",
            **_ONLY_WAITS,
            max_concurrency=10_000,
            max_restarts=-1,
            max_task_retries=-1,  # whoever stands in line while it is restarted goes on standing in line
            scheduling_strategy=here,
        )
        .remote()
    )

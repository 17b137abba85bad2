"""Everything a run needs, built from a configuration in one place.

The command line, the worker process and the examples use the same composition, so
that wiring exists once. Each part is built when it is first used: listing personas
loads no face model.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property

from personalab_core.config import Config, PersonaStore
from personalab_core.generation import ImageGenerator, PromptWriter, RetryPolicy, VideoGenerator, context_from_config
from personalab_core.generation.ticket import open_ledger
from personalab_core.identity import DriftTracker, FaceRuntime, IdentityEvaluator, IdentityPolicy, build_evaluator
from personalab_core.identity.evaluator import can_measure_faces
from personalab_core.jobs.alerts import DriftSentinel, sentinel_of
from personalab_core.llm import LLMClient, create_client
from personalab_core.observability import GenerationMetricsLogger
from personalab_core.observability.ledger import SubmissionLedger
from personalab_core.orchestration import GenerationOrchestrator, OnEvent, RegistryWriter
from personalab_core.orchestration.workbench import utc_now
from personalab_core.prompts import AssetScenarios, load_asset_scenarios, load_patch_catalogue, load_system_prompts
from personalab_core.publishing import Exporter, adviser_of, marking_for
from personalab_core.runtime import AsyncRunner, EvaluationPool, InProcessPool, ProviderSemaphore, RateLimiter
from personalab_core.runtime.measuring import MeasuringPool
from personalab_core.schemas import Character, GenerationContext

MANY_ASSETS = 8
"""From so many assets on a job measures in processes of its own."""


class Studio:
    """The parts of one workspace, wired together.

    Args:
        config: Settings in force.
        job_id: Job that the records are to name.
        client: Reaches the providers; what the configuration asks for if ``None``.
        evaluator: Measures; what the configuration asks for if ``None``. Hand one in to
            share loaded models between studios.
        clock: Current time, with zone.
        sleeper: Waits that many seconds between tries of a failed call.
        on_event: Told what happens while an asset is made.
        announce: Told in one sentence before a missing face model pack is downloaded;
            without it nothing is downloaded.
    """

    def __init__(
        self,
        config: Config,
        *,
        job_id: str | None = None,
        client: LLMClient | None = None,
        evaluator: IdentityEvaluator | None = None,
        clock: Callable[[], datetime] = utc_now,
        sleeper: Callable[[float], None] = time.sleep,
        on_event: OnEvent | None = None,
        announce: Callable[[str], None] | None = None,
    ) -> None:
        self.config = config
        self.job_id = job_id
        self.clock = clock
        self._client = client
        self._evaluator = evaluator
        self._sleeper = sleeper
        self._on_event = on_event
        self._announce = announce

    @cached_property
    def personas(self) -> PersonaStore:
        """The workspace's personas."""
        return PersonaStore(self.config.paths.personas)

    @cached_property
    def client(self) -> LLMClient:
        """The provider, or several behind one."""
        return self._client or create_client(self.config)

    @cached_property
    def evaluator(self) -> IdentityEvaluator:
        """The instrument; a ``StubEvaluator`` where nothing can measure faces."""
        if self._evaluator is not None:
            return self._evaluator
        embedding = self.config.evaluation.embedding
        runtime = None
        if embedding.backend == "arcface" and can_measure_faces():
            runtime = FaceRuntime.load(
                embedding.model_name, allow_download=self._announce is not None, announce=self._announce
            )
        return build_evaluator(self.config.evaluation, runtime=runtime)

    @cached_property
    def policy(self) -> IdentityPolicy:
        """Decides; with the thresholds that fit the instrument."""
        return IdentityPolicy.for_evaluator(self.evaluator.info, self.config.evaluation)

    @cached_property
    def context(self) -> GenerationContext:
        """What every record says about provider, model and configuration."""
        return context_from_config(self.config, job_id=self.job_id)

    @cached_property
    def scenarios(self) -> AssetScenarios:
        """Templates and scenes of this workspace."""
        return load_asset_scenarios(self.config)

    @cached_property
    def metrics_logger(self) -> GenerationMetricsLogger:
        """The log of attempts."""
        return GenerationMetricsLogger(self.config.paths.output)

    @cached_property
    def drift_tracker(self) -> DriftTracker | None:
        """The timelines; ``None`` if they are switched off."""
        drift = self.config.evaluation.drift
        return DriftTracker(drift.log_dir, told=self.sentinel.notice) if drift.enabled else None

    @cached_property
    def sentinel(self) -> DriftSentinel:
        """Judges the timelines beside the work, and tells a webhook what was found."""
        return sentinel_of(self.config, clock=self.clock)

    @cached_property
    def ledger(self) -> SubmissionLedger:
        """Keeps account of provider calls, and of the budget; the job's own, if there is one."""
        return open_ledger(self.config, run_id=self.job_id)

    @cached_property
    def transport_retry(self) -> RetryPolicy:
        """Repeats provider calls that failed in a way that may pass."""
        return RetryPolicy.from_config(self.config.runtime.retry, sleeper=self._sleeper)

    @cached_property
    def image_generator(self) -> ImageGenerator:
        """Calls the provider and stores pictures."""
        return ImageGenerator(
            client=self.client,
            model_name=self.config.model_name("image"),
            aspect_ratio=self.config.generation.image.aspect_ratio,
            references_root=self.config.paths.references,
            context=self.context,
            transport_retry=self.transport_retry,
            clock=self.clock,
        )

    @cached_property
    def orchestrator(self) -> GenerationOrchestrator:
        """Drives the attempt loop."""
        return GenerationOrchestrator(
            image_generator=self.image_generator,
            evaluator=self.evaluator,
            policy=self.policy,
            drift_tracker=self.drift_tracker,
            metrics_logger=self.metrics_logger,
            output_dir=self.config.paths.output,
            references_root=self.config.paths.references,
            context=self.context,
            patches=load_patch_catalogue(self.config),
            clock=self.clock,
            on_event=self._on_event,
            ledger=self.ledger,
        )

    @cached_property
    def video_generator(self) -> VideoGenerator:
        """Calls the provider and stores videos."""
        return VideoGenerator.from_config(
            self.client, self.config, job_id=self.job_id, transport_retry=self.transport_retry
        )

    def prompt_writer(self, persona: Character) -> PromptWriter:
        """Return what turns free requests into structured prompts of a persona, by asking the text provider."""
        return PromptWriter(
            client=self.client,
            config=self.config,
            persona=persona,
            system_prompts=load_system_prompts(self.config),
            transport_retry=self.transport_retry,
            ledger=self.ledger,
        )

    def runner(self, pool: MeasuringPool) -> AsyncRunner:
        """Return what makes many assets at the same time, within the provider's limits.

        Args:
            pool: Measures; whoever opened it shuts it down.
        """
        runtime = self.config.runtime
        return AsyncRunner(
            client=self.client,
            image_generator=self.image_generator,
            policy=self.policy,
            retry_policy=self.transport_retry,
            eval_pool=pool,
            provider_semaphore=ProviderSemaphore(runtime.provider_limits),
            rate_limiter=RateLimiter(runtime.rate_limits),
            drift_tracker=self.drift_tracker,
            metrics_logger=self.metrics_logger,
            output_dir=self.config.paths.output,
            references_root=self.config.paths.references,
            video_generator=self.video_generator,
            provider_key=self.config.generation.image.provider,
            max_concurrent_jobs=runtime.max_concurrent_jobs,
            context=self.context,
            patches=load_patch_catalogue(self.config),
            clock=self.clock,
            on_event=self._on_event,
            ledger=self.ledger,
        )

    @contextmanager
    def measuring_pool(self, n_assets: int) -> Iterator[MeasuringPool]:
        """Open what measures ``n_assets`` assets, and shut it down afterwards.

        Many are measured in processes of their own, so that a file that brings the evaluator down costs no
        more than itself; for a few, loading the models once more for each process takes longer than measuring.
        """
        evaluation, runtime = self.config.evaluation, self.config.runtime
        pool: EvaluationPool | InProcessPool
        if n_assets < MANY_ASSETS or self._evaluator is not None:
            pool = InProcessPool(
                self.evaluator,
                eval_cfg=evaluation,
                max_workers=runtime.eval_pool_workers,
                timeout_s=runtime.eval_timeout_s,
            )
        else:
            pool = EvaluationPool(runtime.eval_pool_workers, eval_cfg=evaluation, timeout_s=runtime.eval_timeout_s)
        try:
            yield pool
        finally:
            pool.shutdown()

    @cached_property
    def exporter(self) -> Exporter:
        """Takes accepted assets out of the workspace, marked as the configuration says."""
        marking = marking_for(self.config.publishing, self.config.paths.output)
        return Exporter(
            output_dir=self.config.paths.output,
            references_root=self.config.paths.references,
            accepted=RegistryWriter(self.config.paths.output).read,
            marker=marking.marker,
            marker_note=marking.note,
            evaluator=self.evaluator,
            adviser=adviser_of(self.config),
            disclosure_text=self.config.publishing.disclosure,
            clock=self.clock,
        )

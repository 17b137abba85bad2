"""Generate a video, measure identity and quality in one pass over its frames, decide, and again."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Unpack

from personalab_core.generation import ShouldStop, TransportRetry, VideoGenerator
from personalab_core.identity.frame_extractor import FrameExtractor
from personalab_core.identity.video_evaluator import VideoIdentityEvaluator
from personalab_core.orchestration.asset_run import AssetRun
from personalab_core.orchestration.calling import call_provider, never
from personalab_core.orchestration.keeper import VideoKeeper
from personalab_core.orchestration.loop import AttemptPolicy, Done, Generate, Measure
from personalab_core.orchestration.recorder import AttemptLog, Timeline
from personalab_core.orchestration.unmeasured import measured_or_why_not
from personalab_core.orchestration.video_judging import take_video
from personalab_core.orchestration.video_measurement import VideoMeasurement, VideoMeter
from personalab_core.orchestration.video_result import VideoAttemptResult, VideoResult
from personalab_core.orchestration.workbench import AssetRequest, Fittings, Workbench
from personalab_core.quality import PostProcessingGate, VideoQualityEvaluator
from personalab_core.schemas import GenerationContext, VideoPrompt


class VideoOrchestrator:
    """Drives the attempt loop for videos, synchronously and reproducibly.

    Attempts, timeline and registry are those of pictures; their records say ``asset_type: video``.
    The policy decides on the mean composite score; quality and advice never change a decision.

    Args:
        video_generator: Calls the provider and stores videos.
        video_evaluator: Measures frames against the anchor.
        policy: Decides, and says how many attempts an asset has.
        frame_extractor: Samples frames; that of ``video_evaluator`` if ``None``.
        quality_evaluator: Measures pixels of the same frames; ``None`` leaves that out.
        post_processing_gate: Turns both into advice; ``None`` leaves that out.
        drift_tracker: Timeline of what was measured; ``None`` keeps none.
        metrics_logger: Log of attempts; ``None`` keeps none.
        output_dir: The workspace's output folder; videos go to ``<output_dir>/<persona>/videos``.
        references_root: Folder of the personas' anchors.
        context: Profile and configuration for the records; the generator's if ``None``.
        transport_retry: Repeats failed provider calls; the generator's if ``None``.
        fittings: What else can be handed in; see :class:`Fittings`.
    """

    def __init__(
        self,
        video_generator: VideoGenerator,
        video_evaluator: VideoIdentityEvaluator,
        policy: AttemptPolicy,
        *,
        output_dir: str | Path,
        references_root: str | Path,
        frame_extractor: FrameExtractor | None = None,
        quality_evaluator: VideoQualityEvaluator | None = None,
        post_processing_gate: PostProcessingGate | None = None,
        drift_tracker: Timeline | None = None,
        metrics_logger: AttemptLog | None = None,
        context: GenerationContext | None = None,
        transport_retry: TransportRetry | None = None,
        **fittings: Unpack[Fittings],
    ) -> None:
        self._generator = video_generator
        self._transport_retry = transport_retry or video_generator.transport_retry
        self._meter = VideoMeter(
            evaluator=video_evaluator,
            extractor=frame_extractor or video_evaluator.frame_extractor,
            quality=quality_evaluator,
            gate=post_processing_gate,
            accept_threshold=policy.accept_threshold,
            retry_threshold=policy.retry_threshold,
        )
        self._workbench = Workbench.assemble(
            keeper=VideoKeeper(video_generator, Path(output_dir)),
            policy=policy,
            context=context or video_generator.context,
            output_dir=output_dir,
            references_root=references_root,
            drift_tracker=drift_tracker,
            metrics_logger=metrics_logger,
            **fittings,
        )

    def run(
        self,
        persona: str,
        scenario_template: Mapping[str, Any] | None,
        video_prompt: VideoPrompt,
        *,
        seed: int | None = None,
        asset_id: str | None = None,
        scenario: str | None = None,
        should_stop: ShouldStop | None = None,
    ) -> VideoResult:
        """Return how the attempts for one video ended. A rejection or a failed provider is a result.

        Args:
            persona: Id of the persona; it needs a selected anchor.
            scenario_template: Prompt template (such as
                ``load_asset_scenarios(config)["video_scenarios"]``); empty means the built-in one.
            video_prompt: What the video shows.
            seed: Equal seeds, prompts and anchors give equal attempts with a provider that takes
                seeds; drawn, and recorded, if ``None``.
            asset_id: Name for the asset; made from time and chance if ``None``.
            scenario: Name of the scenario, for the record.
            should_stop: Asked between steps; ``True`` ends the asset with the attempt under way.

        Raises:
            InputError: The persona or asset id is malformed.
            AnchorMissingError: The persona has no selected anchor.
            ConfigError: The template is broken, or the provider's key is not set.
            WorkspaceError: A video or record cannot be written.
        """
        request = AssetRequest(
            persona=persona,
            image_prompt=video_prompt,
            scenario_template=scenario_template,
            seed=seed,
            asset_id=asset_id,
            scenario=scenario,
        )
        return self.run_request(request, should_stop=should_stop)

    def run_request(self, request: AssetRequest, *, should_stop: ShouldStop | None = None) -> VideoResult:
        """Do the same for a request that names its job, too."""
        stop = should_stop or never
        run = self._workbench.open(request)
        attempts = [VideoAttemptResult.recalled(record, self._workbench.output_dir) for record in run.past]
        measured: VideoMeasurement | None = None
        while not isinstance(step := run.step, Done):
            match step:
                case Generate():
                    measured = None
                    call_provider(
                        run,
                        step,
                        generator=self._generator,
                        transport_retry=self._transport_retry,
                        should_stop=stop,
                    )
                case Measure():
                    measured = self._measure(run, step, stop)
                case _:
                    attempts.append(VideoAttemptResult.of(run.record(), measured))
        ended = run.result()
        return VideoResult(
            ended.persona, ended.asset_id, ended.outcome, ended.sentence, tuple(attempts), ended.output_dir
        )

    def _measure(self, run: AssetRun, step: Measure, stop: ShouldStop) -> VideoMeasurement | None:
        bench = self._workbench
        with run.recorded_if_it_fails():
            started = bench.timer()
            found = measured_or_why_not(
                partial(self._meter.measure, run.anchor_path, step.path),
                anchor_path=run.anchor_path,
                paths=[step.path],
                evaluator=self._meter.evaluator.info,
            )
            measure_s = bench.timer() - started
            return take_video(run, found, output_dir=bench.output_dir, measure_s=measure_s, stop=stop())

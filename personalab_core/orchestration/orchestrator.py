"""Generate, measure, decide, and again: one asset after the other, in this thread."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Unpack

from personalab_core.generation import ImageGenerator, ShouldStop, TransportRetry
from personalab_core.identity import IdentityEvaluator
from personalab_core.orchestration.asset_run import AssetRun
from personalab_core.orchestration.calling import call_provider, never
from personalab_core.orchestration.keeper import PictureKeeper
from personalab_core.orchestration.loop import AttemptPolicy, Done, Generate, Measure
from personalab_core.orchestration.recorder import AttemptLog, Timeline
from personalab_core.orchestration.result import GenerationResult
from personalab_core.orchestration.unmeasured import measured_or_why_not
from personalab_core.orchestration.workbench import AssetRequest, Fittings, Workbench
from personalab_core.schemas import GenerationContext, ImagePrompt


class GenerationOrchestrator:
    """Drives the attempt loop for images, synchronously and reproducibly.

    Args:
        image_generator: Calls the provider and stores pictures.
        evaluator: Measures a picture against the anchor.
        policy: Decides, and says how many attempts an asset has.
        drift_tracker: Timeline of measured pictures; ``None`` keeps none.
        metrics_logger: Log of attempts; ``None`` keeps none.
        output_dir: The workspace's output folder; pictures go to ``<output_dir>/<persona>/images``.
        references_root: Folder of the personas' anchors.
        context: Profile and configuration for the records; the generator's if ``None``.
        transport_retry: Repeats failed provider calls; the generator's if ``None``.
        fittings: What else can be handed in; see :class:`Fittings`.
    """

    def __init__(
        self,
        image_generator: ImageGenerator,
        evaluator: IdentityEvaluator,
        policy: AttemptPolicy,
        drift_tracker: Timeline | None,
        metrics_logger: AttemptLog | None,
        output_dir: str | Path,
        references_root: str | Path,
        *,
        context: GenerationContext | None = None,
        transport_retry: TransportRetry | None = None,
        **fittings: Unpack[Fittings],
    ) -> None:
        self._generator = image_generator
        self._evaluator = evaluator
        self._transport_retry = transport_retry or image_generator.transport_retry
        self._workbench = Workbench.assemble(
            keeper=PictureKeeper(image_generator, Path(output_dir)),
            policy=policy,
            context=context or image_generator.context,
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
        image_prompt: ImagePrompt,
        *,
        seed: int | None = None,
        asset_id: str | None = None,
        scenario: str | None = None,
        should_stop: ShouldStop | None = None,
    ) -> GenerationResult:
        """Return how the attempts for one asset ended. A rejection or a failed provider is a result.

        Args:
            persona: Id of the persona; it needs a selected anchor.
            scenario_template: Prompt template (such as
                ``load_asset_scenarios(config)["image_scenarios"]``); empty means the built-in one.
            image_prompt: What the picture shows.
            seed: Equal seeds, prompts and anchors give equal attempts with a provider that takes
                seeds; drawn, and recorded, if ``None``.
            asset_id: Name for the asset; made from time and chance if ``None``.
            scenario: Name of the scenario, for the record.
            should_stop: Asked between steps; ``True`` ends the asset with the attempt under way.

        Raises:
            InputError: The persona or asset id is malformed.
            AnchorMissingError: The persona has no selected anchor.
            ConfigError: The template is broken, or the provider's key is not set.
            WorkspaceError: A picture or record cannot be written.
        """
        request = AssetRequest(
            persona=persona,
            image_prompt=image_prompt,
            scenario_template=scenario_template,
            seed=seed,
            asset_id=asset_id,
            scenario=scenario,
        )
        return self.run_request(request, should_stop=should_stop)

    def run_request(self, request: AssetRequest, *, should_stop: ShouldStop | None = None) -> GenerationResult:
        """Do the same for a request that names its job, too."""
        stop = should_stop or never
        run = self._workbench.open(request)
        while not isinstance(step := run.step, Done):
            match step:
                case Generate():
                    call_provider(
                        run,
                        step,
                        generator=self._generator,
                        transport_retry=self._transport_retry,
                        should_stop=stop,
                    )
                case Measure():
                    self._measure(run, step, stop)
                case _:
                    run.record()
        return run.result()

    def _measure(self, run: AssetRun, step: Measure, stop: ShouldStop) -> None:
        with run.recorded_if_it_fails():
            started = self._workbench.timer()
            result = measured_or_why_not(
                partial(self._evaluator.evaluate, run.anchor_path, [step.path]),
                anchor_path=run.anchor_path,
                paths=[step.path],
                evaluator=self._evaluator.info,
            )
            run.measured(result, measure_s=self._workbench.timer() - started, stop=stop())

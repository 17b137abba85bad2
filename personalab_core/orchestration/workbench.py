"""Opens an asset: checks what was asked, finds the anchor, builds the loop. Shared by every driver."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self, TypedDict, Unpack

from personalab_core.config import load_config
from personalab_core.errors import InputError
from personalab_core.generation import ReferencePicture, load_anchor
from personalab_core.generation.ticket import open_ledger
from personalab_core.observability.ledger import SubmissionLedger
from personalab_core.orchestration.asset_run import AssetRun, Surroundings
from personalab_core.orchestration.attempt_record import Asset
from personalab_core.orchestration.events import Event, OnEvent
from personalab_core.orchestration.keeper import Keeper
from personalab_core.orchestration.loop import AttemptLoop, AttemptPolicy, PatchSource
from personalab_core.orchestration.recorder import AttemptArchive, AttemptLog, AttemptRecorder, Registry, Timeline
from personalab_core.orchestration.registry import RegistryWriter
from personalab_core.orchestration.resuming import Earlier, resumed
from personalab_core.prompts import BuiltPrompt, PromptBuilder, load_patch_catalogue
from personalab_core.schemas import GenerationContext, ImagePrompt, PromptPatch, VideoPrompt, check_slug

_ASSET_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")


def ignore_event(event: Event) -> None:
    """Listen to nothing."""


def utc_now() -> datetime:
    """Return the current time, UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chance:
    """Where ids and undemanded seeds come from.

    Attributes:
        seed: A seed for an asset whose caller names none, in [0, 2**31).
        token: A few characters that make an id unique.
    """

    seed: Callable[[], int] = field(default=lambda: secrets.randbits(31))
    token: Callable[[], str] = field(default=lambda: secrets.token_hex(4))


class Fittings(TypedDict, total=False):
    """What an orchestrator or runner can be handed beside what it must have; all of it has a default.

    Attributes:
        registry: List of accepted assets; a :class:`RegistryWriter` of ``output_dir`` if ``None``.
        patches: Prompt patches of retries; those of the configuration in force if ``None``.
        clock: Current time, with zone.
        timer: Monotonic seconds.
        on_event: Told what happens, for live progress; runners call it from several threads, one at a
            time for each asset.
        chance: Where ids and undemanded seeds come from.
        ledger: Keeps account of provider calls, and of the budget; ``submissions.jsonl`` of ``output_dir``, with
            the budget of the configuration in force, if ``None``.
    """

    registry: Registry | None
    patches: PatchSource | None
    clock: Callable[[], datetime]
    timer: Callable[[], float]
    on_event: OnEvent | None
    chance: Chance | None
    ledger: SubmissionLedger | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetRequest:
    """One picture or video that is wanted.

    Attributes:
        persona: Id of the persona.
        image_prompt: What the picture shows; a video prompt asks for a video.
        scenario_template: Prompt template; empty or ``None`` means the built-in one.
        seed: Where the attempts' seeds come from; drawn if ``None``.
        asset_id: Name for the asset; made from time and chance if ``None``.
        scenario: Name of the scenario, for the record.
        job_id: Job it belongs to, for the record.
        config_hash: Hash of the job's own configuration, if it has one.
        budget_run: Run whose ``per_run`` budget pays; that of the ledger if ``None``.

    With both ``asset_id`` and ``job_id`` it is the same asset every time it is asked for: what an
    earlier run has finished is not made again.
    """

    persona: str
    image_prompt: ImagePrompt | VideoPrompt
    scenario_template: Mapping[str, Any] | None = None
    seed: int | None = None
    asset_id: str | None = None
    scenario: str | None = None
    job_id: str | None = None
    config_hash: str | None = None
    budget_run: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Workbench:
    """The parts that every asset of one orchestrator or runner shares."""

    keeper: Keeper
    policy: AttemptPolicy
    patches: PatchSource
    recorder: AttemptRecorder
    output_dir: Path
    references_root: Path
    context: GenerationContext
    clock: Callable[[], datetime] = utc_now
    timer: Callable[[], float] = time.perf_counter
    on_event: OnEvent = ignore_event
    chance: Chance = Chance()
    ledger: SubmissionLedger | None = None

    @classmethod
    def assemble(
        cls,
        *,
        keeper: Keeper,
        policy: AttemptPolicy,
        context: GenerationContext,
        output_dir: str | Path,
        references_root: str | Path,
        drift_tracker: Timeline | None = None,
        metrics_logger: AttemptLog | None = None,
        **fittings: Unpack[Fittings],
    ) -> Self:
        """Return the workbench of an orchestrator or runner.

        This is the only place where the defaults of :class:`Fittings` are made, so that equal
        arguments mean the same to every driver. Without a log that can be read again nothing can be
        resumed, and no ledger is made.
        """
        ledger = fittings.get("ledger")
        if ledger is None and isinstance(metrics_logger, AttemptArchive):
            ledger = open_ledger(load_config(), output_dir=output_dir)
        return cls(
            keeper=keeper,
            policy=policy,
            patches=fittings.get("patches") or load_patch_catalogue(load_config()),
            recorder=AttemptRecorder(
                metrics_logger, drift_tracker, fittings.get("registry") or RegistryWriter(output_dir)
            ),
            output_dir=Path(output_dir),
            references_root=Path(references_root),
            context=context,
            clock=fittings.get("clock", utc_now),
            timer=fittings.get("timer", time.perf_counter),
            on_event=fittings.get("on_event") or ignore_event,
            chance=fittings.get("chance") or Chance(),
            ledger=ledger,
        )

    def open(self, request: AssetRequest) -> AssetRun:
        """Return the run over one asset, at its first step.

        Raises:
            InputError: The persona or asset id is malformed.
            AnchorMissingError: The persona has no selected anchor.
            ConfigError: The template is broken.
        """
        check_slug(request.persona)
        anchor = load_anchor(self.references_root, request.persona)
        builder = PromptBuilder(request.scenario_template or None)

        def prompt_of(patches: tuple[PromptPatch, ...]) -> BuiltPrompt:
            return builder.build(request.image_prompt, patches=patches)

        seed = self.chance.seed() if request.seed is None else request.seed
        loop = AttemptLoop(
            policy=self.policy,
            patches=self.patches,
            prompt_of=prompt_of,
            seed=seed,
            name=request.persona,
            others_expected=request.image_prompt.other_people,
        )
        surroundings = Surroundings(
            keeper=self.keeper,
            policy=self.policy,
            recorder=self.recorder,
            output_dir=self.output_dir,
            clock=self.clock,
            timer=self.timer,
            on_event=self.on_event,
            ledger=self.ledger,
        )
        asset = self._asset(request, anchor, seed)
        earlier = self._earlier(request)
        if earlier is None:
            return AssetRun(asset, loop, surroundings)
        return resumed(asset, loop, surroundings, earlier)

    def _earlier(self, request: AssetRequest) -> Earlier | None:
        """Return what is on paper of an earlier run of the same job, ``None`` if it never submitted anything."""
        archive = self.recorder.metrics_logger
        if self.ledger is None or request.asset_id is None or request.job_id is None:
            return None
        submissions = self.ledger.of_asset(request.persona, request.asset_id)
        if not submissions or not isinstance(archive, AttemptArchive):
            return None
        return Earlier(submissions, archive.attempts_of(request.persona, request.asset_id))

    def _asset(self, request: AssetRequest, anchor: ReferencePicture, seed: int) -> Asset:
        token = self.chance.token()
        asset_id = request.asset_id or f"{self.clock():%Y%m%d-%H%M%S}-{token}"
        if not _ASSET_ID.fullmatch(asset_id):
            raise InputError(
                f"{asset_id[:40]!r} is not an asset id: use 1 to 100 letters, digits, '_' and '-', "
                "starting with a letter or a digit."
            )
        own = {"job_id": request.job_id, "config_hash": request.config_hash}
        return Asset(
            persona=request.persona,
            asset_id=asset_id,
            run_id=f"{asset_id}-{token}" if request.asset_id else asset_id,
            seed=seed,
            scenario=request.scenario,
            framing=request.image_prompt.framing,
            anchor=anchor,
            context=self.context.model_copy(update={k: v for k, v in own.items() if v is not None}),
            asset_type="video" if isinstance(request.image_prompt, VideoPrompt) else "image",
            budget_run=request.budget_run,
        )

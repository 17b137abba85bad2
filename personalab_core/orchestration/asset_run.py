"""One asset under way: the loop's steps turned into requests, files, events and records."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from personalab_core.errors import CallCancelledError, InputError, PersonalabError
from personalab_core.generation import GenerationRequest, GenerationResponse, TransportResult
from personalab_core.generation.ticket import LedgerTicket
from personalab_core.generation.transport import RetryNotice
from personalab_core.observability import StoredPicture
from personalab_core.observability.ledger import SubmissionLedger
from personalab_core.observability.submission import Call
from personalab_core.orchestration.attempt_record import Asset, AttemptFacts, build_record
from personalab_core.orchestration.events import (
    AssetFinished,
    AttemptFinished,
    AttemptStarted,
    OnEvent,
    PictureStored,
    TransportRetried,
)
from personalab_core.orchestration.keeper import Keeper, Kept, relative_posix
from personalab_core.orchestration.loop import (
    AttemptLoop,
    AttemptPolicy,
    BrokenPicture,
    Done,
    Generate,
    GenerateAnswer,
    LoopStateError,
    Measure,
    NoPicture,
    PictureMade,
    Record,
    Step,
)
from personalab_core.orchestration.recorder import AttemptRecorder
from personalab_core.orchestration.result import GenerationResult
from personalab_core.schemas import (
    AttemptRecord,
    CandidateResult,
    EvaluationResult,
    MeasurementStatus,
    Reason,
)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every run over an asset uses, handed in once.

    Attributes:
        keeper: Stores what the provider sends.
        policy: Decides.
        recorder: Writes finished attempts.
        output_dir: The workspace's output folder.
        clock: Current time, with zone.
        timer: Monotonic seconds.
        on_event: Told what happens.
        ledger: Keeps account of provider calls; ``None`` keeps none.
    """

    keeper: Keeper
    policy: AttemptPolicy
    recorder: AttemptRecorder
    output_dir: Path
    clock: Callable[[], datetime]
    on_event: OnEvent
    timer: Callable[[], float] = time.perf_counter
    ledger: SubmissionLedger | None = None

    def ticket(self, asset: Asset, step: Generate) -> LedgerTicket | None:
        """Return the account of a step's provider call."""
        if self.ledger is None:
            return None
        context = asset.context
        call = Call(
            persona=asset.persona,
            asset_id=asset.asset_id,
            attempt_id=asset.attempt_id(step.attempt),
            provider=context.provider,
            model=context.model,
            simulated=context.simulated,
            seed=step.seed,
            prompt_hash=step.prompt.prompt_hash,
            anchor_sha256=asset.anchor.sha256,
            asset_type=asset.asset_type,
            run_id=asset.budget_run,
        )
        stored = partial(_find, self.keeper, asset.persona)
        return LedgerTicket(self.ledger, call, output_dir=self.output_dir, stored=stored, resolution=context.resolution)


def _find(keeper: Keeper, persona: str, name: str) -> Path | None:
    return keeper.find(persona=persona, name=name)


class AssetRun:
    """Carries out everything of an :class:`AttemptLoop` but the two waits: provider and evaluator.

    A driver looks at :attr:`step`; for ``Generate`` it calls the provider with
    :meth:`request` and hands the result to :meth:`called`, for ``Measure`` it asks the
    evaluator and calls :meth:`measured`, for ``Record`` it calls :meth:`record`.
    Whatever can raise on the way runs inside :meth:`recorded_if_it_fails`.

    Args:
        asset: What is asked for.
        loop: Decides; already past the attempts in ``past``.
        around: What every asset uses.
        past: Records of attempts that an earlier run of the same job made.
    """

    def __init__(
        self, asset: Asset, loop: AttemptLoop, around: Surroundings, past: Sequence[AttemptRecord] = ()
    ) -> None:
        self._asset = asset
        self._loop = loop
        self._around = around
        self._facts = AttemptFacts()
        self._attempts = list(past)
        self.past = tuple(past)
        self._attempt = 0

    @property
    def step(self) -> Step:
        """What to do now."""
        return self._loop.step

    @property
    def anchor_path(self) -> str:
        """The picture to measure against."""
        return str(self._asset.anchor.path)

    @property
    def kept(self) -> Kept | None:
        """What is stored of the attempt under way."""
        return self._facts.kept

    def cancel(self) -> None:
        """Do not begin the next attempt."""
        self._loop.cancel()

    def request(self, step: Generate) -> GenerationRequest:
        """Return the provider call that a ``Generate`` step stands for, and announce it."""
        self._facts = AttemptFacts()
        self._attempt = step.attempt
        asset = self._asset
        self._around.on_event(
            AttemptStarted(asset.persona, asset.asset_id, step.attempt, self._loop.max_attempts, step.patches)
        )
        self._facts.ticket = self._around.ticket(asset, step)
        return GenerationRequest(step.prompt.text, asset.anchor, step.seed, self._facts.ticket)

    def retried(self, notice: RetryNotice) -> None:
        """Announce that a try of the call failed and another follows."""
        asset, error = self._asset, describe_error(notice.error)
        self._around.on_event(
            TransportRetried(asset.persona, asset.asset_id, self._attempt, notice.try_number, error, notice.wait_s)
        )

    def called(self, call: TransportResult[GenerationResponse], *, stop: bool = False) -> None:
        """Take what the provider call ended with; a picture is stored as it came.

        Args:
            call: Answer or error of the call.
            stop: A person has cancelled: this attempt is finished, no other is begun.
        """
        self._facts.call = call
        if stop:
            self._loop.request_stop()
        if call.error is not None:
            cancelled = isinstance(call.error, CallCancelledError)
            reason = Reason.CANCELLED if cancelled else Reason.PROVIDER_ERROR
            self._loop.aborted(describe_error(call.error), reason)
        elif call.value is not None:
            answer = self._store(call.value)
            self._settle(call.value)
            self._loop.generated(answer)

    def measured(
        self, result: EvaluationResult, *, measure_s: float, stop: bool = False, kept: Kept | None = None
    ) -> None:
        """Take the measurement of what this attempt brought.

        Args:
            result: Its one candidate is judged.
            measure_s: Wall-clock seconds.
            stop: A person has cancelled: no other attempt is begun.
            kept: What is stored of it now, if measuring has added to it.
        """
        self._facts.measure_s = measure_s
        self._facts.kept = kept or self._facts.kept
        self._facts.evaluator = result.evaluator
        if stop:
            self._loop.request_stop()
        self._loop.measured(result.candidates[0])

    def record(self) -> AttemptRecord:
        """Return the record of the finished attempt, written.

        Raises:
            WorkspaceError: It cannot be written.
        """
        closed = self._loop.step
        if not isinstance(closed, Record):
            raise LoopStateError(f"there is nothing to record at {type(closed).__name__}")
        around = self._around
        record = build_record(
            asset=self._asset,
            closed=closed,
            facts=self._facts,
            policy=around.policy,
            output_dir=around.output_dir,
            timestamp=around.clock(),
        )
        vector = closed.candidate.embedding_vector if closed.candidate else None
        written = around.recorder.write(record, vector)
        self._attempts.append(written)
        self._loop.recorded()
        around.on_event(AttemptFinished(written))
        return written

    @contextmanager
    def recorded_if_it_fails(self) -> Iterator[None]:
        """Record the attempt under way as failed if the block raises, and let the exception go on.

        A call may have been paid and a picture stored by then, whatever went wrong after
        it, so even an interrupt leaves a record. Only an error of our own tree while
        calling the provider leaves none: then nothing was sent.
        """
        try:
            yield
        except BaseException as error:
            calling = isinstance(self.step, Generate) and self._facts.call is None
            if isinstance(self.step, Generate | Measure) and not (calling and isinstance(error, PersonalabError)):
                self._record_failure(error, calling=calling)
            raise

    def result(self) -> GenerationResult:
        """Return how the asset ended, once the step is ``Done``."""
        done = self._loop.step
        if not isinstance(done, Done):
            raise LoopStateError(f"the asset is not finished, it is at {type(done).__name__}")
        asset, attempts = self._asset, tuple(self._attempts)
        self._around.on_event(AssetFinished(asset.persona, asset.asset_id, done.outcome, len(attempts), done.sentence))
        return GenerationResult(
            asset.persona, asset.asset_id, done.outcome, done.sentence, attempts, self._around.output_dir
        )

    def _record_failure(self, error: BaseException, *, calling: bool) -> None:
        self._facts.call_broken_off = calling
        reason = Reason.LOCAL_ERROR if isinstance(error, Exception) else Reason.CANCELLED
        self._loop.aborted(describe_error(error), reason)
        try:
            self.record()
        except PersonalabError as unwritten:
            error.add_note(f"The attempt could not be recorded either: {unwritten}")

    def _store(self, response: GenerationResponse) -> GenerateAnswer:
        if response.data is None:
            return NoPicture(Reason.BLOCKED if response.block_reason else Reason.EMPTY_ANSWER)
        name = self._asset.attempt_id(self._attempt)
        started = self._around.timer()
        try:
            kept = self._around.keeper.keep(response.data, persona=self._asset.persona, name=name)
        except InputError:
            self._facts.broken_sha256 = hashlib.sha256(response.data).hexdigest()
            reason = f"what the provider sent is not {self._around.keeper.what} that can be decoded"
            return BrokenPicture(CandidateResult(path=name, status=MeasurementStatus.UNREADABLE, reason=reason))
        self._facts.kept = kept
        self._facts.store_s = self._around.timer() - started
        self._announce(kept.picture)
        return PictureMade(str(kept.path))

    def _settle(self, response: GenerationResponse) -> None:
        """Write into the ledger that the answer is here, now that what came of it is stored."""
        if self._facts.ticket is None:
            return
        kept = self._facts.kept
        path = relative_posix(kept.path, self._around.output_dir) if kept else None
        self._facts.ticket.answered(response.accounted(path))

    def _announce(self, picture: StoredPicture) -> None:
        asset, root = self._asset, self._around.output_dir
        path, thumbnail = relative_posix(picture.path, root), relative_posix(picture.thumbnail_path, root)
        self._around.on_event(PictureStored(asset.persona, asset.asset_id, self._attempt, path, thumbnail))


def describe_error(error: BaseException) -> str:
    """Return class and message of an error, the message only if it is known to be safe to keep."""
    if isinstance(error, PersonalabError):
        return f"{type(error).__name__}: {error}"
    return type(error).__name__

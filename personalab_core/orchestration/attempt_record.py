"""Everything known about one finished attempt, put into its record."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from personalab_core.errors import LLMError, ProviderTimeoutError
from personalab_core.generation import GenerationResponse, ReferencePicture, TransportResult
from personalab_core.generation.ticket import LedgerTicket
from personalab_core.orchestration.keeper import Kept, relative_posix
from personalab_core.orchestration.loop import AttemptPolicy, Record
from personalab_core.schemas import (
    AttemptRecord,
    CandidateResult,
    Cost,
    EvaluatorInfo,
    Framing,
    GenerationContext,
    Scores,
    Timings,
)
from personalab_core.schemas.records import AssetType


@dataclass(frozen=True, slots=True)
class Asset:
    """What is asked for: one picture or video of one persona.

    Attributes:
        persona: Id of the persona.
        asset_id: Id of the asset.
        run_id: Id of this run over it. File names and attempt ids start with it, so that a
            repeated run never overwrites a picture.
        seed: Seed of the asset.
        scenario: Name of the scenario, if it has one.
        framing: Requested framing, if one was requested.
        anchor: The picture that every attempt is conditioned on.
        context: Provider, model, profile and configuration; its seed is filled in per attempt.
        asset_type: Picture or video.
        budget_run: Run whose budget pays, if it is not that of the ledger.
    """

    persona: str
    asset_id: str
    run_id: str
    seed: int
    scenario: str | None
    framing: Framing | None
    anchor: ReferencePicture
    context: GenerationContext
    asset_type: AssetType = "image"
    budget_run: str | None = None

    def attempt_id(self, attempt: int) -> str:
        """Return the id of an attempt, which is also the stem of its picture's file name."""
        return f"{self.run_id}-a{attempt}"


@dataclass(slots=True)
class AttemptFacts:
    """What the steps of the attempt under way have found out so far.

    ``call_broken_off`` says that this process stopped waiting for the provider, which may
    have carried out the call, and may charge for it. ``broken_sha256`` is of what came if it
    could not be decoded.
    """

    call: TransportResult[GenerationResponse] | None = None
    kept: Kept | None = None
    broken_sha256: str | None = None
    evaluator: EvaluatorInfo | None = None
    store_s: float | None = None
    measure_s: float | None = None
    call_broken_off: bool = False
    ticket: LedgerTicket | None = None

    @property
    def response(self) -> GenerationResponse | None:
        """The provider's answer, if there was one."""
        return self.call.value if self.call else None

    @property
    def error(self) -> LLMError | None:
        """What the call ended with, if it failed."""
        return self.call.error if self.call else None

    @property
    def cost(self) -> Cost:
        """Price of the call; ``possibly_paid`` if a try was never answered."""
        cost = self.response.cost if self.response else Cost()
        unanswered = self.call.n_unanswered if self.call else 0
        doubtful = self.call_broken_off or unanswered > 0 or isinstance(self.error, ProviderTimeoutError)
        changes: dict[str, object] = {"possibly_paid": True} if doubtful else {}
        if self.ticket is not None and (doubtful or (self.response is not None and cost.amount_usd is None)):
            changes["worst_case_usd"] = self.ticket.worst_case_usd
        return cost.model_copy(update=changes) if changes else cost


def build_record(
    *,
    asset: Asset,
    closed: Record,
    facts: AttemptFacts,
    policy: AttemptPolicy,
    output_dir: Path,
    timestamp: datetime,
) -> AttemptRecord:
    """Return the record of a finished attempt, not yet written."""
    request, response, candidate = closed.request, facts.response, closed.candidate
    picture = facts.kept.picture if facts.kept else None
    return AttemptRecord(
        timestamp=timestamp,
        attempt_id=asset.attempt_id(request.attempt),
        asset_id=asset.asset_id,
        persona=asset.persona,
        asset_type=asset.asset_type,
        attempt=request.attempt,
        max_attempts=policy.max_attempts,
        final=closed.outcome is not None,
        outcome=closed.outcome,
        context=asset.context.model_copy(
            update={"seed": request.seed, "model_version": response.model_version if response else None}
        ),
        asset_seed=asset.seed,
        scenario=asset.scenario,
        prompt=request.prompt.text,
        prompt_hash=request.prompt.prompt_hash,
        template_hash=request.prompt.template_hash,
        patches=request.patches,
        requested_framing=asset.framing,
        anchor_path=asset.anchor.relative_path,
        anchor_sha256=asset.anchor.sha256,
        image_path=relative_posix(picture.path, output_dir) if picture else None,
        image_sha256=picture.sha256 if picture else facts.broken_sha256,
        thumbnail_path=relative_posix(picture.thumbnail_path, output_dir) if picture else None,
        status=candidate.status if candidate else None,
        scores=_scores(candidate),
        decision=closed.verdict.decision,
        reason=closed.verdict.reason,
        part=closed.verdict.part,
        sentence=closed.verdict.sentence,
        evaluator=facts.evaluator,
        measurement=candidate,
        video=facts.kept.video if facts.kept else None,
        accept_threshold=policy.accept_threshold,
        retry_threshold=policy.retry_threshold,
        policy_mode=policy.mode,
        error=closed.error,
        transport_tries=facts.call.tries if facts.call else 1,
        request_id=_request_id(facts),
        timings=_timings(facts),
        cost=facts.cost,
    )


def _scores(candidate: CandidateResult | None) -> Scores:
    if candidate is None:
        return Scores()
    embedding, geometric = candidate.embedding, candidate.geometric
    return Scores(
        composite=candidate.composite_score,
        cosine_similarity=embedding.cosine_similarity if embedding else None,
        euclidean_distance=embedding.euclidean_distance if embedding else None,
        geometric_error=geometric.normalized_error if geometric else None,
    )


def _timings(facts: AttemptFacts) -> Timings:
    return Timings(
        generate_s=facts.response.elapsed_s if facts.response else None,
        transport_wait_s=facts.call.waited_s if facts.call else None,
        measure_s=facts.measure_s,
        store_s=facts.store_s,
    )


def _request_id(facts: AttemptFacts) -> str | None:
    if facts.response is not None:
        return facts.response.request_id
    return facts.error.request_id if facts.error else None

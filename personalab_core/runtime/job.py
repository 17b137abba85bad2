"""One generation job as data: what to make, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from personalab_core.errors import BudgetReachedError, PersonalabError, RecordError, WorkspaceError
from personalab_core.generation import compute_config_hash
from personalab_core.orchestration import AssetRequest, GenerationResult, VideoResult
from personalab_core.orchestration.asset_run import describe_error
from personalab_core.schemas import AssetOutcome, AttemptRecord, Contract, ImagePrompt, VideoPrompt

__all__ = ["JobResult", "JobSpec", "compute_config_hash"]


class JobSpec(Contract):
    """One asset to make. Equal specs give equal decisions, whichever runner carries them out.

    Attributes:
        job_id: Names the asset; letters, digits, ``_`` and ``-``.
        seed: Where the seeds of all attempts come from.
        config_hash: What :func:`compute_config_hash` gives for the settings of this job.
        persona: Id of the persona; it needs a selected anchor.
        scenario_template: Prompt template; empty or ``None`` means the built-in one.
        prompt: What the picture or video shows.
        asset_type: Kind of asset; it says which kind of prompt is wanted.
        scenario: Name of the scenario, for the record.
        batch_id: Job of the workspace that this is a part of: the records name it, and its budget pays.
            By itself a job is named by ``job_id``, and the budget is that of the runner's ledger.
    """

    job_id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$")
    seed: int
    config_hash: str
    persona: str
    scenario_template: Mapping[str, Any] | None = None
    prompt: ImagePrompt | VideoPrompt
    asset_type: Literal["image", "video"] = "image"
    scenario: str | None = None
    batch_id: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _read_prompt_as_its_kind(cls, fields: Any) -> Any:
        # Both kinds read from the same mapping; what is wanted decides, not the order of the types.
        if isinstance(fields, Mapping) and isinstance(fields.get("prompt"), Mapping):
            kind = VideoPrompt if fields.get("asset_type") == "video" else ImagePrompt
            return {**fields, "prompt": kind.model_validate(fields["prompt"])}
        return fields

    @model_validator(mode="after")
    def _prompt_fits_the_asset_type(self) -> Self:
        wanted = VideoPrompt if self.asset_type == "video" else ImagePrompt
        if not isinstance(self.prompt, wanted):
            message = f"a job of asset_type {self.asset_type!r} needs a {wanted.__name__} as its prompt"
            raise ValueError(message)  # noqa: TRY004 - pydantic reports a ValueError as a validation error
        return self

    def to_request(self) -> AssetRequest:
        """Return what the orchestration is asked for."""
        return AssetRequest(
            persona=self.persona,
            image_prompt=self.prompt,
            scenario_template=self.scenario_template,
            seed=self.seed,
            asset_id=self.job_id,
            scenario=self.scenario,
            job_id=self.batch_id or self.job_id,
            config_hash=self.config_hash,
            budget_run=self.batch_id,
        )


class JobResult(Contract):
    """What came of a job. ``error`` is set if it could not be carried out at all, or not to its end.

    ``final_score`` is the composite score in [0, 1] of the best measured attempt, ``None`` if
    nothing was measured; ``final_attempt`` is the number of the last attempt, 0 if none was begun.
    The picture or the video of the best attempt is at ``image_path`` or ``video_path``.
    """

    job_id: str
    seed: int
    config_hash: str
    persona: str
    outcome: AssetOutcome
    sentence: str
    final_score: float | None = None
    final_attempt: int = 0
    image_path: str | None = None
    video_path: str | None = None
    attempts: tuple[AttemptRecord, ...] = ()
    error: str | None = None

    @property
    def accepted(self) -> bool:
        """Whether a picture or video was accepted."""
        return self.outcome is AssetOutcome.ACCEPTED

    @property
    def paused(self) -> bool:
        """Whether it waits for a person: for more budget, for disk space, for permission to write."""
        return (self.error or "").startswith(_PAUSES)

    @property
    def possibly_paid(self) -> bool:
        """Whether it ended because an earlier run may have paid for it and never learned the answer."""
        return self.outcome is AssetOutcome.FAILED and bool(self.attempts) and self.attempts[-1].cost.possibly_paid

    @classmethod
    def of(cls, job: JobSpec, result: GenerationResult | VideoResult) -> Self:
        """Return the result of a job whose asset was carried out."""
        common = {
            **_identity(job),
            "outcome": result.outcome,
            "sentence": result.sentence,
            "final_score": result.final_score,
            "final_attempt": result.final_attempt,
        }
        if isinstance(result, VideoResult):
            records, made = tuple(attempt.record for attempt in result.attempts), result.video_path
            return cls(**common, video_path=str(made) if made else None, attempts=records)
        made = result.image_path
        return cls(**common, image_path=str(made) if made else None, attempts=result.attempts)

    @classmethod
    def failed(cls, job: JobSpec, error: BaseException) -> Self:
        """Return the result of a job that ``error`` ended."""
        described = describe_error(error)
        sentence = str(error) if isinstance(error, PersonalabError) else f"Failed with {described}; see the log."
        return cls(**_identity(job), outcome=AssetOutcome.FAILED, sentence=sentence, error=described)


_PAUSES = tuple(f"{kind.__name__}:" for kind in (BudgetReachedError, WorkspaceError, RecordError))


def _identity(job: JobSpec) -> dict[str, Any]:
    return {"job_id": job.job_id, "seed": job.seed, "config_hash": job.config_hash, "persona": job.persona}

"""The lines of every JSONL file in the workspace: the system of record.

Each line is one of these models. ``sequence_number``, ``previous_hash`` and
``record_hash`` are filled in by the writer; a record that has not been written yet
carries ``None`` there.
"""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, Field

from personalab_core.schemas.contract import Contract
from personalab_core.schemas.decisions import AssetOutcome, Decision, FacePart, PromptPatch, Reason
from personalab_core.schemas.evaluation import CandidateResult, EvaluatorInfo, FaceSummary, FrameSize, MeasurementStatus
from personalab_core.schemas.prompts import Framing
from personalab_core.schemas.video import VideoAttempt

SCHEMA_VERSION = 1

AssetType = Literal["image", "video"]
"""Kept apart in statistics: scores of videos are lower than those of pictures."""

CallType = Literal["image", "video", "text"]
"""What a provider is asked for; of text there is no attempt, only the account of the call."""


class Record(Contract):
    """What every line has: schema version, place in the chain, time (UTC)."""

    schema_version: Literal[1] = 1
    kind: str
    sequence_number: int | None = None
    previous_hash: str | None = None
    record_hash: str | None = None
    timestamp: AwareDatetime


class Scores(Contract):
    """The numbers of one attempt; ``None`` means not measured, never zero."""

    composite: float | None = None
    cosine_similarity: float | None = None
    euclidean_distance: float | None = None
    geometric_error: float | None = None


class Timings(Contract):
    """Wall-clock seconds of the parts of one attempt."""

    generate_s: float | None = None
    transport_wait_s: float | None = None
    measure_s: float | None = None
    store_s: float | None = None


class GenerationContext(Contract):
    """Everything that decided what an attempt could look like, so that nothing is guessed later."""

    provider: str
    model: str
    model_version: str | None = None
    """What the provider says answered, where it says so; changes unasked when a provider updates a model."""
    profile: str
    simulated: bool
    seed: int | None = None
    """Handed to the provider if it takes one."""
    aspect_ratio: str | None = None
    resolution: str | None = None
    """Of videos, such as ``720p``."""
    config_hash: str
    package_version: str
    job_id: str | None = None


class Cost(Contract):
    """Price of a call in US dollars; ``amount_usd`` is ``None`` when the price is unknown."""

    amount_usd: float | None = None
    source: str = "unknown"
    possibly_paid: bool = False
    worst_case_usd: float | None = None
    """What a call with an unknown price, or without an answer, counts as in budgets and sums."""


class SubmissionAnswer(Contract):
    """What a provider answered, as far as it is needed to go on without asking again."""

    path: str | None = None
    """Picture or video, relative to the output folder; ``None`` if none came or it could not be decoded."""
    sha256: str | None = None
    """Of the bytes that came, decodable or not; ``None`` if none came."""
    block_reason: str | None = None
    finish_reason: str | None = None
    request_id: str | None = None
    model_version: str | None = None
    cost: Cost = Cost()


class AttemptRecord(Record):
    """One provider call, one measurement, one decision."""

    kind: Literal["attempt"] = "attempt"
    attempt_id: str
    asset_id: str
    persona: str
    asset_type: AssetType = "image"
    attempt: int = Field(ge=1)
    max_attempts: int = Field(ge=1)
    final: bool
    """True if no further attempt follows for this asset."""
    outcome: AssetOutcome | None = None
    """How the asset ended; set on the final attempt only."""
    context: GenerationContext
    asset_seed: int | None = None
    """Seed of the whole asset; ``context.seed``, that of this attempt, is derived from it."""
    scenario: str | None = None
    prompt: str
    prompt_hash: str
    template_hash: str | None = None
    patches: tuple[PromptPatch, ...] = ()
    requested_framing: Framing | None = None
    anchor_path: str | None = None
    """Relative to the references folder, POSIX separators."""
    anchor_sha256: str | None = None
    image_path: str | None = None
    """Relative to the workspace output folder, POSIX separators; ``None`` if no image came.

    Of a video, this is the poster; ``scores`` are means over its frames, and ``measurement`` is that
    of the poster's frame with these means."""
    image_sha256: str | None = None
    thumbnail_path: str | None = None
    status: MeasurementStatus | None = None
    """``None`` when there was no picture to measure."""
    scores: Scores = Scores()
    decision: Decision
    reason: Reason
    part: FacePart | None = None
    """Part of the face whose proportions were off most, if that called for a patch of its own."""
    sentence: str
    evaluator: EvaluatorInfo | None = None
    measurement: CandidateResult | None = None
    video: VideoAttempt | None = None
    """The video itself and what was measured of it; ``None`` for pictures."""
    embedding_row: int | None = None
    """Row in the persona's embedding file of this evaluator and pack."""
    accept_threshold: float | None = None
    retry_threshold: float | None = None
    policy_mode: str | None = None
    error: str | None = None
    """Class and safe message of a provider failure."""
    transport_tries: int = 1
    request_id: str | None = None
    timings: Timings = Timings()
    cost: Cost = Cost()


class DriftRecord(Record):
    """One measured picture on a persona's timeline (spec: score, embedding, geometry, decision, time)."""

    kind: Literal["drift"] = "drift"
    persona: str
    attempt_id: str
    asset_type: AssetType = "image"
    composite_score: float
    embedding_similarity: float
    geometric_error: float | None
    decision: Decision
    provider: str
    model: str
    simulated: bool
    requested_framing: Framing | None = None
    frame_size: FrameSize
    face_size_fraction: float
    patch_level: int = 0
    evaluator: str
    pack_hash: str
    anchor_sha256: str | None = None
    embedding_row: int | None = None
    """Row in the persona's embedding file of this evaluator and pack."""
    source: Literal["generated", "imported"] = "generated"
    picture_date: AwareDatetime | None = None
    """For imported pictures: the picture's own date; ``timestamp`` is when it was added."""


class AnchorRecord(Record):
    """An anchor candidate made, or an anchor selected, replaced or uploaded."""

    kind: Literal["anchor_candidate", "anchor_selected", "anchor_calls"]
    """``anchor_calls`` closes a session whose last calls gave no picture: it has their prices, and no file."""
    persona: str
    anchor_kind: Literal["frontal", "three_quarter", "smile", "silhouette", "natural_light"]
    path: str
    """Relative to the references folder; empty if there is no picture."""
    image_sha256: str
    thumbnail_path: str | None = None
    strategy: str | None = None
    chosen_by: Literal["automatic", "person"] | None = None
    why: str = ""
    candidates: tuple[str, ...] = ()
    similarity_matrix: tuple[tuple[float | None, ...], ...] = ()
    """Pairwise cosine similarity of ``candidates``; ``None`` where one was not measurable."""
    central_similarity: tuple[float | None, ...] = ()
    evaluator: EvaluatorInfo | None = None
    context: GenerationContext | None = None
    prompt: str | None = None
    status: MeasurementStatus | None = None
    reason: str = ""
    face: FaceSummary | None = None
    """Where the face is in this picture, so that its landmarks can be shown beside a candidate's."""
    width_px: int | None = None
    height_px: int | None = None
    cost: Cost | None = None
    """Price of the call that made this picture; ``None`` if no call did, or in records older than this field."""
    fruitless_calls: tuple[Cost, ...] = ()
    """Prices of the calls since the record before that gave no picture (blocked, empty, unanswered)."""


class RegistryRecord(Record):
    """One accepted asset."""

    kind: Literal["asset"] = "asset"
    persona: str
    asset_id: str
    attempt_id: str
    asset_type: AssetType = "image"
    image_path: str
    image_sha256: str
    thumbnail_path: str | None = None
    video_path: str | None = None
    video_sha256: str | None = None
    composite_score: float | None
    attempts: int
    simulated: bool
    evaluator: str | None = None
    pack_hash: str | None = None
    accepted_by: Literal["measurement", "person"] = "measurement"
    withdrawn: bool = False
    """A person took the asset back; this line replaces the earlier one of the same asset."""


class OverrideRecord(Record):
    """A person's decision on an attempt. It stands beside the measured one and never replaces it."""

    kind: Literal["override"] = "override"
    persona: str
    attempt_id: str
    asset_id: str
    measured: Decision
    """What the policy decided on this attempt."""
    decision: Literal[Decision.ACCEPT, Decision.REJECT_FINAL] | None
    """What the person decided; ``None`` takes an earlier override back."""
    reason: str = Field(min_length=1, max_length=400)
    by: str = "person"
    """Who decided: the login where there is one."""


SubmissionEvent = Literal["submitted", "accepted", "answered", "refused", "failed", "unanswered", "released"]
"""What became of one call to a provider that may cost money.

``submitted``: about to be sent; written to the disk itself before it is. ``accepted``: a long
operation was started, ``operation_id`` is its id. ``answered``: the answer is here and stored.
``refused``: nothing was carried out. ``failed``: it was carried out and came to nothing.
``unanswered``: unknown, possibly paid. ``released``: a person allows to repeat an unknown one.
"""


class SubmissionRecord(Record):
    """One event of one call; only ``submitted`` carries what was asked for.

    A call whose last event is ``submitted`` was cut off: unknown, possibly paid.
    """

    kind: Literal["submission"] = "submission"
    event: SubmissionEvent
    submission_id: str
    persona: str
    asset_id: str
    attempt_id: str
    asset_type: CallType = "image"
    run_id: str | None = None
    """Job, or run of a script, whose budget pays."""
    provider: str | None = None
    model: str | None = None
    simulated: bool | None = None
    seed: int | None = None
    prompt_hash: str | None = None
    anchor_sha256: str | None = None
    worst_case_usd: float | None = None
    """What the call counts as in budgets until its price is known."""
    operation_id: str | None = None
    answer: SubmissionAnswer | None = None
    error: str | None = None
    """Class and safe message of why there is no answer."""

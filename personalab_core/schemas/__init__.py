"""Contracts for everything that crosses a border: file, JSONL line, process, vendor.

Good means: frozen, closed (unknown fields are refused), units in the names, and
``None`` for what was not measured.
"""

from personalab_core.schemas.character import Character
from personalab_core.schemas.content_plan import ContentPlan, PlannedContent, PlannedIdea, PlanSource
from personalab_core.schemas.contract import Contract
from personalab_core.schemas.decisions import AssetOutcome, Decision, FacePart, PolicyVerdict, PromptPatch, Reason
from personalab_core.schemas.drift import DriftEventRecord, DriftState
from personalab_core.schemas.evaluation import (
    CandidateResult,
    EmbeddingScore,
    EvaluationResult,
    EvaluatorInfo,
    FaceSummary,
    FrameSize,
    GeometricScore,
    MeasurementStatus,
    RatioScore,
)
from personalab_core.schemas.imports import BroughtRecord, MeasuredRecord
from personalab_core.schemas.prompts import Framing, ImagePrompt, VideoPrompt
from personalab_core.schemas.records import (
    SCHEMA_VERSION,
    AnchorRecord,
    AttemptRecord,
    Cost,
    DriftRecord,
    GenerationContext,
    OverrideRecord,
    Record,
    RegistryRecord,
    Scores,
    SubmissionAnswer,
    SubmissionEvent,
    SubmissionRecord,
    Timings,
)
from personalab_core.schemas.slugs import check_slug, slugify

__all__ = [
    "SCHEMA_VERSION",
    "AnchorRecord",
    "AssetOutcome",
    "AttemptRecord",
    "BroughtRecord",
    "CandidateResult",
    "Character",
    "ContentPlan",
    "Contract",
    "Cost",
    "Decision",
    "DriftEventRecord",
    "DriftRecord",
    "DriftState",
    "EmbeddingScore",
    "EvaluationResult",
    "EvaluatorInfo",
    "FacePart",
    "FaceSummary",
    "FrameSize",
    "Framing",
    "GenerationContext",
    "GeometricScore",
    "ImagePrompt",
    "MeasuredRecord",
    "MeasurementStatus",
    "OverrideRecord",
    "PlanSource",
    "PlannedContent",
    "PlannedIdea",
    "PolicyVerdict",
    "PromptPatch",
    "RatioScore",
    "Reason",
    "Record",
    "RegistryRecord",
    "Scores",
    "SubmissionAnswer",
    "SubmissionEvent",
    "SubmissionRecord",
    "Timings",
    "VideoPrompt",
    "check_slug",
    "slugify",
]

"""Pictures brought from elsewhere to be measured: what came in, and what was found."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime

from personalab_core.schemas.decisions import Decision, Reason
from personalab_core.schemas.evaluation import CandidateResult, EvaluatorInfo
from personalab_core.schemas.records import Record


class BroughtRecord(Record):
    """One picture that was brought, stored anew by us; paths are relative to the output folder."""

    kind: Literal["brought"] = "brought"
    name: str
    """What it was called where it came from; for people only, never part of a path."""
    path: str | None = None
    """``None`` if it could not be read; then nothing of it was stored."""
    image_sha256: str | None = None
    thumbnail_path: str | None = None
    problem: str = ""
    picture_date: AwareDatetime | None = None
    simulated: bool = False


class MeasuredRecord(Record):
    """One brought picture measured against one anchor."""

    kind: Literal["measured"] = "measured"
    name: str
    persona: str | None = None
    path: str | None = None
    image_sha256: str | None = None
    thumbnail_path: str | None = None
    picture_date: AwareDatetime | None = None
    simulated: bool = False
    anchor_sha256: str | None = None
    evaluator: EvaluatorInfo
    measurement: CandidateResult
    decision: Decision
    reason: Reason
    sentence: str
    accept_threshold: float | None = None
    retry_threshold: float | None = None

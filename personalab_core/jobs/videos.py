"""Videos from elsewhere, measured: taken in as they are, compared with a persona's anchor, kept with what was found.

Below ``<output>/video_checks/<id>/``: the video byte for byte, its first frame, ``brought.json`` (what came in)
and ``measured.json`` (what was found). A job does the measuring.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from pydantic import AwareDatetime, Field, ValidationError

from personalab_core.config.atomic_files import workspace_errors, write_atomic
from personalab_core.errors import InputError
from personalab_core.generation.video_files import store_video
from personalab_core.identity import require_anchor
from personalab_core.jobs.control import Progress, stop_if_asked
from personalab_core.jobs.params import EvaluateVideoParams
from personalab_core.jobs.studio import Studio
from personalab_core.orchestration import VideoMeasurement, VideoReport
from personalab_core.runtime.measuring import build_video_meter
from personalab_core.schemas import Contract, Decision, PolicyVerdict

CHECKS_FOLDER = "video_checks"
MAX_VIDEO_MB = 400
_ID = re.compile(r"[0-9a-f]{12}")
_BROUGHT, _MEASURED = "brought.json", "measured.json"
T = TypeVar("T", bound=Contract)


class BroughtVideo(Contract):
    """A video that was brought. Paths are relative to the workspace output folder."""

    id: str = Field(pattern=r"^[0-9a-f]{12}$")
    persona: str
    name: str
    brought_at: AwareDatetime
    video_path: str
    video_sha256: str
    poster_path: str
    poster_sha256: str


class MeasuredVideo(Contract):
    """What was found of it, frame by frame, and what the policy says."""

    report: VideoReport
    decision: Decision
    sentence: str
    accept_threshold: float
    retry_threshold: float
    duration_s: float
    complete: bool


def measure_video(studio: Studio, anchor: Path, video: Path) -> tuple[VideoMeasurement, PolicyVerdict]:
    """Return both axes of a video against an anchor, and what the policy says.

    Raises:
        AnchorMissingError: There is no anchor file.
        InputError: The anchor has no measurable face, or the video cannot be decoded.
    """
    meter = build_video_meter(studio.config.evaluation, studio.evaluator)
    policy = studio.policy
    meter = replace(meter, accept_threshold=policy.accept_threshold, retry_threshold=policy.retry_threshold)
    measured = meter.measure(anchor, video)
    return measured, policy.decide(measured.candidate)


def bring_video(studio: Studio, persona: str, data: bytes, *, name: str) -> BroughtVideo:
    """Return the record of a video that was taken in, byte for byte.

    Raises:
        InputError: It is too large, or no frame of it can be decoded; nothing is stored.
        WorkspaceError: It cannot be written.
    """
    if len(data) > MAX_VIDEO_MB * 1_000_000:
        raise InputError(f"The video has over {MAX_VIDEO_MB} MB.")
    output, check_id = studio.config.paths.output, secrets.token_hex(6)
    folder = output / CHECKS_FOLDER / check_id
    stored = store_video(folder, "video", data)
    brought = BroughtVideo(
        id=check_id,
        persona=persona,
        name=Path(name.replace("\\", "/")).name[:120] or "video",
        brought_at=studio.clock(),
        video_path=stored.path.relative_to(output).as_posix(),
        video_sha256=stored.sha256,
        poster_path=stored.poster.path.relative_to(output).as_posix(),
        poster_sha256=stored.poster.sha256,
    )
    write_atomic(folder / _BROUGHT, brought.model_dump_json().encode())
    return brought


def check_video(studio: Studio, params: EvaluateVideoParams, progress: Progress) -> str:
    """Measure a video that was brought, and return the policy's sentence.

    Raises:
        InputError: There is no such video, it cannot be decoded, or the persona has no anchor.
        JobCancelledError: The work was asked to stop.
    """
    stop_if_asked(progress)
    brought = read_brought(studio.config.paths.output, params.check)
    if brought is None:
        raise InputError("This video is not in the workspace any more.")
    progress.report(0, f"measuring {brought.name}")
    output = studio.config.paths.output
    anchor = require_anchor(studio.config.paths.references, brought.persona)
    measured, verdict = measure_video(studio, anchor, output / brought.video_path)
    shown = measured.identity.model_copy(update={"anchor_path": anchor.name, "video_path": brought.video_path})
    found = MeasuredVideo(
        report=VideoReport(identity=shown, quality=measured.quality, advice=measured.advice),
        decision=verdict.decision,
        sentence=verdict.sentence,
        accept_threshold=studio.policy.accept_threshold,
        retry_threshold=studio.policy.retry_threshold,
        duration_s=measured.facts.decoded_duration_s,
        complete=measured.facts.complete,
    )
    write_atomic(output / CHECKS_FOLDER / params.check / _MEASURED, found.model_dump_json().encode())
    progress.report(1, verdict.decision.value)
    return verdict.sentence


def read_brought(output: Path, check_id: str) -> BroughtVideo | None:
    """Return the record of a video that was brought, ``None`` if there is none by this id."""
    return _read(output, check_id, _BROUGHT, BroughtVideo)


def read_measured(output: Path, check_id: str) -> MeasuredVideo | None:
    """Return what was found of it, ``None`` before it is measured."""
    return _read(output, check_id, _MEASURED, MeasuredVideo)


def brought_videos(output: Path) -> Iterator[BroughtVideo]:
    """Yield every video that was brought; those whose record cannot be read are left out."""
    for path in sorted((output / CHECKS_FOLDER).glob(f"*/{_BROUGHT}")):
        brought = read_brought(output, path.parent.name)
        if brought is not None:
            yield brought


def _read(output: Path, check_id: str, file: str, kind: type[T]) -> T | None:
    path = output / CHECKS_FOLDER / check_id / file
    if not _ID.fullmatch(check_id) or not path.is_file():
        return None
    with workspace_errors("read", path):
        data = path.read_bytes()
    try:
        return kind.model_validate_json(data)
    except ValidationError:
        return None

"""How the attempts for one video ended, with everything measured of each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from personalab_core.config.atomic_files import workspace_errors, write_atomic
from personalab_core.errors import WorkspaceError
from personalab_core.generation import store_poster
from personalab_core.identity.frame_extractor import picture_at
from personalab_core.orchestration.keeper import Kept, relative_posix
from personalab_core.orchestration.video_measurement import VideoMeasurement
from personalab_core.quality import PostProcessingAdvice, VideoQualityResult
from personalab_core.schemas import AssetOutcome, AttemptRecord, Contract, Decision
from personalab_core.schemas.video import (
    SampledFrame,
    VideoAdvice,
    VideoIdentityResult,
    VideoIdentitySummary,
    VideoQualitySummary,
)


class VideoReport(Contract):
    """The file beside a video: every frame's numbers, of which the attempt's record has the summary."""

    identity: VideoIdentityResult
    quality: VideoQualityResult | None = None
    advice: PostProcessingAdvice | None = None


def read_report(path: str | Path) -> VideoReport:
    """Return the report of a measured video.

    Raises:
        WorkspaceError: The file cannot be read.
        ValidationError: It is not a report.
    """
    with workspace_errors("read", Path(path)):
        return VideoReport.model_validate_json(Path(path).read_bytes())


def keep_measurement(kept: Kept, measured: VideoMeasurement, output_dir: Path) -> Kept:
    """Return what is stored of a video once it is measured: its report, and its typical frame as poster.

    Raises:
        WorkspaceError: The disk is full or the folder cannot be written.
    """
    if kept.video is None:
        raise ValueError(f"{kept.path} is not kept as a video")
    report_path = kept.path.with_suffix(".json")
    shown = measured.identity.model_copy(update={"anchor_path": Path(measured.identity.anchor_path).name})
    shown = shown.model_copy(update={"video_path": kept.video.video_path})
    report = VideoReport(identity=shown, quality=measured.quality, advice=measured.advice)
    write_atomic(report_path, report.model_dump_json().encode())
    picture, poster_frame = kept.picture, SampledFrame(index=0, time_s=0.0)
    if measured.typical is not None:
        poster_frame = measured.typical.frame
        image = picture_at(kept.path, poster_frame.index)
        picture = store_poster(kept.path.parent, kept.path.stem, image)
    video = kept.video.model_copy(
        update={
            "duration_s": measured.facts.decoded_duration_s,
            "complete": measured.facts.complete,
            "report_path": relative_posix(report_path, output_dir),
            "poster_frame": poster_frame,
            "identity": VideoIdentitySummary.of(measured.identity),
            "quality": _quality_summary(measured.quality),
            "advice": _advice(measured.advice),
        }
    )
    return Kept(kept.path, picture, video)


def _quality_summary(quality: VideoQualityResult | None) -> VideoQualitySummary | None:
    if quality is None:
        return None
    return VideoQualitySummary(**{name: quality[name] for name in VideoQualitySummary.model_fields})


def _advice(advice: PostProcessingAdvice | None) -> VideoAdvice | None:
    if advice is None:
        return None
    return VideoAdvice(**{name: advice[name] for name in VideoAdvice.model_fields})


@dataclass(frozen=True, slots=True)
class VideoAttemptResult:
    """One attempt at a video.

    Attributes:
        record: The line in the log.
        eval_result: Who is in the video, frame by frame; ``None`` if no video came.
        quality_result: How its pixels are; ``None`` if no video came, or it is switched off.
        post_processing_advice: What may be done to them; ``None`` likewise.
    """

    record: AttemptRecord
    eval_result: VideoIdentityResult | None = None
    quality_result: VideoQualityResult | None = None
    post_processing_advice: PostProcessingAdvice | None = None

    @classmethod
    def of(cls, record: AttemptRecord, measured: VideoMeasurement | None) -> VideoAttemptResult:
        """Return the attempt with what was measured of it."""
        if measured is None:
            return cls(record)
        return cls(record, measured.identity, measured.quality, measured.advice)

    @classmethod
    def recalled(cls, record: AttemptRecord, output_dir: Path) -> VideoAttemptResult:
        """Return an attempt of an earlier run with what the report beside its video holds, if that is still there."""
        path = record.video.report_path if record.video else None
        if path is None:
            return cls(record)
        try:
            report = read_report(output_dir / path)
        except (WorkspaceError, ValidationError):
            return cls(record)
        return cls(record, report.identity, report.quality, report.advice)


@dataclass(frozen=True, slots=True)
class VideoResult:
    """One video that was wanted: every attempt, and how it ended.

    Attributes:
        persona: Id of the persona.
        asset_id: Id of the asset.
        outcome: How it ended.
        sentence: The same for a person.
        attempts: In order.
        output_dir: Folder that the records' paths are relative to.
    """

    persona: str
    asset_id: str
    outcome: AssetOutcome
    sentence: str
    attempts: tuple[VideoAttemptResult, ...]
    output_dir: Path

    @property
    def accepted(self) -> bool:
        """Whether a video was accepted."""
        return self.outcome is AssetOutcome.ACCEPTED

    @property
    def best_attempt(self) -> VideoAttemptResult | None:
        """The accepted attempt, else the measured one with the highest mean composite, else ``None``."""
        measured = [a for a in self.attempts if a.record.scores.composite is not None]
        accepted = [a for a in measured if a.record.decision is Decision.ACCEPT]
        return max(accepted or measured, key=lambda a: a.record.scores.composite or 0.0, default=None)

    @property
    def final_score(self) -> float | None:
        """Mean composite score in [0, 1] of :attr:`best_attempt`; ``None`` if nothing was measured."""
        return self.best_attempt.record.scores.composite if self.best_attempt else None

    @property
    def final_attempt(self) -> int:
        """Number of the last attempt; 0 if none was begun."""
        return self.attempts[-1].record.attempt if self.attempts else 0

    @property
    def video_path(self) -> Path | None:
        """Video of the best attempt, or of the last one that has a video; ``None`` if none came."""
        filmed = [a for a in self.attempts if a.record.video is not None]
        chosen = self.best_attempt or (filmed[-1] if filmed else None)
        return self.output_dir / chosen.record.video.video_path if chosen and chosen.record.video else None

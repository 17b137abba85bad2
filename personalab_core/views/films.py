"""Measured videos: those of a persona's attempts, and those that were brought from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import ValidationError

from personalab_core.errors import PersonalabError
from personalab_core.jobs.videos import BroughtVideo, MeasuredVideo
from personalab_core.orchestration import VideoReport, read_report
from personalab_core.schemas import AttemptRecord, Decision
from personalab_core.schemas.video import IdentitySwap
from personalab_core.views import video_facts, words
from personalab_core.views.history import PersonaHistory
from personalab_core.views.workspace import Workspace

MAX_ATTEMPTS = 200
"""So many attempts are looked through for videos, from the newest."""

_KINDS: dict[Decision, words.MarkKind] = {
    Decision.ACCEPT: "accept",
    Decision.RETRY: "retry",
    Decision.REJECT_FINAL: "reject",
}
_WORDS = {Decision.ACCEPT: "Same person", Decision.RETRY: "Needs a look", Decision.REJECT_FINAL: "Someone else"}


@dataclass(frozen=True, slots=True)
class MeasuredFilm:
    """A measured video with what the page says around it.

    ``path`` is relative to the output folder. ``answer`` and ``mark`` are those of the policy.
    """

    eyebrow: str
    report: VideoReport
    mark: words.Mark
    decision: Decision
    sentence: str
    path: str
    sha256: str
    poster: str
    duration_s: float
    complete: bool
    accept: float
    retry: float
    limits: video_facts.Limits
    simulated: bool

    def end_s(self, swap: IdentitySwap) -> float:
        """Return when a swap is over; one that lasts to the end is over after it."""
        return swap.end_s if swap.end_s is not None else self.duration_s + 1e-3


def video_attempts(history: PersonaHistory) -> list[AttemptRecord]:
    """Return a persona's attempts that brought a measured video, newest first."""
    rows = history.attempts.narrowed("asset_type='video'").newest(MAX_ATTEMPTS)
    return [record for record in reversed(rows) if record.video is not None and record.video.report_path]


def film_of_attempt(space: Workspace, history: PersonaHistory, attempt: AttemptRecord) -> MeasuredFilm | None:
    """Return the measured video of an attempt, ``None`` if it brought none or its report cannot be read."""
    video = attempt.video
    if video is None or video.report_path is None:
        return None
    try:
        report = read_report(space.config.paths.output / video.report_path)
    except (PersonalabError, ValidationError):
        return None
    number, _ = history.asset_of(attempt)
    return MeasuredFilm(
        eyebrow=f"Video {number} of {history.name}, attempt {attempt.attempt}",
        report=report,
        mark=words.decision_mark(attempt),
        decision=attempt.decision,
        sentence=words.attempt_detail(attempt),
        path=video.video_path,
        sha256=video.video_sha256,
        poster=attempt.image_path or "",
        duration_s=video.duration_s or 0.0,
        complete=video.complete,
        accept=attempt.accept_threshold if attempt.accept_threshold is not None else 0.55,
        retry=attempt.retry_threshold if attempt.retry_threshold is not None else 0.35,
        limits=_limits(space),
        simulated=attempt.context.simulated,
    )


def film_of_check(
    space: Workspace, history: PersonaHistory, brought: BroughtVideo, found: MeasuredVideo
) -> MeasuredFilm:
    """Return a measured video from elsewhere."""
    return MeasuredFilm(
        eyebrow=f"{brought.name}, compared with {history.name}",
        report=found.report,
        mark=words.Mark(_KINDS[found.decision], _WORDS[found.decision]),
        decision=found.decision,
        sentence=found.sentence,
        path=brought.video_path,
        sha256=brought.video_sha256,
        poster=brought.poster_path,
        duration_s=found.duration_s,
        complete=found.complete,
        accept=found.accept_threshold,
        retry=found.retry_threshold,
        limits=_limits(space),
        simulated=False,
    )


def _limits(space: Workspace) -> video_facts.Limits:
    return video_facts.Limits.of(space.config.evaluation.quality)

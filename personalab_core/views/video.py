"""One video: is it the same person in every moment, and how are its pixels?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from personalab_core.orchestration import VideoReport
from personalab_core.schemas import AttemptRecord
from personalab_core.schemas.video import VideoIdentityResult
from personalab_core.views import film_words, numbers, video_facts, words
from personalab_core.views.film_frames import FrameCard, frame_cards
from personalab_core.views.films import MeasuredFilm
from personalab_core.views.frames import frame_address, video_address
from personalab_core.views.history import PersonaHistory
from personalab_core.views.runs import RunRow, run_row
from personalab_core.views.video_facts import Fact
from personalab_core.views.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Curve:
    """One value over time: ``points`` are (time_s, value), ``limit`` is drawn as a dashed line with its name."""

    name: str
    points: tuple[tuple[float, float], ...]
    limit: float
    limit_name: str
    top: float


@dataclass(frozen=True, slots=True)
class Take:
    """One of several attempts at a video, small."""

    id: str
    name: str
    mark: words.Mark
    line: str
    points: tuple[tuple[float, float | None], ...]
    duration_s: float
    current: bool


@dataclass(frozen=True, slots=True)
class VideoView:
    """The page of one video."""

    eyebrow: str
    answer: str
    detail: str
    mark: words.Mark
    simulated: bool
    finding: str
    src: str
    poster: str
    duration_s: float
    frames: tuple[FrameCard, ...]
    opens_at: int
    accept: float
    retry: float
    curves: tuple[Curve, ...]
    swaps: tuple[tuple[float, float], ...]
    gaps: tuple[tuple[float, float, str], ...]
    identity: tuple[Fact, ...]
    coverage: tuple[Fact, ...]
    quality: tuple[Fact, ...]
    advice: str
    advice_why: str
    takes: tuple[Take, ...]
    alt: str


def videos_under_way(space: Workspace, history: PersonaHistory) -> list[RunRow]:
    """Return the jobs that are making videos of a persona."""
    names = {history.id: history.name}
    return [
        run_row(job, names, now=datetime.now(UTC))
        for job in space.jobs.list(limit=50)
        if job.active and job.persona == history.id and job.kind == "batch" and '"video"' in job.params_json
    ]


def build_video_view(history: PersonaHistory, film: MeasuredFilm, *, takes: Sequence[Take] = ()) -> VideoView:
    """Return everything about one measured video."""
    identity, quality = film.report.identity, film.report.quality
    frames = frame_cards(film)
    swaps = tuple((swap.start_s, film.end_s(swap)) for swap in identity.swaps)
    answer = film_words.answer(history.first_name, film)
    return VideoView(
        eyebrow=film.eyebrow,
        answer=answer,
        detail=film_words.detail(film),
        mark=film_words.verdict(film),
        simulated=film.simulated,
        finding=film_words.finding(film),
        src=video_address(film.path, film.sha256),
        poster=frame_address(film.path, film.sha256, frames[0].index) if frames else "",
        duration_s=film.duration_s,
        frames=frames,
        opens_at=_opens_at(identity, frames),
        accept=film.accept,
        retry=film.retry,
        curves=_curves(film),
        swaps=swaps,
        gaps=_gaps(identity),
        identity=video_facts.identity_facts(film.report, film.limits, accept=film.accept),
        coverage=video_facts.coverage_facts(film.report, complete=film.complete),
        quality=video_facts.quality_facts(film.report, film.limits),
        advice=film.report.advice.sentence if film.report.advice else "",
        advice_why=video_facts.ADVICE_RULE,
        takes=tuple(takes),
        alt=f"{answer} Scores of {len(identity.frames)} frames over {numbers.duration(film.duration_s)}."
        + (f" {numbers.plural(quality.n_duplicate_frames, 'frame')} repeated." if quality else ""),
    )


def take_of(attempt: AttemptRecord, report: VideoReport, *, current: bool) -> Take:
    """Return an attempt as a small curve."""
    mark, mean = words.decision_mark(attempt), attempt.scores.composite
    line = "No score" if mean is None else f"Mean {numbers.score(mean)}"
    if report.identity.swaps:
        line += f", someone else at {report.identity.swaps[0].start_s:.1f}{numbers.NBSP}s"
    return Take(
        id=attempt.attempt_id,
        name=f"Attempt {attempt.attempt}",
        mark=mark,
        line=line,
        points=tuple((f.frame.time_s, f.result.composite_score) for f in report.identity.frames),
        duration_s=attempt.video.duration_s or 0.0 if attempt.video else 0.0,
        current=current,
    )


def _curves(film: MeasuredFilm) -> tuple[Curve, ...]:
    quality = film.report.quality
    if quality is None:
        return ()
    times = [f.frame.time_s for f in film.report.identity.frames]
    sharp = tuple(zip(times, (f.sharpness_ratio for f in quality.frames), strict=False))
    steps = tuple(zip(times[1:], quality.histogram_distances, strict=False))
    ratios, distances = [v for _, v in sharp], [v for _, v in steps]
    soft, jump = film.limits.min_sharpness_ratio, film.limits.max_histogram_distance
    return (
        Curve("Sharpness beside the anchor", sharp, soft, f"blurred below {soft:.2f}", max([1.2, soft, *ratios])),
        Curve("Change of light", steps, jump, f"flicker above {jump:.2f}", max([0.5, jump, *distances])),
    )


def _gaps(identity: VideoIdentityResult) -> tuple[tuple[float, float, str], ...]:
    """Return stretches without a usable face: begin, end, why."""
    frames, gaps = identity.frames, list[tuple[float, float, str]]()
    half = (identity.shortest_missable_event_s or 0.2) / 2
    for frame in frames:
        if frame.result.composite_score is not None:
            continue
        start, end = max(0.0, frame.frame.time_s - half), frame.frame.time_s + half
        if gaps and start - gaps[-1][1] < half:
            gaps[-1] = (gaps[-1][0], end, gaps[-1][2])
        else:
            gaps.append((start, end, frame.result.reason))
    return tuple(gaps)


def _opens_at(identity: VideoIdentityResult, frames: Sequence[FrameCard]) -> int:
    """Return the frame that the page opens on: the worst one, else the first."""
    if identity.worst_frame is not None:
        return identity.worst_frame.index
    return frames[0].index if frames else 0

"""One video: is it the same person in every moment, and how are its pixels?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import ValidationError

from personalab_core.errors import PersonalabError
from personalab_core.jobs.videos import BroughtVideo, MeasuredVideo
from personalab_core.orchestration import VideoReport, read_report
from personalab_core.schemas import AttemptRecord, Decision
from personalab_core.schemas.video import FrameResult, IdentitySwap, VideoIdentityResult
from personalab_core.views import numbers, video_facts, words
from personalab_core.views.faces import CompareSide, hot_points
from personalab_core.views.frames import MAX_FRAMES_SHOWN, frame_address, video_address
from personalab_core.views.history import PersonaHistory
from personalab_core.views.pictures import Picture
from personalab_core.views.runs import RunRow, run_row
from personalab_core.views.video_facts import Fact
from personalab_core.views.workspace import Workspace

MAX_ATTEMPTS = 200
"""So many attempts are looked through for videos, from the newest."""


@dataclass(frozen=True, slots=True)
class FrameCard:
    """One frame of the strip and the curves. ``score`` is ``None`` where no face was usable."""

    index: int
    time_s: float
    score: float | None
    mark: words.Mark
    src: str
    alt: str


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
    frames = _cards(film)
    swaps = tuple((swap.start_s, _end(swap, film)) for swap in identity.swaps)
    answer = _answer(history.first_name, film)
    return VideoView(
        eyebrow=film.eyebrow,
        answer=answer,
        detail=_detail(film),
        mark=_verdict(film),
        simulated=film.simulated,
        finding=_finding(film),
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


def frame_side(film: MeasuredFilm, index: int) -> CompareSide:
    """Return one frame as the right side of the comparison with the anchor."""
    frame = next(f for f in film.report.identity.frames if f.frame.index == index)
    result, time_s = frame.result, f"{frame.frame.time_s:.1f}{numbers.NBSP}s"
    mark = _mark(frame, film)
    value = result.composite_score
    points = result.face.landmarks if result.face and value is not None else ()
    size = (result.width_px, result.height_px) if result.width_px and result.height_px else None
    shown = next((card for card in _cards(film) if card.index == index), None)
    src = shown.src if shown else frame_address(film.path, film.sha256, index)
    return CompareSide(
        picture=Picture(src=src, thumbnail=src, alt=f"Frame at {time_s}: {mark.word}"),
        caption=time_s,
        mark=mark if value is None else words.Mark(mark.kind, f"{mark.word}, {numbers.score(value)}"),
        points=points if size else (),
        size=size,
        hot=hot_points(words.ratios_outside(result.geometric), len(points)),
        box=result.face.box if result.face and size else None,
    )


def _cards(film: MeasuredFilm) -> tuple[FrameCard, ...]:
    frames = _shown(film.report.identity)
    more = "-".join(str(f.frame.index) for f in frames)
    return tuple(_card(frame, film, more) for frame in frames)


def _shown(identity: VideoIdentityResult) -> list[FrameResult]:
    """Return the frames of which pictures are shown: all, or of a long video some, with the worst and the swaps."""
    frames = list(identity.frames)
    step = -(-len(frames) // MAX_FRAMES_SHOWN)
    if step <= 1:
        return frames
    worst = identity.worst_frame.index if identity.worst_frame else None
    starts = [swap.start_s for swap in identity.swaps]

    def telling(number: int, frame: FrameResult) -> bool:
        return (
            number % (step + 1) == 0
            or frame.frame.index == worst
            or any(0 <= frame.frame.time_s - start < 0.5 for start in starts)
        )

    return [frame for number, frame in enumerate(frames) if telling(number, frame)][:MAX_FRAMES_SHOWN]


def _card(frame: FrameResult, film: MeasuredFilm, more: str) -> FrameCard:
    mark, value = _mark(frame, film), frame.result.composite_score
    address = frame_address(film.path, film.sha256, frame.frame.index)
    said = mark.word if value is None else f"{mark.word}, {numbers.score(value)}"
    return FrameCard(
        index=frame.frame.index,
        time_s=frame.frame.time_s,
        score=value,
        mark=mark,
        src=f"{address}?more={more}",
        alt=f"{frame.frame.time_s:.1f} s: {said}",
    )


def _mark(frame: FrameResult, film: MeasuredFilm) -> words.Mark:
    value, time_s = frame.result.composite_score, frame.frame.time_s
    if value is None:
        return words.Mark("unmeasured", frame.result.reason.capitalize() or "Not measurable")
    if any(swap.start_s <= time_s < _end(swap, film) for swap in film.report.identity.swaps) or value < film.retry:
        return words.Mark("reject", "Someone else")
    return words.Mark("accept", "Same person") if value >= film.accept else words.Mark("retry", "Not sure")


def _end(swap: IdentitySwap, film: MeasuredFilm) -> float:
    return swap.end_s if swap.end_s is not None else film.duration_s + 1e-3


def _opens_at(identity: VideoIdentityResult, frames: Sequence[FrameCard]) -> int:
    """Return the frame that the page opens on: the worst one, else the first."""
    if identity.worst_frame is not None:
        return identity.worst_frame.index
    return frames[0].index if frames else 0


def _verdict(film: MeasuredFilm) -> words.Mark:
    """Return the policy's mark; the mean alone may have hidden somebody else."""
    if film.decision is Decision.ACCEPT and film.report.identity.swaps:
        return words.Mark("watch", "Accepted by its mean")
    return film.mark


def _answer(name: str, film: MeasuredFilm) -> str:
    identity = film.report.identity
    if identity.swaps:
        return _swap_sentence(identity.swaps)
    if film.decision is Decision.REJECT_FINAL:
        return f"This is not {name}."
    if identity.mean_composite_score is None or film.mark.kind == "unmeasured":
        return "Not measurable: too little of a face is seen."
    if film.decision is not Decision.ACCEPT:
        return f"Not sure it is {name}."
    if identity.longest_below_threshold_s and identity.worst_frame is not None:
        return f"It is {name}, least surely at {_at(identity.worst_frame.time_s)}."
    return f"It is {name} in every moment that was seen."


def _swap_sentence(swaps: Sequence[IdentitySwap]) -> str:
    first = swaps[0]
    if len(swaps) > 1:
        return f"Someone else appears {numbers.spelled(len(swaps)).lower()} times, first at {_at(first.start_s)}."
    if first.end_s is None:
        return f"From {_at(first.start_s)} on it is someone else."
    lasts = f"{first.end_s - first.start_s:.1f}{numbers.NBSP}s"
    if first.start_s == 0:
        return f"The first {lasts} show someone else."
    return f"Someone else appears for {lasts} at {_at(first.start_s)}."


def _detail(film: MeasuredFilm) -> str:
    identity = film.report.identity
    n = len(identity.frames)
    seen = sum(f.result.composite_score is not None for f in identity.frames)
    parts = [f"A face could be measured in {numbers.share(seen, n)} frames."]
    if identity.mean_composite_score is not None:
        mean = numbers.score(identity.mean_composite_score)
        hides = " hides it" if identity.swaps and identity.mean_composite_score >= film.accept else ""
        parts.insert(0, f"The mean of {mean}{hides or ' is what the decision rests on'}.")
    if identity.shortest_missable_event_s is not None:
        parts.append(f"Anything shorter than {identity.shortest_missable_event_s:.1f}{numbers.NBSP}s could be missed.")
    if not film.complete:
        parts.append("The file breaks off before its end.")
    return " ".join(parts)


def _finding(film: MeasuredFilm) -> str:
    swaps = film.report.identity.swaps
    if swaps:
        return f"The same person, except around {_at(swaps[0].start_s)}"
    worst = film.report.identity.worst_frame
    return f"Weakest at {_at(worst.time_s)}" if worst else "No frame could be measured"


def _at(time_s: float) -> str:
    return f"{time_s:.1f}{numbers.NBSP}s"


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


_KINDS: dict[Decision, words.MarkKind] = {
    Decision.ACCEPT: "accept",
    Decision.RETRY: "retry",
    Decision.REJECT_FINAL: "reject",
}
_WORDS = {Decision.ACCEPT: "Same person", Decision.RETRY: "Needs a look", Decision.REJECT_FINAL: "Someone else"}

"""The frames of a measured video as cards: the strip, and one frame beside the anchor."""

from __future__ import annotations

from dataclasses import dataclass

from personalab_core.schemas.video import FrameResult, VideoIdentityResult
from personalab_core.views import numbers, words
from personalab_core.views.faces import CompareSide, hot_points
from personalab_core.views.films import MeasuredFilm
from personalab_core.views.frames import MAX_FRAMES_SHOWN, frame_address
from personalab_core.views.pictures import Picture


@dataclass(frozen=True, slots=True)
class FrameCard:
    """One frame of the strip and the curves. ``score`` is ``None`` where no face was usable."""

    index: int
    time_s: float
    score: float | None
    mark: words.Mark
    src: str
    alt: str


def frame_side(film: MeasuredFilm, index: int) -> CompareSide:
    """Return one frame as the right side of the comparison with the anchor."""
    frame = next(f for f in film.report.identity.frames if f.frame.index == index)
    result, time_s = frame.result, f"{frame.frame.time_s:.1f}{numbers.NBSP}s"
    mark = _mark(frame, film)
    value = result.composite_score
    points = result.face.landmarks if result.face and value is not None else ()
    size = (result.width_px, result.height_px) if result.width_px and result.height_px else None
    shown = next((card for card in frame_cards(film) if card.index == index), None)
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


def frame_cards(film: MeasuredFilm) -> tuple[FrameCard, ...]:
    """Return the frames of which pictures are shown."""
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
    if any(swap.start_s <= time_s < film.end_s(swap) for swap in film.report.identity.swaps) or value < film.retry:
        return words.Mark("reject", "Someone else")
    return words.Mark("accept", "Same person") if value >= film.accept else words.Mark("retry", "Not sure")

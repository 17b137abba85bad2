"""The video page's sentences and numbers, from reports whose every frame is known."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from personalab_core.identity.temporal import summarise_frames
from personalab_core.orchestration import VideoReport
from personalab_core.quality import FrameSharpness, VideoQualityResult
from personalab_core.schemas import CandidateResult, Decision, EmbeddingScore, EvaluatorInfo, MeasurementStatus
from personalab_core.schemas.video import FrameResult, SampledFrame
from personalab_core.views import words
from personalab_core.views.film_frames import frame_side
from personalab_core.views.films import MeasuredFilm
from personalab_core.views.frames import MAX_FRAMES_SHOWN
from personalab_core.views.video import VideoView, build_video_view
from personalab_core.views.video_facts import Limits

INFO = EvaluatorInfo(name="fake", version="1", pack="fake", pack_hash="0" * 16, metric="cosine_similarity")
STEP_S = 0.2
LIMITS = Limits(
    min_sharpness_ratio=0.4, max_histogram_distance=0.35, max_embedding_std=0.06, max_geometric_variance=0.002
)


@dataclass(frozen=True)
class Persona:
    """What the view asks of a persona's history."""

    first_name: str = "Tomas"


def frame(number: int, score: float | None) -> FrameResult:
    position = SampledFrame(index=6 * number, time_s=round(STEP_S * number, 3))
    if score is None:
        away = CandidateResult(path="", status=MeasurementStatus.TURNED_AWAY, reason="the face is turned away by 80°")
        return FrameResult(frame=position, result=away)
    result = CandidateResult(
        path="",
        status=MeasurementStatus.MEASURED,
        n_faces=1,
        composite_score=score,
        embedding=EmbeddingScore(cosine_similarity=score, threshold=0.55, passed=score >= 0.55),
    )
    return FrameResult(frame=position, result=result)


def film(*scores: float | None, decision: Decision = Decision.ACCEPT, complete: bool = True) -> MeasuredFilm:
    frames = [frame(i, score) for i, score in enumerate(scores)]
    identity = summarise_frames(
        frames, anchor_path="a", video_path="v", evaluator=INFO, duration_s=STEP_S * len(scores)
    )
    quality = VideoQualityResult(
        frames=tuple(FrameSharpness(laplacian_variance=9, sharpness_ratio=0.8, sharp_enough=True) for _ in frames),
        mean_sharpness_ratio=0.8,
        min_sharpness_ratio=0.8,
        sharpness_ok=True,
        histogram_method="bhattacharyya",
        histogram_distances=(0.1,) * (len(frames) - 1),
        mean_histogram_distance=0.1,
        max_histogram_distance=0.1,
        illumination_ok=True,
    )
    return MeasuredFilm(
        eyebrow="Video 1 of Tomas Okafor, attempt 1",
        report=VideoReport(identity=identity, quality=quality),
        mark=words.Mark("accept", "Accepted"),
        decision=decision,
        sentence="",
        path="tomas/videos/v.mp4",
        sha256="ab" * 32,
        poster="",
        duration_s=STEP_S * len(scores),
        complete=complete,
        accept=0.55,
        retry=0.35,
        limits=LIMITS,
        simulated=True,
    )


def view(*scores: float | None, decision: Decision = Decision.ACCEPT, complete: bool = True) -> VideoView:
    return build_video_view(Persona(), film(*scores, decision=decision, complete=complete))  # type: ignore[arg-type]


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("scores", "decision", "answer"),
    [
        ([0.7] * 8, Decision.ACCEPT, "It is Tomas in every moment that was seen."),
        ([0.62] * 5 + [0.5] + [0.62] * 5, Decision.ACCEPT, "It is Tomas, least surely at 1.0 s."),
        ([0.7] * 5 + [0.1] * 2 + [0.7] * 5, Decision.ACCEPT, "Someone else appears for 0.4 s at 0.9 s."),
        ([0.1] * 2 + [0.7] * 8, Decision.ACCEPT, "The first 0.3 s show someone else."),
        ([0.7] * 6 + [0.1] * 4, Decision.RETRY, "From 1.1 s on it is someone else."),
        ([0.2] * 8, Decision.REJECT_FINAL, "This is not Tomas."),
        ([0.45] * 8, Decision.RETRY, "Not sure it is Tomas."),
        ([None] * 8, Decision.RETRY, "Not measurable: too little of a face is seen."),
    ],
)
def test_the_answer(scores: list[float | None], decision: Decision, answer: str) -> None:
    assert plain(view(*scores, decision=decision).answer) == answer


def test_the_detail_says_what_the_mean_hides_and_what_could_be_missed() -> None:
    """Ten frames of .7 and two of .1: the mean is .60."""
    detail = plain(view(*[0.7] * 5, 0.1, 0.1, *[0.7] * 5, complete=False).detail)
    assert detail == (
        "The mean of 0.60 hides it. A face could be measured in 100 % of 12 frames. "
        "Anything shorter than 0.2 s could be missed. The file breaks off before its end."
    )


def test_the_page_opens_on_the_worst_frame_and_marks_every_frame() -> None:
    shown = view(*[0.62] * 5, 0.1, 0.12, *[0.62] * 3, None, 0.5)
    assert shown.opens_at == 6 * 5
    kinds = [card.mark.kind for card in shown.frames]
    assert kinds == ["accept"] * 5 + ["reject"] * 2 + ["accept"] * 3 + ["unmeasured", "retry"]
    assert shown.frames[10].score is None
    assert [(round(a, 2), round(b, 2)) for a, b, _ in shown.gaps] == [(1.9, 2.1)]


def test_the_facts_carry_a_mark_where_a_limit_is_passed() -> None:
    marks = {fact.label: fact.mark for fact in view(*[0.7] * 5, 0.1, 0.1, *[0.7] * 5).identity}
    spread = marks["Embedding spread"]
    assert spread is not None and spread.kind == "watch"
    run = marks["Longest run below 0.55"]
    assert run is not None and plain(run.word) == "0.4 s"
    steady = {fact.label: fact.mark for fact in view(*[0.7] * 12).identity}
    assert not any(steady.values())


def test_of_a_long_video_some_frames_are_shown_with_the_worst_and_the_swap() -> None:
    shown = view(*[0.7] * 600, 0.1, 0.1, *[0.7] * 600)
    assert len(shown.frames) <= MAX_FRAMES_SHOWN
    assert shown.opens_at in {card.index for card in shown.frames}
    assert [card.mark.kind for card in shown.frames].count("reject") == 2


def test_a_frame_beside_the_anchor_has_its_own_address_and_word() -> None:
    side = frame_side(film(0.7, 0.1, 0.7, 0.7), 6)
    assert side.picture is not None
    assert side.picture.src.startswith(f"/frames/output/{'ab' * 8}/6/tomas/videos/v.mp4")
    assert side.mark is not None and side.mark.kind == "reject"


def test_limits_are_those_of_the_configuration_in_force() -> None:
    """The same measurement: fine by the defaults, outside where more is asked for."""
    strict = Limits(
        min_sharpness_ratio=0.85, max_histogram_distance=0.05, max_embedding_std=0.01, max_geometric_variance=0.002
    )
    shown = build_video_view(Persona(), replace(film(0.9, 0.8), limits=strict))  # type: ignore[arg-type]
    marks = {fact.label: fact.mark for fact in (*shown.identity, *shown.quality)}
    assert all(marks[name] is not None for name in ("Embedding spread", "Sharpness", "Blurred", "Flicker"))
    assert [curve.limit for curve in shown.curves] == [0.85, 0.05]
    assert [curve.limit_name for curve in shown.curves] == ["blurred below 0.85", "flicker above 0.05"]
    lenient = view(0.9, 0.8)
    assert not any(fact.mark for fact in (*lenient.identity, *lenient.quality))

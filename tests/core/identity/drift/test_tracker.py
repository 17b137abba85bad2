"""Timelines keep what was measured; summaries never mix two instruments."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalab_core.errors import InputError
from personalab_core.identity import DriftTracker
from personalab_core.identity.drift import summarise
from personalab_core.schemas import (
    AttemptRecord,
    CandidateResult,
    Decision,
    DriftRecord,
    EmbeddingScore,
    EvaluatorInfo,
    FaceSummary,
    GenerationContext,
    MeasurementStatus,
    PromptPatch,
    Reason,
    Scores,
)

START = datetime(2026, 5, 1, tzinfo=UTC)


def drift(score: float, n: int = 0, *, pack_hash: str = "a" * 16, evaluator: str = "arcface") -> DriftRecord:
    return DriftRecord(
        timestamp=START + timedelta(minutes=n),
        persona="mara",
        attempt_id=f"mara-{n}",
        composite_score=score,
        embedding_similarity=score,
        geometric_error=0.05,
        decision=Decision.ACCEPT,
        provider="simulated",
        model="m",
        simulated=True,
        frame_size="head",
        face_size_fraction=0.4,
        evaluator=evaluator,
        pack_hash=pack_hash,
    )


def attempt(*, measured: bool = True, patches: tuple[PromptPatch, ...] = ()) -> AttemptRecord:
    info = EvaluatorInfo(name="arcface", version="1", pack="p", pack_hash="c" * 16, metric="cosine_similarity")
    face = FaceSummary(box=(0, 0, 90, 120), size_fraction=0.25, frame_size="half")
    measurement = CandidateResult(
        path="c.png",
        status=MeasurementStatus.MEASURED,
        composite_score=0.7,
        embedding=EmbeddingScore(cosine_similarity=0.6, threshold=0.55, passed=True),
        face=face,
    )
    return AttemptRecord(
        timestamp=START,
        attempt_id="mara-001-1",
        asset_id="mara-001",
        persona="mara",
        attempt=1,
        max_attempts=3,
        final=True,
        context=GenerationContext(
            provider="gemini", model="m", profile="default", simulated=False, config_hash="0", package_version="0.1.0"
        ),
        prompt="a portrait",
        prompt_hash="0",
        patches=patches,
        requested_framing="half_body",
        anchor_sha256="f" * 64,
        status=MeasurementStatus.MEASURED if measured else MeasurementStatus.NO_FACE,
        scores=Scores(composite=0.7, cosine_similarity=0.6, geometric_error=0.07) if measured else Scores(),
        decision=Decision.ACCEPT if measured else Decision.RETRY,
        reason=Reason.NONE if measured else Reason.NO_FACE,
        sentence="Same person.",
        evaluator=info,
        measurement=measurement if measured else None,
    )


def test_a_summary_is_of_the_last_twenty_records(tmp_path: Path) -> None:
    """Scores .500 .501 ... .529: the last twenty average .5195 and rise by .001, which is not yet a trend."""
    tracker = DriftTracker(tmp_path)
    for n in range(30):
        tracker.append(drift(round(0.5 + n / 1000, 3), n))
    summary = tracker.summary("mara")
    assert (summary.n, summary.n_window) == (30, 20)
    assert summary.mean_score == pytest.approx(0.5195)
    assert (summary.min_score, summary.max_score) == (0.51, 0.529)
    assert summary.std_score == pytest.approx(0.005916, abs=1e-6)  # sqrt((20^2 - 1) / 12 * 20 / 19) / 1000
    assert summary.slope == pytest.approx(0.001)


@pytest.mark.parametrize(
    ("step", "trend"),
    [(0.0011, "improving"), (0.0009, "stable"), (0, "stable"), (-0.0009, "stable"), (-0.0011, "degrading")],
)
def test_a_trend_is_a_slope_beyond_one_thousandth_per_record(step: float, trend: str) -> None:
    records = [drift(0.6 + step * n, n) for n in range(20)]
    assert summarise("mara", records).trend == trend


def test_too_few_records_have_no_number_rather_than_zero(tmp_path: Path) -> None:
    nothing = DriftTracker(tmp_path).summary("mara")
    assert (nothing.n, nothing.mean_score, nothing.trend) == (0, None, None)
    one = summarise("mara", [drift(0.6)])
    assert (one.n, one.mean_score, one.std_score, one.slope, one.trend) == (1, 0.6, None, None, None)


def test_two_instruments_are_never_mixed() -> None:
    old = [drift(0.9, n) for n in range(5)]
    new = [drift(0.5, n, pack_hash="b" * 16) for n in range(3)]
    dlib = [drift(0.7, n, evaluator="dlib", pack_hash="d" * 16) for n in range(2)]
    latest = summarise("mara", [*old, *dlib, *new])
    assert (latest.mean_score, latest.n, latest.n_other_instruments) == (0.5, 3, 7)
    assert (latest.evaluator, latest.pack_hash) == ("arcface", "b" * 16)
    assert summarise("mara", [*old, *dlib, *new], evaluator="dlib").mean_score == 0.7
    assert summarise("mara", [*old, *dlib, *new], pack_hash="a" * 16).mean_score == 0.9
    assert summarise("mara", old, evaluator="dlib").n == 0


@given(st.lists(st.floats(0, 1), min_size=2, max_size=40))
def test_the_mean_lies_between_the_extremes(scores: list[float]) -> None:
    summary = summarise("mara", [drift(score, n) for n, score in enumerate(scores)])
    assert summary.min_score - 1e-9 <= summary.mean_score <= summary.max_score + 1e-9  # type: ignore[operator]
    assert summary.std_score is not None
    assert summary.std_score >= 0


def test_a_measured_attempt_becomes_a_chained_line(tmp_path: Path) -> None:
    patches = tuple(PromptPatch(reason=Reason.IDENTITY_LOW, level=level, text="t") for level in (1, 2))
    tracker = DriftTracker(tmp_path)
    written = tracker.record(attempt(patches=patches))
    assert written is not None
    assert (tmp_path / "mara_drift.jsonl").read_text().count("\n") == 1
    assert tracker.read("mara") == [written]
    assert tracker.journal("mara").verify().ok
    assert (written.composite_score, written.embedding_similarity, written.geometric_error) == (0.7, 0.6, 0.07)
    assert (written.frame_size, written.face_size_fraction, written.requested_framing) == ("half", 0.25, "half_body")
    assert (written.patch_level, written.evaluator, written.pack_hash) == (2, "arcface", "c" * 16)
    assert (written.provider, written.simulated, written.source) == ("gemini", False, "generated")


def test_an_unmeasured_attempt_leaves_no_line(tmp_path: Path) -> None:
    assert DriftTracker(tmp_path).record(attempt(measured=False)) is None
    assert list(tmp_path.iterdir()) == []


def test_a_torn_last_line_is_reported_and_the_rest_is_read(tmp_path: Path) -> None:
    DriftTracker(tmp_path).append(drift(0.6))
    with (tmp_path / "mara_drift.jsonl").open("a") as file:
        file.write('{"half": ')
    tracker = DriftTracker(tmp_path)
    assert [r.composite_score for r in tracker.read("mara")] == [0.6]
    assert len(tracker.problems("mara")) == 1
    assert tracker.contents("mara").problems == tracker.problems("mara")


def test_a_persona_id_is_checked_before_it_is_a_path(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a persona id"):
        DriftTracker(tmp_path).read("../mara")


def test_pictures_and_videos_are_never_mixed() -> None:
    """Videos score lower: the newest record decides which of both the summary is of."""
    video = drift(0.45, 2).model_copy(update={"asset_type": "video"})
    records = [drift(0.7, 0), drift(0.8, 1), video]
    assert summarise("mara", records).mean_score == 0.45
    pictures = summarise("mara", records, asset_type="image")
    assert (pictures.n, pictures.mean_score, pictures.n_other_instruments) == (2, pytest.approx(0.75), 1)

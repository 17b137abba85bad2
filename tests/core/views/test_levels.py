"""A plain look at two stretches of a timeline."""

from __future__ import annotations

import random

import pytest

from personalab_core.schemas import Decision, DriftRecord
from personalab_core.views.levels import CALIBRATION_RECORDS, level_change, rolling_mean
from tests.support.workspace_builder import NOW


def timeline(scores: list[float], frame_sizes: str = "") -> list[DriftRecord]:
    sizes = {"h": "head", "b": "half", "f": "full"}
    return [
        DriftRecord(
            timestamp=NOW,
            persona="mara",
            attempt_id=str(n),
            composite_score=score,
            embedding_similarity=score,
            geometric_error=None,
            decision="accept",
            provider="simulated",
            model="m",
            simulated=True,
            frame_size=sizes[frame_sizes[n] if frame_sizes else "h"],
            face_size_fraction=0.4,
            evaluator="arcface",
            pack_hash="0" * 16,
        )
        for n, score in enumerate(scores)
    ]


def test_too_early_is_none_and_not_zero() -> None:
    assert level_change(timeline([0.7] * (CALIBRATION_RECORDS + 5))) is None


def test_a_clear_fall_is_noticed() -> None:
    rng = random.Random(1)
    scores = [rng.gauss(0.75, 0.03) for _ in range(20)] + [rng.gauss(0.65, 0.03) for _ in range(20)]
    change = level_change(timeline(scores))
    assert change is not None
    assert change.noticeable
    assert change.change == pytest.approx(-0.10, abs=0.02)


def test_a_rise_is_never_worth_a_look() -> None:
    change = level_change(timeline([0.6, 0.62] * 10 + [0.8, 0.82] * 10))
    assert change is not None
    assert not change.noticeable


def test_another_mix_of_framings_is_not_a_change() -> None:
    # Full bodies score .2 lower; first mostly headshots, then mostly full bodies.
    scores, sizes = [], ""
    for n in range(40):
        full = n % 3 == 0 if n < 20 else n % 3 != 0
        scores.append((0.55 if full else 0.75) + (0.01 if n % 2 else -0.01))
        sizes += "f" if full else "h"
    change = level_change(timeline(scores, sizes))
    assert change is not None
    assert abs(change.change) < 0.02
    assert not change.noticeable


def test_chance_alone_is_noticed_seldom() -> None:
    rng = random.Random(5)
    alarms = sum(level_change(timeline([rng.gauss(0.7, 0.08) for _ in range(40)])).noticeable for _ in range(150))  # type: ignore[union-attr]
    assert alarms <= 5


def test_refused_pictures_are_left_out() -> None:
    good = timeline([0.7, 0.72] * 20)
    bad = [r.model_copy(update={"composite_score": 0.2, "decision": Decision.RETRY}) for r in timeline([0.2] * 10)]
    assert level_change(good[:25] + bad + good[25:]) == level_change(good)


def test_rolling_mean_uses_what_is_there() -> None:
    assert rolling_mean([1.0, 3.0, 5.0, 7.0], window=2) == [1.0, 2.0, 4.0, 6.0]

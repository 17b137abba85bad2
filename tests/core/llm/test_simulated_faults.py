"""Faults come at their rates and are cured by their own patch; drift follows its schedule."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalab_core.llm.simulated_faults import (
    CURE_FACTOR,
    CURES,
    DriftEffect,
    DriftSchedule,
    Fault,
    FaultRates,
    draw_fault,
    seeded,
    stable_seed,
)
from personalab_core.schemas import Reason

N = 4000


def _shares(rates: FaultRates, *, patched: Reason | None = None, level: int = 0) -> Counter[Fault | None]:
    def level_of(*reasons: Reason) -> int:
        return level if patched in reasons else 0

    rng = np.random.default_rng(1)
    return Counter(draw_fault(rates, level_of, rng) for _ in range(N))


def test_faults_come_at_their_rates() -> None:
    shares = _shares(FaultRates())
    for fault in Fault:
        rate = FaultRates().of(fault)
        spread = 4 * np.sqrt(rate * (1 - rate) / N)
        assert abs(shares[fault] / N - rate) < spread, fault


def test_a_sound_provider_never_fails() -> None:
    assert _shares(FaultRates.none()) == {None: N}


@pytest.mark.parametrize("fault", list(Fault))
def test_each_fault_is_cured_by_its_own_patch_and_by_no_other(fault: Fault) -> None:
    rates = FaultRates.only(**{fault.value: 0.5})
    for reason in (Reason.IDENTITY_LOW, Reason.NO_FACE, Reason.SEVERAL_FACES, Reason.BLOCKED, Reason.EMPTY_ANSWER):
        share = _shares(rates, patched=reason, level=1)[fault] / N
        expected = 0.5 * (CURE_FACTOR if reason in CURES[fault] else 1)
        assert abs(share - expected) < 0.04, reason


def test_each_level_cures_further() -> None:
    rates = FaultRates.only(no_face=0.9)
    found = [_shares(rates, patched=Reason.NO_FACE, level=level)[Fault.NO_FACE] for level in range(3)]
    assert found[0] > found[1] > found[2]


@pytest.mark.parametrize("rates", [{"blur": -0.1}, {"slow": 1.2}, {"blocked": 0.6, "empty": 0.6}])
def test_rates_that_make_no_sense_are_refused(rates: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="expected"):
        FaultRates.only(**rates)


def test_nothing_drifts_by_default() -> None:
    assert DriftSchedule.none().at(10_000) == DriftEffect()


def test_a_step_comes_at_once() -> None:
    step = DriftSchedule.step(5, amount=0.3)
    assert [step.at(call).identity for call in (0, 4, 5, 6)] == [0.0, 0.0, 0.3, 0.3]


def test_a_ramp_grows_evenly_and_stays() -> None:
    ramp = DriftSchedule.ramp(10, 20, amount=0.4)
    assert [round(ramp.at(call).identity, 3) for call in (9, 10, 15, 20, 99)] == [0.0, 0.0, 0.2, 0.4, 0.4]


def test_a_schedule_in_time_reads_the_clock() -> None:
    start = datetime(2030, 1, 1, tzinfo=UTC)
    ramp = DriftSchedule.ramp(start, start + timedelta(days=10), amount=0.5)
    assert ramp.by_clock
    assert ramp.at(start + timedelta(days=5)).identity == pytest.approx(0.25)


def test_a_provider_change_alters_look_and_identity() -> None:
    change = DriftSchedule.provider_change(3)
    assert change.at(2) == DriftEffect()
    assert change.at(3).batch == 1.0
    assert 0 < change.at(3).identity < 0.2


def test_a_morph_takes_nothing_from_the_likeness() -> None:
    change = DriftSchedule.morph(3, turn=0.4)
    assert change.at(2) == DriftEffect()
    assert change.at(3) == DriftEffect(morph=0.4)


@given(at=st.integers(0, 100), start=st.integers(0, 50), length=st.integers(0, 50), amount=st.floats(0, 1))
def test_drift_never_exceeds_its_amount(at: int, start: int, length: int, amount: float) -> None:
    assert 0 <= DriftSchedule.ramp(start, start + length, amount=amount).at(at).identity <= amount


@pytest.mark.parametrize(
    ("start", "end", "amount"),
    [(5, 4, 0.1), (0, 1, 1.5), (0, datetime(2030, 1, 1, tzinfo=UTC), 0.1)],
)
def test_impossible_schedules_are_refused(start: int, end: int | datetime, amount: float) -> None:
    with pytest.raises(ValueError, match="expected"):
        DriftSchedule.ramp(start, end, amount=amount)


def test_seeds_depend_on_every_part_and_its_borders() -> None:
    assert stable_seed("a", 1) == stable_seed("a", "1")
    assert len({stable_seed("ab", "c"), stable_seed("a", "bc"), stable_seed("abc"), stable_seed("c", "ab")}) == 4
    assert seeded("x").random() == seeded("x").random()

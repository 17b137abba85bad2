"""The monitor against the simulator, through the whole loop: known changes in, states and moments out."""

from __future__ import annotations

from pathlib import Path

import pytest

from personalab_core.identity.drift.watch import Drift
from personalab_core.jobs.canaries import canary_set, run_canaries
from personalab_core.llm.simulated_faults import DriftSchedule
from personalab_core.schemas import DriftState
from tests.support.drift_loop import FULL, MIXED, PERSONA, Loop

pytestmark = pytest.mark.slow

CHANGED = {DriftState.LEVEL_DOWN, DriftState.DIRECTION}


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Loop:
    loop = Loop(tmp_path_factory.mktemp("steady") / "work")
    loop.begin()
    loop.make(56)
    return loop


def after(steady: Loop, to: Path, drift: DriftSchedule | None = None, scenes: tuple[str, ...] = MIXED) -> Drift:
    loop = steady.copied(to / "work")
    loop.make(36, drift=drift, scenes=scenes)
    return loop.look()


def test_nothing_is_found_where_nothing_changes(steady: Loop) -> None:
    found = steady.look()
    assert found.status.state is DriftState.IN_CONTROL
    assert found.events == ()


def test_a_step_is_found_where_it_was_made(steady: Loop, tmp_path: Path) -> None:
    first = steady.look().status.n + 1
    status = after(steady, tmp_path, DriftSchedule.step(0, amount=0.6)).status
    assert status.state in CHANGED
    assert status.since is not None and abs(status.since - first) <= 10
    assert status.split is not None and status.split.within < -0.05 < status.split.mix


def test_a_ramp_is_found_after_it_began(steady: Loop, tmp_path: Path) -> None:
    first = steady.look().status.n + 1
    status = after(steady, tmp_path, DriftSchedule.ramp(0, 30, amount=0.6)).status
    assert status.state in CHANGED
    assert status.since is not None and first <= status.since <= first + 30


def test_a_changed_mix_is_no_change_of_the_person(steady: Loop, tmp_path: Path) -> None:
    found = after(steady, tmp_path, scenes=FULL)
    assert found.status.state is DriftState.IN_CONTROL
    assert found.events == ()


def test_canaries_are_a_series_of_their_own(steady: Loop, tmp_path: Path) -> None:
    loop = steady.copied(tmp_path / "work")
    before = loop.look().status.n
    studio = loop.studio()
    frozen = canary_set(studio, PERSONA)
    results = run_canaries(studio, PERSONA, n=2)
    studio.sentinel.close()
    assert [r.attempts[0].scenario for r in results[:3]] == [f"canary {name}" for name in frozen.prompts]
    assert len({r.attempts[0].image_sha256 for r in results}) == 6, "every run has seeds of its own"
    assert {len(r.attempts) for r in results} == {1}
    assert canary_set(studio, PERSONA) == frozen
    assert loop.look().status.n == before
    timeline = studio.config.evaluation.drift.log_dir / "canaries" / f"{PERSONA}_drift.jsonl"
    measured = [r for r in results if r.attempts[0].scores.composite is not None]
    assert len(timeline.read_bytes().splitlines()) == len(measured) > 0

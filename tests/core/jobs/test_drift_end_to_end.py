"""The monitor against the simulator, through the whole loop: known changes in, states, moments and causes out."""

from __future__ import annotations

from pathlib import Path
from statistics import median

import pytest

from benchmarks.drift_loop import Told, misses, retell, tell
from benchmarks.drift_stories import FIRST, NEW, PERSONA, STEADY, Loop, Story
from personalab_core.jobs.canaries import canary_set, run_canaries

pytestmark = pytest.mark.slow

SEEDS = (101, 102)
"""Fixed before any of them was looked at."""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[Told]:
    """Step, ramp, one provider's update, a worse newcomer, another mix, and a morph, after one beginning per seed."""
    return [t for seed in SEEDS for t in tell(seed, tmp_path_factory.mktemp(f"seed-{seed}"))]


def test_known_changes_are_found_when_and_where_they_were_made(told: list[Told]) -> None:
    assert [f"{t.story.name}, seed {t.seed}" for t in told if not t.right] == []
    errors = [abs(t.error) for t in told if t.error is not None]
    assert len(errors) == 3 * len(SEEDS)
    assert median(errors) <= 5
    for t in told:
        assert (t.delay is None) == (t.story.states == STEADY), t.story.name
    placed = [t for t in told if t.story.of in ((FIRST,), (NEW,))]
    assert [t.found.status.origin.name for t in placed if t.found.status.origin] == [t.story.place for t in placed]
    newcomer = [
        o.size for t in placed if t.story.of == (NEW,) for o in t.found.status.offsets if o.name == t.story.place
    ]
    assert newcomer and all(size < -0.03 for size in newcomer), "lower scores are told, not only allowed for"


def test_the_same_pictures_in_other_orders_are_judged_as_often_rightly_as_promised(told: list[Told]) -> None:
    """One timeline is one draw; rates hold the monitor to its 750 records per false alarm, and so to its charts."""
    retold = retell(told)
    assert misses(retold) == []
    assert all(len(r.judged) >= 20 for r in retold)
    assert all(median(r.errors) <= 5 for r in retold if r.errors)


def test_canaries_are_a_series_of_their_own(tmp_path: Path) -> None:
    loop = Loop(tmp_path / "work", seed=53)
    loop.begin()
    loop.make(4, Story("beginning"))
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

"""The monitor against the simulator, through the whole loop: known changes in, states, moments and causes out."""

from __future__ import annotations

from pathlib import Path
from statistics import median

import pytest

from benchmarks.drift_loop import FIRST, NEW, PERSONA, Loop, Story, tell
from personalab_core.jobs.canaries import canary_set, run_canaries
from personalab_core.schemas import DriftState

pytestmark = pytest.mark.slow


# Expected to fail since the pictures are drawn by renderer version 2: of seven beginnings,
# two raised a false alarm (41 and 42), and 61 and 63 told 5 of their 14 stories wrongly. See docs/drift.md.
@pytest.mark.xfail(reason="the monitor's end-to-end proof does not hold on renderer version 2 yet", strict=False)
@pytest.mark.parametrize("seed", [61, 63])
def test_known_changes_are_found_when_and_where_they_were_made(seed: int, tmp_path: Path) -> None:
    """Step, ramp, one provider's update, a worse newcomer, another mix, and a morph, after one beginning."""
    told = tell(seed, tmp_path)
    assert [t.story.name for t in told if not t.right] == []
    assert median(abs(t.error) for t in told if t.error is not None) <= 5
    for t in told:
        alarms = [event for event in t.found.events if event.event == "alarm"]
        assert bool(alarms) == t.story.states.isdisjoint({DriftState.IN_CONTROL}), t.story.name
        assert all(event.number >= t.first for event in alarms), f"{t.story.name}: alarmed before the change"
    updated, joined = (next(t for t in told if t.story.of == (model,)) for model in (FIRST, NEW))
    assert updated.found.status.origin is not None and updated.found.status.origin.name == updated.story.place
    lower = [offset.name for offset in joined.found.status.offsets if offset.size < -0.03]
    assert joined.story.place in lower, "the newcomer's lower scores are told, not only allowed for"


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

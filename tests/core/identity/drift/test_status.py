"""What is told of several alarms, and where a change is said to come from."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.drift_process import Case, embeddings, simulate, usual_of_process
from personalab_core.identity.drift.changes import ChangePoint, direction_origin, level_origin
from personalab_core.identity.drift.monitor import CHARTS, Alarm, DriftMonitor
from personalab_core.identity.drift.parameters import ChartName, DriftParameters, shipped_parameters
from personalab_core.identity.drift.residuals import BASELINE, Observation, Past
from personalab_core.identity.drift.sentences import STATE_WORDS, explanation, headline, named
from personalab_core.identity.drift.status import DriftStatus, status_of
from personalab_core.schemas import DriftState

PARAMETERS = DriftParameters(limits=shipped_parameters().limits, usual=usual_of_process())


def judged(case: Case, *, seed: int = 4, length: int = 300) -> DriftMonitor:
    return judged_for(case, seed, length)[0]


def judged_for(case: Case, seed: int, *lengths: int) -> list[DriftMonitor]:
    """The same timeline judged up to several places."""
    rng = np.random.default_rng(seed)
    series = simulate(rng, case, 1, max(lengths))
    records = list(zip(series.observations(0), next(embeddings(rng, series, case)), strict=True))
    monitors = []
    for length in lengths:
        monitor = DriftMonitor(PARAMETERS)
        for seen, face in records[:length]:
            monitor.update(seen, face)
        monitors.append(monitor)
    return monitors


def told(alarms: list[tuple[ChartName, int]], chart: ChartName | None = None) -> DriftStatus:
    monitor = judged(Case("stable"), length=120)
    monitor.state.alarms = [Alarm(name, number) for name, number in alarms]
    return status_of(monitor, chart=chart)


@pytest.mark.parametrize(
    ("alarms", "state"),
    [
        ([("level", 80)], DriftState.LEVEL_DOWN),
        ([("direction", 60), ("level", 110)], DriftState.LEVEL_DOWN),
        ([("spread", 70), ("level", 80)], DriftState.LEVEL_DOWN),
        ([("spread", 60), ("level", 110)], DriftState.SPREAD),
        ([("failures", 70), ("level", 73)], DriftState.FAILURES),
        ([("direction", 70), ("spread", 60)], DriftState.SPREAD),
    ],
)
def test_the_level_leads_where_it_tells_more(alarms: list[tuple[ChartName, int]], state: DriftState) -> None:
    assert told(alarms).state is state


def test_an_alarm_can_be_told_by_itself() -> None:
    status = told([("level", 80), ("direction", 90)], chart="direction")
    assert (status.state, status.also) == (DriftState.DIRECTION, (DriftState.LEVEL_DOWN,))


@pytest.mark.parametrize(
    ("case", "state"),
    [
        (Case("none"), DriftState.IN_CONTROL),
        (Case("step", "step", 0.1), DriftState.LEVEL_DOWN),
        (Case("step", "step", -0.1), DriftState.LEVEL_UP),
        (Case("failures", "failures", 0.4), DriftState.FAILURES),
        (Case("spread", "spread", 2.5), DriftState.SPREAD),
        (Case("morph", morph=0.3), DriftState.DIRECTION),
    ],
)
def test_every_state_is_reached_and_has_words(case: Case, state: DriftState) -> None:
    status = status_of(judged(case))
    assert status.state is state
    assert STATE_WORDS[state] and headline(status, "Mara")
    assert bool(explanation(status)) == state.alarming


@pytest.mark.parametrize("case", [Case("step", "step", 0.1), Case("morph", morph=0.3)])
def test_the_moment_stays_where_it_was_found(case: Case) -> None:
    """Records long after the change push those around it out of what is kept; what was told stays."""
    soon, late = judged_for(case, 4, 260, 800)
    moments = [monitor.change_of(monitor.state.alarms[0]) for monitor in (soon, late)]
    assert moments[0] is not None and moments[0] == moments[1]
    assert moments[0].number <= soon.state.alarms[0].number


@pytest.mark.parametrize(("face", "since"), [((120, 118, 122), 121), ((60, 58, 62), 111)])
def test_a_fallen_level_began_when_the_face_moved_about_then(face: tuple[int, int, int], since: int) -> None:
    """The split of the level is told as 110, +-8; a face that moved at 120 knows better, one at 60 is another story."""
    monitor = judged(Case("stable"), length=160)
    monitor.state.alarms = [
        Alarm("direction", face[2], change=ChangePoint(*face)),
        Alarm("level", 130, change=ChangePoint(110, 102, 118)),
    ]
    status = status_of(monitor)
    assert (status.state, status.since) == (DriftState.LEVEL_DOWN, since)


def test_calibrating_is_a_state_of_its_own() -> None:
    status = status_of(judged(Case("none"), length=BASELINE - 1))
    assert headline(status, "Mara") == "Too early for a verdict on drift: 39 of 40 records."


def past(z_of_a: float, z_of_b: float, n: int = 60) -> list[Past]:
    rng = np.random.default_rng(3)
    rows = ((i, "AB"[i // 5 % 2], ("head", "half", "full")[i % 3]) for i in range(n))
    z = {"A": z_of_a, "B": z_of_b}
    return [
        Past(i, Observation(0.6, framing, source), z[source] + float(rng.normal(0, 0.7)), judged=True)  # type: ignore[arg-type]
        for i, source, framing in rows
    ]


def test_a_level_that_fell_with_one_provider_is_said_to_come_from_it() -> None:
    assert level_origin(past(-1.5, 0.0), 0).name == "A"
    assert level_origin(past(-1.5, -1.5), 0).place == "everywhere"
    assert level_origin(past(-1.5, 0.0)[:20], 0).place == "unclear", "too early to tell"
    assert level_origin(past(-1.0, 0.5), 0).place == "unclear"


@pytest.mark.parametrize(("of_b", "place", "name"), [(0.0, "source", "A"), (1.0, "everywhere", None)])
def test_a_face_that_moved_with_one_provider_is_said_to_come_from_it(of_b: float, place: str, name: str | None) -> None:
    rng = np.random.default_rng(6)
    way = rng.normal(0, 1, 512) / np.sqrt(512)
    records = past(0, 0, n=90)
    share = np.array([1.0 if p.seen.source == "A" else of_b for p in records])
    residuals = 0.3 * share[:, None] * way + 0.65 * rng.normal(0, 1, (90, 512)) / np.sqrt(512)
    numbers = [p.number for p in records]
    found = direction_origin(records, numbers, residuals, 0)
    assert (found.place, found.name) == (place, name)
    assert direction_origin(records, numbers, residuals, 70).place == "unclear", "too early to tell"


def test_a_lower_source_is_told_though_it_raises_no_alarm() -> None:
    """Source B scores .02 lower by itself; .08 more, and the sentence names it."""
    series = simulate(np.random.default_rng(8), Case("none"), 1, 200)
    monitor = DriftMonitor(PARAMETERS)
    for seen in series.observations(0):
        lower = Observation(seen.score - 0.08 * (seen.source == "B"), seen.framing, seen.source, seen.face_size)
        monitor.update(lower)
    status = status_of(monitor)
    assert status.state is DriftState.IN_CONTROL
    assert [(o.name, o.usual) for o in status.offsets] == [("B", "A")]
    assert status.offsets[0].size == pytest.approx(-0.10, abs=0.03)
    assert "Pictures of B score 0." in explanation(status)


def test_a_recorded_sentence_gets_the_name_once() -> None:
    assert named("mara has changed; mara-2 has not.", "mara", "Mara") == "Mara has changed; mara-2 has not."
    assert named("The face of mara-2 has moved.", "mara", "Mara") == "The face of mara-2 has moved."
    assert set(CHARTS) == {"level", "failures", "spread", "direction"}

"""The monitor: equal to its vectorised twin, restartable anywhere, and silent about what it cannot know."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from benchmarks.drift_process import Case, embeddings, simulate, usual_of_process
from personalab_core.identity.drift.monitor import DriftMonitor, Reading
from personalab_core.identity.drift.parameters import DriftParameters, Limits, shipped_parameters
from personalab_core.identity.drift.residuals import BASELINE, Observation
from tests.support.drift_twin import twin

NO_LIMIT = Limits(level=1e9, failures=1e9, spread=1e9, direction=1e9, source="none")
STATISTICS = ("level", "failures", "spread", "direction")


def parameters(limits: Limits | None = None) -> DriftParameters:
    return DriftParameters(limits=limits or shipped_parameters().limits, usual=usual_of_process())


def timeline(case: Case, seed: int, length: int) -> tuple[list[Observation], np.ndarray]:
    rng = np.random.default_rng(seed)
    series = simulate(rng, case, 1, length)
    # In half precision, as the store of embeddings gives them.
    return series.observations(0), next(embeddings(rng, series, case)).astype(np.float16).astype(float)


def readings(monitor: DriftMonitor, seen: list[Observation], faces: np.ndarray | None = None) -> list[Reading]:
    return [monitor.update(s, None if faces is None else faces[i]) for i, s in enumerate(seen)]


@given(seed=st.integers(0, 10**6), length=st.integers(41, 260), mix=st.sampled_from(["varying", "constant", "shift"]))
@settings(max_examples=5, deadline=None)
def test_streaming_equals_the_vectorised_twin(seed: int, length: int, mix: str) -> None:
    seen, faces = timeline(Case("any", mix=mix), seed, length)
    said = readings(DriftMonitor(parameters(NO_LIMIT)), seen, faces)[BASELINE:]
    expected = twin(seen, faces, usual_of_process())
    assert [r.judged for r in said] == expected.judged[BASELINE:].tolist()
    np.testing.assert_allclose([r.z for r in said], expected.z[BASELINE:], atol=1e-9)
    for name in STATISTICS:
        np.testing.assert_allclose([getattr(r, name) for r in said], getattr(expected, name)[BASELINE:], atol=1e-9)


@given(seed=st.integers(0, 10**6), stop=st.integers(0, 239))
@settings(max_examples=4, deadline=None)
def test_a_monitor_goes_on_exactly_where_it_was_saved(seed: int, stop: int) -> None:
    seen, faces = timeline(Case("step", change="step", size=0.1), seed, 240)
    whole = DriftMonitor(parameters())
    expected = readings(whole, seen, faces)
    first = DriftMonitor(parameters())
    before = readings(first, seen[:stop], faces[:stop])
    second = DriftMonitor.load(first.save())
    assert before + readings(second, seen[stop:], faces[stop:]) == expected
    assert second.save() == whole.save()


def test_a_state_of_another_version_is_refused() -> None:
    data = DriftMonitor(parameters()).save().replace(b'"schema_version":5', b'"schema_version":1')
    with pytest.raises(ValidationError):
        DriftMonitor.load(data)


def test_damaged_numbers_are_refused() -> None:
    """A cache of another version may hold anything; whoever reads it works it out anew."""
    seen, faces = timeline(Case("any"), 1, 50)
    monitor = DriftMonitor(parameters())
    readings(monitor, seen, faces)
    document = json.loads(monitor.save())
    for damaged in ([0.0, 0.0, 0.0], {"shape": [3]}, {"shape": [4], "dtype": "<f8", "data": "AAAA"}):
        document["charts"]["direction"]["shift"] = damaged
        with pytest.raises(ValidationError):
            DriftMonitor.load(json.dumps(document).encode())

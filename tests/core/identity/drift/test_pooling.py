"""What is usual among personas: a new one profits from the others' offsets, and keeps a level of its own."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean, median

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.drift_process import Case, simulate
from personalab_core.identity.drift.parameters import Usual, shipped_parameters
from personalab_core.identity.drift.pooling import MIN_PERSONAS, SMALLEST_SD, PersonaFit, pool
from personalab_core.identity.drift.residuals import BASELINE, Fit, Observation, fit_baseline
from personalab_core.identity.drift.watch import DriftWatch
from tests.support.drift_timelines import write_timeline

NOW = datetime(2026, 11, 22, tzinfo=UTC)
SHIPPED = shipped_parameters().usual


def persona_fit(level: float = 0.68, half: float = -0.08, *, reference: str = "A", **sources: float) -> PersonaFit:
    fit = Fit(level, half, full=-0.16, face_size=0.015, patch=0.0, sources=sources, scale=1.0, n=BASELINE)
    return PersonaFit(fit=fit, reference=reference)


def fitted(seen: list[Observation], usual: Usual) -> Fit:
    sources = [name for name in ("A", "B") if name != (usual.reference or "A")]
    return fit_baseline(seen, sources, usual, n=len(seen))


@pytest.fixture(scope="module")
def others() -> Usual:
    """Eight personas' baselines of 200 records, each fitted with what ships, pooled."""
    series = simulate(np.random.default_rng(1), Case("stable"), 8, 200)
    fits = [PersonaFit(fit=fitted(series.observations(i), SHIPPED), reference="A") for i in range(8)]
    return pool(fits, SHIPPED)


def test_too_few_personas_say_nothing() -> None:
    assert pool([persona_fit()] * (MIN_PERSONAS - 1), SHIPPED) is SHIPPED
    mixed = [*[persona_fit()] * (MIN_PERSONAS - 1), persona_fit(reference="B")]
    assert pool(mixed, SHIPPED) is SHIPPED, "offsets against another source are others"


def test_offsets_are_means_and_never_trusted_blindly() -> None:
    fits = [persona_fit(half=half, B=-0.02) for half in (-0.10, -0.09, -0.08, -0.07, -0.06)]
    usual = pool(fits, SHIPPED)
    assert (usual.half.mean, usual.full.mean) == (pytest.approx(-0.08), pytest.approx(-0.16))
    assert usual.full.sd == SMALLEST_SD, "five personas alike do not make an offset certain"
    assert usual.sources["B"].mean == pytest.approx(-0.02)
    assert (usual.reference, usual.n_personas) == ("A", 5)


def test_a_persona_who_scatters_wider_than_usual_is_soon_judged_by_her_own_scatter() -> None:
    """Scatter taken for too small is a false alarm; alone, forty records are believed nearly as they are."""
    width = 3.0
    series = simulate(np.random.default_rng(3), Case("stable"), 20, BASELINE)
    scales = []
    for i in range(len(series)):
        seen = series.observations(i)
        middle = {
            framing: fmean(s.score for s in seen if s.framing == framing) for framing in {s.framing for s in seen}
        }
        wide = [replace(s, score=middle[s.framing] + width * (s.score - middle[s.framing])) for s in seen]
        scales.append(fitted(wide, SHIPPED).scale / fitted(seen, SHIPPED).scale)
    assert median(scales) == pytest.approx(width, rel=0.12)


def test_a_source_that_two_personas_used_is_not_usual() -> None:
    usual = pool([persona_fit(B=-0.1), persona_fit(B=-0.1), *[persona_fit()] * 4], SHIPPED)
    assert usual.sources == {}


def test_a_new_persona_profits_from_the_others(others: Usual) -> None:
    """With five full-body pictures among forty, the expected score of the next is nearer with the others' help."""
    series = simulate(np.random.default_rng(2), Case("stable"), 30, 400)
    errors: dict[str, list[float]] = {"alone": [], "pooled": []}
    for i in range(len(series)):
        seen = series.observations(i)
        full = [s for s in seen if s.framing == "full"]
        baseline = [s for s in seen if s.framing != "full"][: BASELINE - 5] + full[:5]
        for name, usual in (("alone", SHIPPED), ("pooled", others)):
            fit = fitted(baseline, usual)
            errors[name].append(abs(fmean(s.score - fit.expected(s) for s in full[5:])))
    assert fmean(errors["pooled"]) < 0.75 * fmean(errors["alone"])


@given(shift=st.floats(-0.2, 0.2), seed=st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_the_others_level_does_not_leak(shift: float, seed: int) -> None:
    """However high the others score, forty records of her own say what is normal for her: a fiftieth is left."""
    seen = simulate(np.random.default_rng(seed), Case("stable"), 1, BASELINE).observations(0)
    expected = []
    for level in (0.68, 0.68 + shift):
        usual = pool([persona_fit(level + off) for off in (-0.02, -0.01, 0.0, 0.01, 0.02)], SHIPPED)
        fit = fitted(seen, usual)
        expected.append(fmean(fit.expected(s) for s in seen))
    assert abs(expected[1] - expected[0]) <= 0.02 * abs(shift) + 1e-9


def test_a_watch_pools_the_personas_of_its_workspace(tmp_path: Path) -> None:
    watch = DriftWatch(tmp_path / "drift", tmp_path, clock=lambda: NOW)
    for number in range(MIN_PERSONAS):
        persona = f"persona-{number}"
        write_timeline(tmp_path, Case("stable"), seed=number, length=60, persona=persona, faces=False)
        found = watch.look(persona)
        assert found is not None
    series = f"arcface-{'c' * 16}_{'f' * 12}"
    assert watch.usual(series).n_personas == MIN_PERSONAS
    assert watch.usual(f"arcface-{'d' * 16}_{'f' * 12}") == SHIPPED, "another instrument has its own"
    assert watch.new_monitor(series).state.parameters.usual.n_personas == MIN_PERSONAS
    assert watch.new_monitor(series).state.parameters.usual.level.sd >= SHIPPED.level.sd

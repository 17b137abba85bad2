"""How far the provider strays from the anchor's identity: the one knob that similarity depends on.

A slip is the fraction of the way from the person to a look-alike (same colouring and
age, other bones): 0 is the person, 1 somebody else. Its mean grows as the face gets
smaller; retry patches against a lost identity shrink it, which is why retries help.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from personalab_core.llm.simulated_faults import stable_seed
from personalab_core.schemas import Framing, Reason
from personalab_core.simulation import SimulatedIdentity, interpolate, lookalike

SLIP_MEAN: Mapping[Framing, float] = {"headshot": 0.42, "half_body": 0.44, "full_body": 0.46}
SLIP_SD = 0.13
"""Calibrated with ``python -m benchmarks.simulated_provider``; see there for the targets and the figures."""

SLIP_MAX = 0.9
PATCH_FACTORS = (1.0, 0.78, 0.62, 0.5)
"""What each level of the identity patch leaves of a slip."""

IDENTITY_PATCHES = (Reason.IDENTITY_LOW, Reason.GEOMETRY_OFF)
"""The reasons whose patches keep the provider closer to the person."""


def draw_slip(framing: Framing, patch_level: int, rng: np.random.Generator) -> float:
    """Return how far one picture strays, in [0, ``SLIP_MAX``]."""
    factor = PATCH_FACTORS[min(patch_level, len(PATCH_FACTORS) - 1)]
    own = max(0.0, float(rng.normal(SLIP_MEAN[framing], SLIP_SD))) * factor
    return min(own, SLIP_MAX)


def slipped(identity: SimulatedIdentity, slip: float, drift: float, rng: np.random.Generator) -> SimulatedIdentity:
    """Return who is shown: strayed by ``slip`` in a random direction, then by ``drift`` in the persona's fixed one.

    Drift is the provider's own change: no patch cures it.
    """
    strayed = interpolate(identity, lookalike(identity, int(rng.integers(1 << 40))), slip)
    if drift == 0:
        return strayed
    towards = lookalike(identity, stable_seed("drift", repr(identity.geometry)))
    return interpolate(strayed, towards, drift)

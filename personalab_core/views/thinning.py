"""At most two thousand points for a chart: a line drawn through them looks as if it had all of them.

MinMaxLTTB (Van Der Donckt and others, 2023, doi:10.1109/VIS54172.2023.00013): of each stretch the lowest and
the highest are taken first, and of those the ones that keep the shape of the line.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_POINTS = 2_000
"""More than a chart of this width has pixels; see the measurement in ``benchmarks/dashboard_pages.py``."""


def kept(x: Sequence[int] | NDArray[Any], y: Sequence[float] | NDArray[Any]) -> Sequence[int]:
    """Return the places of the points to draw, in order; all of them if they are few enough."""
    if len(x) <= MAX_POINTS:
        return range(len(x))
    import numpy as np
    from tsdownsample import MinMaxLTTBDownsampler

    thin: Callable[..., Any] = MinMaxLTTBDownsampler().downsample  # type: ignore[no-untyped-call]
    places = thin(np.asarray(x, float), np.asarray(y, float), n_out=MAX_POINTS)
    return [int(place) for place in places]

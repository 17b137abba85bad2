"""Seeds that are derived, so that every one in a record can be made again."""

from __future__ import annotations

import hashlib


def derived_seed(seed: int, *steps: str | int) -> int:
    """Return a seed in [0, 2**31), what every vendor that takes seeds accepts.

    Equal arguments give equal seeds; neighbouring ones give unrelated seeds.

    Args:
        seed: The seed to derive from.
        steps: What the new seed is for, such as the number of an attempt.
    """
    text = ":".join(str(step) for step in (seed, *steps))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") & 0x7FFF_FFFF

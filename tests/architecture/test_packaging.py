"""What pyproject.toml promises and what the code needs agree."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
VENDOR_EXTRAS = {"openai", "runware", "replicate", "runway"}


def test_every_vendor_extra_is_in_all_providers() -> None:
    extras = PROJECT["optional-dependencies"]
    every = set(extras["all-providers"])
    assert all(set(extras[name]) <= every for name in VENDOR_EXTRAS)


def test_constraints_pin_every_requirement_without_an_index_address() -> None:
    lines = [ln for ln in (ROOT / "constraints.txt").read_text().splitlines() if ln and not ln.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[^\s;@]+", ln) for ln in lines)
    pinned = {re.sub(r"[-_.]+", "-", ln.split("==")[0]).lower() for ln in lines}
    needed = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["eval"]
    names = {re.sub(r"[-_.]+", "-", re.split(r"[<>=!\[ ]", req)[0]).lower() for req in needed}
    assert names <= pinned

"""A large workspace for measuring the dashboard: real record files, a few shared pictures, nothing rendered."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from personalab_core.observability.chain import Link, forge
from tests.support.workspace_builder import WorkspaceBuilder

NAMES = (
    "Ines Duarte",
    "Mara Lindqvist",
    "Juno Park",
    "Noor Haddad",
    "Elias Brandt",
    "Tomas Novak",
    "Aiko Mori",
    "Lena Vogt",
)
BIGGEST_SHARE = 0.4
"""Of all attempts belong to the first persona; the others share the rest."""
N_PATTERN = 64
"""Attempts made through the real writers; the others repeat them with numbers, times and scores of their own."""
_FLUSH_EVERY = 2_000


@dataclass(frozen=True)
class Large:
    """What was built."""

    root: Path
    biggest: str
    n_attempts: int
    n_bytes: int


def build(root: Path, n_attempts: int, *, biggest_share: float = BIGGEST_SHARE) -> Large:
    """Write a workspace with so many attempts below ``root``; the chain of every file is intact."""
    builder = WorkspaceBuilder(root, now=datetime.now(UTC))
    ids = [name.split()[0].lower() for name in NAMES]
    biggest = int(n_attempts * biggest_share)
    sizes = [biggest] + [(n_attempts - biggest) // (len(ids) - 1)] * (len(ids) - 1)
    for name, persona, size in zip(NAMES, ids, sizes, strict=True):
        builder.persona(name, persona_id=persona)
        builder.anchors(persona, n=8)
        _multiply(builder, persona, size)
    output = builder.config.paths.output
    return Large(root, ids[0], sum(sizes), sum(f.stat().st_size for f in output.rglob("*.jsonl")))


def append_one(large: Large, persona: str) -> None:
    """Add one asset to a persona, as a job would."""
    builder = WorkspaceBuilder(large.root, now=datetime.now(UTC), n_assets={persona: 9_000_000})
    builder.asset(persona, 0.71)


def _multiply(builder: WorkspaceBuilder, persona: str, n: int) -> None:
    builder.history(persona, N_PATTERN)
    output = builder.config.paths.output
    attempts = output / persona / "metrics.jsonl"
    drift = builder.config.evaluation.drift.log_dir / f"{persona}_drift.jsonl"
    patterns = [_fields(path) for path in (attempts, drift)]
    scores = {f["attempt_id"]: f for f in patterns[1]}
    rng = random.Random(persona)
    begin = datetime.now(UTC) - timedelta(days=300)
    links = [Link(), Link()]
    with attempts.open("wb") as one, drift.open("wb") as other:
        for made, at in zip(_attempts(patterns[0], n), _times(begin, n), strict=False):
            shift = rng.gauss(0.0, 0.02)
            line, links[0] = forge(_moved(made, at, shift, "scores"), links[0])
            one.write(line + b"\n")
            measured = scores.get(made["pattern"])
            if measured:
                fields = {**measured, "attempt_id": made["attempt_id"], "timestamp": at.isoformat()}
                fields["composite_score"] = round(measured["composite_score"] + shift, 4)
                line, links[1] = forge(fields, links[1])
                other.write(line + b"\n")


def _fields(path: Path) -> list[dict[str, Any]]:
    import orjson

    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def _attempts(pattern: list[dict[str, Any]], n: int) -> Iterator[dict[str, Any]]:
    for i in range(n):
        made = pattern[i % len(pattern)]
        asset = f"{made['asset_id']}-{i // len(pattern):05d}"
        yield {**made, "pattern": made["attempt_id"], "asset_id": asset, "attempt_id": f"{asset}-{made['attempt']}"}


def _times(begin: datetime, n: int) -> Iterator[datetime]:
    step = timedelta(days=300) / max(1, n)
    return (begin + i * step for i in range(n))


def _moved(made: Mapping[str, Any], at: datetime, shift: float, field: str) -> dict[str, Any]:
    fields = {name: value for name, value in made.items() if name != "pattern"}
    scores = dict(made[field])
    if scores["composite"] is not None:
        scores["composite"] = round(scores["composite"] + shift, 4)
    return {**fields, field: scores, "timestamp": at.isoformat()}

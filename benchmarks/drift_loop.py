"""The drift monitor against the simulated provider, through the whole loop: known changes in, what it says out.

    python -m benchmarks.drift_loop --seeds 41 42 43       # about three minutes of one core per seed
    python -m benchmarks.drift_loop --update-docs          # and write the tables into docs/drift.md

A persona is made, its anchor chosen, and pictures are generated, measured and tried again as ever, by two models in
turn. Then one thing changes. Every story of a seed goes on from the same beginning, in a copy of its workspace.
One timeline is one draw, so the monitor is also asked about the same pictures in other orders (``drift_orders``).
Exit code 1 if a rate over these misses what the monitor promises.
"""

from __future__ import annotations

import argparse
import math
import shutil
import sys
import tempfile
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import numpy as np

from benchmarks.drift_orders import Asset, Heard, orders, records_per_false_alarm
from benchmarks.drift_report import Table, write_tables
from benchmarks.drift_stories import AFTER, BEFORE, STEADY, STORIES, Loop, Story
from personalab_core.identity.drift.sentences import explanation, headline
from personalab_core.identity.drift.watch import Drift

SEEDS = (101, 102, 103)
N_ORDERS = 15
"""Other orders of each story of a seed."""
RECORDS_PER_FALSE_ALARM = 750
"""What the monitor promises of a persona in whom nothing changes."""
LEFT_IN_PEACE = math.exp(-1.2 * AFTER / RECORDS_PER_FALSE_ALARM)
"""Share of steady stories without a false alarm that this comes to, at 1.2 records per asset."""
DOCS = Path(__file__).resolve().parents[1] / "docs" / "drift.md"
BEGIN, END = "<!-- loop: begin -->", "<!-- loop: end -->"


@dataclass(frozen=True, slots=True)
class Told:
    """What the monitor said of one story of one seed; ``first`` is the first changed record."""

    story: Story
    seed: int
    found: Drift
    first: int
    assets: tuple[Asset, ...]

    @property
    def right(self) -> bool:
        """Whether the state is a right answer, and no wrong place was named."""
        return self.story.is_told_by(self.found.status)

    @property
    def n_before(self) -> int:
        """Assets of the beginning."""
        return bisect_right(list(accumulate(len(asset.attempts) for asset in self.assets)), self.first - 1)

    @property
    def error(self) -> int | None:
        """By how many records the moment is wrong; ``None`` where there is none."""
        since = self.found.status.since
        return since - self.first if self.story.exact and since is not None else None

    @property
    def delay(self) -> int | None:
        """Records from the change to the first alarm."""
        alarms = [event.number for event in self.found.events if event.event == "alarm"]
        return alarms[0] - self.first + 1 if alarms else None


def tell(seed: int, root: Path, stories: Sequence[Story] = STORIES) -> list[Told]:
    """Return what the monitor says of every story of a seed.

    Args:
        seed: Of the provider.
        root: An empty folder for the workspaces.
        stories: What happens.
    """
    beginning = Loop(root / "beginning", seed)
    beginning.begin()
    beginning.make(BEFORE, Story("beginning"))
    first = beginning.look().status.n + 1
    told = []
    for number, story in enumerate(stories):
        loop = beginning.copied(root / f"story-{number}")
        loop.make(AFTER, story)
        told.append(Told(story, seed, loop.look(), first, loop.assets()))
        shutil.rmtree(loop.folder)
    return told


@dataclass(frozen=True, slots=True)
class Retold:
    """What the monitor said of other orders of one story's pictures, all seeds together."""

    story: Story
    heard: tuple[Heard, ...]

    @property
    def judged(self) -> list[Heard]:
        """Those without a false alarm in the beginning, after which no story can be told."""
        return [h for h in self.heard if not h.false_start]

    @property
    def share_right(self) -> float:
        """Share of those judged that are told rightly."""
        return sum(self.story.is_told_by(h.status) for h in self.judged) / max(len(self.judged), 1)

    @property
    def least(self) -> float:
        """What that share may fall to: two standard errors below the share of steady stories left in peace."""
        spread = math.sqrt(LEFT_IN_PEACE * (1 - LEFT_IN_PEACE) / max(len(self.judged), 1))
        return LEFT_IN_PEACE - 2 * spread

    @property
    def delay(self) -> float:
        """Median number of records from the change to the alarm, infinite if most have none."""
        return float(np.median([np.inf if h.alarm is None else h.alarm - h.first + 1 for h in self.judged]))

    @property
    def errors(self) -> list[int]:
        """By how many records the moments are wrong."""
        since = [(h.status.since, h.first) for h in self.judged if self.story.exact]
        return [abs(said - first) for said, first in since if said is not None]


def retell(told: Sequence[Told], n: int = N_ORDERS) -> list[Retold]:
    """Return what the monitor says of ``n`` other orders of each story; steady pictures come from all of the seed's."""
    steady = {t.seed: t for t in told if t.story is STORIES[0]}
    found: dict[str, list[Heard]] = {}
    for t in told:
        stable = steady[t.seed]
        changed = None if t is stable else t.assets[t.n_before :]
        rng = np.random.default_rng([t.seed, STORIES.index(t.story)])
        found.setdefault(t.story.name, []).extend(orders(stable.assets, stable.n_before, changed, n, rng))
    return [Retold(story, tuple(found[story.name])) for story in STORIES if story.name in found]


def misses(retold: Sequence[Retold]) -> list[str]:
    """Return in words what falls short of what the monitor promises."""
    found = [
        f"{r.story.name}: {100 * r.share_right:.0f} % right, at least {100 * r.least:.0f} % expected"
        for r in retold
        if r.share_right < r.least
    ]
    steady, _ = records_per_false_alarm(h for r in retold if r.story is STORIES[0] for h in r.heard)
    if steady < RECORDS_PER_FALSE_ALARM:
        found.append(f"{steady:.0f} records per false alarm, at least {RECORDS_PER_FALSE_ALARM} promised")
    return found


def table_of_orders(retold: Sequence[Retold]) -> Table:
    """Return how often each story was told rightly."""
    rows = []
    for r in retold:
        alarmed = bool(r.judged) and np.isfinite(r.delay)
        rows.append(
            (
                r.story.name,
                str(len(r.heard)),
                str(len(r.heard) - len(r.judged)),
                f"{100 * r.share_right:.0f} %",
                f"{100 * r.least:.0f} %",
                f"{r.delay:.0f}" if alarmed and r.story.states != STEADY else "–",
                f"{np.median(r.errors):.0f}, {np.percentile(r.errors, 90):.0f}" if r.errors else "–",
            )
        )
    columns = (
        "what happens",
        "orders",
        "false alarm in the beginning",
        "right, of the rest",
        "at least",
        "records to the alarm",
        "error of the moment: median, 90th percentile",
    )
    return Table("The same pictures in other orders", columns, tuple(rows))


def table(told: Sequence[Told]) -> Table:
    """Return every story with what was said of it."""
    rows = []
    for t in told:
        status = t.found.status
        said = " ".join(filter(None, (headline(status, "Dani"), explanation(status))))
        rows.append(
            (
                t.story.name,
                str(t.seed),
                "yes" if t.right else "**no**",
                "–" if t.delay is None else str(t.delay),
                "–" if t.error is None else f"{t.error:+d}",
                said,
            )
        )
    columns = ("what happens", "seed", "right", "records to the alarm", "error of the moment", "what the monitor says")
    return Table("Through the whole loop", columns, tuple(rows))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--update-docs", action="store_true", help="write the tables of the docs' seeds")
    chosen = parser.parse_args(arguments)
    told = []
    for seed in SEEDS if chosen.update_docs else chosen.seeds:
        with tempfile.TemporaryDirectory() as folder:
            told += tell(seed, Path(folder))
        print(table(told[-len(STORIES) :]).markdown(), file=sys.stderr, flush=True)
    told.sort(key=lambda t: STORIES.index(t.story))
    retold = retell(told)
    tables = [table(told), table_of_orders(retold)]
    print(summary(told, retold), *(made.markdown() for made in tables), *misses(retold), sep="\n\n")
    if chosen.update_docs:
        write_tables(DOCS, tables, how=summary(told, retold), marks=(BEGIN, END))
    return 1 if misses(retold) else 0


def summary(told: Sequence[Told], retold: Sequence[Retold]) -> str:
    """Return the figures in two sentences."""
    errors = [abs(t.error) for t in told if t.error is not None]
    steady = [h for r in retold if r.story is STORIES[0] for h in r.heard]
    per_alarm, alarms = records_per_false_alarm(steady)
    return (
        f"`python -m benchmarks.drift_loop --update-docs`: {sum(t.right for t in told)} of {len(told)} right; the "
        f"moment of {len(errors)} sudden changes is wrong by {np.median(errors):.0f} records (median; at most "
        f"{max(errors)}). On {len(steady)} other orders of the pictures in which nothing changes: {alarms} false "
        f"alarms, {per_alarm:.0f} records each."
    )


if __name__ == "__main__":
    sys.exit(main())

"""The drift monitor against the simulated provider, through the whole loop: known changes in, what it says out.

    python -m benchmarks.drift_loop --seeds 41 42 43       # about two minutes of one core per seed
    python -m benchmarks.drift_loop --update-docs          # and write the tables into docs/drift.md

A persona is made, its anchor chosen, and pictures are generated, measured and tried again as ever, by two models in
turn. Then one thing changes. Every story of a seed goes on from the same beginning, in a copy of its workspace.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from benchmarks.drift_report import Table, write_tables
from personalab_core.config import PersonaStore, data_path
from personalab_core.identity import IdentityEvaluator
from personalab_core.identity.drift.sentences import explanation, headline
from personalab_core.identity.drift.watch import Drift, DriftWatch
from personalab_core.jobs import WorkspaceRef
from personalab_core.jobs.demo_story import StoryClock
from personalab_core.jobs.params import GenerateAnchorsParams
from personalab_core.jobs.studio import Studio
from personalab_core.jobs.work import generate_anchors
from personalab_core.llm.simulated import SimulatedClient
from personalab_core.llm.simulated_faults import DriftSchedule, FaultRates
from personalab_core.orchestration import AssetRequest
from personalab_core.prompts import load_patch_catalogue, subject_description
from personalab_core.schemas import DriftState, ImagePrompt

PERSONA = "daniperez"
SIZE_PX = 320
START = datetime(2026, 9, 1, 8, tzinfo=UTC)
MIXED = ("studio_portrait", "street_walk", "cafe_selfie", "beach_walk", "window_reading", "rooftop_evening")
FULL = ("beach_walk", "forest_trail", "park_lawn")
FIRST, SECOND, NEW = "alpha", "beta", "gamma"
"""Models of the simulated provider: they are alike until a story says otherwise."""
BEFORE, AFTER = 120, 84
"""Assets before and after the change; each is tried up to three times, and every attempt is a record."""
SEEDS = (20281, 20282, 20283)
DOCS = Path(__file__).resolve().parents[1] / "docs" / "drift.md"
BEGIN, END = "<!-- loop: begin -->", "<!-- loop: end -->"

MOVED = frozenset({DriftState.LEVEL_DOWN, DriftState.DIRECTION})
"""Who becomes somebody else loses likeness and moves; either chart may be first."""
STEADY = frozenset({DriftState.IN_CONTROL})


@dataclass(frozen=True, slots=True)
class Story:
    """What happens after the beginning, and what the monitor should say of it.

    Attributes:
        changed: How the models in ``of`` change; the others stay as they were.
        of: Those models.
        models: Who makes the pictures, a batch each in turn.
        scenes: What the pictures are of.
        states: Right answers.
        exact: Whether the change has a moment.
        place: The one model it comes from, if it is one of several.
    """

    name: str
    changed: DriftSchedule = field(default_factory=DriftSchedule.none)
    of: tuple[str, ...] = (FIRST, SECOND, NEW)
    models: tuple[str, ...] = (FIRST, SECOND)
    scenes: tuple[str, ...] = MIXED
    states: frozenset[DriftState] = STEADY
    exact: bool = False
    place: str | None = None


STORIES = (
    Story("nothing changes"),
    Story("step", DriftSchedule.step(0, amount=0.45), states=MOVED, exact=True),
    Story("ramp over about 60 records", DriftSchedule.ramp(0, 30, amount=0.45), states=MOVED),
    Story(
        "one model is updated",
        DriftSchedule.provider_change(0, amount=0.45),
        of=(FIRST,),
        states=MOVED,
        exact=True,
        place=f"simulated/{FIRST}",
    ),
    Story(
        "a third model joins, less like the person",
        DriftSchedule.step(0, amount=0.45),
        of=(NEW,),
        models=(NEW, FIRST),
        states=MOVED,
        place=f"simulated/{NEW}",
    ),
    Story("other pictures are asked for", scenes=FULL),
    Story(
        "morph, equally similar", DriftSchedule.morph(0, turn=0.4), states=frozenset({DriftState.DIRECTION}), exact=True
    ),
)


class _Silent:
    def report(self, done: int, message: str) -> None:
        pass

    def should_stop(self) -> bool:
        return False


@dataclass
class Loop:
    """One workspace and what goes on in it."""

    folder: Path
    seed: int
    evaluator: IdentityEvaluator | None = None
    made: int = 0

    def studio(self, model: str = FIRST, changed: DriftSchedule | None = None) -> Studio:
        """Return what makes pictures with one of the models, none of which fails."""
        config = self._workspace().load({"models.image.model_name": model})
        clock = StoryClock(START)
        client = SimulatedClient(
            self.seed,
            faults=FaultRates.none(),
            drift=changed or DriftSchedule.none(),
            patches=load_patch_catalogue(config),
            size_px=SIZE_PX,
            clock=clock,
            sleeper=clock.wait,
        )
        studio = Studio(config, client=client, evaluator=self.evaluator, clock=clock, sleeper=clock.wait)
        self.evaluator = studio.evaluator
        return studio

    def begin(self) -> None:
        """Define the persona and choose its anchor."""
        config = self._workspace().load()
        PersonaStore(config.paths.personas).save(PersonaStore(data_path("personas")).get(PERSONA))
        params = GenerateAnchorsParams(workspace=self._workspace(), persona=PERSONA, n_candidates=3, kinds=())
        generate_anchors(self.studio(), params, _Silent())

    def make(self, n: int, story: Story) -> None:
        """Make assets, each tried up to three times."""
        studios = [self.studio(model, story.changed if model in story.of else None) for model in story.models]
        for i in range(self.made, self.made + n):
            # Every model makes every scene, so that neither explains the other.
            turn = (i - self.made) // len(story.scenes)
            self._make_asset(studios[turn % len(studios)], i, story.scenes[i % len(story.scenes)])
        for studio in studios:
            studio.sentinel.close()
        self.made += n

    def copied(self, to: Path) -> Loop:
        """Return the same workspace in another folder."""
        shutil.copytree(self.folder, to)
        return Loop(to, self.seed, self.evaluator, self.made)

    def look(self) -> Drift:
        """Return what the monitor says."""
        config = self._workspace().load()
        found = DriftWatch(config.evaluation.drift.log_dir, config.paths.output, clock=lambda: START).look(PERSONA)
        if found is None:
            raise RuntimeError("No picture was measured.")
        return found

    def _make_asset(self, studio: Studio, number: int, scene_name: str) -> None:
        scenes = studio.scenarios.image_scenarios
        subject = subject_description(studio.personas.get(PERSONA))
        prompt = ImagePrompt.from_scenario_details(scenes.scenario(scene_name), subject_description=subject)
        request = AssetRequest(
            persona=PERSONA,
            image_prompt=prompt,
            scenario_template=scenes,
            seed=1000 * self.seed + number,
            asset_id=f"a{number:04d}",
        )
        studio.orchestrator.run_request(request)

    def _workspace(self) -> WorkspaceRef:
        return WorkspaceRef(folder=str(self.folder), profile="simulated")


@dataclass(frozen=True, slots=True)
class Told:
    """What the monitor said of one story of one seed; ``first`` is the first changed record."""

    story: Story
    seed: int
    found: Drift
    first: int

    @property
    def right(self) -> bool:
        """Whether the state is a right answer, and no wrong place was named."""
        status = self.found.status
        named = status.origin.name if status.origin is not None and status.origin.place == "source" else None
        return status.state in self.story.states and named in (None, self.story.place)

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
        told.append(Told(story, seed, loop.look(), first))
        shutil.rmtree(loop.folder)
    return told


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
    errors = [abs(t.error) for t in told if t.error is not None]
    summary = (
        f"`python -m benchmarks.drift_loop --update-docs`: {sum(t.right for t in told)} of {len(told)} right; the "
        f"moment of {len(errors)} sudden changes is wrong by {np.median(errors):.0f} records (median; at most "
        f"{max(errors)})."
    )
    print(summary, table(told).markdown(), sep="\n\n")
    if chosen.update_docs:
        write_tables(DOCS, [table(told)], how=summary, marks=(BEGIN, END))
    return 0 if all(t.right for t in told) else 1


if __name__ == "__main__":
    sys.exit(main())

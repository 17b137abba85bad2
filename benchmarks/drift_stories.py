"""What is done to a simulated persona, through the whole loop, to see whether the drift monitor finds it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.drift_orders import Asset, assets_of
from personalab_core.config import PersonaStore, data_path
from personalab_core.identity import IdentityEvaluator
from personalab_core.identity.drift.status import DriftStatus
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
LOSS = 0.75
"""How far a changed model moves towards somebody else. Head shots of the two seeds score .09 and .12 lower than the
same shots without it, half-body pictures, which have strayed further already, .03 lower and .02 higher (standard
errors .013 to .026); at .45 ten head shots lose .01."""
NEWCOMERS_LOSS = 0.95
"""How far a model that joins shows somebody else: it costs .10 on two seeds, which is told; .75 costs half of that."""
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

    def is_told_by(self, status: DriftStatus) -> bool:
        """Return whether the state is a right answer, and no wrong place is named."""
        named = status.origin.name if status.origin is not None and status.origin.place == "source" else None
        return status.state in self.states and named in (None, self.place)


STORIES = (
    Story("nothing changes"),
    Story("step", DriftSchedule.step(0, amount=LOSS), states=MOVED, exact=True),
    Story("ramp over about 60 records", DriftSchedule.ramp(0, 30, amount=LOSS), states=MOVED),
    Story(
        "one model is updated",
        DriftSchedule.provider_change(0, amount=LOSS),
        of=(FIRST,),
        states=MOVED,
        exact=True,
        place=f"simulated/{FIRST}",
    ),
    Story(
        "a third model joins, less like the person",
        DriftSchedule.step(0, amount=NEWCOMERS_LOSS),
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

    def assets(self) -> tuple[Asset, ...]:
        """Return what was measured, asset by asset."""
        config = self._workspace().load()
        return assets_of(config.evaluation.drift.log_dir, config.paths.output, PERSONA)

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

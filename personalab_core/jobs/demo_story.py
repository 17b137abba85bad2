"""How the example workspace is filled: three simulated personas, their histories made on the spot.

One is steady, one slowly becomes somebody else, one is new. Nothing is canned: every
record comes from the same loop as any other, with a seeded provider and a clock that
lays the work of a minute out over the past three months.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from itertools import zip_longest

import numpy as np

from personalab_core.identity import anchor_path
from personalab_core.jobs.control import JobCancelledError, Progress, stop_if_asked
from personalab_core.jobs.demo import require_example
from personalab_core.jobs.params import DemoHistoryParams
from personalab_core.jobs.studio import Studio
from personalab_core.jobs.work import generate_anchors
from personalab_core.llm.simulated import SimulatedClient
from personalab_core.llm.simulated_faults import DriftSchedule, FaultRates
from personalab_core.orchestration import AssetRequest
from personalab_core.prompts import Scenario, load_patch_catalogue, subject_description
from personalab_core.schemas import AssetOutcome, ImagePrompt

HISTORY_DAYS = 90
DRIFT_AMOUNT = 0.75
"""How far the drifting persona has moved towards somebody else by the end, in [0, 1]; chosen to be seen."""

_DRIFT_FROM_DAYS, _DRIFT_TO_DAYS = 36, 31
_NEW_FOR_DAYS = 1


@dataclass(frozen=True, slots=True)
class _Story:
    persona: str
    days: int
    drifts: bool
    new: bool


_STORIES = (
    _Story("daniperez", HISTORY_DAYS, drifts=False, new=False),
    _Story("ingrid-solberg", HISTORY_DAYS, drifts=True, new=False),
    _Story("kwame-mensah", _NEW_FOR_DAYS, drifts=False, new=True),
)


def fill_demo(studio: Studio, params: DemoHistoryParams, progress: Progress) -> str:
    """Generate what is missing of the example's anchors and histories; return a sentence about the whole.

    Raises:
        InputError: It is not an example workspace.
        JobCancelledError: The work was asked to stop.
        PersonalabError: It cannot go on; the message says why.
    """
    require_example(params.workspace)
    actors = [_Actor(story, studio, params) for story in _STORIES]
    for index, actor in enumerate(actors):
        stop_if_asked(progress)
        actor.make_anchors(_Step(progress, index * params.n_anchor_steps, f"anchors of {actor.name}"))
    for done, (actor, index) in enumerate(_in_turn(actors), start=len(actors) * params.n_anchor_steps):
        stop_if_asked(progress)
        actor.make_asset(index, _Step(progress, done, f"{actor.name}, picture {index + 1} of {actor.n_assets}"))
    progress.report(params.n_items, "")
    return f"{len(actors)} personas, {sum(actor.n_assets for actor in actors)} assets"


class StoryClock:
    """A clock that stands where the story is; every look at it takes a few seconds."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def __call__(self) -> datetime:
        """Return the story's time."""
        self.wait(3.0)
        return self._now

    def wait(self, seconds: float) -> None:
        """Let time pass without waiting for it."""
        self._now += timedelta(seconds=seconds)

    def jump(self, moment: datetime) -> None:
        """Go on to a later moment; it never goes back."""
        self._now = max(self._now, moment)


@dataclass(frozen=True, slots=True)
class _Step:
    """Progress of one part of the whole."""

    whole: Progress
    done_before: int
    message: str

    def report(self, done: int, message: str) -> None:
        self.whole.report(self.done_before + done, f"{self.message}: {message}" if message else self.message)

    def should_stop(self) -> bool:
        return self.whole.should_stop()


class _Actor:
    """One persona of the example, with a provider and a clock of its own."""

    def __init__(self, story: _Story, studio: Studio, params: DemoHistoryParams) -> None:
        self._story = story
        self._common = studio
        self._params = params
        self._character = studio.personas.get(story.persona)
        self.name = self._character.name
        steady = params.assets_of_drifting if story.drifts else params.assets_per_history
        self.n_assets = params.assets_of_new if story.new else steady
        self._moments = _moments(params.until, days=story.days, n=self.n_assets, seed=params.seed)
        self._clock = StoryClock(params.until - timedelta(days=story.days, hours=2))

    def make_anchors(self, step: _Step) -> None:
        """Make candidates and choose one, or derive the kinds that are still missing."""
        root, persona = self._common.config.paths.references, self._story.persona
        wanted = self._params.anchors(persona)
        if all(anchor_path(root, persona, kind).is_file() for kind in ("frontal", *wanted.kinds)):
            return
        # A persona's anchors are made with care: the faults belong to the history.
        generate_anchors(self._studio(FaultRates.none(), DriftSchedule.none()), wanted, step)

    def make_asset(self, index: int, step: _Step) -> None:
        """Generate one asset of the history, unless that has been done."""
        asset_id = f"demo-{index:03d}"
        if asset_id in self._finished:
            return
        step.report(0, "")
        self._clock.jump(self._moments[index])
        scene = self._scene(index)
        request = AssetRequest(
            persona=self._story.persona,
            image_prompt=ImagePrompt.from_scenario_details(
                scene, subject_description=subject_description(self._character)
            ),
            scenario_template=self._common.scenarios.image_scenarios,
            seed=self._params.seed + index,
            asset_id=asset_id,
            scenario=scene.name,
            job_id=self._common.job_id,
        )
        result = self._history.orchestrator.run_request(request, should_stop=step.should_stop)
        if result.outcome is AssetOutcome.CANCELLED:
            raise JobCancelledError

    @cached_property
    def _finished(self) -> frozenset[str]:
        """Assets that have ended; the cancelled and the failed are tried again."""
        unfinished = {AssetOutcome.CANCELLED, AssetOutcome.FAILED}
        ended = (record for record in self._common.metrics_logger.read_log(self._story.persona) if record.final)
        return frozenset(record.asset_id for record in ended if record.outcome not in unfinished)

    @cached_property
    def _history(self) -> Studio:
        """The studio of the history; its provider drifts with the story's clock."""
        return self._studio(FaultRates(), self._drift())

    def _studio(self, faults: FaultRates, drift: DriftSchedule) -> Studio:
        client = SimulatedClient(
            self._params.seed,
            faults=faults,
            drift=drift,
            patches=load_patch_catalogue(self._common.config),
            size_px=self._params.picture_size_px,
            clock=self._clock,
            sleeper=self._clock.wait,
        )
        return Studio(
            self._common.config,
            job_id=self._common.job_id,
            client=client,
            evaluator=self._common.evaluator,
            clock=self._clock,
            sleeper=self._clock.wait,
        )

    def _drift(self) -> DriftSchedule:
        if not self._story.drifts:
            return DriftSchedule.none()
        start, end = (self._params.until - timedelta(days=days) for days in (_DRIFT_FROM_DAYS, _DRIFT_TO_DAYS))
        return DriftSchedule.ramp(start, end, amount=DRIFT_AMOUNT)

    def _scene(self, index: int) -> Scenario:
        scenes = [s for s in self._common.scenarios.image_scenarios.scenarios if not s.other_people]
        # A step that shares no factor with the number of scenes mixes the framings evenly.
        return scenes[(index * 5) % len(scenes)]


def _in_turn(actors: Sequence[_Actor]) -> Iterator[tuple[_Actor, int]]:
    """Yield the assets of all actors by turns, so that each has pictures within seconds."""
    for row in zip_longest(*([(actor, index) for index in range(actor.n_assets)] for actor in actors)):
        yield from (item for item in row if item is not None)


def _moments(until: datetime, *, days: int, n: int, seed: int) -> list[datetime]:
    """Return when each of ``n`` assets was made: about evenly spread, the last one a quarter of an hour ago."""
    span = timedelta(days=days) - timedelta(minutes=15)
    jitter = np.random.default_rng(seed).uniform(-0.4, 0.4, n)
    places = [min(max((index + 0.5 + float(j)) / n, 0.0), 1.0) for index, j in enumerate(jitter)]
    if places:
        places[-1] = 1.0
    return [until - timedelta(minutes=15) - span * (1 - place) for place in places]

"""Timelines made by the whole loop: prompts, simulated pictures, the bundled face models, records.

Small pictures and one shared beginning keep it affordable: every story goes on from the same
baseline, in a copy of its workspace.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from personalab_core.config import PersonaStore, data_path
from personalab_core.identity import IdentityEvaluator
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
from personalab_core.schemas import ImagePrompt

PERSONA = "daniperez"
SIZE_PX = 320
START = datetime(2026, 9, 1, 8, tzinfo=UTC)
MIXED = ("studio_portrait", "street_walk", "cafe_selfie", "beach_walk", "window_reading", "rooftop_evening")
FULL = ("beach_walk", "forest_trail", "park_lawn")


class _Silent:
    def report(self, done: int, message: str) -> None:
        pass

    def should_stop(self) -> bool:
        return False


@dataclass
class Loop:
    """One workspace and what goes on in it."""

    folder: Path
    evaluator: IdentityEvaluator | None = None
    made: int = 0

    def studio(self, drift: DriftSchedule | None = None, faults: FaultRates | None = None) -> Studio:
        config = WorkspaceRef(folder=str(self.folder), profile="simulated").load()
        clock = StoryClock(START)
        client = SimulatedClient(
            7,
            faults=faults or FaultRates.none(),
            drift=drift or DriftSchedule.none(),
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
        config = WorkspaceRef(folder=str(self.folder), profile="simulated").load()
        PersonaStore(config.paths.personas).save(PersonaStore(data_path("personas")).get(PERSONA))
        params = GenerateAnchorsParams(
            workspace=WorkspaceRef(folder=str(self.folder), profile="simulated"),
            persona=PERSONA,
            n_candidates=3,
            kinds=(),
        )
        generate_anchors(self.studio(), params, _Silent())

    def make(self, n: int, *, drift: DriftSchedule | None = None, scenes: tuple[str, ...] = MIXED) -> None:
        """Make assets, each tried up to three times."""
        studio = self.studio(drift)
        subject = subject_description(studio.personas.get(PERSONA))
        for i in range(self.made, self.made + n):
            scene = studio.scenarios.image_scenarios.scenario(scenes[i % len(scenes)])
            studio.orchestrator.run_request(
                AssetRequest(
                    persona=PERSONA,
                    image_prompt=ImagePrompt.from_scenario_details(scene, subject_description=subject),
                    scenario_template=studio.scenarios.image_scenarios,
                    seed=1000 + i,
                    asset_id=f"a{i:04d}",
                )
            )
        studio.sentinel.close()
        self.made += n

    def copied(self, to: Path) -> Loop:
        """Return the same workspace in another folder."""
        shutil.copytree(self.folder, to)
        return Loop(to, self.evaluator, self.made)

    def look(self) -> Drift:
        """Return what the monitor says."""
        config = WorkspaceRef(folder=str(self.folder), profile="simulated").load()
        found = DriftWatch(config.evaluation.drift.log_dir, config.paths.output, clock=lambda: START).look(PERSONA)
        assert found is not None
        return found

"""Simulated clips of a known person with a known fault, and what the measurement finds in them."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import av
import orjson

from personalab_core.identity import ArcFaceEvaluator, GeometricEvaluator
from personalab_core.identity.frame_extractor import FrameExtractor
from personalab_core.identity.video_evaluator import VideoIdentityEvaluator
from personalab_core.llm import ImagePart
from personalab_core.llm.simulated_faults import DriftEffect, seeded
from personalab_core.llm.simulated_film import METADATA_KEY
from personalab_core.llm.simulated_film import film as draw_film
from personalab_core.llm.simulated_picture import Conditions, requested_person
from personalab_core.llm.simulated_prompt import PatchedText
from personalab_core.llm.simulated_video import VideoFault, plan_clip
from personalab_core.orchestration import VideoMeasurement, VideoMeter
from personalab_core.quality import PostProcessingGate, VideoQualityEvaluator
from tests.support.faces import portrait_png, shared_renderer, shared_runtime

SAMPLING_S = 0.2


@dataclass(frozen=True)
class Shoot:
    """Who is filmed, and by which chance they move; every fault is put into the same take."""

    person: int
    seed: str
    size_px: tuple[int, int] = (192, 240)
    duration_s: int = 2

    @property
    def anchor(self) -> ImagePart:
        """Portrait of the person."""
        return ImagePart(portrait_png(self.person, width=320, height=400))

    @property
    def prompt(self) -> str:
        """What is asked for."""
        return f"A headshot video of a woman talking, facing the camera. Length: {self.duration_s} seconds."


@cache
def filmed(shoot: Shoot, fault: VideoFault | None = None) -> bytes:
    """A clip in which the anchor's own person moves, and this goes wrong."""
    conditions = Conditions(DriftEffect(), None, *shoot.size_px)
    parts = [shoot.prompt, shoot.anchor]
    plan = plan_clip(parts, PatchedText(shoot.prompt, {}), conditions, fault, seeded(shoot.seed))
    person = requested_person([shoot.anchor]).identity
    return draw_film(shared_renderer(), replace(plan, still=replace(plan.still, identity=person)))


@cache
def measured(folder: Path, shoot: Shoot, fault: VideoFault | None = None) -> VideoMeasurement:
    """Both axes of that clip against the person's anchor; files go to ``folder``."""
    anchor, path = folder / f"{shoot.person}.png", folder / f"{shoot.person}-{shoot.seed}-{fault}.mp4"
    anchor.write_bytes(shoot.anchor.data)
    path.write_bytes(filmed(shoot, fault))
    meter = VideoMeter(
        evaluator=VideoIdentityEvaluator(ArcFaceEvaluator(shared_runtime(), geometric=GeometricEvaluator())),
        extractor=FrameExtractor(),
        quality=VideoQualityEvaluator(),
        gate=PostProcessingGate(),
        accept_threshold=0.55,
    )
    return meter.measure(anchor, path)


def truth(data: bytes) -> Any:
    """What a clip says about itself."""
    with av.open(io.BytesIO(data)) as container:
        return orjson.loads(container.metadata[METADATA_KEY])


def similarities(measurement: VideoMeasurement) -> dict[float, float]:
    """Similarity to the anchor of every measured frame, by its time in seconds."""
    return {
        round(f.frame.time_s, 3): f.result.embedding.cosine_similarity
        for f in measurement.identity.frames
        if f.result.embedding is not None
    }

"""Everything that providers and evaluators do, decided by the seed alone; importable by the workers of a cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from personalab_core.errors import InputError, ProviderServerError, RateLimitError
from personalab_core.identity.arcface import embedding_score
from personalab_core.identity.composite import CompositeScorer
from personalab_core.identity.facts import FaceFacts
from personalab_core.identity.matching import FaceMatcher
from personalab_core.llm import LLMImageResponse, LLMVideoResponse
from personalab_core.runtime import JobSpec
from personalab_core.schemas import EvaluationResult, MeasurementStatus, VideoPrompt
from tests.support.batch import PictureEvaluator, jobs
from tests.support.clips import NearestAnalyser, level_clip, level_frame
from tests.support.faces import make_face, unit
from tests.support.fakes import FakeLLMClient, tiny_png
from tests.support.loop_fakes import candidate

FILM = VideoPrompt(subject_description="a woman of 23", framing="headshot", duration_s=1)
ANCHOR, SAME, ALMOST, OTHER, AWAY, BREAKS = 200, 165, 130, 95, 60, 25
BOX = (20, 20, 100, 110)
FACES = {
    ANCHOR: [make_face(box=BOX, embedding=unit(1, 0))],
    SAME: [make_face(box=BOX, embedding=unit(4, 3))],
    ALMOST: [make_face(box=BOX, embedding=unit(1, 2))],
    OTHER: [make_face(box=BOX, embedding=unit(1, 9))],
    AWAY: [make_face(box=BOX, yaw_deg=80)],
    BREAKS: [],
}
FILMS = (SAME, ALMOST, OTHER, AWAY, BREAKS)


class MoodyClient(FakeLLMClient):
    """Draws and films by the seed; blocks, fails or sends what nobody can decode for some seeds."""

    def generate_image(self, **request: Any) -> LLMImageResponse:
        if refused := self._mood():
            return LLMImageResponse(block_reason=refused)
        data = b"no picture" if self._garbles else tiny_png((self.seed or 0) % 251)
        return LLMImageResponse(images=(data,))

    def generate_video(self, **request: Any) -> LLMVideoResponse:
        if refused := self._mood():
            return LLMVideoResponse(block_reason=refused)
        film = _film(FILMS[(self.seed or 0) // 9 % len(FILMS)])
        return LLMVideoResponse(video_data=b"no video" if self._garbles else film)

    async def generate_image_async(self, **request: Any) -> LLMImageResponse:
        await self._dawdle()
        return self.generate_image(**request)

    async def generate_video_async(self, **request: Any) -> LLMVideoResponse:
        await self._dawdle()
        return self.generate_video(**request)

    @property
    def _garbles(self) -> bool:
        return (self.seed or 0) % 9 == 3

    def _mood(self) -> str | None:
        match (self.seed or 0) % 9:
            case 0:
                return "SAFETY"
            case 1:
                raise ProviderServerError("busy", provider="fake")
            case 2:
                raise RateLimitError("slow down", provider="fake", retry_after_s=1e-4)
        return None

    async def _dawdle(self) -> None:
        for _ in range((self.seed or 0) % 5):
            await asyncio.sleep(0)


@cache
def _film(level: int) -> bytes:
    return level_clip([level] * 3)


class _BreakingAnalyser(NearestAnalyser):
    """Fails, in a way nobody foresaw, on one kind of frame."""

    def analyse(self, image_bgr: npt.NDArray[np.uint8]) -> FaceFacts:
        facts = super().analyse(image_bgr)
        if not facts.faces:
            raise ZeroDivisionError
        return facts


class MoodyEvaluator(PictureEvaluator):
    """Scores pictures by their bytes and films by their brightness; one kind of either ends in an exception."""

    def __init__(self) -> None:
        self.matcher = FaceMatcher(
            analyser=_BreakingAnalyser(FACES),
            compare=partial(embedding_score, threshold=0.5),
            composite=CompositeScorer(),
            geometric=None,
        )

    def evaluate(self, anchor_path: str | Path, candidate_paths: Sequence[str | Path]) -> EvaluationResult:
        result = super().evaluate(anchor_path, candidate_paths)
        mood = len(Path(candidate_paths[0]).read_bytes()) + int(1000 * (result.final_score or 0))
        if mood % 10 == 1:
            raise ZeroDivisionError
        if mood % 10 == 2:
            raise InputError("the anchor has no measurable face")
        if mood % 10 == 3:
            nobody = candidate(MeasurementStatus.NO_FACE, path=str(candidate_paths[0]))
            return result.model_copy(update={"candidates": (nobody,)})
        return result


def moody_anchor() -> bytes:
    """An anchor that serves pictures and films."""
    return cv2.imencode(".png", level_frame(ANCHOR))[1].tobytes()


def mixed_jobs(wanted: Sequence[tuple[int, bool]]) -> list[JobSpec]:
    """One job per seed; a film where the flag says so."""
    specs = []
    for (seed, is_film), job in zip(wanted, jobs(len(wanted)), strict=True):
        kind = {"asset_type": "video", "prompt": FILM} if is_film else {}
        specs.append(JobSpec.model_validate({**dict(job), "seed": seed, **kind}))
    return specs

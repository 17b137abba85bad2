"""A frame whose score is near a threshold is not left to a quick look."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from personalab_core.identity.arcface import embedding_score
from personalab_core.identity.composite import CompositeScorer
from personalab_core.identity.facts import Array, Face, FaceFacts
from personalab_core.identity.frame_extractor import ExtractedFrame
from personalab_core.identity.matching import FaceMatcher
from personalab_core.identity.video_evaluator import VideoIdentityEvaluator
from personalab_core.schemas import EvaluatorInfo
from personalab_core.schemas.video import SampledFrame
from tests.support.faces import make_face, unit

Picture = npt.NDArray[np.uint8]
INFO = EvaluatorInfo(name="fake", version="1", pack="fake", pack_hash="0" * 16, metric="cosine_similarity")
BOX = np.array([[20, 20, 80, 90, 0.9]], np.float32)
POINTS = np.zeros((1, 5, 2), np.float32)
QUICK_ERROR = 0.02


@dataclass
class HastyAnalyser:
    """Sees one face whose similarity to the anchor is the picture's brightness; a quick look sees a little more."""

    whole: list[int] = field(default_factory=list)

    def analyse(self, image_bgr: Picture) -> FaceFacts:
        return FaceFacts.of_faces([make_face(box=BOX[0, :4], embedding=unit(1, 0, 0))], width_px=100, height_px=100)

    def analyse_file(self, path: str | Path) -> FaceFacts:
        return self.analyse(np.zeros((100, 100, 3), np.uint8))

    def find(self, image_bgr: Picture) -> tuple[Array, Array]:
        self.whole.append(int(image_bgr[0, 0, 0]))
        return BOX, POINTS

    def find_near(self, image_bgr: Picture, box: Array) -> tuple[Array, Array]:
        return BOX, POINTS + 1

    def sight(self, image_bgr: Picture, boxes: Array, points: Array) -> tuple[tuple[Face, ...], tuple[Picture, ...]]:
        faces = tuple(replace(make_face(box=BOX[0, :4]), points5=p, embedding=None) for p in points)
        return faces, tuple(image_bgr for _ in points)

    def recognise(self, faces: Sequence[Face], aligned: Sequence[Picture]) -> tuple[Face, ...]:
        return tuple(self._recognised(face, crop) for face, crop in zip(faces, aligned, strict=True))

    @staticmethod
    def _recognised(face: Face, aligned: Picture) -> Face:
        hasty = QUICK_ERROR if face.points5 is not None and face.points5.any() else 0.0
        similarity = int(aligned[0, 0, 0]) / 100 + hasty
        return replace(face, embedding=unit(similarity, np.sqrt(1 - similarity**2), 0))


@dataclass
class FakeEvaluator:
    matcher: FaceMatcher
    info: EvaluatorInfo = INFO


def frames(*levels: int) -> Iterator[ExtractedFrame]:
    for number, level in enumerate(levels):
        image = np.full((100, 100, 3), level, np.uint8)
        yield ExtractedFrame(SampledFrame(index=number, time_s=0.1 * number), image, image[..., 0])


def hasty_evaluator(folder: Path) -> tuple[VideoIdentityEvaluator, HastyAnalyser]:
    (folder / "anchor.png").write_bytes(cv2.imencode(".png", np.zeros((100, 100, 3), np.uint8))[1].tobytes())
    analyser = HastyAnalyser()
    matcher = FaceMatcher(
        analyser=analyser, compare=partial(embedding_score, threshold=0.2), composite=CompositeScorer(), geometric=None
    )
    return VideoIdentityEvaluator(FakeEvaluator(matcher), workers=1), analyser


@pytest.mark.parametrize(("level", "expected"), [(54, 0.54), (34, 0.34), (80, 0.82), (45, 0.47)])
def test_near_a_threshold_the_frame_is_looked_at_as_a_single_picture(
    tmp_path: Path, level: int, expected: float
) -> None:
    """Thresholds .55 and .35: a quick look would accept .54 as .56; at .80 its error changes nothing."""
    evaluator, analyser = hasty_evaluator(tmp_path)
    _, second = (result for _, result in evaluator.look(tmp_path / "anchor.png", frames(level - 8, level)))
    assert second.result.composite_score == pytest.approx(expected, abs=1e-3)
    assert analyser.whole == ([level - 8, level] if expected == level / 100 else [level - 8])


def test_the_thresholds_are_those_of_whoever_measures(tmp_path: Path) -> None:
    evaluator, analyser = hasty_evaluator(tmp_path)
    thresholds = {"accept_threshold": 0.9, "retry_threshold": 0.79}
    _, second = (result for _, result in evaluator.look(tmp_path / "anchor.png", frames(72, 80), **thresholds))
    assert second.result.composite_score == pytest.approx(0.80, abs=1e-3)
    assert analyser.whole == [72, 80]

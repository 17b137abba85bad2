"""Compares candidate pictures with an anchor picture, whatever the recogniser is."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from personalab_core.errors import AnchorMissingError, InputError
from personalab_core.identity.composite import CompositeScorer
from personalab_core.identity.facts import Array, Face, FaceFacts, frame_size, size_fraction
from personalab_core.identity.geometric import GeometricEvaluator, inter_ocular_distance
from personalab_core.identity.images import content_hash, decode_image, read_picture_bytes
from personalab_core.schemas.evaluation import (
    CandidateResult,
    EmbeddingScore,
    EvaluationResult,
    EvaluatorInfo,
    FaceSummary,
    MeasurementStatus,
)

SHARPNESS_FACE_PX = 90.0
"""Faces below are magnified to be aligned, so that they are soft by nature."""

ANCHORS_KEPT = 32
"""Anchor facts held in memory, by content; about 4 kB each."""


class FaceAnalyser(Protocol):
    """What looks at pictures: ``FaceRuntime``, or another detector and recogniser."""

    def analyse(self, image_bgr: npt.NDArray[np.uint8]) -> FaceFacts:
        """Return every face in a (H, W, 3) uint8 BGR picture."""
        ...

    def analyse_file(self, path: str | Path) -> FaceFacts:
        """Return the facts of a picture file."""
        ...


@dataclass(eq=False)
class FaceMatcher:
    """Measures candidates against anchors; pure once the pictures are looked at.

    Attributes:
        analyser: Looks at pictures.
        compare: Returns the embedding score of an anchor's and a candidate's embedding.
        composite: Weighs the parts.
        geometric: Compares proportions, or ``None`` if switched off.
    """

    analyser: FaceAnalyser
    compare: Callable[[Array, Array], EmbeddingScore]
    composite: CompositeScorer
    geometric: GeometricEvaluator | None
    _anchors: OrderedDict[str, FaceFacts] = field(default_factory=OrderedDict, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def evaluate(
        self, anchor_path: str | Path, candidate_paths: Sequence[str | Path], *, evaluator: EvaluatorInfo
    ) -> EvaluationResult:
        """Return one result per candidate, in the order given, as measured by ``evaluator``.

        Raises:
            AnchorMissingError: There is no anchor file.
            UnreadableImageError: The anchor cannot be decoded.
            InputError: The anchor has no measurable face.
        """
        anchor = self.anchor_facts(anchor_path)
        face = anchor.measurable[0]
        return EvaluationResult(
            anchor_path=str(anchor_path),
            anchor_sha256=anchor.sha256 or "",
            evaluator=evaluator,
            candidates=tuple(
                self.score(face, self.analyser.analyse_file(path), path=str(path)) for path in candidate_paths
            ),
        )

    def anchor_facts(self, path: str | Path) -> FaceFacts:
        """Return the facts of an anchor, from memory if the same content was seen before."""
        if not Path(path).is_file():
            raise AnchorMissingError(f"There is no anchor picture at {path}. Generate and select an anchor first.")
        facts = self._remembered(read_picture_bytes(path), Path(path).name)
        if not facts.measurable:
            raise InputError(
                f"The anchor {Path(path).name} cannot be measured: {facts.reason}. Select another picture as anchor."
            )
        return facts

    def score(self, anchor: Face, facts: FaceFacts, *, path: str) -> CandidateResult:
        """Return the result of one candidate: its face most like the anchor, or why there is none."""
        if not facts.measurable:
            return self.unmeasured(facts, path=path, face=facts.faces[0] if facts.faces else None)
        return self.score_face(anchor, self._most_like(anchor, facts.measurable), facts, path=path)

    def score_face(self, anchor: Face, face: Face, facts: FaceFacts, *, path: str) -> CandidateResult:
        """Return the result of one measurable face of a candidate."""
        width_px, height_px = facts.width_px or 0, facts.height_px or 0
        embedding = self.compare(_vector(anchor), _vector(face))
        geometric = None
        if self.geometric is not None:
            fraction = size_fraction(face.box, width_px, height_px)
            geometric = self.geometric.compare(anchor, face, size_fraction=fraction)
        return CandidateResult(
            **_frame_of(facts, path),
            status=MeasurementStatus.MEASURED,
            composite_score=self.composite.score(embedding, geometric),
            embedding=embedding,
            geometric=geometric,
            face=summarise(face, width_px=width_px, height_px=height_px).model_copy(
                update={"sharpness_ratio": sharpness_ratio(anchor, face)}
            ),
            embedding_vector=tuple(_vector(face).tolist()),
        )

    def unmeasured(self, facts: FaceFacts, *, path: str, face: Face | None, reason: str = "") -> CandidateResult:
        """Return the result of a candidate that has no number.

        Args:
            facts: What was found in it.
            path: Where it is.
            face: The face that cannot be measured, if there is one.
            reason: Why there is no face, if measurable ones are there that are not the person's.
        """
        status = face.status if face is not None else MeasurementStatus.NO_FACE if reason else facts.status
        seen = summarise(face, width_px=facts.width_px or 0, height_px=facts.height_px or 0) if face else None
        why = reason or (face.reason if face is not None else facts.reason)
        return CandidateResult(**_frame_of(facts, path), status=status, reason=why, face=seen)

    def _most_like(self, anchor: Face, faces: Sequence[Face]) -> Face:
        return max(faces, key=lambda face: _likeness(self.compare(_vector(anchor), _vector(face))))

    def _remembered(self, data: bytes, name: str) -> FaceFacts:
        sha256 = content_hash(data)
        with self._lock:
            if sha256 in self._anchors:
                self._anchors.move_to_end(sha256)
                return self._anchors[sha256]
        facts = replace(self.analyser.analyse(decode_image(data, name=name)), sha256=sha256)
        with self._lock:
            self._anchors[sha256] = facts
            while len(self._anchors) > ANCHORS_KEPT:
                self._anchors.popitem(last=False)
        return facts


def _frame_of(facts: FaceFacts, path: str) -> dict[str, Any]:
    return {
        "path": path,
        "n_faces": len(facts.faces),
        "width_px": facts.width_px,
        "height_px": facts.height_px,
        "image_sha256": facts.sha256,
    }


def summarise(face: Face, *, width_px: int, height_px: int) -> FaceSummary:
    """Return the record of where a face is and how it is seen."""
    fraction = size_fraction(face.box, width_px, height_px)
    points = face.points106 if face.points106 is not None else face.points5
    distance = inter_ocular_distance(face)
    x0, y0, x1, y1 = (round(float(value), 1) for value in face.box)
    return FaceSummary(
        box=(x0, y0, x1, y1),
        size_fraction=fraction,
        frame_size=frame_size(fraction),
        detection_confidence=face.detection_confidence,
        inter_ocular_distance_px=round(distance, 2) if distance is not None else None,
        yaw_deg=round(face.pose.yaw_deg, 1) if face.pose else None,
        pitch_deg=round(face.pose.pitch_deg, 1) if face.pose else None,
        roll_deg=round(face.pose.roll_deg, 1) if face.pose else None,
        landmarks=tuple((round(float(x), 1), round(float(y), 1)) for x, y in points) if points is not None else (),
    )


def sharpness_ratio(anchor: Face, face: Face) -> float | None:
    """Return the face's fine detail over the anchor's; ``None`` if one of them is too small to tell."""
    if anchor.fine_detail is None or face.fine_detail is None or anchor.fine_detail == 0:
        return None
    if min(anchor.size_px, face.size_px) < SHARPNESS_FACE_PX:
        return None
    return round(face.fine_detail / anchor.fine_detail, 3)


def _vector(face: Face) -> Array:
    if face.embedding is None:
        raise InputError("a face without an embedding cannot be compared.")
    return face.embedding


def _likeness(score: EmbeddingScore) -> float:
    """Higher is more alike, also where the similarity is clipped to 0."""
    return -score.euclidean_distance if score.euclidean_distance is not None else score.cosine_similarity

"""Measures faces: whether a picture still shows the person of its anchor, and how that changes over time.

Good means: one look at each picture, one number per question with its source, and a status with a
reason where there is no number. Nothing heavy is imported until it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from personalab_core.identity.anchor_selector import AnchorSelection, select_anchor
    from personalab_core.identity.anchors import ANCHORS_LOG, anchor_path, require_anchor
    from personalab_core.identity.arcface import ArcFaceEvaluator
    from personalab_core.identity.composite import CompositeScorer
    from personalab_core.identity.dlib_evaluator import DlibEvaluator
    from personalab_core.identity.drift import DriftSummary, DriftTracker
    from personalab_core.identity.evaluator import IdentityEvaluator, build_evaluator
    from personalab_core.identity.face_runtime import FaceRuntime
    from personalab_core.identity.facts import Face, FaceFacts
    from personalab_core.identity.frame_extractor import FrameExtractor
    from personalab_core.identity.geometric import GeometricEvaluator
    from personalab_core.identity.images import LoadedImage, read_image
    from personalab_core.identity.policy import IdentityPolicy
    from personalab_core.identity.stub import StubEvaluator
    from personalab_core.identity.video_evaluator import VideoIdentityEvaluator

__all__ = [
    "ANCHORS_LOG",
    "AnchorSelection",
    "ArcFaceEvaluator",
    "CompositeScorer",
    "DlibEvaluator",
    "DriftSummary",
    "DriftTracker",
    "Face",
    "FaceFacts",
    "FaceRuntime",
    "FrameExtractor",
    "GeometricEvaluator",
    "IdentityEvaluator",
    "IdentityPolicy",
    "LoadedImage",
    "StubEvaluator",
    "VideoIdentityEvaluator",
    "anchor_path",
    "build_evaluator",
    "read_image",
    "require_anchor",
    "select_anchor",
]

_HOME = {
    "ANCHORS_LOG": "anchors",
    "AnchorSelection": "anchor_selector",
    "ArcFaceEvaluator": "arcface",
    "CompositeScorer": "composite",
    "DlibEvaluator": "dlib_evaluator",
    "DriftSummary": "drift",
    "DriftTracker": "drift",
    "Face": "facts",
    "FaceFacts": "facts",
    "FaceRuntime": "face_runtime",
    "FrameExtractor": "frame_extractor",
    "GeometricEvaluator": "geometric",
    "IdentityEvaluator": "evaluator",
    "IdentityPolicy": "policy",
    "LoadedImage": "images",
    "StubEvaluator": "stub",
    "VideoIdentityEvaluator": "video_evaluator",
    "anchor_path": "anchors",
    "build_evaluator": "evaluator",
    "read_image": "images",
    "require_anchor": "anchors",
    "select_anchor": "anchor_selector",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)

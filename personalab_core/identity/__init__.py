"""Measures faces: whether a picture still shows the person of its anchor, and how that changes over time.

Good means: one look at each picture, one number per question with its source, and a status with a
reason where there is no number. Nothing heavy is imported until it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from personalab_core.identity.arcface import ArcFaceEvaluator
    from personalab_core.identity.composite import CompositeScorer
    from personalab_core.identity.evaluator import IdentityEvaluator, build_evaluator
    from personalab_core.identity.face_runtime import FaceRuntime
    from personalab_core.identity.facts import Face, FaceFacts
    from personalab_core.identity.geometric import GeometricEvaluator
    from personalab_core.identity.images import LoadedImage, read_image
    from personalab_core.identity.policy import IdentityPolicy
    from personalab_core.identity.stub import StubEvaluator

__all__ = [
    "ArcFaceEvaluator",
    "CompositeScorer",
    "Face",
    "FaceFacts",
    "FaceRuntime",
    "GeometricEvaluator",
    "IdentityEvaluator",
    "IdentityPolicy",
    "LoadedImage",
    "StubEvaluator",
    "build_evaluator",
    "read_image",
]

_HOME = {
    "ArcFaceEvaluator": "arcface",
    "CompositeScorer": "composite",
    "Face": "facts",
    "FaceFacts": "facts",
    "FaceRuntime": "face_runtime",
    "GeometricEvaluator": "geometric",
    "IdentityEvaluator": "evaluator",
    "IdentityPolicy": "policy",
    "LoadedImage": "images",
    "StubEvaluator": "stub",
    "build_evaluator": "evaluator",
    "read_image": "images",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
